"""One side of bench.wire: a server's clients and guardrails, a call with AWS's behaviour, a summary of the response."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from bench.servers import Running

Told = dict[str, Any]
Policies = Mapping[str, Any]
INPUT_MESSAGE = "This question is blocked."
OUTPUT_MESSAGE = "This answer is blocked."
MESSAGES = {"blockedInputMessaging": INPUT_MESSAGE, "blockedOutputsMessaging": OUTPUT_MESSAGE}
MODEL = "any.echo"


class Side:
    """One server's clients, and the guardrails made there: one for each set of policies."""

    def __init__(self, running: Running) -> None:
        self.bedrock = running.client("bedrock")
        self.runtime = running.client("bedrock-runtime")
        self._made: dict[str, str] = {}

    def create(self, policies: Policies, **more: Any) -> Told:
        """CreateGuardrail."""
        request = {"name": f"wire-{uuid4().hex[:12]}", **MESSAGES, **policies, **more}
        return dict(self.bedrock.create_guardrail(**request))

    def guardrail(self, policies: Policies) -> str:
        """The identifier of a guardrail with these policies."""
        key = json.dumps(policies, sort_keys=True)
        if key not in self._made:
            self._made[key] = self.create(policies)["guardrailId"]
        return self._made[key]

    def apply(self, policies: Policies, content: Any, source: str = "INPUT", **more: Any) -> Told:
        """ApplyGuardrail with a guardrail of these policies; `content` is a text or the blocks."""
        blocks = [{"text": {"text": content}}] if isinstance(content, str) else content
        asked = {"guardrailIdentifier": self.guardrail(policies), "guardrailVersion": "DRAFT", "source": source}
        return dict(self.runtime.apply_guardrail(**{**asked, "content": blocks, **more}))

    def converse(self, policies: Policies, messages: Any, trace: str = "enabled", **more: Any) -> Told:
        """Converse with a guardrail of these policies; `messages` is one question or the whole list."""
        turns = [{"role": "user", "content": [{"text": messages}]}] if isinstance(messages, str) else messages
        config = {"guardrailIdentifier": self.guardrail(policies), "guardrailVersion": "DRAFT", "trace": trace}
        return dict(self.runtime.converse(**{"modelId": MODEL, "messages": turns, "guardrailConfig": config, **more}))


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table. A case with `refused` agrees with AWS when the call fails with one of these codes."""

    group: str
    call: str
    aws: str
    source: Literal["docs", "model", "reported"]
    run: Callable[[Side], Told]
    agrees: Callable[[Told], bool] = field(default=lambda told: False)
    refused: tuple[str, ...] = ()
    show: Callable[[Told], str] | None = None

    def judge(self, side: Side) -> tuple[bool, str]:
        """Make the call: whether the answer agrees with AWS, and the answer in short."""
        try:
            told = self.run(side)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            return code in self.refused, f"{status} {code}, {message}"
        except BotoCoreError as error:
            return False, f"boto3 cannot read it: {type(error).__name__}"
        shown = (self.show or brief)(told)
        return (False, f"accepted: {shown}") if self.refused else (self.agrees(told), shown)


# --- summaries of responses -----------------------------------------------------------------------------------------


def brief(told: Told) -> str:
    """The answer in a few words: verdict, texts and findings."""
    if "assessments" in told:
        texts = " / ".join(output["text"][:60] for output in told["outputs"])
        found = "; ".join(findings(told["assessments"][0])) if told["assessments"] else ""
        return f"{told['action']}, outputs [{texts}]" + (f", {found}" if found else "")
    if "stopReason" in told:
        text = told["output"]["message"]["content"][0]["text"]
        return f"{told['stopReason']}, {text[:60]}"
    return ", ".join(f"{name} {value}" for name, value in told.items() if name not in _RANDOM)


_RANDOM = {"ResponseMetadata", "createdAt", "guardrailArn"}


def findings(assessment: Mapping[str, Any]) -> list[str]:
    """Each entry of an assessment's policies in a few words."""
    found = []
    for policy, section in assessment.items():
        if policy.endswith("Policy"):
            for entries in section.values():
                for entry in entries if isinstance(entries, list) else []:
                    name = entry.get("type") or entry.get("name") or entry.get("match")
                    score = entry.get("confidence") or entry.get("score")
                    told = f" {score:.2f}" if isinstance(score, float) else f" {score}" if score else ""
                    found.append(f"{name}{told} {entry['action']}")
    return found


def units(told: Told) -> str:
    """The text units that are not 0."""
    return ", ".join(f"{name} {count}" for name, count in told["usage"].items() if count) or "all 0"


def members(told: Told) -> str:
    """Names of the members of an answer."""
    return ", ".join(name for name in told if name != "ResponseMetadata")


def entries(told: Told, policy: str, name: str) -> list[Told]:
    section = told["assessments"][0].get(policy, {}) if told["assessments"] else {}
    return list(section.get(name, []))


def blocked(policy: str, name: str, message: str = INPUT_MESSAGE) -> Callable[[Told], bool]:
    """Blocked by an entry of this policy, with this message as the one output."""

    def agrees(told: Told) -> bool:
        acted = any(entry["action"] == "BLOCKED" for entry in entries(told, policy, name))
        return acted and told["action"] == "GUARDRAIL_INTERVENED" and told["outputs"] == [{"text": message}]

    return agrees


def masked(*texts: str) -> Callable[[Told], bool]:
    """Masked to these texts, one for each block."""
    return lambda told: (
        told["action"] == "GUARDRAIL_INTERVENED" and [output["text"] for output in told["outputs"]] == list(texts)
    )


def passed(told: Told) -> bool:
    """No action, and no outputs."""
    return bool(told["action"] == "NONE" and told["outputs"] == [])
