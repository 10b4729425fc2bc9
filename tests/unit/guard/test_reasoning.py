"""What of a model's text is an answer: never the reasoning, whatever its tags."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.texts.reasoning import answer_of

PIECES = ["<think>", "</think>", "<THINK >", "</Think >", '<think mode="x">', "< think>", "<thinking>", "</thinking>",
          "[THINK]", "[/THINK]", "<think", "think", *"<>/ ab\n"]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
CODE = st.lists(st.sampled_from([*PIECES, "`", '"', "\n```\n"]), max_size=14).map("".join)

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
    "blanks": ("<think >hm</think >Yes.", "Yes."),
    "blanks before the name": ("< think>hm< / think>Yes.", "Yes."),
    "attributes": ('<think foo="x" bar>hm</think>Yes.', "Yes."),
    "attributes behind blanks": ('< think foo="x">hm</ think>Yes.', "Yes."),
    "line end in a tag": ("<think\n>hm</think\n>Yes.", "Yes."),
    "Nova's and Claude's tag": ("<thinking>hm</thinking>Yes.", "Yes."),
    "gpt-oss on Bedrock": ("<reasoning>hm</reasoning>Yes.", "Yes."),
    "a scratch pad": ("<scratch_pad>hm</scratch_pad>Yes.", "Yes."),
    "a monologue": ("<inner_monologue>hm</inner_monologue>Yes.", "Yes."),
    "a chain of thought": ("<chain_of_thought>hm</chain_of_thought>Yes.", "Yes."),
    "a name with a part": ("<reasoning_content>hm</reasoning_content>Yes.", "Yes."),
    "an agent's tag": ("<antThinking>hm</antThinking>Yes.", "Yes."),
    "Magistral's tag in lower case": ("[think]hm[/think]Yes.", "Yes."),
    "Seed's tag": ("<seed:think>hm</seed:think>Yes.", "Yes."),
    "Magistral's tag": ("[THINK]hm[/THINK]Yes.", "Yes."),
    "Cohere's tag": ("<|START_THINKING|>hm<|END_THINKING|>Yes.", "Yes."),
    "Kimi's tag": ("◁think▷hm◁/think▷Yes.", "Yes."),
    "channels": ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "Yes."),
    "Gemma's channel": ("<|channel>thought\nhm<channel|>Yes.", "Yes."),
    "nested": ("<think>a<think>b</think>c</think>Yes.", "Yes."),
    "nested, unterminated": ("<think>a<think>b</think>c", ""),
    "two names, unterminated": ("<think>a<reasoning>b</reasoning>c", ""),
    "a repeated tag": ("<think>\n<think>\nhm</think>Yes.", "Yes."),
    "unterminated with blanks": ("< think >hm", ""),
    "the tag itself cut short": ('Yes.<think mode="lo', "Yes."),
    "only the tag's start": ("<think", ""),
}


@pytest.mark.parametrize(("generation", "answer"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("cut_short", [False, True], ids=["ended", "cut short"])
@pytest.mark.parametrize("thought_opened", [False, True], ids=["tags in the text", "prompt opened the thought"])
def test_only_the_answer_is_kept(generation: str, answer: str, cut_short: bool, thought_opened: bool) -> None:
    """Reasoning is dropped whatever its tags are, whether or not the prompt opened it."""
    closed = any(mark in generation.lower() for mark in ("/", "end_", "final", "<channel|>"))
    unfinished = thought_opened and cut_short and not closed

    assert answer_of(generation, thought_opened=thought_opened, cut_short=cut_short) == ("" if unfinished else answer)


def test_a_thought_that_was_cut_short_is_no_answer() -> None:
    """The prompt opened the thought, the token limit ended it: only reasoning came."""
    assert answer_of("First, the person", thought_opened=True, cut_short=True) == ""


def test_an_answer_without_a_thought_is_an_answer() -> None:
    """A model may not think at all; and a cut answer outside of any thought is still the answer."""
    assert answer_of("Yes.", thought_opened=True, cut_short=False) == "Yes."
    assert answer_of("Yes, beca", thought_opened=False, cut_short=True) == "Yes, beca"


ABOUT_TAGS = {
    "inline code": "Models write `<think>` before and `</think>` after their reasoning.",
    "quotes": 'The tags are "<think>" and “</think>”.',
    "one span": "Write `<think>…</think>` around it.",
    "a call": 'Call `re.sub(r"<think>.*?</think>", "", text)` first.',
    "a fenced block": "Use this:\n```xml\n<think>\nreasoning\n</think>\n```\nThen parse it.",
    "a word": "I think <b>so</b>; thinking takes time, 3 < think.",
    "a comparison": "a < think time and think time > b",
    "a remark in brackets": "He wrote: I [think] the dose was halved. [Thinking] of it, ask him.",
    "a generic type": "Use `List<Thought>` here:\n```java\nMap<String, List<Thought>> all;\n```",
    "other quotes": "„<think>“ ist ein Tag, ‚</think>‘ auch, 「<think>」 ebenso.",
}


@pytest.mark.parametrize("answer", ABOUT_TAGS.values(), ids=ABOUT_TAGS)
def test_an_answer_about_tags_stays_whole(answer: str) -> None:
    """Tags in code and quotes are text, also behind a real thought."""
    assert answer_of(answer, thought_opened=False, cut_short=False) == answer
    assert answer_of(f"<think>hm</think>\n{answer}", thought_opened=False, cut_short=False) == answer
    assert answer_of(f"hm</think>\n{answer}", thought_opened=True, cut_short=False) == answer


def test_code_behind_a_thought_may_have_half_a_pair() -> None:
    """Once a thought was closed, a block of code is code."""
    answer = 'Use:\n```python\ntext = text.rpartition("x</think>")[2]\n```\nDone.'
    assert answer_of(f"<think>hm</think>\n{answer}", thought_opened=False, cut_short=False) == answer


@pytest.mark.parametrize(
    "thought",
    ["hm `a", "hm\n```\ncode", "They want `</think>` here", 'They said "<think>" here'],
)
def test_code_in_a_thought_shows_none_of_it(thought: str) -> None:
    """Code that a thought begins and does not end hides no closing tag, and a tag it mentions ends nothing for good."""
    answer = "Use `x`.\n```\ncode\n```"

    assert answer_of(f"<think>{thought}</think>{answer}", thought_opened=False, cut_short=False) == answer
    assert answer_of(f"{thought}</think>{answer}", thought_opened=True, cut_short=False) == answer


@given(HOSTILE, st.booleans(), st.booleans())
def test_no_think_tag_is_ever_in_an_answer(generation: str, thought_opened: bool, cut_short: bool) -> None:
    """Whatever a model generates, no tag and nothing in front of a closing tag is shown."""
    answer = answer_of(generation, thought_opened=thought_opened, cut_short=cut_short).lower()

    assert not [tag for tag in PIECES[:10] if tag.lower() in answer]
    assert answer in generation.lower().rpartition("</think>")[2]


@given(CODE, st.booleans())
def test_tags_in_code_raise_nothing(generation: str, thought_opened: bool) -> None:
    """Any mixture of tags, quotes and fences is read, and the answer is a part of the generation."""
    assert answer_of(generation, thought_opened=thought_opened, cut_short=False) in generation


@pytest.mark.parametrize(
    "piece", ["<think ", "<think>", "</think>", "`<think>`", "```\n", "~~~~\n```\n", "<think a=", "`", "<", "[think]"]
)
def test_long_texts_take_linear_time(piece: str) -> None:
    """32,000 characters, as many as an answer may have, take well under a second."""
    started = time.process_time()
    answer_of(piece * (32_000 // len(piece)), thought_opened=False, cut_short=False)

    assert time.process_time() - started < 1
