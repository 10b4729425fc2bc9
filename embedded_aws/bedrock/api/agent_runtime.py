"""The `bedrock-agent-runtime` service: Retrieve and RetrieveAndGenerate, also as a stream; no agents or reranking."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from embedded_aws.bedrock.api.inline import guard
from embedded_aws.bedrock.api.retrieve import check_implemented, describe, find_base, retrieve
from embedded_aws.bedrock.api.retrieve_and_generate import (
    Generating,
    answer_stream,
    generate,
    generate_stream,
    judge_question,
    prepare,
)
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.judge import Judge
from embedded_aws.bedrock.knowledge.registry import Registry
from embedded_aws.bedrock.models.base import Message, Model
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.wire import Account, ServiceError, not_implemented, refuse_members

SESSIONS = 100
"""Sessions of RetrieveAndGenerate in memory; a new one replaces the oldest."""
_TURNS = 5


class AgentRuntime:
    """Backend of `bedrock-agent-runtime`. `find` gives the guardrail for an identifier and a version."""

    def __init__(
        self,
        registry: Registry,
        account: Account,
        find: Callable[[str, str], Guardrail],
        judge: Judge,
        models: Catalogue,
    ) -> None:
        self._registry = registry
        self._account = account
        self._find = find
        self._judge = judge
        self._models = models
        self._sessions: dict[str, tuple[Message, ...]] = {}
        self._lock = threading.Lock()

    def retrieve(self, request: Mapping[str, Any]) -> dict[str, Any]:
        refuse_members(request, ("guardrailConfiguration", "userContext", "nextToken"), "Retrieve")
        configuration = request.get("retrievalConfiguration") or {}
        check_implemented(configuration)
        query = request["retrievalQuery"]
        if query.get("type", "TEXT") != "TEXT":
            raise not_implemented(f"queries of the type {query['type']} in Retrieve")
        if not query.get("text", "").strip():
            raise ServiceError("ValidationException", "The query text must not be empty.")
        base = find_base(self._registry, self._account, request["knowledgeBaseId"])
        found = retrieve(self._registry, base, query["text"], configuration)
        return {"retrievalResults": [describe(passage) | {"score": score} for passage, score in found]}

    def retrieve_and_generate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = self._ask(request, "RetrieveAndGenerate")
        answer = asked.refused or generate(asked.model, asked.generating)
        self._remember(asked, answer)
        return {**answer, "sessionId": asked.session}

    def retrieve_and_generate_stream(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = self._ask(request, "RetrieveAndGenerateStream")

        def remember(answer: Mapping[str, Any]) -> None:
            self._remember(asked, answer)

        if asked.refused is not None:
            return {"sessionId": asked.session, "stream": answer_stream(asked.refused, remember)}
        return {"sessionId": asked.session, "stream": generate_stream(asked.model, asked.generating, remember)}

    def _ask(self, request: Mapping[str, Any], operation: str) -> _Asked:
        """Read the request, judge its question and find its passages. The two operations have the same members."""
        refuse_members(request, ("sessionConfiguration", "userContext"), operation)
        text, configuration = request["input"]["text"], request.get("retrieveAndGenerateConfiguration")
        if not text.strip() or configuration is None:
            raise ServiceError("ValidationException", "The input text and the configuration must not be empty.")
        if configuration["type"] != "KNOWLEDGE_BASE":
            raise not_implemented(f"the type {configuration['type']} of {operation}")
        wanted = configuration.get("knowledgeBaseConfiguration")
        if wanted is None:
            raise ServiceError("ValidationException", "knowledgeBaseConfiguration is required for this type.")
        generation = wanted.get("generationConfiguration") or {}
        refuse_members(wanted, ("orchestrationConfiguration",), operation)
        refuse_members(generation, ("additionalModelRequestFields", "performanceConfig"), operation)
        retrieval = wanted.get("retrievalConfiguration") or {}
        check_implemented(retrieval)
        base = find_base(self._registry, self._account, wanted["knowledgeBaseId"])
        session = request.get("sessionId")
        history = self._history(session)
        named = generation.get("guardrailConfiguration") or {}
        judging = guard(self._find, self._judge, named.get("guardrailId"), named.get("guardrailVersion"), full=False)
        text, refused = judge_question(judging, text)
        found = [] if refused else [passage for passage, _ in retrieve(self._registry, base, text, retrieval)]
        generating = prepare(judging, text, found, history, generation)
        model = self._models.model(wanted["modelArn"])
        return _Asked(session or str(uuid4()), history, model, generating, refused)

    def _history(self, session: str | None) -> tuple[Message, ...]:
        with self._lock:
            if session is None:
                return ()
            if session not in self._sessions:
                raise ServiceError(
                    "ValidationException", f"Session with Id {session} is not valid. Please check and try again."
                )
            return self._sessions[session]

    def _remember(self, asked: _Asked, answer: Mapping[str, Any]) -> None:
        turn = (Message("user", asked.generating.question), Message("assistant", answer["output"]["text"]))
        with self._lock:
            self._sessions.pop(asked.session, None)
            self._sessions[asked.session] = (*asked.history, *turn)[-2 * _TURNS :]
            while len(self._sessions) > SESSIONS:
                del self._sessions[next(iter(self._sessions))]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question in its session; `refused` is the answer if the guardrail blocked it."""

    session: str
    history: tuple[Message, ...]
    model: Model
    generating: Generating
    refused: dict[str, Any] | None
