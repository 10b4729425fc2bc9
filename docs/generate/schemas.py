"""The bodies of requests and replies as JSON Schemas, with the limits and names of the code."""

from __future__ import annotations

from typing import Any

from functions.chat_api import WAIT_SECONDS
from functions.conversations_api import TITLE_CHARACTERS
from functions.evaluations_api import FILES
from functions.routes import TOKEN_CHARACTERS
from stepguard.evaluation.runs import MAX_CONCURRENCY
from stepguard.guard.answer import AnswerOutcome, Source
from stepguard.guard.request import PASSAGE_CHARACTERS, PASSAGE_ID_CHARACTERS, PASSAGES, QUESTION_CHARACTERS, Kind
from stepguard.guard.stages import LAYERS
from stepguard.guard.talk.feedback import REASON_CHARACTERS, Thumb

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
OBJECT: Schema = {"type": "object"}
_TOKEN: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": TOKEN_CHARACTERS,
    "description": "Makes the start idempotent: the same caller, token and body give the same execution.",
}


def _object(properties: Schema, required: tuple[str, ...], *, closed: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "required": list(required)}
    return schema | {"additionalProperties": False} if closed else schema


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_PAGE: Schema = {"searched": COUNT, "more": {"type": "boolean"}, "cursor": {"type": ["string", "null"]}}

_TITLE: Schema = {"type": ["string", "null"], "description": "null until the caller gives one."}

SCHEMAS: dict[str, Schema] = {
    "Question": _object(
        {
            "question": {"type": "string", "minLength": 1, "maxLength": QUESTION_CHARACTERS},
            "passages": {
                "type": "array",
                "maxItems": PASSAGES,
                "items": _object(
                    {
                        "id": {"type": "string", "maxLength": PASSAGE_ID_CHARACTERS},
                        "text": {"type": "string", "maxLength": PASSAGE_CHARACTERS},
                    },
                    ("id", "text"),
                ),
            },
            "conversation": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]{1,64}$",
                "description": "`new`, or the id of a conversation of the caller; absent: a question alone.",
            },
            "client_token": _TOKEN,
            "wait_seconds": {"type": "number", "minimum": 0, "maximum": WAIT_SECONDS, "default": WAIT_SECONDS},
        },
        ("question",),
        closed=True,
    ),
    "Answer": _object(
        {
            "text": TEXT,
            "outcome": {"type": "string", "enum": [str(outcome) for outcome in AnswerOutcome]},
            "source": {"enum": [*(str(source) for source in Source), None]},
            "got_hits": {"type": "integer", "enum": [0, 1]},
            "citations": _list(
                _object(
                    {
                        "n": {"type": "integer"},
                        "id": TEXT,
                        "title": TEXT,
                        "uri": TEXT,
                        "page": {"type": ["integer", "null"]},
                        "excerpt": TEXT,
                        "score": {"type": ["number", "null"]},
                    },
                    ("n", "id", "title", "uri"),
                )
            ),
            "withheld": {"type": "boolean"},
            "execution": TEXT,
            "verdicts": _list(OBJECT),
        },
        ("text", "outcome", "source", "got_hits"),
    ),
    "Link": _object({"link": TEXT, "seconds": {"type": "integer"}}, ("link", "seconds")),
    "Reply": {
        "description": "The answer; with 503 it is the error message. An error before the start has `error` instead.",
        "anyOf": [
            _object(
                {
                    "execution": TEXT,
                    "conversation": TEXT,
                    "status": TEXT,
                    "answer": {"$ref": "#/components/schemas/Answer"},
                },
                ("execution", "status", "answer"),
            ),
            {"$ref": "#/components/schemas/Error"},
        ],
    },
    "Thumb": _object(
        {
            "thumb": {"type": "string", "enum": [str(thumb) for thumb in Thumb]},
            "reason": {"type": "string", "maxLength": REASON_CHARACTERS},
        },
        ("thumb",),
        closed=True,
    ),
    "Feedback": _object(
        {"execution": TEXT, "thumb": TEXT, "reason_kept": {"type": "boolean"}}, ("execution", "thumb", "reason_kept")
    ),
    "Nothing": _object({}, (), closed=True),
    "Ticket": _object(
        {"url": TEXT, "ticket": TEXT, "expires_in": {"type": "integer"}}, ("url", "ticket", "expires_in")
    ),
    "Running": _object({"execution": TEXT, "conversation": TEXT, "status": TEXT}, ("execution", "status")),
    "Conversations": _object(
        {
            "conversations": _list(_object({"id": TEXT, "at": TEXT, "title": _TITLE}, ("id", "at", "title"))),
            "more": {"type": "boolean"},
            "cursor": {"type": ["string", "null"]},
        },
        ("conversations", "more", "cursor"),
    ),
    "Title": _object({"title": {"type": ["string", "null"], "maxLength": TITLE_CHARACTERS}}, ("title",), closed=True),
    "Titled": _object({"id": TEXT, "title": _TITLE}, ("id", "title")),
    "Conversation": _object(
        {
            "id": TEXT,
            "title": _TITLE,
            "turns": _list(
                _object(
                    {
                        "question": {"type": ["string", "null"]},
                        "answer": {"type": ["string", "null"]},
                        "withheld": {"type": "boolean"},
                        "outcome": {"type": ["string", "null"], "description": "null while the execution runs."},
                        "at": TEXT,
                        "execution": TEXT,
                    },
                    ("question", "answer", "outcome", "at", "execution"),
                )
            ),
        },
        ("id", "title", "turns"),
    ),
    "Deleted": _object({"id": TEXT, "deleted": {"const": True}}, ("id", "deleted")),
    "Executions": _object({"executions": _list(OBJECT), **_PAGE}, ("executions", *_PAGE)),
    "Trace": OBJECT | {"description": "The trace of an execution, as in docs/use/debugging.md."},
    "Events": _object(
        {"events": _list(OBJECT), "next": {"type": ["integer", "null"], "description": "`after` of the next page."}},
        ("events", "next"),
    ),
    "Replay": _object(
        {"execution": TEXT, "replay_of": TEXT, "guardrails": {"const": "deployed"}},
        ("execution", "replay_of", "guardrails"),
    ),
    "Edit": _object(
        {
            "kind": {"type": "string", "enum": [str(kind) for kind in Kind]},
            "text": TEXT,
            "passages": _list(_object({"id": TEXT, "text": TEXT}, ("text",))),
            "query": TEXT,
            "completion": TEXT,
        },
        (),
        closed=True,
    )
    | {"description": "The members that replace those of the request; null removes one.", "minProperties": 1},
    "Rerun": _object(
        {"execution": TEXT, "rerun_of": TEXT, "guardrails": {"const": "deployed"}},
        ("execution", "rerun_of", "guardrails"),
    ),
    "Steered": _object({"execution": TEXT, "status": TEXT}, ("execution", "status")),
    "Case": _object(
        {
            "name": TEXT,
            "files": {"type": "object", "additionalProperties": TEXT, "description": "The files' texts by name."},
            "replaced": COUNT | {"description": "Values of personal data that were replaced."},
        },
        ("name", "files", "replaced"),
    ),
    "Page": _object({"name": TEXT, "page": {"type": "string", "description": "An HTML file."}}, ("name", "page")),
    "Corpus": _object(
        {
            "corpus": {"type": "string", "description": "`s3://BUCKET/KEY` in the evaluations' own buckets."},
            "client_token": _TOKEN,
            "sample": {"type": "integer", "minimum": 1},
            "seed": {"type": "integer"},
            "kind": {"type": "string", "enum": [str(kind) for kind in Kind]},
            "layers": _list({"type": "string", "enum": [str(layer) for layer in LAYERS]}),
            "max_concurrency": {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY},
            "tolerated_failure_percentage": {"type": "number", "minimum": 0, "maximum": 100},
        },
        ("corpus",),
        closed=True,
    ),
    "EvaluationStarted": _object({"id": TEXT, "status": TEXT}, ("id", "status")),
    "Evaluations": _object(
        {"evaluations": _list(OBJECT), **_PAGE, "corpora": TEXT}, ("evaluations", *_PAGE, "corpora")
    ),
    "Evaluation": _object(
        {
            "id": TEXT,
            "status": TEXT,
            "started": {"type": "string", "format": "date-time"},
            "stopped": {"type": "string", "format": "date-time"},
            "summary": _object(
                {"items": COUNT, "failed": COUNT, "lost": COUNT},
                ("items", "failed", "lost"),
            ),
            "error": {"type": ["string", "null"]},
            "scorecard": OBJECT,
        },
        ("id", "status", "started"),
    ),
    "EvaluationItems": _object(
        {
            "id": TEXT,
            "items": {"type": "array", "items": {"type": "object"}},
            "total": {"type": "integer", "description": "The items of the run."},
            "matching": {"type": "integer", "description": "Those that match the filters."},
            "cursor": {"type": ["string", "null"]},
        },
        ("id", "items", "total", "matching", "cursor"),
    ),
    "Report": _object(
        {
            "id": TEXT,
            "status": TEXT,
            "files": _object({name: {"type": "string", "format": "uri"} for name in FILES}, (), closed=True),
            "note": TEXT,
        },
        ("id", "status", "files"),
    ),
    "Health": _object(
        {
            "status": {"const": "ok"},
            "layers": {"type": "object", "additionalProperties": TEXT},
            "unguarded": {"type": "boolean", "description": "No layer is on, by the explicit setting UNGUARDED=yes."},
            "grounding": {
                "type": ["boolean", "null"],
                "description": "The model layer checks answers against their passages; null if it cannot be read.",
            },
            "state_machine": TEXT,
        },
        ("status", "layers", "unguarded", "grounding", "state_machine"),
    ),
    "Error": _object({"error": _object({"code": TEXT, "message": TEXT}, ("code", "message"))}, ("error",)),
}
