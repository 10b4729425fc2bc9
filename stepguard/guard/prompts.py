"""The prompt for a model, and the part of its reply that is an answer.

The template is DeepSeek-R1-Distill's (`chat_template` of its tokenizer_config.json, 2025-02 and later): the
caller of an imported model must apply it itself, Bedrock applies none to a `prompt`
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

BEGIN = "<｜begin▁of▁sentence｜>"
END = "<｜end▁of▁sentence｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
THINK = "<think>"
END_THINK = "</think>"


@dataclass(frozen=True, slots=True)
class Passage:
    """A grounding source: a text the answer must rest on."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """The prompt: the question (possibly masked) and the passages to answer from."""

    text: str
    passages: tuple[Passage, ...] = ()


FROM_PASSAGES = (
    'Answer the question from the passages only. If they do not hold the answer, say exactly "Sorry, I don\'t know."'
)
"""The instruction that goes with passages; LLM_QA_NO_HITS_REGEX matches its refusal."""


def neutralise(text: str) -> str:
    """Text of a user or a document, with the model's control tokens made harmless and everything else untouched.

    In a raw prompt `<｜User｜>` would start a new turn and `</think>` would end a thought. The distillations also keep
    the tokens of their base models, such as Llama's `<|eot_id|>` and Qwen's `<|im_start|>`.
    """
    plain = text.replace("<｜", "<|").replace("｜>", "|>")
    plain = _BAR_TOKEN.sub("<\u200b|", plain)
    return _THINK_TAG.sub(lambda tag: f"<{tag.group(1)}\u200b{tag.group(2)}>", plain)


_BAR_TOKEN = re.compile(r"<\|(?=[^<>|\s]{1,64}\|>)")
_THINK_TAG = re.compile(r"<(\s*/?\s*)(think\s*)>", re.IGNORECASE)


def deepseek_prompt(user: str, system: str = "") -> str:
    """The raw prompt of DeepSeek-R1-Distill for one user turn; it ends inside the thought.

    `user` and `system` must be neutralised already where they hold foreign text.
    """
    return f"{BEGIN}{system}{USER}{user}{ASSISTANT}{THINK}\n"


def user_turn(question: str, passages: Sequence[str]) -> str:
    """The user's turn for models that take plain text: instruction, passages, question."""
    if not passages:
        return question
    listing = "\n\n".join(f"Passage {number}:\n{text}" for number, text in enumerate(passages, 1))
    return f"{FROM_PASSAGES}\n\n{listing}\n\nQuestion: {question}"


def answer_of(generation: str, *, thought_opened: bool, cut_short: bool) -> str:
    """The part of a generation that is an answer: never the reasoning.

    `thought_opened`: the prompt ended with `<think>`, so the generation starts inside the thought. `cut_short`: the
    generation ended at its token limit. A thought that was never closed is not an answer, so the function returns "".
    """
    closes = list(_CLOSE.finditer(generation))
    if not closes and thought_opened and cut_short:
        return ""
    text = generation[closes[-1].end() :] if closes else generation
    opened = _OPEN.search(text)
    return (text[: opened.start()] if opened else text).strip()


_OPEN = re.compile(r"<think>", re.IGNORECASE)
_CLOSE = re.compile(r"</think>", re.IGNORECASE)
