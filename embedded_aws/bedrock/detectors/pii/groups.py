"""Numbers in groups that anything but letters and digits separates: tabs, blanks, line ends, dots, dashes, slashes.

The rules of the other modules allow the usual separators. Here a number's groups must have the usual sizes of its kind,
and it needs a valid checksum or a word near it that names its kind, because the cells of a table have the same
separators.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from embedded_aws.bedrock.detectors.pii import checksums, phones
from embedded_aws.bedrock.detectors.pii.contact import NOT_PHONE, PHONE_WORDS, no_phone
from embedded_aws.bedrock.detectors.pii.numbers import (
    ACCOUNT_WORDS,
    CARD_WORDS,
    HEALTH_WORDS,
    ITIN_GROUP,
    ITIN_WORDS,
    NHS_WORDS,
    NINO_PREFIX,
    ROUTING_WORDS,
    SIN_WORDS,
    SSN_WORDS,
    UTR_WORDS,
)
from embedded_aws.bedrock.detectors.pii.rules import near
from embedded_aws.bedrock.detectors.text.spans import Span

_ANY = r"[\W_]{1,6}"
_LEFT, _RIGHT = r"(?<![^\W_])(?<!\d[.,])", r"(?![^\W_])(?![.,]\d)"
# Without a word near the number, these separators count: not comma, bar and semicolon, which separate cells.
_JOINER = re.compile(r"[\s/_.\-·•‧∙\\:~*+]{1,6}")
_USUAL = re.compile(r"[ -]")
_USUAL_IN_PHONES = re.compile(r"[ ./-]")
_YEARS = re.compile(r"(?:(?:19|20)\d\d\D*)+")
# the first digits of Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay
_ISSUED = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3(?:0[0-5]|[47]|5(?:2[89]|[3-8])|[689])|6(?:011|2|4[4-9]|5)"
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A number in groups of these sizes; one of the `words` must be near, except for cards."""

    label: str
    sizes: tuple[int, ...]
    score: float
    check: Callable[[str], bool] | None
    words: re.Pattern[str]

    def pattern(self) -> re.Pattern[str]:
        """The groups with any separators, wherever they begin."""
        groups = _ANY.join(rf"\d{{{size}}}" for size in self.sizes)
        return re.compile(rf"{_LEFT}(?=(?P<number>{groups}){_RIGHT})")


def _itin(text: str) -> bool:
    return bool(re.fullmatch(rf"9\d\d{ITIN_GROUP}\d{{4}}", text))


_CARD = "CREDIT_DEBIT_CARD_NUMBER"
_SHAPES = tuple(
    (shape, shape.pattern())
    for shape in (
        *(
            _Shape(_CARD, sizes, 0.99, checksums.card, CARD_WORDS)
            for sizes in ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 5))
        ),
        _Shape("US_SOCIAL_SECURITY_NUMBER", (3, 2, 4), 0.98, checksums.ssn, SSN_WORDS),
        _Shape("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", (3, 2, 4), 0.98, _itin, ITIN_WORDS),
        _Shape("US_BANK_ROUTING_NUMBER", (4, 4, 1), 0.95, checksums.aba_routing, ROUTING_WORDS),
        _Shape("CA_SOCIAL_INSURANCE_NUMBER", (3, 3, 3), 0.97, checksums.canadian_sin, SIN_WORDS),
        _Shape("CA_HEALTH_NUMBER", (4, 3, 3), 0.9, None, HEALTH_WORDS),
        _Shape("UK_NATIONAL_HEALTH_SERVICE_NUMBER", (3, 3, 4), 0.97, checksums.nhs, NHS_WORDS),
        _Shape("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", (5, 5), 0.97, checksums.utr, UTR_WORDS),
        _Shape("PHONE", (3, 3, 4), 0.97, None, PHONE_WORDS),
    )
)
# Groups of one size, the last one perhaps shorter, with the same separator between all: "4_1_1_1", "41/11/11".
_UNIFORM = re.compile(
    rf"{_LEFT}(?=(?P<number>\d{{1,6}}(?P<gap>{_JOINER.pattern})\d{{1,6}}(?:(?P=gap)\d{{1,6}}){{1,17}}){_RIGHT})"
)
# Digits one by one with any small gaps, "1 2 3 - 4 5 - 6 7 8 9", or groups of other sizes with the same gap.
_SPACED = re.compile(
    rf"{_LEFT}(?P<number>\d(?:[\W_]{{1,3}}\d){{8,18}}"
    rf"|\d{{1,9}}(?P<gap>[\W_]{{1,3}})\d{{1,9}}(?:(?P=gap)\d{{1,9}}){{0,17}}){_RIGHT}"
)
_SSN = re.compile(rf"{_LEFT}(?P<number>\d{{3}}(?P<gap>[/_.])\d\d(?P=gap)\d{{4}}){_RIGHT}")
_NINO = re.compile(
    rf"(?<![^\W_])(?P<number>{NINO_PREFIX}(?:{_JOINER.pattern}\d\d){{3}}"
    rf"{_JOINER.pattern}[A-D])(?![^\W_])"
)
_ACCOUNT = re.compile(
    rf"{_LEFT}(?P<number>\d{{2,8}}(?P<gap>[^\S\n]{{1,4}}|[/_.])\d{{2,8}}(?:(?P=gap)\d{{2,8}}){{0,4}}){_RIGHT}"
)
_PHONE_GAP = r"[\s/_.\-·()]{1,6}"
_PHONE = re.compile(
    rf"(?<![\w+])(?P<number>(?:\+\(?\d{{1,4}}|\(?0\d{{1,5}}|\(\d{{2,5}})\)?(?:{_PHONE_GAP}\(?\d{{2,8}}\)?){{1,6}})(?![^\W_])"
)
_PIECE = re.compile(r"(?P<gap>[\W_]*)(?P<digits>\d+)\)?")
_LEAST, _ENOUGH = 8, 10  # digits of a telephone number: the fewest, and those after which a line end ends it


def _compact(number: str) -> str:
    return re.sub(r"\D", "", number)


def _odd(number: str, usual: re.Pattern[str] = _USUAL) -> bool:
    """Whether the number has a separator that the other modules do not allow."""
    return any(not usual.fullmatch(gap) for gap in _gaps(number))


def _gaps(number: str) -> list[str]:
    return re.findall(r"[\W_]+", number)


def _cards(text: str) -> Iterator[Span]:
    for match in _UNIFORM.finditer(text):
        groups = match["number"].split(match["gap"])
        digits = "".join(groups)
        even = len({len(group) for group in groups[:-1]}) == 1 and len(groups[-1]) <= len(groups[0])
        if even and 13 <= len(digits) <= 19 and _odd(match["number"]) and _believable_card(match["number"], digits):
            yield Span(*match.span("number"), _CARD, 0.99)


def _believable_card(number: str, digits: str) -> bool:
    """Whether a number is a card's without a word that says so: an issuer's digits, a checksum, no years, no cells."""
    if not _ISSUED.match(digits) or not checksums.card(digits) or _YEARS.fullmatch(number):
        return False
    return all(map(_JOINER.fullmatch, _gaps(number)))


def _shapes(text: str) -> Iterator[Span]:
    for shape, pattern in _SHAPES:
        for match in pattern.finditer(text):
            start, end = match.span("number")
            number, digits = match["number"], _compact(match["number"])
            if (shape.check and not shape.check(digits)) or not (shape.label == _CARD or _odd(number)):
                continue
            if start and text[start - 1] == "(" and ")" in number:
                start -= 1
            if near(text, start, end, shape.words) or (shape.label == _CARD and _believable_card(number, digits)):
                yield Span(start, end, shape.label, shape.score)


def _spaced(text: str) -> Iterator[Span]:
    """Numbers in unusual groups with a word near them that names their kind."""
    for match in _SPACED.finditer(text):
        start, end = match.span("number")
        digits = _compact(match["number"])
        if len(digits) == 9 and checksums.ssn(digits) and near(text, start, end, SSN_WORDS, 40, 12):
            yield Span(start, end, "US_SOCIAL_SECURITY_NUMBER", 0.9)
        elif 13 <= len(digits) <= 19 and checksums.card(digits) and near(text, start, end, CARD_WORDS):
            yield Span(start, end, _CARD, 0.98)
        elif (
            len(digits) in (10, 11)
            and len(_gaps(match["number"])) == len(digits) - 1
            and near(text, start, end, PHONE_WORDS, 40, 12)
            and not near(text, start, end, NOT_PHONE, 30, 0)
        ):
            yield Span(start, end, "PHONE", 0.9)


def _phones(text: str) -> Iterator[Span]:
    for match in _PHONE.finditer(text):
        start, end = match.start(), match.start()
        digits = 0
        for piece in _PIECE.finditer(match["number"]):
            size = len(piece["digits"])
            if "\n" in piece["gap"] and (digits >= _ENOUGH or (size < 3 and digits >= _LEAST - 1)):
                break
            digits += size
            end = start + piece.end()
        international = match["number"].startswith("+")
        number = phones.whole(text[start:end]) if international else text[start:end]
        end = start + len(number)
        if no_phone(number, _LEAST) or not _odd(number.lstrip("+("), _USUAL_IN_PHONES):
            continue
        if international or (
            near(text, start, end, PHONE_WORDS, 40, 12) and not near(text, start, end, NOT_PHONE, 30, 0)
        ):
            yield Span(start, end, "PHONE", 0.97)


_WORTH_A_LOOK = re.compile(r"\d[\W_]{1,6}\d|[\W_]\d\d[\W_]")


def find(text: str) -> list[Span]:
    """Candidates of numbers in groups; they may overlap one another."""
    if not _WORTH_A_LOOK.search(text):
        return []
    spans = [*_cards(text), *_shapes(text), *_spaced(text), *_phones(text)]
    spans += [
        Span(*match.span("number"), "US_SOCIAL_SECURITY_NUMBER", 0.6)
        for match in _SSN.finditer(text)
        if checksums.ssn(_compact(match["number"]))
    ]
    spans += [Span(*match.span("number"), "UK_NATIONAL_INSURANCE_NUMBER", 0.95) for match in _NINO.finditer(text)]
    for match in _ACCOUNT.finditer(text):
        if (
            8 <= len(_compact(match["number"])) <= 17
            and _odd(match["number"])
            and near(text, *match.span("number"), ACCOUNT_WORDS, 40, 0)
        ):
            spans.append(Span(*match.span("number"), "US_BANK_ACCOUNT_NUMBER", 0.65))
    return spans
