"""The chat API: `POST /chat`, `GET /chat/{execution}`, `GET /health`.

Every function returns `(status, body, headers)`. A failed execution is never a 200, and no response of this module
repeats the caller's text.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from functions.chat_answers import EXPRESS_SECONDS, ChatAnswers, Found
from functions.routes import Reply, Work, check_token, guarded, read_body
from stepguard.aws.answer_table import RUNNING, AnswerTable, Row
from stepguard.aws.environment import language_kept, operators, with_texts_of_now
from stepguard.aws.environment import settings as environment
from stepguard.aws.executions import Execution, Executions
from stepguard.aws.express import ExpressExecutions
from stepguard.guard import answer as answers
from stepguard.guard.answer import Answer
from stepguard.guard.callers import Caller
from stepguard.guard.conversation import Place, check_id
from stepguard.guard.errors import InvalidRequest, StepguardError, UnknownExecution
from stepguard.guard.knowledge import may_read
from stepguard.guard.request import QUESTION_CHARACTERS, Request, check_size, passages_of
from stepguard.guard.settings import GuardrailRef, Settings
from stepguard.guard.stages import Layer

if TYPE_CHECKING:
    from functions.conversations_api import ConversationsApi
    from functions.feedback_api import FeedbackApi

SOURCE_SECONDS = 300
"""How long a link to a cited document works."""

WAIT_SECONDS = 25.0
"""The longest wait for an answer: API Gateway's limit is 29 seconds."""


def _grounding_of(ref: GuardrailRef | None) -> bool | None:
    from stepguard.aws.grounding import grounding_of  # no cold start waits for it

    return grounding_of(ref)


class ChatApi:
    """The routes, on the executions of one state machine. `clock` and `sleep` are in seconds.

    A caller reads only the executions that it started, unless it is one of `operators`. With an EXPRESS state machine,
    that one answers questions without a client_token, at once and without a history.
    """

    def __init__(
        self,
        executions: Executions | None = None,
        settings: Callable[[], Settings] = environment,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        operators: Callable[[], frozenset[str]] = operators,
        express: ExpressExecutions | None = None,
        grounding: Callable[[GuardrailRef | None], bool | None] = _grounding_of,
        table: AnswerTable | None = None,
    ) -> None:
        self._executions = executions or Executions()
        self._answers = ChatAnswers(self._executions, table or AnswerTable(), clock, sleep)
        self._operators = operators
        self._express = express or ExpressExecutions()
        self._settings = settings
        self._grounding = grounding

    @cached_property
    def conversations(self) -> ConversationsApi:
        """The routes of conversations, imported when one is used: a cold start does not wait for them."""
        from functions.conversations_api import ConversationsApi

        return ConversationsApi(self._answers.table, self._settings)

    @cached_property
    def feedback(self) -> FeedbackApi:
        """The route of feedback, imported like those of conversations."""
        from functions.feedback_api import FeedbackApi

        return FeedbackApi(self._answers.table, self._settings, self._own)

    def post_chat(self, body: bytes, caller: Caller) -> Work:
        """A question: 200 with the answer, 202 with the execution if it has not ended in time.

        Raises StepguardError.
        """
        return self.ask(_parse(body), caller)

    def ask(self, question: Mapping[str, Any], caller: Caller, listener: str | None = None) -> Work:
        """The same for a question that was read. A `listener`'s connection gets the answer: nothing waits for it here.

        Raises StepguardError.
        """
        text = question.get("question")
        _check_question(text)
        request = Request(
            text=str(text),
            caller=caller.id,
            passages=passages_of(question.get("passages")),
            groups=tuple(sorted(caller.groups)),
            tenant=caller.tenant,
            listener=listener,
        )
        check_size(request)
        token = question.get("client_token")
        name = execution_name(caller.id, token)
        wait_seconds = question.get("wait_seconds", WAIT_SECONDS) if listener is None else 0.0
        wanted = check_id(question.get("conversation"))
        if wanted is not None:
            turn = self.conversations.check(request, wanted, name)
            return Work(lambda: self._ask_in(turn, name, wait_seconds, caller), None if token is None else name)
        if token is None and listener is None and self._express.deployed:
            # EXPRESS may run the same name twice; a token requires exactly one run, so it uses STANDARD. EXPRESS has no
            # events of its end, so a listener's question uses STANDARD, too.
            return Work(lambda: self._run(name, request, caller))
        return Work(lambda: self._ask(name, request, wait_seconds, caller), None if token is None else name)

    def get_chat(self, execution: str, caller: Caller) -> Reply:
        """Get the answer of an execution: 200, 202 while it runs, 404 also for another caller's execution.

        `execution` is a name or an ARN; REST APIs pass path parameters percent-encoded.
        """

        return guarded(lambda: self._reply(*self._found(execution, caller), caller))

    def ended(self, execution: str, caller: Caller) -> Reply:
        """The same for an execution that has just ended, also if it could not write how. Raises StepguardError."""
        found, arn = self._found(execution, caller)
        if isinstance(found, Row) and not found.ended:
            found = self._answers.settled(found, arn)
        return self._reply(found, arn, caller)

    def get_source(self, execution: str, number: str, caller: Caller) -> Reply:
        """A link to the document of an answer's citation, for SOURCE_SECONDS.

        404 also for a document that the caller may not read now.
        """
        from stepguard.aws.objects import Objects, address_of  # loads boto3's transfers, which no other route needs

        def link() -> Reply:
            answer = self._answer(*self._found(execution, caller))
            cited = [item for item in answer.citations if str(item.n) == number] if answer else []
            if not cited or not may_read(caller.groups, cited[0].groups):
                raise UnknownExecution("The answer has no such citation.")
            uri = cited[0].uri
            if uri.startswith("s3://"):
                name = re.sub(r"[^\w.() -]", "_", uri.rpartition("/")[2], flags=re.ASCII) or "document"
                uri = Objects().link(address_of(uri), name, SOURCE_SECONDS)
            elif not uri.startswith("https://"):
                raise UnknownExecution("The document of this citation has no address.")
            return 200, {"link": uri, "seconds": SOURCE_SECONDS}, {}

        return guarded(link)

    def _own(self, execution: str, caller: Caller) -> tuple[Found, Answer | None]:
        """An execution that the caller started, and its answer. Raises StepguardError."""
        found, arn = self._found(execution, caller, frozenset())
        return found, self._answer(found, arn)

    def _found(self, execution: str, caller: Caller, operators: frozenset[str] | None = None) -> tuple[Found, str]:
        """An execution that the caller may read, and its ARN or what was asked for. Raises StepguardError."""
        wanted = unquote(execution)
        name, arn = self._express.name_of(wanted), None
        if name is None:
            arn = self._executions.arn_of(wanted)
            name = arn.rpartition(":")[2]
        found = self._answers.find(name, arn)
        document = found.input if isinstance(found, Execution) else {"request": {"caller": found.caller}}
        if not caller.may_read(document, self._operators() if operators is None else operators):
            # The same message as for an unknown name, so that the caller cannot learn whether it exists.
            raise UnknownExecution("No execution of this name belongs to the chat state machine.")
        if isinstance(found, Row) and not found.ended and not found.express and arn is not None:
            found = self._answers.looked(found, arn) or found
        return found, arn or wanted

    def get_health(self) -> Reply:
        """200 with the layers that are on, if the configuration is complete; `unguarded` if it permits none.

        `grounding`: whether the model layer checks answers against their passages; null if it cannot be read.
        """

        def health() -> Reply:
            self._operators()
            settings = self._settings()
            settings.check_guarded()
            layers = {str(layer): f"version {ref.version}" for layer, ref in settings.guardrails.items()}
            body = {
                "status": "ok",
                "layers": layers,
                "unguarded": settings.unguarded,
                "grounding": self._grounding(settings.guardrails.get(Layer.MODEL)),
                "state_machine": self._executions.state_machine_arn,
            }
            return 200, body, {}

        return guarded(health)

    def _ask_in(self, request: Request, name: str, wait_seconds: float, caller: Caller) -> Reply:
        """Ask as a turn of a conversation, which the table must take."""
        request = self.conversations.begin(request, name)
        try:
            return self._wait(name, request, wait_seconds, caller, begun=True)
        except StepguardError as error:
            self.conversations.forget(request, error)
            raise

    def _run(self, name: str, request: Request, caller: Caller) -> Reply:
        """Answer at once; the row is for a later GET."""
        hours, language = self._settings().answer_hours, language_kept(self._settings(), request.text)
        self._answers.begin(name, request.caller, hours, express=True, language=language)
        return self._reply(self._express.run(name, {"request": request.to_document()}), name, caller)

    def _ask(self, name: str, request: Request, wait_seconds: float, caller: Caller) -> Reply:
        hours, language = self._settings().answer_hours, language_kept(self._settings(), request.text)
        begun = self._answers.begin(name, request.caller, hours, language=language, listener=request.listener)
        return self._wait(name, request, wait_seconds, caller, begun=begun)

    def _wait(self, name: str, request: Request, wait_seconds: float, caller: Caller, *, begun: bool) -> Reply:
        started = self._executions.start_or_find(name, {"request": request.to_document()})
        if isinstance(started, Execution) and started.finished:
            return self._reply(started, started.arn, caller)
        arn = started if isinstance(started, str) else started.arn
        found = self._answers.wait(name, arn, wait_seconds, begun=begun)
        if found is None:
            return self._accepted(arn, RUNNING, _conversation_of(request.conversation))
        return self._reply(found, arn, caller)

    def _reply(self, found: Found, arn: str, caller: Caller) -> Reply:
        """What the caller gets; `arn` is for a row that does not have it yet."""
        answer = self._answer(found, arn)
        if isinstance(found, Execution):
            arn, ended = found.arn, found.finished
            conversation = _conversation_in(found.input)
        else:
            arn, conversation = found.execution or arn, _conversation_of(found.place)
            ended = found.ended or (found.express and found.age > EXPRESS_SECONDS)
        if not ended:
            return self._accepted(arn, found.status, conversation)
        if answer is not None:
            shown = self._shown(answer, caller, found)
            return 200, {"execution": arn, **conversation, "status": found.status, "answer": shown}, {}
        gone = answers.unavailable(self._messages(found).error_message, arn)
        status = found.status if found.status != RUNNING else "TIMED_OUT"
        return 503, {"execution": arn, **conversation, "status": status, "answer": gone.to_dict()}, {}

    def _answer(self, found: Found, arn: str) -> Answer | None:
        if isinstance(found, Row):
            return found.answer
        return answers.from_document(found.output or {}, found.arn or arn) if found.answered else None

    def _messages(self, found: Found) -> Settings:
        """The settings with the messages of the question's language."""
        settings = with_texts_of_now(self._settings())
        if not settings.messages:
            return settings
        from stepguard.guard.runtime.language import for_question, in_language

        if isinstance(found, Row):
            return in_language(settings, found.language)
        return for_question(settings, str((found.input.get("request") or {}).get("text", "")))

    def _shown(self, answer: Answer, caller: Caller, found: Found) -> dict[str, Any]:
        """The answer; without its text if it cites a document that the caller may not read now."""
        if all(may_read(caller.groups, citation.groups) for citation in answer.citations):
            return answer.to_dict()
        message = self._messages(found).empty_message
        return replace(answer, text=message, citations=()).to_dict() | {"withheld": True}

    def _accepted(self, arn: str, status: str, conversation: Mapping[str, str]) -> Reply:
        location = f"/chat/{self._express.name_of(arn) or arn.rpartition(':')[2]}"
        return 202, {"execution": arn, **conversation, "status": status}, {"Location": location, "Retry-After": "1"}


def _conversation_of(place: Place | None) -> dict[str, str]:
    """The member of a reply that names the conversation; none for a question alone."""
    return {} if place is None else {"conversation": place.conversation}


def _conversation_in(document: Mapping[str, Any]) -> dict[str, str]:
    """The same of an execution's input."""
    held = (document.get("request") or {}).get("conversation")
    return {"conversation": str(held["id"])} if isinstance(held, Mapping) and "id" in held else {}


def execution_name(caller: str, client_token: str | None) -> str:
    """The execution's name: the same for the same caller and token, so that starting is idempotent."""
    if client_token is None:
        return f"chat-{uuid4().hex}"
    return "chat-" + hashlib.sha256(json.dumps([caller, client_token]).encode()).hexdigest()[:32]


_MEMBERS = frozenset({"question", "passages", "client_token", "conversation", "wait_seconds"})


def _parse(body: bytes) -> dict[str, Any]:
    question = read_body(body, '{"question": "..."}', _MEMBERS)
    _check_question(question.get("question"))
    check_token(question)
    seconds = question.get("wait_seconds", WAIT_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= WAIT_SECONDS:
        raise InvalidRequest(f"'wait_seconds' must be a number from 0 to {WAIT_SECONDS:g}.")
    return question


def _check_question(text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest("'question' must be a non-empty string.")
    if len(text) > QUESTION_CHARACTERS:
        raise InvalidRequest(f"'question' has {len(text)} characters; at most {QUESTION_CHARACTERS} are allowed.")
