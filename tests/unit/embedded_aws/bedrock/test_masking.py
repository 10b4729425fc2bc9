"""Masking: offsets are exact, whatever overlaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.judge.masking import mask
from embedded_aws.bedrock.policies.base import Mask

# Masked characters are drawn from one alphabet, all others from another: what survives shows where it came from.
_TEXT = st.text(alphabet=st.sampled_from("abc é😀\n\u202e"), max_size=40)


@st.composite
def _texts_with_masks(draw: st.DrawFn) -> tuple[str, list[Mask]]:
    text = draw(_TEXT)
    masks = []
    for number in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, max(0, len(text) - 1)))
        end = draw(st.integers(start + 1, len(text))) if start < len(text) else start
        if start < end:
            masks.append(Mask(0, start, end, f"{{P{number}}}"))
    return text, masks


@given(_texts_with_masks())
def test_exactly_the_masked_characters_are_replaced(case: tuple[str, list[Mask]]) -> None:
    """Every character outside the spans stays, in order; every character inside is gone."""
    text, masks = case
    covered = {position for found in masks for position in range(found.start, found.end)}
    kept = "".join(character for position, character in enumerate(text) if position not in covered)
    result = mask(text, masks)
    for number in range(6):
        result = result.replace(f"{{P{number}}}", "")
    assert result == kept


@given(_texts_with_masks())
def test_order_of_the_findings_does_not_matter(case: tuple[str, list[Mask]]) -> None:
    """The result has as many placeholders as there are stretches of overlapping spans."""
    text, masks = case
    stretches: list[tuple[int, int]] = []
    for found in sorted(masks, key=lambda found: found.start):
        if stretches and found.start < stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], found.end))
        else:
            stretches.append((found.start, found.end))
    assert mask(text, masks).count("{P") == mask(text, masks[::-1]).count("{P") == len(stretches)


def test_longest_of_overlapping_spans_names_the_placeholder() -> None:
    """An e-mail address with a name inside is an e-mail address."""
    masks = [Mask(0, 3, 8, "{NAME}"), Mask(0, 3, 20, "{EMAIL}")]
    assert mask("To alice@example.com!", masks) == "To {EMAIL}!"


def test_touching_spans_keep_their_own_placeholders() -> None:
    """Spans that only touch are two findings."""
    assert mask("ab", [Mask(0, 0, 1, "{A}"), Mask(0, 1, 2, "{B}")]) == "{A}{B}"
