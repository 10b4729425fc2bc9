"""Composition root of the deployed application: each Lambda and each route in one line, no logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Response

from functions import chat_api
from functions.routes import DENIED, Router, answer
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.environment import operators
from stepguard.aws.telemetry import observed_stage
from stepguard.guard.callers import Caller
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
    from functions.operators.actions import ActionsApi
    from functions.operators.exports import ExportsApi
    from functions.routes import Reply, Work
    from functions.stream import StreamApi

Stage = Callable[[Mapping[str, Any]], dict[str, Any]]
Lambda = Callable[[dict[str, Any], object], dict[str, Any]]

app = Chalice(app_name="stepguard")
app.debug = False
chat = chat_api.ChatApi()
quota = CallerQuota()
route = Router(app, lambda: quota, lambda: operators())


@cache
def executions() -> ExecutionsApi:
    """The routes of operators, imported at their first request: a chat's cold start does not wait for them."""
    from functions.executions_api import ExecutionsApi

    return ExecutionsApi()


@cache
def actions() -> ActionsApi:
    """The same for what operators do with an execution."""
    from functions.operators.actions import ActionsApi

    return ActionsApi(executions())


@cache
def exports() -> ExportsApi:
    """The same for what operators keep of an execution."""
    from functions.operators.exports import ExportsApi

    return ExportsApi(executions())


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


@_state("SelectReview")
def select_review_lambda(event: Mapping[str, Any]) -> dict[str, Any]:
    """The state SelectReview, after a chat has ended."""
    from functions.after.select_review import select_review

    return select_review(event)


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


@route.posts("/stream", everyone=True)
def post_stream(caller: Caller) -> Reply:
    """A ticket that opens a connection for streamed answers."""
    return streams().ticket(route.request().raw_body, caller, route.request().headers.get("host", ""))


@route.starts("/chat", everyone=True)
def post_chat(caller: Caller) -> Work:
    """Ask a question."""
    return chat.post_chat(route.request().raw_body, caller)


@route.reads("/chat/{execution}", "GET /chat", everyone=True)
def get_chat(caller: Caller, execution: str) -> Reply:
    """Look for an answer again."""
    return chat.get_chat(execution, caller)


@route.reads("/chat/{execution}/citations/{number}/link", everyone=True)
def get_source(caller: Caller, execution: str, number: str) -> Reply:
    """A link to the document of a citation."""
    return chat.get_source(execution, number, caller)


@route.starts("/chat/{execution}/feedback", everyone=True)
def post_feedback(caller: Caller, execution: str) -> Work:
    """Say whether an answer helped."""
    return chat.feedback.post(execution, route.request().raw_body, caller)


@route.reads("/conversations", everyone=True)
def get_conversations(caller: Caller) -> Reply:
    """The caller's conversations."""
    return chat.conversations.list(route.query(), caller)


@route.reads("/conversations/{conversation}", everyone=True)
def get_conversation(caller: Caller, conversation: str) -> Reply:
    """The turns of a conversation."""
    return chat.conversations.get(conversation, caller)


@route.starts("/conversations/{conversation}", everyone=True, method="PUT")
def put_conversation(caller: Caller, conversation: str) -> Work:
    """Give a conversation a title."""
    return chat.conversations.rename(conversation, route.request().raw_body, caller)


@route.deletes("/conversations/{conversation}", everyone=True)
def delete_conversation(caller: Caller, conversation: str) -> Reply:
    """Delete a conversation."""
    return chat.conversations.delete(conversation, caller)


@route.reads("/executions")
def get_executions(caller: Caller) -> Reply:
    """The newest executions, filtered."""
    return executions().search(route.query(), caller)


@route.reads("/executions/{execution}")
def get_execution(caller: Caller, execution: str) -> Reply:
    """The trace of an execution."""
    return executions().get(execution, route.query(), caller)


@route.reads("/executions/{execution}/events")
def get_events(caller: Caller, execution: str) -> Reply:
    """The events of an execution."""
    return executions().events(execution, route.query(), caller)


@route.starts("/executions/{execution}/replay", denied=DENIED)
def post_replay(caller: Caller, execution: str) -> Work:
    """The same request again."""
    return executions().replay(execution, caller)


@route.starts("/executions/{execution}/rerun", denied=DENIED)
def post_rerun(caller: Caller, execution: str) -> Work:
    """The request with other texts, as a new execution."""
    return actions().rerun(execution, route.request().raw_body, caller)


@route.starts("/executions/{execution}/redrive", denied=DENIED)
def post_redrive(caller: Caller, execution: str) -> Work:
    """Continue a failed execution from the state that failed."""
    return actions().redrive(execution, caller)


@route.starts("/executions/{execution}/stop", denied=DENIED)
def post_stop(caller: Caller, execution: str) -> Work:
    """End a running execution."""
    return actions().stop(execution, caller)


@route.starts("/executions/{execution}/record", denied=DENIED)
def post_record(caller: Caller, execution: str) -> Work:
    """The files of a regression test from an execution."""
    return exports().record(execution, caller)


@route.reads("/executions/{execution}/page")
def get_page(caller: Caller, execution: str) -> Reply:
    """The execution as one HTML file."""
    return exports().page(execution, route.query(), caller)


@route.reads("/executions/{execution}/conversation")
def get_turns(caller: Caller, execution: str) -> Reply:
    """The conversation that an execution is a turn of."""
    return exports().conversation(execution, caller)


@route.reads("/evaluations")
def get_evaluations(caller: Caller) -> Reply:
    """The newest evaluations."""
    return evaluations().list(route.query(), caller)


@route.starts("/evaluations")
def post_evaluation(caller: Caller) -> Work:
    """Evaluate a corpus."""
    return evaluations().post(route.request().raw_body, caller)


@route.reads("/evaluations/{run}")
def get_evaluation(caller: Caller, run: str) -> Reply:
    """The progress of an evaluation."""
    return evaluations().get(run, caller)


@route.reads("/evaluations/{run}/report")
def get_evaluation_report(caller: Caller, run: str) -> Reply:
    """Links to the files of an evaluation."""
    return evaluations().report(run, caller)


@route.reads("/evaluations/{run}/items")
def get_evaluation_items(caller: Caller, run: str) -> Reply:
    """The items of an evaluation, filtered, also next to those of another one."""
    return evaluations().items(run, route.query(), caller)


@route.reads("/evaluations/{run}/items/{number}")
def get_evaluation_item(caller: Caller, run: str, number: str) -> Reply:
    """The trace of an evaluation's item."""
    return evaluations().item(run, number, caller)


@app.route("/health", methods=["GET"])
def get_health() -> Response:
    """Whether the configuration is complete. Its requests are neither logged nor counted."""
    return answer(chat.get_health())
