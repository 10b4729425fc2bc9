"""The `bedrock-agent-runtime` service: Retrieve and RetrieveAndGenerate, also as a stream; no agents or reranking."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from embedded_aws.bedrock.api.inline import guard
from embedded_aws.bedrock.api.retrieve import check_implemented, describe, find_base, retrieve
from embedded_aws.bedrock.api.retrieve_and_generate import generate, judge_question
from embedded_aws.bedrock.api.streams import generated_events
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.judge import Judge
from embedded_aws.bedrock.knowledge.registry import Registry
from embedded_aws.bedrock.models.base import Message
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
        operation = "RetrieveAndGenerate"
        refuse_members(request, ("sessionConfiguration", "userContext"), operation)
        asked, configuration = request["input"]["text"], request.get("retrieveAndGenerateConfiguration")
        if not asked.strip() or configuration is None:
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
        asked, answer = judge_question(judging, asked)
        if answer is None:
            found = retrieve(self._registry, base, asked, retrieval)
            model, passages = self._models.model(wanted["modelArn"]), [passage for passage, _ in found]
            answer = generate(model, judging, asked, passages, history, generation)
        turn = (Message("user", asked), Message("assistant", answer["output"]["text"]))
        return {**answer, "sessionId": self._remember(session, (*history, *turn))}

    def retrieve_and_generate_stream(self, request: Mapping[str, Any]) -> dict[str, Any]:
        # The two operations have the same members.
        answer = self.retrieve_and_generate(request)
        return {"sessionId": answer["sessionId"], "stream": generated_events(answer)}

    def _history(self, session: str | None) -> tuple[Message, ...]:
        with self._lock:
            if session is None:
                return ()
            if session not in self._sessions:
                raise ServiceError(
                    "ValidationException", f"Session with Id {session} is not valid. Please check and try again."
                )
            return self._sessions[session]

    def _remember(self, session: str | None, turns: tuple[Message, ...]) -> str:
        with self._lock:
            identifier = session or str(uuid4())
            self._sessions.pop(identifier, None)
            self._sessions[identifier] = turns[-2 * _TURNS :]
            while len(self._sessions) > SESSIONS:
                del self._sessions[next(iter(self._sessions))]
        return identifier
