"""Run by the clients' own Python: calls of langchain-aws named on stdin, what came back on stdout. Not a test."""

from __future__ import annotations

import json
import sys
from typing import Any

from botocore.exceptions import ClientError
from langchain_aws import AmazonKnowledgeBasesRetriever, BedrockLLM, ChatBedrock, ChatBedrockConverse
from langchain_core.callbacks import BaseCallbackHandler  # type: ignore[import-not-found]  # in the clients' environment

MODELS = {"converse": ChatBedrockConverse, "chat": ChatBedrock, "llm": BedrockLLM}


class Recorder(BaseCallbackHandler):  # type: ignore[misc]  # mypy does not see the base class
    """Keeps what langchain-aws passes to a callback about guardrails."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []

    def on_llm_error(self, error: BaseException, **about: Any) -> None:
        """langchain-aws reports an intervention as an error, with its reason and trace."""
        self.errors.append({"error": str(error), "reason": about.get("reason"), "trace": about.get("trace")})


def call(model: str, options: dict[str, Any], messages: Any) -> dict[str, Any]:
    """One invoke; a service's refusal is its code and message."""
    if model == "retriever":
        documents = AmazonKnowledgeBasesRetriever(**options).invoke(messages)
        return {"documents": [{"text": one.page_content, "metadata": one.metadata} for one in documents]}
    if options.get("disable_streaming") is False:
        pieces = list(MODELS[model](**options).stream(messages))
        stops = [one.response_metadata.get("stopReason") for one in pieces]
        return {"pieces": [one.text for one in pieces if one.text], "stops": [stop for stop in stops if stop]}
    recorder = Recorder()
    try:
        answer = MODELS[model](callbacks=[recorder], **options).invoke(messages)
    except ClientError as error:
        return {"refused": error.response["Error"], "errors": recorder.errors}
    if isinstance(answer, str):
        return {"text": answer, "errors": recorder.errors}
    return {
        "text": answer.content,
        "metadata": answer.response_metadata,
        "usage": answer.usage_metadata,
        "errors": recorder.errors,
    }


if __name__ == "__main__":
    json.dump([call(**each) for each in json.load(sys.stdin)], sys.stdout)
