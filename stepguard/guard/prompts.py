"""The prompt for a model.

The template is DeepSeek-R1-Distill's (`chat_template` of its tokenizer_config.json, 2025-02 and later): the
caller of an imported model must apply it itself, Bedrock applies none to a `prompt`
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepguard.guard.control_tokens import neutralise

BEGIN = "<｜begin▁of▁sentence｜>"
END = "<｜end▁of▁sentence｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
THINK = "<think>"


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

    def neutralised(self) -> Question:
        """The same question without control tokens of chat templates, as every model must get it."""
        passages = (Passage(passage.id, neutralise(passage.text)) for passage in self.passages)
        return Question(neutralise(self.text), tuple(passages))


FROM_PASSAGES = (
    'Answer the question from the passages only. If they do not hold the answer, say exactly "Sorry, I don\'t know."'
)
"""The instruction that goes with passages; LLM_QA_NO_HITS_REGEX matches its refusal."""


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
