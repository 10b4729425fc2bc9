"""docs/reference/openapi.yaml: the routes of app.py with the limits of their handlers, as OpenAPI 3.1.

A route without a line in `OPERATIONS`, or a line without a route, is an error.
"""

from __future__ import annotations

from typing import Any

import yaml

from app import app
from docs.generate import schemas
from functions import conversations_api, evaluations_api, executions_api, paging
from stepguard.evaluation.browsing import CHANGES
from stepguard.guard.stages import JUDGING
from stepguard.trace.listing import OUTCOMES

Schema = dict[str, Any]
BEARER = "CognitoUser"


def _query(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _count(maximum: int, default: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": maximum, "default": default}


_REDACT = _query(
    "redact",
    {"type": "boolean", "default": False},
    "Leave out every text of people and models, as for every caller who is not an operator.",
)
_TIME: Schema = {"type": "string", "examples": ["2026-11-22T10:00:00Z", "12h"]}
_PAGE = [
    _query("since", _TIME, "Started at or after this time, or this long ago (30m, 12h, 7d)."),
    _query("until", _TIME, "Started at or before this time."),
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": paging.SEARCHED, "default": executions_api.LISTED},
        "The most entries to return.",
    ),
    _query("cursor", {"type": "string"}, "`cursor` of the page before, with the same caller and filters."),
]
_SEARCH = [
    _query("outcome", {"type": "string", "enum": list(OUTCOMES)}, "Executions with this outcome."),
    _query(
        "stage",
        {"type": "string", "enum": [stage.state for stage in JUDGING]},
        "Executions in which this state intervened.",
    ),
    _query("policy", {"type": "string"}, "A policy or a filter that acted: `content`, `INSULTS`, `topic/NAME`."),
    _query("text", {"type": "string"}, "Executions whose name, question, error or outcome contains this text."),
    *_PAGE,
]
_EVENTS = [
    _query("after", _count(25_000, 0), "Number of events to leave out."),
    _query("limit", _count(executions_api.EVENTS, executions_api.EVENTS), "The most events to return."),
]
_LIST = [
    _query("limit", _count(conversations_api.MOST_LISTED, conversations_api.LISTED), "The most entries to return."),
    _query("cursor", {"type": "string"}, "`cursor` of the page before."),
]
_ITEMS = [
    _query("action", {"type": "string"}, "Items with this verdict: `passed`, `masked`, `blocked`, `failed`, …"),
    _query("expected", {"type": "string"}, "Items with this expected verdict."),
    _query(
        "correct", {"type": "string", "enum": ["yes", "no", "unlabelled"]}, "Whether the verdict was the expected one."
    ),
    _query("policy", {"type": "string"}, "A policy that acted, or a filter of it: `content`, `content/HATE`."),
    _query("text", {"type": "string"}, "Items whose id or text contains this."),
    _query("compare", {"type": "string"}, "Another run: each item has `other` and `change`; changed items come first."),
    _query("change", {"type": "string", "enum": ["any", *CHANGES]}, "With `compare`: what changed."),
    _query("limit", _count(evaluations_api.MOST_LISTED, evaluations_api.LISTED), "The most items to return."),
    _query("cursor", {"type": "string"}, "`cursor` of the page before."),
]
_COMPARE = _query("compare", {"type": "string"}, "Another execution, to add a comparison with it.")

# Method and path -> query parameters, schema of the body, success replies (status -> schema), error statuses.
OPERATIONS: dict[str, tuple[list[Schema], str | None, dict[int, str], tuple[int, ...]]] = {
    "POST /chat": ([], "Question", {200: "Reply", 202: "Running", 503: "Reply"}, (400, 404, 409, 429, 500)),
    "GET /chat/{execution}": ([], None, {200: "Reply", 202: "Running", 503: "Reply"}, (400, 404, 429, 500)),
    "GET /chat/{execution}/citations/{number}/link": ([], None, {200: "Link"}, (400, 404, 429, 500, 503)),
    "POST /chat/{execution}/feedback": ([], "Thumb", {200: "Feedback"}, (400, 404, 409, 429, 500, 503)),
    "POST /stream": ([], "Nothing", {200: "Ticket"}, (400, 429, 500, 503)),
    "GET /conversations": (_LIST, None, {200: "Conversations"}, (400, 429, 500, 503)),
    "GET /conversations/{conversation}": ([], None, {200: "Conversation"}, (400, 404, 429, 500, 503)),
    "PUT /conversations/{conversation}": ([], "Title", {200: "Titled"}, (400, 404, 429, 500, 503)),
    "DELETE /conversations/{conversation}": ([], None, {200: "Deleted"}, (400, 404, 429, 500, 503)),
    "GET /executions": (_SEARCH, None, {200: "Executions"}, (400, 403, 429, 500, 503)),
    "GET /executions/{execution}": ([_COMPARE, _REDACT], None, {200: "Trace"}, (400, 403, 404, 429, 500, 503)),
    "GET /executions/{execution}/events": (_EVENTS, None, {200: "Events"}, (400, 403, 404, 429, 500, 503)),
    "POST /executions/{execution}/replay": ([], None, {202: "Replay"}, (400, 403, 404, 409, 429, 500, 503)),
    "POST /executions/{execution}/rerun": ([], "Edit", {202: "Rerun"}, (400, 403, 404, 429, 500, 503)),
    "POST /executions/{execution}/redrive": ([], None, {202: "Steered"}, (403, 404, 409, 429, 500, 503)),
    "POST /executions/{execution}/stop": ([], None, {200: "Steered"}, (403, 404, 409, 429, 500, 503)),
    "POST /executions/{execution}/record": (
        [],
        None,
        {200: "Case", 202: "Running"},
        (400, 403, 404, 409, 429, 500, 503),
    ),
    "GET /executions/{execution}/page": ([_REDACT], None, {200: "Page"}, (403, 404, 429, 500, 503)),
    "GET /executions/{execution}/conversation": ([], None, {200: "Conversation"}, (400, 403, 404, 429, 500, 503)),
    "GET /evaluations": (_PAGE, None, {200: "Evaluations"}, (400, 403, 429, 500, 503)),
    "POST /evaluations": ([], "Corpus", {202: "EvaluationStarted"}, (400, 403, 404, 409, 429, 500, 503)),
    "GET /evaluations/{run}": ([], None, {200: "Evaluation"}, (403, 404, 429, 500, 503)),
    "GET /evaluations/{run}/report": ([], None, {200: "Report"}, (403, 404, 409, 429, 500, 503)),
    "GET /evaluations/{run}/items": (_ITEMS, None, {200: "EvaluationItems"}, (400, 403, 404, 409, 429, 500, 503)),
    "GET /evaluations/{run}/items/{number}": ([], None, {200: "Trace"}, (400, 403, 404, 429, 500, 503)),
    "GET /health": ([], None, {200: "Health"}, (500, 503)),
}
_ERRORS = {
    400: "The request is not valid.",
    403: "The route is for operators.",
    404: "There is no such resource, or it belongs to another caller.",
    409: "The request conflicts with an earlier one, or with the status of the execution or the evaluation.",
    429: "Too many requests.",
    500: "The service is not configured correctly.",
    503: "The service cannot answer now.",
}
_SUCCESS = {
    200: "Success.",
    202: "Started or still running; the `Location` header has the path of the result.",
    503: "No answer is available.",
}


def document() -> Schema:
    """The OpenAPI document. Raises LookupError when routes and operations differ."""
    paths: dict[str, Schema] = {}
    routes = {f"{method} {path}": entry for path, methods in app.routes.items() for method, entry in methods.items()}
    if set(routes) != set(OPERATIONS):
        raise LookupError(f"routes without an operation, or the reverse: {sorted(set(routes) ^ set(OPERATIONS))}")
    for route, entry in routes.items():
        method, path = route.split(" ", 1)
        paths.setdefault(path, {})[method.lower()] = _operation(route, path, entry.view_function)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stepguard",
            "version": "1",
            "description": "Generated by `make docs` from app.py. With a Cognito user pool, requests have an ID token; "
            "otherwise API Gateway checks an AWS Signature Version 4.",
        },
        "paths": paths,
        "security": [{BEARER: []}, {"AwsSignature": []}],
        "components": {
            "schemas": schemas.SCHEMAS,
            "securitySchemes": {
                BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "AwsSignature": {"type": "apiKey", "name": "Authorization", "in": "header"},
            },
        },
    }


def page() -> str:
    """The document as YAML."""
    return yaml.dump(document(), sort_keys=False, allow_unicode=True, width=120, Dumper=_Dumper)


class _Dumper(yaml.SafeDumper):
    """Writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _operation(route: str, path: str, view: Any) -> Schema:
    query, body, replies, errors = OPERATIONS[route]
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    operation: Schema = {"operationId": view.__name__, "summary": view.__doc__.strip().rstrip(".")}
    if parameters := [*map(_path_parameter, names), *query]:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    answers = {status: (_SUCCESS[status], schema) for status, schema in replies.items()}
    answers = {status: (_ERRORS[status], "Error") for status in errors} | answers
    operation["responses"] = {
        str(status): {"description": text, "content": _json(schema)}
        for status, (text, schema) in sorted(answers.items())
    }
    return operation


def _path_parameter(name: str) -> Schema:
    schema: Schema = {"type": "string"}
    if name == "number":
        schema = {"type": "string", "pattern": f"^[0-9]{{1,{evaluations_api.ITEM_DIGITS - 1}}}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
