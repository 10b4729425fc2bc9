"""Raw prompts with chat-template tokens, read back into the conversation they were made from.

Imported models get a prompt that the caller has already put through the model's chat template. The local model has a
different template, so the conversation has to be recovered; passed raw, the caller's control tokens would be plain text
to it. The templates are those in the tokenizer_config.json of DeepSeek-R1-Distill and of Llama 3, and Mistral's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from embedded_aws.bedrock.models.base import Message, Role

THINK, END_THINK = "<think>", "</think>"
_DEEPSEEK = re.compile(r"<｜(begin▁of▁sentence|end▁of▁sentence|User|Assistant)｜>")
_LLAMA = re.compile(
    r"<\|(?:begin_of_text|eot_id|end_of_text)\|>|<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>\s*"
)

_MISTRAL = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=</s>|\[INST\]|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a raw prompt; `in_thought` says that it ended inside an opened `<think>`."""

    messages: tuple[Message, ...]
    in_thought: bool


def conversation(prompt: str) -> Conversation:
    """The turns of a prompt in DeepSeek's, Llama 3's or Mistral's template; any other prompt is one user message."""
    opened = prompt.rstrip().endswith(THINK)
    if opened:
        prompt = prompt.rstrip().removesuffix(THINK)
    turns = _turns(prompt, _DEEPSEEK) or _turns(prompt, _LLAMA) or _mistral(prompt)
    turns = turns or [Message("user", prompt.strip())]
    return Conversation(tuple(turns), opened)


def _turns(prompt: str, tokens: re.Pattern[str]) -> list[Message]:
    """The text after each role token as a turn; text before the first one is the system prompt."""
    turns: list[Message] = []
    # A text without a role token is no template, even if some other token occurs in it.
    if not any(_role(token.group(1)) for token in tokens.finditer(prompt)):
        return turns
    role: Role = "system"
    position = 0
    ends = [*((token.start(), token.end(), _role(token.group(1))) for token in tokens.finditer(prompt))]
    for start, end, next_role in [*ends, (len(prompt), len(prompt), None)]:
        if text := prompt[position:start].strip():
            turns.append(Message(role, text))
        role, position = next_role or role, end
    return turns


def _mistral(prompt: str) -> list[Message]:
    turns: list[Message] = []
    if not prompt.lstrip().removeprefix("<s>").lstrip().startswith("[INST]"):
        return turns
    for question, answer in _MISTRAL.findall(prompt):
        turns.append(Message("user", question.strip()))
        if answer.strip():
            turns.append(Message("assistant", answer.strip()))
    return turns


def _role(name: str | None) -> Role | None:
    roles: dict[str, Role] = {"User": "user", "Assistant": "assistant"}
    if name in ("system", "user", "assistant"):
        return name  # type: ignore[return-value]  # mypy does not narrow a str by membership
    return roles.get(name or "")


def split_thought(text: str) -> tuple[str, str]:
    """A reasoning model's text as (reasoning, answer): both tags, only the closing one, or none."""
    reasoning, end, answer = text.rpartition(END_THINK)
    if not end:
        return "", text
    return reasoning.removeprefix(THINK).strip(), answer.strip()
