"""Composition root of the deployed application: each Lambda and each route in one line, no logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Request, Response

from functions import chat_api
from functions.routes import DENIED, answered, check_audience, check_texts, started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.environment import caller_groups, operators
from stepguard.aws.telemetry import observed_route, observed_stage
from stepguard.guard.callers import Caller, read_caller, with_groups
from stepguard.guard.stages import (
    FIND_ANSWER,
    GUARD_ANSWER,
    GUARD_INPUT,
    GUARD_PASSAGES,
    GUARD_REWRITE,
    INVOKE_MODEL,
    RETRIEVE_PASSAGES,
    REWRITE_QUESTION,
)
from stepguard.guard.stream.listeners import listener_of

if TYPE_CHECKING:
    from functions.evaluations_api import EvaluationsApi
    from functions.executions_api import ExecutionsApi
    from functions.routes import Reply, Work
    from functions.stream import StreamApi

Stage = Callable[[Mapping[str, Any]], dict[str, Any]]
Lambda = Callable[[dict[str, Any], object], dict[str, Any]]
View = Callable[..., Response]

app = Chalice(app_name="stepguard")
app.debug = False
chat = chat_api.ChatApi()
quota = CallerQuota()


@cache
def executions() -> ExecutionsApi:
    """The routes of operators, imported at their first request: a chat's cold start does not wait for them."""
    from functions.executions_api import ExecutionsApi

    return ExecutionsApi()


@cache
def evaluations() -> EvaluationsApi:
    """The same for evaluations."""
    from functions.evaluations_api import EvaluationsApi

    return EvaluationsApi()


@cache
def streams() -> StreamApi:
    """The same for streaming."""
    from functions.stream import StreamApi

    return StreamApi(chat, quota)


def _state(name: str) -> Callable[[Stage], Lambda]:
    """Register `NAME_lambda` as the Lambda NAME of a state; its runs are logged under the state's name."""

    def register(stage: Stage) -> Lambda:
        @wraps(stage)
        def run(event: dict[str, Any], context: object) -> dict[str, Any]:
            if (listener := listener_of(event)) is not None:
                _announce(name, listener, event)
            return observed_stage(name, stage, event)

        registered: Lambda = app.lambda_function(name=stage.__name__.removesuffix("_lambda"))(run)
        return registered

    return register


def _announce(state: str, listener: str, event: Mapping[str, Any]) -> None:
    """Post the stage's status frame to the connection that waits for the answer."""
    from stepguard.aws.stream.progress import announce

    announce(state, listener, event)


def _reads(path: str, name: str | None = None, *, everyone: bool = False) -> Callable[[Callable[..., Reply]], View]:
    """Register `GET PATH`, which starts nothing. Its function gets the caller and the parameters of the path.

    `name` is the route's name in logs and metrics, `METHOD PATH` by default. A route that is not for `everyone` is
    for operators if the callers are users of a user pool.
    """
    return _route("GET", path, name, answered, everyone=everyone)


def _deletes(path: str, *, everyone: bool = False) -> Callable[[Callable[..., Reply]], View]:
    """Register `DELETE PATH`, which starts nothing."""
    return _route("DELETE", path, None, answered, everyone=everyone)


def _posts(path: str, *, everyone: bool = False) -> Callable[[Callable[..., Reply]], View]:
    """Register `POST PATH`, which starts nothing."""
    return _route("POST", path, None, answered, everyone=everyone)


def _starts(path: str, *, everyone: bool = False, denied: str = "") -> Callable[[Callable[..., Work]], View]:
    """Register `POST PATH`. Its function returns the work, which is counted against the caller's quota, then started.

    `denied` is the message when this service's role may not read what it needs.
    """

    def start(prepare: Callable[[], Work], caller: Caller) -> Reply:
        return started(prepare, caller, quota, denied=denied)

    return _route("POST", path, None, start, everyone=everyone)


def _route(
    method: str, path: str, name: str | None, reply: Callable[[Callable[[], Any], Caller], Reply], *, everyone: bool
) -> Callable[[Callable[..., Any]], View]:
    def register(function: Callable[..., Any]) -> View:
        @wraps(function)
        def view(**parameters: str) -> Response:
            caller = read_caller(_request().context)

            def checked() -> Any:
                if not everyone:
                    check_audience(caller, operators())
                check_texts({**parameters, **_query()}, "The address")
                return function(with_groups(caller, caller_groups()), **parameters)

            return _response(observed_route(name or f"{method} {path}", caller.id, lambda: reply(checked, caller)))

        registered: View = app.route(path, methods=[method])(view)
        return registered

    return register


def _request() -> Request:
    assert app.current_request is not None
    return app.current_request


def _query() -> dict[str, str]:
    return dict(_request().query_params or {})


def _response(reply: Reply) -> Response:
    status, body, headers = reply
    return Response(body, status_code=status, headers={"Content-Type": "application/json", **headers})


@_state(GUARD_INPUT.state)
def guard_input_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state GuardInput."""
    from functions.guard_input import guard_input

    return guard_input(event)


@_state(REWRITE_QUESTION.state)
def rewrite_question_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state RewriteQuestion."""
    from functions.rewrite_question import rewrite_question

    return rewrite_question(event)


@_state(GUARD_REWRITE.state)
def guard_rewrite_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state GuardRewrite."""
    from functions.guard_rewrite import guard_rewrite

    return guard_rewrite(event)


@_state(FIND_ANSWER.state)
def find_answer_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state FindAnswer."""
    from functions.find_answer import find_answer

    return find_answer(event)


@_state(RETRIEVE_PASSAGES.state)
def retrieve_passages_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state RetrievePassages."""
    from functions.retrieve_passages import retrieve_passages

    return retrieve_passages(event)


@_state(GUARD_PASSAGES.state)
def guard_passages_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state GuardPassages."""
    from functions.guard_passages import guard_passages

    return guard_passages(event)


@_state(INVOKE_MODEL.state)
def invoke_model_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state InvokeModel. The API and the guards do not load the models' clients."""
    from functions.invoke_model import invoke_model

    return invoke_model(event)


@_state(GUARD_ANSWER.state)
def guard_answer_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state GuardAnswer."""
    from functions.guard_answer import guard_answer

    return guard_answer(event)


@_state("PrepareCorpus")
def prepare_corpus_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state PrepareCorpus of an evaluation."""
    from functions.prepare_corpus import prepare_corpus

    return prepare_corpus(event)


@_state("SummarizeCorpus")
def summarize_corpus_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state SummarizeCorpus of an evaluation."""
    from functions.summarize_corpus import summarize_corpus

    return summarize_corpus(event)


@_state("NotifyListener")
def notify_listener_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state NotifyListener of after.asl.json."""
    from functions.notify_listener import notify_listener

    return notify_listener(event)


@_state("JudgeShadow")
def judge_shadow_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state JudgeShadow, after a chat has ended."""
    from functions.after.judge_shadow import judge_shadow

    return judge_shadow(event)


@_state("ExportTrace")
def export_trace_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state ExportTrace, after a chat has ended."""
    from functions.after.export_trace import export_trace

    return export_trace(event)


@app.lambda_function(name="stream")
def stream_lambda(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The routes of the WebSocket API: $connect, $disconnect, chat and $default."""
    from functions.stream import stream

    return stream(event)


@_posts("/stream", everyone=True)
def post_stream(caller: Caller) -> Reply:
    """A ticket that opens a connection for streamed answers."""
    return streams().ticket(_request().raw_body, caller, _request().headers.get("host", ""))


@_starts("/chat", everyone=True)
def post_chat(caller: Caller) -> Work:
    """Ask a question."""
    return chat.post_chat(_request().raw_body, caller)


@_reads("/chat/{execution}", "GET /chat", everyone=True)
def get_chat(caller: Caller, execution: str) -> Reply:
    """Look for an answer again."""
    return chat.get_chat(execution, caller)


@_reads("/chat/{execution}/citations/{number}/link", everyone=True)
def get_source(caller: Caller, execution: str, number: str) -> Reply:
    """A link to the document of a citation."""
    return chat.get_source(execution, number, caller)


@_starts("/chat/{execution}/feedback", everyone=True)
def post_feedback(caller: Caller, execution: str) -> Work:
    """Say whether an answer helped."""
    return chat.feedback.post(execution, _request().raw_body, caller)


@_reads("/conversations", everyone=True)
def get_conversations(caller: Caller) -> Reply:
    """The caller's conversations."""
    return chat.conversations.list(_query(), caller)


@_reads("/conversations/{conversation}", everyone=True)
def get_conversation(caller: Caller, conversation: str) -> Reply:
    """The turns of a conversation."""
    return chat.conversations.get(conversation, caller)


@_deletes("/conversations/{conversation}", everyone=True)
def delete_conversation(caller: Caller, conversation: str) -> Reply:
    """Delete a conversation."""
    return chat.conversations.delete(conversation, caller)


@_reads("/executions")
def get_executions(caller: Caller) -> Reply:
    """The newest executions, filtered."""
    return executions().search(_query(), caller)


@_reads("/executions/{execution}")
def get_execution(caller: Caller, execution: str) -> Reply:
    """The trace of an execution."""
    return executions().get(execution, _query(), caller)


@_reads("/executions/{execution}/events")
def get_events(caller: Caller, execution: str) -> Reply:
    """The events of an execution."""
    return executions().events(execution, _query(), caller)


@_starts("/executions/{execution}/replay", denied=DENIED)
def post_replay(caller: Caller, execution: str) -> Work:
    """The same request again."""
    return executions().replay(execution, caller)


@_reads("/evaluations")
def get_evaluations(caller: Caller) -> Reply:
    """The newest evaluations."""
    return evaluations().list(_query(), caller)


@_starts("/evaluations")
def post_evaluation(caller: Caller) -> Work:
    """Evaluate a corpus."""
    return evaluations().post(_request().raw_body, caller)


@_reads("/evaluations/{run}")
def get_evaluation(caller: Caller, run: str) -> Reply:
    """The progress of an evaluation."""
    return evaluations().get(run, caller)


@_reads("/evaluations/{run}/report")
def get_evaluation_report(caller: Caller, run: str) -> Reply:
    """Links to the files of an evaluation."""
    return evaluations().report(run, caller)


@_reads("/evaluations/{run}/items")
def get_evaluation_items(caller: Caller, run: str) -> Reply:
    """The items of an evaluation, filtered, also next to those of another one."""
    return evaluations().items(run, _query(), caller)


@_reads("/evaluations/{run}/items/{number}")
def get_evaluation_item(caller: Caller, run: str, number: str) -> Reply:
    """The trace of an evaluation's item."""
    return evaluations().item(run, number, caller)


@app.route("/health", methods=["GET"])
def get_health() -> Response:
    """Whether the configuration is complete. Its requests are neither logged nor counted."""
    return _response(chat.get_health())
