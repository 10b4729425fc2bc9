"""Replacing sensitive spans by their placeholders, with exact offsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from embedded_aws.bedrock.policies.base import Mask


@dataclass(slots=True)
class _Cluster:
    """Spans that overlap; the longest of them names the placeholder, the first one on a tie."""

    start: int
    end: int
    placeholder: str
    longest: int


def mask(text: str, masks: Iterable[Mask]) -> str:
    """`text` with every masked character replaced and every other one kept.

    Overlapping spans become one placeholder, so that no part of either shows; touching ones keep their own.
    """
    clusters: list[_Cluster] = []
    for found in sorted(masks, key=lambda found: (found.start, found.start - found.end)):
        length = found.end - found.start
        if clusters and found.start < clusters[-1].end:
            last = clusters[-1]
            last.end = max(last.end, found.end)
            if length > last.longest:
                last.placeholder, last.longest = found.placeholder, length
        else:
            clusters.append(_Cluster(found.start, found.end, found.placeholder, length))
    pieces = []
    position = 0
    for cluster in clusters:
        pieces += [text[position : cluster.start], cluster.placeholder]
        position = cluster.end
    return "".join([*pieces, text[position:]])
