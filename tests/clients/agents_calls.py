"""Run by the agents' own Python: streams of Strands, Pydantic AI and Anthropic named on stdin, results on stdout.
Not a test."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

HEADERS = {"X-Amzn-Bedrock-GuardrailIdentifier": "", "X-Amzn-Bedrock-GuardrailVersion": "1"}


def strands(guardrail: str, questions: list[str]) -> dict[str, Any]:
    """One agent that streams and redacts: its pieces, stop reasons and what it remembers.

    Only its newest message is judged: by default its own "[User input redacted.]" is judged again each time.
    """
    from strands import Agent  # type: ignore[import-not-found]
    from strands.models import BedrockModel  # type: ignore[import-not-found]

    pieces: list[str] = []

    def hear(**event: Any) -> None:
        pieces.append(str(event.get("data", "")))

    model = BedrockModel(
        model_id="any.echo", guardrail_id=guardrail, guardrail_version="1", guardrail_trace="enabled", streaming=True,
        guardrail_latest_message=True,
    )  # fmt: skip

    agent = Agent(model=model, callback_handler=hear)
    answers = []
    for question in questions:
        pieces.clear()
        result = agent(question)
        answers.append({"text": "".join(pieces), "stop": result.stop_reason})
    texts = [block.get("text", "") for message in agent.messages for block in message["content"]]
    return {"answers": answers, "remembered": texts}


def pydantic(guardrail: str, questions: list[str]) -> dict[str, Any]:
    """run_stream of an agent."""
    from pydantic_ai import Agent  # type: ignore[import-not-found]
    from pydantic_ai.models.bedrock import BedrockConverseModel, BedrockModelSettings  # type: ignore[import-not-found]

    config: Any = {"guardrailIdentifier": guardrail, "guardrailVersion": "1", "trace": "enabled"}
    settings = BedrockModelSettings(bedrock_guardrail_config=config)
    agent = Agent(BedrockConverseModel("any.echo"), model_settings=settings)

    async def ask(question: str) -> dict[str, Any]:
        async with agent.run_stream(question) as run:
            return {"text": "".join([piece async for piece in run.stream_text(delta=True)])}

    async def all_of_them() -> list[dict[str, Any]]:
        return [await ask(question) for question in questions]

    return {"answers": asyncio.run(all_of_them())}


def litellm(guardrail: str, questions: list[str]) -> dict[str, Any]:
    """completion with stream=True."""
    from litellm import completion  # type: ignore[import-not-found]

    config = {"guardrailIdentifier": guardrail, "guardrailVersion": "1", "trace": "enabled"}
    answers = []
    for question in questions:
        asked: list[dict[str, str]] = [{"role": "user", "content": question}]
        place = os.environ["AWS_ENDPOINT_URL"]
        chunks = list(
            completion("bedrock/converse/any.echo", asked, stream=True, guardrailConfig=config, api_base=place)
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        stops = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason]
        answers.append({"text": text, "stop": stops[-1]})
    return {"answers": answers}


def anthropic(guardrail: str, questions: list[str]) -> dict[str, Any]:
    """messages.stream of the client for Bedrock."""
    from anthropic import AnthropicBedrock  # type: ignore[import-not-found]

    client = AnthropicBedrock(base_url=os.environ["AWS_ENDPOINT_URL"])
    answers = []
    for question in questions:
        with client.messages.stream(
            model="anthropic.claude-3-echo", max_tokens=99, messages=[{"role": "user", "content": question}],
            extra_headers=HEADERS | {"X-Amzn-Bedrock-GuardrailIdentifier": guardrail},
        ) as stream:  # fmt: skip
            text = "".join(stream.text_stream)
            answers.append({"text": text, "stop": stream.get_final_message().stop_reason})
    return {"answers": answers}


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr  # agents print
    answers = {name: globals()[name](wanted["guardrail"], wanted["questions"]) for name in wanted["clients"]}
    json.dump(answers, out)
