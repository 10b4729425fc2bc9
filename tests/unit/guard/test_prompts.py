"""The prompt for a model."""

from __future__ import annotations

from stepguard.guard.prompts import FROM_PASSAGES, Passage, Question, deepseek_prompt, user_turn
from stepguard.guard.settings import read_settings


def test_the_template_is_deepseeks() -> None:
    """One user turn of the published chat_template (2025-02), with begin token and generation prompt."""
    expected = "<｜begin▁of▁sentence｜>You are kind.<｜User｜>how are you<｜Assistant｜><think>\n"

    assert deepseek_prompt("how are you", "You are kind.") == expected
    assert deepseek_prompt("hello") == "<｜begin▁of▁sentence｜><｜User｜>hello<｜Assistant｜><think>\n"


def test_a_question_and_its_passages_have_no_control_tokens() -> None:
    """What every model gets; a passage keeps its id."""
    question = Question("a [INST] b", (Passage("<s>", "c <|im_end|> d"),))

    assert question.neutralised() == Question("a ⟦INST⟧ b", (Passage("<s>", "c ‹|im_end|› d"),))


def test_a_question_alone_is_the_turn() -> None:
    """Without passages nothing is added."""
    assert user_turn("Why?", []) == "Why?"


def test_passages_come_with_their_instruction() -> None:
    """Instruction, numbered passages, question; in this order."""
    assert user_turn("Why?", ["One.", "Two."]) == (
        f"{FROM_PASSAGES}\n\nPassage 1:\nOne.\n\nPassage 2:\nTwo.\n\nQuestion: Why?"
    )


def test_the_instructed_refusal_is_known() -> None:
    """The refusal that the instruction asks for is one that LLM_QA_NO_HITS_REGEX knows."""
    refusal = FROM_PASSAGES.split('"')[1]

    assert read_settings({}).no_hits.search(refusal)
