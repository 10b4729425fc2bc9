"""Which body format a model takes in InvokeModel: its family's, or for free names the one that its fields are of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock.api.bodies import (
    ANTHROPIC,
    BEDROCK_COMPLETION,
    DEEPSEEK,
    MISTRAL_CHAT,
    MISTRAL_TEXT,
    NOVA,
    OPENAI_CHAT,
    OPENAI_COMPLETION,
    TGI,
    Body,
    Format,
    malformed,
)
from embedded_aws.wire import not_implemented

_PROFILE = re.compile(r"(us|eu|apac|ap|jp|au|ca|us-gov|global)\.(?=[a-z0-9-]+\.)")
_ELSEWHERE = ("imported-model/", "custom-model", "application-inference-profile/")
"""In ARNs of models whose family the name does not say."""


def family(model_id: str) -> str:
    """The family that a model id's prefix names, such as `anthropic`; empty if it names none."""
    if any(kind in model_id for kind in _ELSEWHERE):
        return ""
    name, dot, _ = _bare(model_id).partition(".")
    return name.lower() if dot else ""


def choose(body: Mapping[str, Any], model_id: str) -> Format:
    """The format of a body: its family's, or else what its fields are of. Raises ServiceError for no known one."""
    named = family(model_id)
    if named == "amazon" and "nova" in _bare(model_id).lower():
        _check_nova(body)
        return NOVA
    formats = _FAMILIES.get(named)
    if formats is None:
        return _of_fields(body)
    if not formats:
        raise not_implemented(f"the bodies of {named} models in InvokeModel; use Converse")
    wanted = "messages" if "messages" in body else "prompt" if "prompt" in body else ""
    found = formats.get(wanted)
    if found is None or (found is ANTHROPIC and "anthropic_version" not in body):
        raise malformed(f"this is not a body of {named} models.")
    return found


def _bare(model_id: str) -> str:
    return _PROFILE.sub("", model_id.rpartition("/")[2])


def _check_nova(body: Mapping[str, Any]) -> None:
    if body.get("schemaVersion", "messages-v1") != "messages-v1":
        raise malformed("schemaVersion must be messages-v1.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise malformed("messages must be a list with at least one message.")
    held = [message.get("content") for message in messages if isinstance(message, Mapping)]
    for content in [*held, body.get("system", [])]:
        if not isinstance(content, list):
            raise malformed("in bodies of amazon nova models content and system are lists of blocks.")
        if kinds := sorted({str(kind) for block in content if isinstance(block, Mapping) for kind in block} - {"text"}):
            raise malformed(f"the embedded Bedrock does not implement the block {kinds[0]} of this body.")


_REVISION = re.compile(r"-v\d+(:\w+)*$")


def name_model(body: Body, model_id: str) -> None:
    """Put the name that answers in Anthropic's format give a model into the body, which has none on Bedrock.

    It is the id without Bedrock's additions, such as `claude-sonnet-4-20250514`. Raises ServiceError.
    """
    if "model" in body:
        raise malformed("the field model is for Anthropic's own API; here modelId names the model.")
    body["model"] = _REVISION.sub("", model_id.rpartition("/")[2].rpartition("anthropic.")[2])


def _of_fields(body: Mapping[str, Any]) -> Format:
    if "inputs" in body:
        return TGI
    if "messages" in body:
        return ANTHROPIC if "anthropic_version" in body else OPENAI_CHAT
    if "prompt" in body:
        return OPENAI_COMPLETION if "max_tokens" in body else BEDROCK_COMPLETION
    raise malformed("one of prompt, messages and inputs is required.")


_FAMILIES: Mapping[str, Mapping[str, Format]] = {
    "anthropic": {"messages": ANTHROPIC},
    "deepseek": {"prompt": DEEPSEEK, "messages": OPENAI_CHAT},
    "meta": {"prompt": BEDROCK_COMPLETION},
    "mistral": {"prompt": MISTRAL_TEXT, "messages": MISTRAL_CHAT},
    "openai": {"messages": OPENAI_CHAT},
} | {
    named: {}
    for named in (
        "ai21", "amazon", "cohere", "google", "luma", "minimax", "moonshot", "moonshotai", "nvidia", "qwen",
        "stability", "twelvelabs", "writer", "zai",
    )
}  # fmt: skip
"""The formats of Bedrock's families, by the member that has the prompt; those without any are refused. Every other
name is free, such as `any`."""
