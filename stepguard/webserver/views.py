"""What the page shows of guardrails and knowledge, read with the credentials of the process that serves the page.

The deployed API has no such routes: its role may not read all of this.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.admin.deployed import deployed_layers
from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.admin.knowledge_base import Job, KnowledgeBase
from stepguard.admin.knowledge_documents import Library
from stepguard.aws.clients import client
from stepguard.aws.executions import Executions
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.objects import Objects
from stepguard.guard.bedrock_names import NONE
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.guard.knowledge import SCREENING, Access, KnowledgeSettings, filter_of
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import LAYERS, Direction, Layer
from stepguard.guard.verdict import Finding, Verdict

Document = Mapping[str, Any]

TOPIC = "topic"
_TOPIC_SCORES = "x-embedded-topic-scores"
TEXT_CHARACTERS = 20_000
PASSAGES = 10
_POLICIES = (
    "contentPolicy",
    "topicPolicy",
    "wordPolicy",
    "sensitiveInformationPolicy",
    "contextualGroundingPolicy",
    "automatedReasoningPolicy",
)


@dataclass(frozen=True, slots=True)
class Views:
    """The views, by the name that the page posts to. `knowledge` finds the knowledge base; None if there is none."""

    executions: Callable[[], Executions]
    knowledge: Callable[[], KnowledgeBase | None]

    @property
    def by_name(self) -> dict[str, tuple[str, Callable[[Document], Document]]]:
        """What is posted to each, and the function that makes the response. They raise StepguardError."""
        return {
            "guardrails": ("an empty object", self.guardrails),
            "judge": ("a text to have it judged", self.judge),
            "documents": ("an empty object", self.documents),
            "search": ("a text to search for", self.search),
        }

    def guardrails(self, _: Document) -> Document:
        """`{layers: [{layer, id, version, name, versions, policies}]}`: what is in use, with its policies."""
        admin, used = GuardrailAdmin(), deployed_layers(self.executions())
        return {"layers": [_layer(layer, used.get(layer), admin) for layer in LAYERS]}

    def judge(self, posted: Document) -> Document:
        """`{layers: [{layer, outcome, text, message, findings, scores, topic_scores}]}` of `{text, direction, source?,
        query?}`.

        Each layer judges the text in this direction; an answer may have the source that it must be grounded in.
        `topic_scores`: whether denied topics have scores, which AWS does not give.
        """
        text, source, query = (_text(posted, name) for name in ("text", "source", "query"))
        if not text.strip():
            raise InvalidRequest("The text to judge is empty.")
        if posted.get("direction") not in tuple(Direction):
            raise InvalidRequest(f"'direction' is one of {', '.join(Direction)}.")
        direction, used = Direction(posted["direction"]), deployed_layers(self.executions())

        def verdict(layer: Layer, watched: _Watched) -> Verdict:
            judges = Guardrails(watched, scores=True)
            if direction is Direction.OUTPUT and source.strip():
                question = Question(query, (Passage("1", source),))
                return judges.check_grounded(used.get(layer), text, question, layer)
            return judges.check(used.get(layer), text, layer, direction)

        return {"layers": [_judged(layer, direction, verdict) for layer in LAYERS]}

    def documents(self, _: Document) -> Document:
        """`{knowledge_base, documents: [{name, groups, screening, status}], flagged, ingestion}`."""
        base = self.knowledge()
        if base is None:
            return {"knowledge_base": None, "documents": [], "flagged": [], "ingestion": None}
        library = Library(base.source, Objects())
        states = {library.name_of(uri): state for uri, state in library.source.indexed()}
        rows = [
            {
                "name": name,
                "groups": stored.groups,
                "screening": stored.attributes.get(SCREENING),
                "status": states.get(name, "PENDING"),
            }
            for name, stored in library.documents().items()
        ]
        job = library.source.last()
        return {
            "knowledge_base": base.id,
            "documents": rows,
            "flagged": list(library.flagged()),
            "ingestion": None if job is None else _ingestion(job),
        }

    def search(self, posted: Document) -> Document:
        """`{results: [{text, uri, score}]}` of `{text, groups?}`; with groups what their members may read."""
        text, groups = _text(posted, "text"), _text(posted, "groups")
        base = self.knowledge()
        if not text.strip():
            raise InvalidRequest("The text to search for is empty.")
        if base is None:
            raise InvalidRequest("There is no knowledge base: set KNOWLEDGE_BASE_ID.")
        names = [name.strip() for name in groups.split(",") if name.strip()]
        condition = filter_of(KnowledgeSettings(access=Access.GROUPS), names, None) if names else None
        found = base.search(text, PASSAGES, condition)
        return {"results": [{"text": one.text, "uri": one.uri, "score": one.score} for one in found]}


def _text(posted: Document, name: str) -> str:
    text = posted.get(name) or ""
    if not isinstance(text, str) or len(text) > TEXT_CHARACTERS:
        raise InvalidRequest(f"'{name}' must be a text of at most {TEXT_CHARACTERS} characters.")
    return text


def _layer(layer: Layer, ref: GuardrailRef | None, admin: GuardrailAdmin) -> Document:
    if ref is None:
        return {"layer": str(layer), "id": None}
    held: dict[str, Any] = {"layer": str(layer), "id": ref.id, "version": ref.version}
    try:
        shown, versions = admin.show(ref.id, ref.version), admin.versions(ref.id)
    except StepguardError as error:
        return held | {"problem": str(error)}
    listed = [
        {"version": str(item["version"]), "updated": item["updatedAt"].isoformat(), "status": item.get("status")}
        for item in versions
    ]
    return held | {
        "name": shown["name"],
        "description": shown.get("description"),
        "versions": listed,
        "policies": {name: shown[name] for name in _POLICIES if shown.get(name)},
    }


class _Watched:
    """ApplyGuardrail, with what the embedded Bedrock says of denied topics in a header: `scores` by the topic's name,
    each with the score from which the topic is detected. AWS has no such header."""

    def __init__(self) -> None:
        self.scores: dict[str, tuple[float, float]] = {}

    def apply_guardrail(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html"""
        response: Mapping[str, Any] = client("bedrock-runtime").apply_guardrail(**request)
        headers = (response.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
        for name, (score, threshold) in json.loads(headers.get(_TOPIC_SCORES, "{}")).items():
            self.scores[name] = max((score, threshold), self.scores.get(name, (0.0, 0.0)))
        return response


def _judged(layer: Layer, direction: Direction, verdict: Callable[[Layer, _Watched], Verdict]) -> Document:
    watched = _Watched()
    try:
        found = verdict(layer, watched)
    except StepguardError as error:
        return {"layer": str(layer), "problem": str(error)}
    judged = {"layer": str(layer), **found.to_dict(), "text": found.text, "message": found.message}
    del judged["text_units"]
    left = dict(watched.scores)
    for finding in judged["findings"]:
        if finding["policy"] == TOPIC and finding["name"] in left:
            finding["score"], finding["threshold"] = left.pop(finding["name"])
    judged["scores"] += [
        Finding(TOPIC, name, NONE, layer, direction, score=score, threshold=threshold).to_dict()
        for name, (score, threshold) in left.items()
    ]
    return judged | {"topic_scores": bool(watched.scores)}


def _ingestion(job: Job) -> Document:
    return {"status": job.status, "statistics": dict(job.statistics), "failures": list(job.failures)}
