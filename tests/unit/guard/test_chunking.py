"""Long texts in pieces: nothing is lost, nothing is shown that a piece masked."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.texts.chunking import OVERLAP_CHARACTERS, REQUEST_CHARACTERS, Chunk, Mask, cut, masks_of, put_back

TEXTS = st.text(st.sampled_from("ab. \n!?。\té{}\U0001f600"), max_size=300)
LIMITS = st.integers(2, 40).flatmap(lambda limit: st.tuples(st.just(limit), st.integers(0, (limit - 1) // 2)))


@given(TEXTS, LIMITS)
def test_chunks_cover_the_text_within_the_limit(text: str, sizes: tuple[int, int]) -> None:
    """Each chunk is a piece of the text, none is too long, each repeats exactly the overlap, and all are there."""
    limit, overlap = sizes
    chunks = cut(text, limit, overlap)

    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(len(chunk.text) <= limit for chunk in chunks)
    assert (chunks[0].start, chunks[-1].end) == (0, len(text))
    assert all(after.start == before.end - overlap for before, after in itertools.pairwise(chunks))
    assert all(after.end > before.end for before, after in itertools.pairwise(chunks))


@given(TEXTS, LIMITS, st.data())
def test_whatever_fits_the_overlap_stands_whole_in_a_chunk(
    text: str, sizes: tuple[int, int], data: st.DataObject
) -> None:
    """No violation up to the length of the overlap is cut in two everywhere."""
    limit, overlap = sizes
    assume(overlap > 0 and len(text) >= overlap)
    start = data.draw(st.integers(0, len(text) - overlap))

    chunks = cut(text, limit, overlap)

    assert any(chunk.start <= start and start + overlap <= chunk.end for chunk in chunks)


def test_a_text_at_the_limit_is_one_chunk() -> None:
    """Exactly the limit is not over it."""
    assert cut("x" * REQUEST_CHARACTERS) == [Chunk(0, "x" * REQUEST_CHARACTERS)]


def test_an_empty_text_is_one_empty_chunk() -> None:
    """There is always something to pair a verdict with."""
    assert cut("") == [Chunk(0, "")]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaa bbb. ccc ddd eee fff", "aaa bbb. "),
        ("aaa bbbb\nccc ddd eee fff", "aaa bbbb\n"),
        ("aaaaaaa bbbbbbbbbbbbbbbbbb", "aaaaaaa "),
        ("aaaaaaa\tbbbbbbbbbbbbbbbbbb", "aaaaaaa\t"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaa"),
        ("aaa. bbb cc ddd eee fff gg", "aaa. bbb "),
        ("aaaaaa\nb\ncccccccccccccc", "aaaaaa\nb\n"),
    ],
    ids=["sentence", "line", "space", "tab", "nothing", "sentence too early", "two lines"],
)
def test_chunks_end_at_the_best_place(text: str, first: str) -> None:
    """At a sentence end within the overlap, else at white space, else at the limit."""
    assert cut(text, 10, 4)[0].text == first


@pytest.mark.parametrize(("limit", "overlap"), [(10, 5), (10, 6), (0, 0), (10, -1)])
def test_an_overlap_that_makes_no_progress_is_refused(limit: int, overlap: int) -> None:
    """A chunk must begin after the one before it."""
    with pytest.raises(ValueError, match="overlap"):
        cut("x" * 100, limit, overlap)


VALUES = st.text(st.sampled_from("ab@. {}"), min_size=1, max_size=8)
LITERALS = st.lists(st.sampled_from([*"ab@. \n{}", "{NAME}"]), max_size=8).map("".join)
PLACEHOLDERS = ["{EMAIL}", "{NAME}", "{Ticket (old).*}"]


@given(st.lists(st.tuples(LITERALS, VALUES, st.sampled_from(PLACEHOLDERS)), max_size=6), LITERALS)
def test_the_masks_of_a_text_give_the_masked_text(parts: list[tuple[str, str, str]], tail: str) -> None:
    """Whatever was masked: the masks found in the original reproduce the masked text to the letter."""
    original = "".join(literal + value for literal, value, _ in parts) + tail
    shown = "".join(literal + placeholder for literal, _, placeholder in parts) + tail

    masks = masks_of(original, shown, PLACEHOLDERS)

    rebuilt, position = "", 0
    for mask in masks:
        assert position <= mask.start < mask.end
        rebuilt += original[position : mask.start] + mask.placeholder
        position = mask.end
    assert rebuilt + original[position:] == shown


WORDS = st.lists(st.sampled_from(["alpha", "beta. ", "\n", "  ", "SECRET", "MRN42", "é", "word "]), max_size=60)


@given(WORDS, st.integers(16, 40))
def test_masked_spans_are_replaced_and_nothing_else(words: list[str], limit: int) -> None:
    """Cut, mask every chunk, put back: as if the whole text had been masked at once; white space and order stay."""
    text = "".join(words)
    hidden = {"SECRET": "{NAME}", "MRN42": "{Ticket}"}

    def mask(part: str) -> str:
        return re.sub("|".join(hidden), lambda found: hidden[found[0]], part)

    chunks = cut(text, limit, 7)
    whole = put_back(text, [(chunk, mask(chunk.text)) for chunk in chunks], list(hidden.values()))

    assert whole == mask(text)


def test_an_overlap_masked_in_one_chunk_only_is_masked() -> None:
    """A value that the cut truncates is seen by the other chunk; what either masks is masked."""
    text = "abc SECRET def"
    chunks = [(Chunk(0, "abc SECR"), "abc SECR"), (Chunk(4, "SECRET def"), "{NAME} def")]

    assert put_back(text, chunks, ["{NAME}"]) == "abc {NAME} def"


def test_an_overlap_masked_differently_hides_both() -> None:
    """Where two masks overlap, no character that either hides is shown."""
    text = "abc SECRET CODE def"
    chunks = [(Chunk(0, "abc SECRET CO"), "abc {NAME} CO"), (Chunk(7, "RET CODE def"), "{Ticket} def")]

    assert put_back(text, chunks, ["{NAME}", "{Ticket}"]) == "abc {NAME} def"


def test_the_wider_of_two_masks_wins() -> None:
    """Of two masks that begin together the longer one is shown."""
    text = "abc SECRET CODE def"
    chunks = [(Chunk(0, "abc SECRET CO"), "abc {NAME} CO"), (Chunk(4, "SECRET CODE def"), "{Ticket} def")]

    assert put_back(text, chunks, ["{NAME}", "{Ticket}"]) == "abc {Ticket} def"


def test_one_chunk_is_taken_as_it_is() -> None:
    """With one chunk Bedrock's text needs no putting back, whatever it looks like."""
    assert put_back("abc", [(Chunk(0, "abc"), "anything")], []) == "anything"


@pytest.mark.parametrize(
    ("original", "masked", "placeholders"),
    [
        ("abc def", "abc xyz", []),
        ("abc def", "abc xyz", ["{NAME}"]),
        ("abc def", "xyz {NAME}", ["{NAME}"]),
        ("abc def", "abc {NAME} xyz", ["{NAME}"]),
        ("abc", "abc{NAME}", ["{NAME}"]),
        ("abc", "{NAME}abc", ["{NAME}"]),
        ("abc def", "{NAME} xyz {NAME}", ["{NAME}"]),
        ("abc def", "abc {EMAIL}", ["{NAME}"]),
        ("abc def", "", ["{NAME}"]),
        ("a", "{NAME}{NAME}", ["{NAME}"]),
    ],
)
def test_an_unexplained_difference_is_an_error(original: str, masked: str, placeholders: list[str]) -> None:
    """A masked text that is not the original with placeholders cannot be placed, so it is never guessed at."""
    with pytest.raises(UnreadableVerdict):
        masks_of(original, masked, placeholders)


def test_no_difference_has_no_masks() -> None:
    """Nothing to explain, with or without placeholders."""
    assert masks_of("abc", "abc", []) == []
    assert masks_of("abc", "abc", ["{NAME}"]) == []


def test_masks_are_placed_in_the_original() -> None:
    """Bedrock returns only the text; the places follow from what stands between the placeholders."""
    assert masks_of("to Ann, from Bob.", "to {NAME}, from {NAME}.", ["{NAME}"]) == [
        Mask(3, 6, "{NAME}"),
        Mask(13, 16, "{NAME}"),
    ]


def test_the_overlap_is_longer_than_a_sentence() -> None:
    """The default overlap leaves room for any name, number, address or sentence worth finding."""
    assert 2 * OVERLAP_CHARACTERS < REQUEST_CHARACTERS
    assert OVERLAP_CHARACTERS >= 500
