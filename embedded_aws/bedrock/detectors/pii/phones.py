"""Telephone numbers of many countries, by the rules of numbering plans (package phonenumbers, Google's metadata).

The forms of contact.py know how numbers are usually written; here the language of the text says whose plans count, so
that 612 34 90 81 is a telephone number in a Spanish text and 13912345678 in a Chinese one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import regex

from embedded_aws.bedrock.detectors.pii.rules import context, near
from embedded_aws.bedrock.detectors.text.languages import identified
from embedded_aws.bedrock.detectors.text.spans import Span

_REGIONS = {
    "de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH", "CA"), "es": ("ES", "MX", "AR", "CO"), "pt": ("PT", "BR"),
    "gl": ("PT", "BR", "ES"), "it": ("IT", "CH"), "nl": ("NL", "BE"), "pl": ("PL",), "tr": ("TR",), "sv": ("SE",),
    "da": ("DK",), "no": ("NO",), "fi": ("FI",), "cs": ("CZ",), "ro": ("RO",), "hu": ("HU",), "vi": ("VN",),
    "id": ("ID",),
}  # fmt: skip
_SCRIPTS = tuple(
    (regex.compile(rf"\p{{{script}}}"), regions)
    for script, regions in (
        ("Hiragana", ("JP",)), ("Katakana", ("JP",)), ("Hangul", ("KR",)), ("Han", ("CN", "TW", "HK")),
        ("Arabic", ("SA", "EG", "AE", "MA")), ("Devanagari", ("IN",)), ("Thai", ("TH",)), ("Cyrillic", ("RU", "UA")),
        ("Hebrew", ("IL",)), ("Greek", ("GR",)),
    )
)  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w.$€£¥#+/-])(?<!\d[ ,:])\(?\d{1,13}\)?(?:[ .\-/]{1,3}\(?\d{1,8}\)?){0,5}"
    r"(?![\w%°€£$])(?![-/.,:]\d)(?! ?[€%])"
)
_LIKELY = 0.5  # probability of the text's language
_FEWEST, _MOST = 8, 13  # digits
_WORDS = re.compile(
    r"电话|手机|联系|致电|拨打|电話|電話|携帯|連絡|전화|휴대폰|연락|핸드폰|هاتف|جوال|موبايل|اتصال|اتصل|الاتصال|"
    r"फ़ोन|फोन|मोबाइल|कॉल|संपर्क|โทร|มือถือ|เบอร์|телефон|звон|позвон|моб",
    re.IGNORECASE,
)
_LATIN_WORDS = context(
    r"tel\.?|telefon\w*|t[eé]l[eé]phone\w*|tel[eé]fono|tel[eé]fone|telefoon|handy\w*|mobil\w*|m[oó]vil|celular|"
    r"cellulare|telem[oó]vel|portable|gsm|"
    r"anruf\w*|ruf\w*|erreich\w*|(?:zu)?rückruf\w*|durchwahl|joindre|joignable|appel\w*|rappel\w*|contact\w*|"
    r"llam\w*|contact[aeo]\w*|lig\w+(?:-me|-nos)?|chiam\w*|trov\w+|raggiung\w*|rispond\w*|whats ?app|fax|zadzwo\w*|"
    r"bel|bellen|bereik\w*|numer\w*|num[eé]ro|n[uú]mero|nummer"
)
_NO_WORDS = re.compile(
    r"编号|编码|订单|单号|账号|账户|邮编|注文|番号は注文|伝票|주문|계좌|송장|طلب|حساب|ऑर्डर|खाता|"
    r"(?i:\b(?:bestell|rechnungs|auftrags|kunden|vertrags|konto|akten|steuer)\w*|\b(?:commande|facture|dossier|compte|pedido|"
    r"factura|cuenta|expediente|encomenda|fatura|conta|ordine|fattura|conto|pratica|processo|referen\w+|référence)\b)"
)


def regions(text: str) -> tuple[str, ...]:
    """The regions whose numbering plans count in a text, none for English: its script's or its language's."""
    if not text.isascii():
        for script, found in _SCRIPTS:
            if script.search(text):
                return found
    likely, probability = identified(text)
    return _REGIONS.get(likely, ()) if probability >= _LIKELY else ()


def find(text: str) -> Iterator[Span]:
    """National numbers that are valid where the text's language is spoken, next to a word of telephoning or in the
    groups that are usual there.
    """
    places: tuple[str, ...] | None = None
    for match in _NUMBER.finditer(text):
        number = match.group()
        if not _FEWEST <= sum(map(str.isdigit, number)) <= _MOST or number.count("(") != number.count(")"):
            continue
        places = regions(text) if places is None else places
        if not places:
            return
        start, end = match.span()
        if near(text, start, end, _NO_WORDS, 24, 0):
            continue
        named = near(text, start, end, _WORDS, 40, 16) or near(text, start, end, _LATIN_WORDS, 40, 16)
        usual = [_usual(number, region) for region in places]
        if named and any(found is not None for found in usual):
            yield Span(start, end, "PHONE", 0.93)
        elif any(usual):
            yield Span(start, end, "PHONE", 0.8)


@lru_cache(maxsize=4096)
def _usual(number: str, region: str) -> bool | None:
    """Whether a valid number is written in the groups usual in its region, or in one if it is a mobile's; None if it is
    not valid.
    """
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number_for_region(parsed, region):
        return None
    groups = re.findall(r"\d+", number)
    if len(groups) == 1:
        return region in _MOBILES and phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return groups == re.findall(r"\d+", written)


_MOBILES = frozenset({"CN", "KR", "JP", "IN", "FR", "TH"})
"""Regions where mobile numbers are mostly written in one piece and have a first part of their own."""


def whole(number: str) -> str:
    """An international number without groups after it that belong to the sentence: "+44 7700 900321 2 times"."""
    import phonenumbers

    groups = list(re.finditer(r"\d+", number))
    candidates = [number[: groups[last].end()] for last in range(len(groups) - 1, max(0, len(groups) - 3), -1)]
    for believable in (phonenumbers.is_valid_number, phonenumbers.is_possible_number):
        for candidate in candidates:
            try:
                if believable(phonenumbers.parse(candidate)):
                    return candidate
            except phonenumbers.NumberParseException:
                continue
    return number
