"""One side of bench.wire: a server's clients and guardrails, a call with AWS's behaviour, a summary of the response."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from bench.servers import Running

Reply = dict[str, Any]
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

    def create(self, policies: Policies, **more: Any) -> Reply:
        """CreateGuardrail."""
        request = {"name": f"wire-{uuid4().hex[:12]}", **MESSAGES, **policies, **more}
        return dict(self.bedrock.create_guardrail(**request))

    def guardrail(self, policies: Policies) -> str:
        """The identifier of a guardrail with these policies."""
        key = json.dumps(policies, sort_keys=True)
        if key not in self._made:
            self._made[key] = self.create(policies)["guardrailId"]
        return self._made[key]

    def apply(self, policies: Policies, content: Any, source: str = "INPUT", **more: Any) -> Reply:
        """ApplyGuardrail with a guardrail of these policies; `content` is a text or the blocks."""
        blocks = [{"text": {"text": content}}] if isinstance(content, str) else content
        asked = {"guardrailIdentifier": self.guardrail(policies), "guardrailVersion": "DRAFT", "source": source}
        return dict(self.runtime.apply_guardrail(**{**asked, "content": blocks, **more}))

    def converse(self, policies: Policies, messages: Any, trace: str = "enabled", **more: Any) -> Reply:
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
    run: Callable[[Side], Reply]
    agrees: Callable[[Reply], bool] = field(default=lambda reply: False)
    refused: tuple[str, ...] = ()
    show: Callable[[Reply], str] | None = None

    def judge(self, side: Side) -> tuple[bool, str]:
        """Make the call: whether the answer agrees with AWS, and the answer in short."""
        try:
            reply = self.run(side)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            return code in self.refused, f"{status} {code}, {message}"
        except BotoCoreError as error:
            return False, f"boto3 cannot read it: {type(error).__name__}"
        shown = (self.show or brief)(reply)
        return (False, f"accepted: {shown}") if self.refused else (self.agrees(reply), shown)


# --- summaries of responses -----------------------------------------------------------------------------------------


def brief(reply: Reply) -> str:
    """The answer in a few words: verdict, texts and findings."""
    if "assessments" in reply:
        texts = " / ".join(output["text"][:60] for output in reply["outputs"])
        found = "; ".join(findings(reply["assessments"][0])) if reply["assessments"] else ""
        return f"{reply['action']}, outputs [{texts}]" + (f", {found}" if found else "")
    if "stopReason" in reply:
        text = reply["output"]["message"]["content"][0]["text"]
        return f"{reply['stopReason']}, {text[:60]}"
    return ", ".join(f"{name} {value}" for name, value in reply.items() if name not in _RANDOM)


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
                    graded = f" {score:.2f}" if isinstance(score, float) else f" {score}" if score else ""
                    found.append(f"{name}{graded} {entry['action']}")
    return found


def units(reply: Reply) -> str:
    """The text units that are not 0."""
    return ", ".join(f"{name} {count}" for name, count in reply["usage"].items() if count) or "all 0"


def members(reply: Reply) -> str:
    """Names of the members of an answer."""
    return ", ".join(name for name in reply if name != "ResponseMetadata")


def entries(reply: Reply, policy: str, name: str) -> list[Reply]:
    section = reply["assessments"][0].get(policy, {}) if reply["assessments"] else {}
    return list(section.get(name, []))


def blocked(policy: str, name: str, message: str = INPUT_MESSAGE) -> Callable[[Reply], bool]:
    """Blocked by an entry of this policy, with this message as the one output."""

    def agrees(reply: Reply) -> bool:
        acted = any(entry["action"] == "BLOCKED" for entry in entries(reply, policy, name))
        return acted and reply["action"] == "GUARDRAIL_INTERVENED" and reply["outputs"] == [{"text": message}]

    return agrees


def masked(*texts: str) -> Callable[[Reply], bool]:
    """Masked to these texts, one for each block."""
    return lambda reply: (
        reply["action"] == "GUARDRAIL_INTERVENED" and [output["text"] for output in reply["outputs"]] == list(texts)
    )


def passed(reply: Reply) -> bool:
    """No action, and no outputs."""
    return bool(reply["action"] == "NONE" and reply["outputs"] == [])
