"""What a model is asked, and what of its reply is an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.prompts import (
    ASSISTANT,
    BEGIN,
    END,
    END_THINK,
    FROM_PASSAGES,
    THINK,
    USER,
    answer_of,
    deepseek_prompt,
    neutralise,
    user_turn,
)
from stepguard.guard.settings import read_settings

TOKENS = [
    BEGIN,
    END,
    USER,
    ASSISTANT,
    THINK,
    END_THINK,
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁outputs▁begin｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
    "<｜tool▁outputs▁end｜>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "</THINK>",
    "<Think>",
]
HOSTILE = st.lists(st.sampled_from([*TOKENS, *"<>｜|/ \nab", "think", "User", "eot_id"]), max_size=12).map("".join)


def test_the_template_is_deepseeks() -> None:
    """One user turn of the published chat_template (2025-02), with begin token and generation prompt."""
    expected = "<｜begin▁of▁sentence｜>You are kind.<｜User｜>how are you<｜Assistant｜><think>\n"

    assert deepseek_prompt("how are you", "You are kind.") == expected
    assert deepseek_prompt("hello") == "<｜begin▁of▁sentence｜><｜User｜>hello<｜Assistant｜><think>\n"


@given(HOSTILE)
def test_no_control_token_survives(text: str) -> None:
    """However tokens are nested or broken up, none is left; only the prompt's own stand in it."""
    plain = neutralise(text)

    assert not [token for token in TOKENS if token.lower() in plain.lower()]
    assert "<｜" not in plain
    assert "｜>" not in plain
    prompt = deepseek_prompt(plain)
    assert (prompt.count(BEGIN), prompt.count(USER), prompt.count(ASSISTANT), prompt.count(THINK)) == (1, 1, 1, 1)
    assert END_THINK not in prompt


@pytest.mark.parametrize("token", TOKENS)
def test_a_neutralised_token_can_still_be_read(token: str) -> None:
    """The model and a person still see what was written, as text."""
    letters = [char for char in token if char.isalpha()]

    assert [char for char in neutralise(token) if char.isalpha()] == letters


@given(st.text().filter(lambda text: "<" not in text and "｜" not in text))
def test_text_without_tokens_is_untouched(text: str) -> None:
    """Everything else stays as it is."""
    assert neutralise(text) == text


@pytest.mark.parametrize(
    "text",
    ["if a<b and c>d", "a <| f |> b", "x |> f <| y", "<b>bold</b>", "think </b>", "1 < 2 | 3 > 2", "I think >so"],
)
def test_ordinary_angle_brackets_are_untouched(text: str) -> None:
    """Comparisons, pipes and markup are no control tokens."""
    assert neutralise(text) == text


@pytest.mark.parametrize("tag", ["< think >", "</ think>", "<\nthink>", "< / THINK >"])
def test_think_tags_with_white_space_are_neutralised(tag: str) -> None:
    """A sloppy tag must not end a thought in a lenient parser either."""
    assert neutralise(f"a{tag}b") != f"a{tag}b"


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


CASES = {
    "both tags": ("<think>hm</think>Yes.", "Yes."),
    "close only": ("hm</think>\n\nYes.\n", "Yes."),
    "several thoughts": ("<think>a</think>No.<think>b</think>Yes.", "Yes."),
    "several closes": ("a</think>b</think>Yes.", "Yes."),
    "thought behind the answer": ("<think>a</think>Yes.<think>b", "Yes."),
    "upper case": ("<THINK>hm</Think>Yes.", "Yes."),
    "nothing behind the thought": ("hm</think>  \n", ""),
    "open only": ("<think>hm", ""),
    "open only behind text": ("Yes.<think>hm", "Yes."),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("generation", "answer"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("cut_short", [False, True], ids=["ended", "cut short"])
@pytest.mark.parametrize("thought_opened", [False, True], ids=["tags in the text", "prompt opened the thought"])
def test_only_the_answer_is_kept(generation: str, answer: str, cut_short: bool, thought_opened: bool) -> None:
    """Reasoning is dropped wherever its tags stand, whether or not the prompt opened it."""
    unfinished = thought_opened and cut_short and "</think>" not in generation.lower()

    assert answer_of(generation, thought_opened=thought_opened, cut_short=cut_short) == ("" if unfinished else answer)


def test_a_thought_that_was_cut_short_is_no_answer() -> None:
    """The prompt opened the thought, the token limit ended it: only reasoning came."""
    assert answer_of("First, the person", thought_opened=True, cut_short=True) == ""


def test_an_answer_without_a_thought_is_an_answer() -> None:
    """A model may not think at all; and a cut answer outside of any thought is still the answer."""
    assert answer_of("Yes.", thought_opened=True, cut_short=False) == "Yes."
    assert answer_of("Yes, beca", thought_opened=False, cut_short=True) == "Yes, beca"


@given(HOSTILE, st.booleans(), st.booleans())
def test_no_think_tag_is_ever_in_an_answer(generation: str, thought_opened: bool, cut_short: bool) -> None:
    """Whatever a model generates, no tag and nothing in front of a closing tag is shown."""
    answer = answer_of(generation, thought_opened=thought_opened, cut_short=cut_short).lower()

    assert "<think>" not in answer
    assert "</think>" not in answer
    assert answer in generation.lower().rpartition("</think>")[2]
