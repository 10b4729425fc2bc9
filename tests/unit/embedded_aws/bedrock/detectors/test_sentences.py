"""How texts are cut into sentences, the windows that the detectors read."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_aws.bedrock.detectors.text.sentences import WINDOW_CHARACTERS, sentences


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=2000))
def test_sentences_cover_every_word_within_their_limit(text: str) -> None:
    """Nothing but white space and a closing mark at a sentence's end is lost, and no window is longer than 300
    characters.
    """
    parts = sentences(text)
    assert all(part.strip() and len(part) <= WINDOW_CHARACTERS for part in parts)
    closing = str.maketrans("", "", "\"')]")
    assert "".join("".join(parts).split()).translate(closing) == "".join(text.split()).translate(closing)


def test_sentences_end_at_full_stops_and_line_breaks() -> None:
    """Sentences split at punctuation and new lines; a very short one joins its neighbour."""
    assert sentences("I took the medicine. It helped me a lot!\nThank you for all. Bye.") == [
        "I took the medicine.", "It helped me a lot!", "Thank you for all. Bye.",
    ]  # fmt: skip


@pytest.mark.parametrize("gap", [" ", "\t", "\n", " \t"])
def test_white_space_without_end_is_cut_in_linear_time(gap: str) -> None:
    """A grounding source may have 100,000 characters; all of them blanks take milliseconds."""
    started = time.process_time()
    found = sentences(f"The first of two.{gap * (100_000 // len(gap))}And the second one{gap * 50_000}here.")
    assert time.process_time() - started < 0.5
    assert found[0] == "The first of two."
    assert found[-1].endswith("here.")
