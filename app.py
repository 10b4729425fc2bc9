"""Composition root of the deployed application: each Lambda and each route in one line, no logic."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Request, Response

from functions import chat_api
from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.invoke_model import invoke_model
from stepguard.aws.telemetry import observed_route, observed_stage
from stepguard.guard.callers import read_caller
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, INVOKE_MODEL

if TYPE_CHECKING:
    from functions.evaluations_api import EvaluationsApi
    from functions.executions_api import ExecutionsApi
    from functions.routes import Reply

app = Chalice(app_name="stepguard")
app.debug = False
chat = chat_api.ChatApi()


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


@app.lambda_function(name="guard_input")
def guard_input_lambda(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The state GuardInput."""
    return observed_stage(GUARD_INPUT.state, guard_input, event)


@app.lambda_function(name="invoke_model")
def invoke_model_lambda(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The state InvokeModel."""
    return observed_stage(INVOKE_MODEL.state, invoke_model, event)


@app.lambda_function(name="guard_answer")
def guard_answer_lambda(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The state GuardAnswer."""
    return observed_stage(GUARD_ANSWER.state, guard_answer, event)


@app.lambda_function(name="prepare_corpus")
def prepare_corpus_lambda(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The state PrepareCorpus of an evaluation."""
    from functions.prepare_corpus import prepare_corpus

    return observed_stage("PrepareCorpus", prepare_corpus, event)


@app.lambda_function(name="summarize_corpus")
def summarize_corpus_lambda(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The state SummarizeCorpus of an evaluation."""
    from functions.summarize_corpus import summarize_corpus

    return observed_stage("SummarizeCorpus", summarize_corpus, event)


@app.route("/chat", methods=["POST"], content_types=["application/json"])
def post_chat() -> Response:
    """Ask a question."""
    caller = read_caller(_request().context)
    return _response(observed_route("POST /chat", caller.id, lambda: chat.post_chat(_request().raw_body, caller)))


@app.route("/chat/{execution}", methods=["GET"])
def get_chat(execution: str) -> Response:
    """Look for an answer again."""
    caller = read_caller(_request().context)
    return _response(observed_route("GET /chat", caller.id, lambda: chat.get_chat(execution, caller)))


@app.route("/executions", methods=["GET"])
def get_executions() -> Response:
    """The newest executions, filtered."""
    caller = read_caller(_request().context)
    return _response(observed_route("GET /executions", caller.id, lambda: executions().search(_query(), caller)))


@app.route("/executions/{execution}", methods=["GET"])
def get_execution(execution: str) -> Response:
    """The trace of an execution."""
    caller = read_caller(_request().context)
    route = "GET /executions/{execution}"
    return _response(observed_route(route, caller.id, lambda: executions().get(execution, _query(), caller)))


@app.route("/executions/{execution}/events", methods=["GET"])
def get_events(execution: str) -> Response:
    """The events of an execution."""
    caller = read_caller(_request().context)
    route = "GET /executions/{execution}/events"
    return _response(observed_route(route, caller.id, lambda: executions().events(execution, _query(), caller)))


@app.route("/executions/{execution}/replay", methods=["POST"])
def post_replay(execution: str) -> Response:
    """The same request again."""
    caller = read_caller(_request().context)
    route = "POST /executions/{execution}/replay"
    return _response(observed_route(route, caller.id, lambda: executions().replay(execution, caller)))


@app.route("/evaluations", methods=["GET"])
def get_evaluations() -> Response:
    """The newest evaluations."""
    caller = read_caller(_request().context)
    return _response(observed_route("GET /evaluations", caller.id, lambda: evaluations().list(caller)))


@app.route("/evaluations", methods=["POST"], content_types=["application/json"])
def post_evaluation() -> Response:
    """Evaluate a corpus."""
    caller = read_caller(_request().context)
    body = _request().raw_body
    return _response(observed_route("POST /evaluations", caller.id, lambda: evaluations().post(body, caller)))


@app.route("/evaluations/{run}", methods=["GET"])
def get_evaluation(run: str) -> Response:
    """How far an evaluation is."""
    caller = read_caller(_request().context)
    return _response(observed_route("GET /evaluations/{run}", caller.id, lambda: evaluations().get(run, caller)))


@app.route("/evaluations/{run}/report", methods=["GET"])
def get_evaluation_report(run: str) -> Response:
    """Links to what an evaluation left."""
    caller = read_caller(_request().context)
    route = "GET /evaluations/{run}/report"
    return _response(observed_route(route, caller.id, lambda: evaluations().report(run, caller)))


@app.route("/evaluations/{run}/items/{number}", methods=["GET"])
def get_evaluation_item(run: str, number: str) -> Response:
    """The trace of an evaluation's item."""
    caller = read_caller(_request().context)
    route = "GET /evaluations/{run}/items/{number}"
    return _response(observed_route(route, caller.id, lambda: evaluations().item(run, number, caller)))


@app.route("/health", methods=["GET"])
def get_health() -> Response:
    """Whether the deployment is whole."""
    return _response(chat.get_health())


def _request() -> Request:
    assert app.current_request is not None
    return app.current_request


def _query() -> dict[str, str]:
    return dict(_request().query_params or {})


def _response(reply: Reply) -> Response:
    status, body, headers = reply
    return Response(body, status_code=status, headers={"Content-Type": "application/json", **headers})
