"""A conversation of the command line: each question is a turn, if the deployment loads the turns of conversations."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.environment import settings
from stepguard.aws.executions import Executions
from stepguard.aws.talk.turns import Turns
from stepguard.guard.conversation import NEW, check_id
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable, StepguardError
from stepguard.guard.prompts import Passage
from stepguard.guard.request import Request
from stepguard.project.folder import ANSWERS
from stepguard.session.chat import CALLER, Interrupted, Result, Shown, ask, check_question, stop, wait
from stepguard.session.model import Session
from stepguard.session.stream import Heard, Stream, StreamLost, open_stream

TABLE = "ANSWER_TABLE"
NONE_HERE = (
    "This deployment has no conversations. On AWS deploy it with Assistant=yes; on the embedded AWS ASSISTANT=no "
    "switches them off."
)


@dataclass(slots=True)
class Talk:
    """A conversation, or questions alone where `turns` is None. `id` is NEW until the first turn has begun."""

    executions: Executions
    turns: Turns | None
    id: str = NEW
    groups: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = field(default=())
    stream: Stream | None = None

    @property
    def begun(self) -> bool:
        """Whether the conversation has an id."""
        return self.turns is not None and self.id != NEW

    def ask(self, text: str, timeout: float, heard: Heard | None = None) -> Result:
        """Ask the next question; `heard` follows its answer, over the stream where there is one.

        Errors are those of `ask`.
        """
        if heard is not None and self.stream is not None and not self.passages:
            check_question(text)
            try:
                return self._follow(self.stream, text, timeout, heard)
            except StreamLost:
                self.stream = None  # it does not open: the next questions are asked without it, too
        shown: Shown | None = heard.stage if heard is not None else None
        begin: Callable[[Request, str], Request] | None = self._begin if self.turns else None
        return ask(self.executions, text, self.passages, timeout, groups=self.groups, begin=begin, shown=shown)

    def _follow(self, stream: Stream, text: str, timeout: float, heard: Heard) -> Result:
        """Ask over the stream, and again over a new connection with the same token if it breaks before the execution
        begins. Raises StreamLost if it does not open."""
        began: list[str] = []

        def begun(execution: str, conversation: str) -> None:
            began.append(execution)
            if self.turns is not None and conversation:
                self.id = conversation

        def ended() -> bool:
            return self.executions.describe(began[0]).finished

        token, until = uuid4().hex, time.monotonic() + timeout
        conversation = self.id if self.turns is not None else None
        try:
            for again in (True, False):
                try:
                    stream.ask(text, conversation, token, timeout, heard, begun, ended)
                except StreamLost as lost:
                    if not lost.sent and again:
                        raise
                    if not began and not again:
                        raise ServiceUnavailable("The stream broke off before the answer began. Ask again.") from None
                if began:
                    break
            return wait(self.executions, began[0], max(1.0, until - time.monotonic()), heard.stage)
        except KeyboardInterrupt:
            stream.close()
            raise Interrupted(stop(self.executions, began[0] if began else None)) from None

    def _begin(self, request: Request, execution: str) -> Request:
        assert self.turns is not None
        turn = self.turns.begin(self.turns.place(request, self.id, execution), execution, settings())
        assert turn.conversation is not None
        self.id = turn.conversation.conversation
        return turn


def open_talk(
    session: Session, conversation: str | None, *, aws: bool, groups: tuple[str, ...], passages: tuple[Passage, ...]
) -> Talk:
    """Begin a conversation or continue one; None asks each question alone.

    Raises InvalidRequest where the deployment has none, UnknownConversation, StepguardError.
    """
    table = os.environ.get(TABLE, "").strip() if aws else ANSWERS
    stream = open_stream(session.url, table, CALLER, groups, aws=aws)
    if conversation is None:
        return Talk(session.executions, None, groups=groups, passages=passages, stream=stream)
    name = str(check_id(conversation))
    if not table:
        raise InvalidRequest(f"Set {TABLE} for a conversation: `stepguard outputs` prints a stack's AnswerTableName.")
    if not session.executions.loads_turns():
        raise InvalidRequest(NONE_HERE)
    turns = Turns(AnswerTable(table=table))
    if name != NEW:
        turns.conversations.read(CALLER, name)
    return Talk(session.executions, turns, name, groups, passages, stream)


def new_talk(
    session: Session, *, aws: bool, groups: tuple[str, ...], passages: tuple[Passage, ...]
) -> tuple[Talk, str]:
    """A new conversation; where there are none, questions alone, and why."""
    try:
        return open_talk(session, NEW, aws=aws, groups=groups, passages=passages), ""
    except StepguardError as error:
        return open_talk(session, None, aws=aws, groups=groups, passages=passages), f"{error} Each question is alone."
