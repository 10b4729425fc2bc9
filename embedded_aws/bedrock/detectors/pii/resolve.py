"""Which of several overlapping candidates stand: the surest, then the longest; the others give way."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from embedded_aws.bedrock.detectors.text.lexicon import listed
from embedded_aws.bedrock.detectors.text.spans import Span

# Readings of the same characters that exclude one another even if only one of them was requested: a card number is not
# a telephone number. A type outside its family (an e-mail address inside a URL) is still found.
_FAMILIES: tuple[frozenset[str], ...] = (
    listed(
        "CREDIT_DEBIT_CARD_NUMBER CREDIT_DEBIT_CARD_CVV CREDIT_DEBIT_CARD_EXPIRY US_SOCIAL_SECURITY_NUMBER "
        "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER US_BANK_ROUTING_NUMBER US_BANK_ACCOUNT_NUMBER US_PASSPORT_NUMBER "
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER SWIFT_CODE CA_SOCIAL_INSURANCE_NUMBER CA_HEALTH_NUMBER "
        "UK_NATIONAL_HEALTH_SERVICE_NUMBER UK_NATIONAL_INSURANCE_NUMBER UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER "
        "VEHICLE_IDENTIFICATION_NUMBER DRIVER_ID LICENSE_PLATE PHONE PIN AGE IP_ADDRESS MAC_ADDRESS"
    ),
    frozenset({"NAME", "ADDRESS", "URL", "EMAIL", "USERNAME"}),
    frozenset({"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "URL"}),
    frozenset({"IP_ADDRESS", "URL", "MAC_ADDRESS"}),
)
_EXCEPTIONS = frozenset({("URL", "EMAIL"), ("URL", "USERNAME"), ("URL", "IP_ADDRESS"), ("USERNAME", "EMAIL")})
_TRIMMED = frozenset({"NAME", "ADDRESS"})  # long spans whose rest is still sensitive when a surer span cuts into them


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _excludes(winner: Span, loser: Span) -> bool:
    """Whether `winner`, even if not requested, proves that `loser` is a misreading."""
    if (winner.label, loser.label) in _EXCEPTIONS:
        return False
    return any(winner.label in family and loser.label in family for family in _FAMILIES)


def resolve(text: str, candidates: Iterable[Span], types: Collection[str]) -> list[Span]:
    """The standing spans of the requested `types`: sorted, without overlaps, the same for the same candidates."""
    order = sorted(
        {span for span in candidates if span.start < span.end},
        key=lambda span: (-span.score, span.start - span.end, span.start, span.label),
    )
    accepted = _Intervals()
    ignored = _Intervals()  # of types not requested
    for span in order:
        if span.label not in types:
            if not accepted.overlapping(span):
                ignored.add(span)
            continue
        blockers = accepted.overlapping(span)
        blockers += [other for other in ignored.overlapping(span) if _excludes(other, span)]
        if not blockers:
            accepted.add(span)
        elif span.label in _TRIMMED:
            for rest in _rests(text, span, blockers):
                accepted.add(rest)
    return sorted(accepted.spans, key=lambda span: span.start)


def _rests(text: str, span: Span, blockers: list[Span]) -> list[Span]:
    """The trimmed rest of `span` outside `blockers`: three letters or more; of an address eight, or a digit."""
    pieces: list[Span] = []
    start = span.start
    for blocker in [*sorted(blockers, key=lambda other: other.start), Span(span.end, span.end, "")]:
        first, last = start, max(start, min(blocker.start, span.end))
        while first < last and not text[first].isalnum():
            first += 1
        while last > first and not text[last - 1].isalnum():
            last -= 1
        piece = text[first:last]
        least = 8 if span.label == "ADDRESS" and not any(map(str.isdigit, piece)) else 3
        if sum(map(str.isalnum, piece)) >= least:
            pieces.append(Span(first, last, span.label, span.score))
        start = max(start, blocker.end)
    return pieces


def outside(spans: list[Span], wider: list[Span]) -> list[Span]:
    """The spans that are not part of a wider one of the same type."""
    if not wider:
        return spans
    intervals = _Intervals()
    for span in wider:
        intervals.add(span)
    return [span for span in spans if not any(_is_wider(other, span) for other in intervals.overlapping(span))]


def _is_wider(other: Span, span: Span) -> bool:
    """Whether `other` contains `span` and more, as the same type."""
    contains = other.start <= span.start and span.end <= other.end
    return contains and other.label == span.label and (other.start, other.end) != (span.start, span.end)


_BUCKET = 64


class _Intervals:
    """Spans, found again by position: buckets of 64 characters keep the search linear."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._buckets: dict[int, list[Span]] = {}

    def add(self, span: Span) -> None:
        """Remember a span."""
        self.spans.append(span)
        for bucket in range(span.start // _BUCKET, (span.end - 1) // _BUCKET + 1):
            self._buckets.setdefault(bucket, []).append(span)

    def overlapping(self, span: Span) -> list[Span]:
        """The remembered spans that overlap `span`, each once."""
        found: list[Span] = []
        for bucket in range(span.start // _BUCKET, (span.end - 1) // _BUCKET + 1):
            found += [other for other in self._buckets.get(bucket, ()) if _overlap(span, other) and other not in found]
        return found
