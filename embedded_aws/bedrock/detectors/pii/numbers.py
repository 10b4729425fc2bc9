"""Numbers of banks, cards, tax and health offices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from embedded_aws.bedrock.detectors.pii import checksums
from embedded_aws.bedrock.detectors.pii.rules import Rule, apply, context, near
from embedded_aws.bedrock.detectors.text.lexicon import listed
from embedded_aws.bedrock.detectors.text.spans import Span

_L = r"(?<![\w.])(?<!\d[-/,])"  # not in the middle of a word or number
_R = r"(?![\w])(?![-/.,]\d)"
_LINK = r"[^\n\d]{0,24}?"  # what may stand between a label and its value: "number is", "#", ":"

CARD_WORDS = context(r"(?:credit|debit|bank|payment)? ?cards?|visa|mastercard|master card|amex|american express|cc|"
                      r"discover|maestro|diners|card (?:number|no|num)")  # fmt: skip
SSN_WORDS = context(r"ssn|ss#|ss number|social(?: security)?|soc\.? ?sec\.?(?: no\.?)?|social security (?:number|no)")
ITIN_WORDS = context(r"itin|individual tax(?:payer)?|tax(?:payer)? (?:id|identification|number)|tin")
ROUTING_WORDS = context(r"routing|aba|rtn|transit|fedwire|wire|ach")
ACCOUNT_WORDS = context(r"accounts?|acct|a/c|checking|savings|bank|direct deposit")
_SWIFT_WORDS = context(r"swift|bic|swift code|bank (?:identifier|code)|wire|iban")
SIN_WORDS = context(r"sin|social insurance|s\.i\.n|canad\w+|cra|nas")
HEALTH_WORDS = context(r"health (?:card|number|insurance number|no|id)|ohip|phn|ramq|personal health|care ?card|"
                        r"medicare|hcn|health care number|ahcip|msp|canad\w+ health|ca health")  # fmt: skip
NHS_WORDS = context(r"nhs|national health|health service")
_NINO_WORDS = context(r"nino|ni|national insurance|ni number|insurance number")
UTR_WORDS = context(r"utr|unique tax(?:payer)?|tax(?:payer)? reference|self[- ]assessment|hmrc|tax ref")
_VIN_WORDS = context(r"vin|vehicle|chassis|car|truck")

ITIN_GROUP = r"(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])"
NINO_PREFIX = "(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_EXPIRY_WORDS = r"exp(?:ir(?:y|es?|ing|ation|ed))?|valid (?:thru|through|until|till|to)|good (?:thru|through)"


def _pattern(body: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern whose match is delimited on both sides."""
    return re.compile(rf"{_L}{body}{_R}", flags)


_COUNTRIES = listed(
    "AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL "
    "CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FO FR GA GB GD GE GG GH GI GL GM GN GR GT GY HK "
    "HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV "
    "LY MA MC MD ME MG MH MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NC NE NG NI NL NO NP NR NZ OM PA PE PF PG PH PK PL "
    "PS PT PW PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TC TD TG TH TJ TL TM TN TO TR TT "
    "TV TW TZ UA UG US UY UZ VA VC VE VG VN VU WS XK YE ZA ZM ZW"
)

_DATES = re.compile(r"(?:19|20)\d\d[ -]?(?:19|20)\d\d|(?:19|20)\d\d[ -]\d\d[ -]\d\d|\d\d[ -]\d\d[ -](?:19|20)\d\d")


def _no_date(text: str) -> bool:
    """Whether the digits are neither a date nor two years: an account's opening day is no account number."""
    return not _DATES.fullmatch(text)


_RULES = (
    Rule("CREDIT_DEBIT_CARD_NUMBER", _pattern(r"(?!\d\.\d{12,18}(?!\d))[2-6](?:[ .\-]?\d){12,18}"), 0.9, checksums.card,
         CARD_WORDS, 0.99),
    # In one piece, whatever digits are next to it: "4111111111111111 7 times".
    Rule("CREDIT_DEBIT_CARD_NUMBER", _pattern(r"[2-6]\d{12,18}"), 0.9, checksums.card, CARD_WORDS, 0.99),
    # A decimal number, 2.718281828459045, is one only if the text calls it so.
    Rule("CREDIT_DEBIT_CARD_NUMBER", _pattern(r"[2-6]\.\d{12,18}"), 0.0, checksums.card, CARD_WORDS, 0.99),
    # A mistyped card number is still one when the text calls it so.
    Rule("CREDIT_DEBIT_CARD_NUMBER", _pattern(r"(?:\d{4}([ .\-]?)\d{4}\1\d{4}\1\d{3,4}|3[47]\d\d[ -]?\d{6}[ -]?\d{5})"),
         0.0, None, CARD_WORDS, 0.7),
    Rule("CREDIT_DEBIT_CARD_CVV",
         re.compile(rf"\b(?:cvv2?|cvc2?|cvn|csc|card verification|card security (?:code|number)|security code|"
                    rf"verification (?:code|number)|(?:3|three)[- ](?:digit code|digits on the back))(?![^\W\d]){_LINK}"
                    rf"(?<!\d)(?P<value>\d{{3,4}})(?![\d/]|[-.]\d)",
                    re.IGNORECASE), 0.95),
    Rule("CREDIT_DEBIT_CARD_EXPIRY", _pattern(r"(?:0?[1-9]|1[0-2]) ?[/\-] ?(?:20)?[2-4]\d"), 0.0, None,
         context(_EXPIRY_WORDS + r"|cvv2?|cvc|mm/yy|card.{0,12} end(?:s|ing) date"), 0.9),
    Rule("CREDIT_DEBIT_CARD_EXPIRY",
         re.compile(rf"\b(?:{_EXPIRY_WORDS})(?: date)?{_LINK}"
                    rf"(?P<value>(?:{_MONTHS})[a-z]{{0,6}}\.?,? (?:20)?\d\d)(?!\d)", re.IGNORECASE), 0.8, None),
    Rule("US_SOCIAL_SECURITY_NUMBER", _pattern(r"\d{3}-\d{2}-\d{4}"), 0.85, checksums.ssn, SSN_WORDS, 0.98),
    Rule("US_SOCIAL_SECURITY_NUMBER", _pattern(r"\d{3}([ .]?)\d{2}\1\d{4}"), 0.0, checksums.ssn, SSN_WORDS, 0.95),
    Rule("US_SOCIAL_SECURITY_NUMBER", _pattern(r"\d{3} \d{2} \d{4}"), 0.6, checksums.ssn),
    Rule("US_SOCIAL_SECURITY_NUMBER", re.compile(r"(?<!\w)[Xx*#]{3}[- ][Xx*#]{2}[- ]\d{4}(?!\w)"), 0.85),
    Rule("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
         _pattern(rf"9\d\d-{ITIN_GROUP}-\d{{4}}"), 0.9, None, ITIN_WORDS, 0.99),
    Rule("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
         _pattern(rf"9\d\d ?{ITIN_GROUP} ?\d{{4}}"), 0.0, None, ITIN_WORDS, 0.95),
    Rule("US_BANK_ROUTING_NUMBER", _pattern(r"\d{4}[ -]?\d{4}[ -]?\d"), 0.0, checksums.aba_routing,
         ROUTING_WORDS, 0.95),
    Rule("US_BANK_ROUTING_NUMBER",
         re.compile(rf"\b(?:routing|aba|rtn){_LINK}(?P<value>\d{{9}})(?!\w)", re.IGNORECASE), 0.7),
    Rule("US_BANK_ACCOUNT_NUMBER", _pattern(r"\d(?:[ -]?\d){7,16}"), 0.0, _no_date, ACCOUNT_WORDS, 0.65),
    Rule("US_BANK_ACCOUNT_NUMBER",
         re.compile(r"\b(?:(?:bank )?(?:account|acct\.?|a/c)(?: ?(?:number|no\.?|num|#))?|checking|savings)"
                    r"[^\n\d]{0,16}?(?<![\w])(?P<value>\d(?:[ -]?\d){5,16})(?![\w])", re.IGNORECASE), 0.8,
         _no_date),
    Rule("SWIFT_CODE", re.compile(r"(?<!\w)[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?!\w)"), 0.0,
         lambda text: text[4:6] in _COUNTRIES, _SWIFT_WORDS, 0.95),
    Rule("SWIFT_CODE",
         re.compile(r"\b(?:swift|bic)(?:[ /](?:bic|code|number))?(?: is)?[:# ]{1,3}"
                    r"(?P<value>[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)(?!\w)", re.IGNORECASE), 0.8,
         lambda text: text[4:6].upper() in _COUNTRIES and (text.isupper() or any(map(str.isdigit, text)))),
    Rule("CA_SOCIAL_INSURANCE_NUMBER", _pattern(r"[1-79]\d\d([ -])\d{3}\1\d{3}"), 0.6, checksums.canadian_sin),
    Rule("CA_SOCIAL_INSURANCE_NUMBER", _pattern(r"\d{3}([ -])\d{3}\1\d{3}"), 0.0, checksums.canadian_sin,
         SIN_WORDS, 0.97),
    Rule("CA_SOCIAL_INSURANCE_NUMBER", _pattern(r"\d{9}"), 0.0, checksums.canadian_sin, SIN_WORDS, 0.95),
    Rule("CA_HEALTH_NUMBER", _pattern(r"\d{4}[ -]?\d{3}[ -]?\d{3}(?:[ -]?[A-Z]{2})?"), 0.0, None, HEALTH_WORDS, 0.9),
    # Quebec: three letters of the surname, one of the given name, birth date (women's month plus 50), two more digits
    Rule("CA_HEALTH_NUMBER", _pattern(r"[A-Z]{4}[ -]?\d\d(?:[05][1-9]|[16][0-2])[ -]?(?:0[1-9]|[12]\d|3[01])\d\d"), 0.5,
         None, HEALTH_WORDS, 0.9),
    Rule("UK_NATIONAL_HEALTH_SERVICE_NUMBER", _pattern(r"\d{3}[ -]?\d{3}[ -]?\d{4}"), 0.0, checksums.nhs, NHS_WORDS,
         0.97),
    # A mistyped number is still one when its label stands before it; so are AWS's and the NHS's own examples.
    Rule("UK_NATIONAL_HEALTH_SERVICE_NUMBER",
         re.compile(rf"\bNHS(?: (?:number|no\.?|num|#))?{_LINK}(?<!\d)(?P<value>\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}}){_R}",
                    re.IGNORECASE), 0.9),
    Rule("CA_SOCIAL_INSURANCE_NUMBER",
         re.compile(rf"\b(?:SIN|(?i:social insurance (?:number|no\.?|num|#))){_LINK}(?<!\d)"
                    rf"(?P<value>\d{{3}}[ -]?\d{{3}}[ -]?\d{{3}}){_R}"), 0.9),
    Rule("UK_NATIONAL_INSURANCE_NUMBER",
         _pattern(rf"{NINO_PREFIX}(?:[ -]?\d{{2}}){{3}}[ -]?[A-D]"), 0.95),
    Rule("UK_NATIONAL_INSURANCE_NUMBER",
         _pattern(r"[a-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[a-d]", re.IGNORECASE), 0.0, None, _NINO_WORDS, 0.9),
    Rule("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", _pattern(r"\d{5}[ -]?\d{5}K?"), 0.0, checksums.utr, UTR_WORDS, 0.97),
    Rule("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
         re.compile(rf"\b(?:utr|unique tax(?:payer)? reference){_LINK}(?P<value>\d(?: ?\d){{9}})(?!\w)",
                    re.IGNORECASE), 0.75),
    Rule("VEHICLE_IDENTIFICATION_NUMBER", _pattern(r"[A-HJ-NPR-Z\d]{17}", re.IGNORECASE), 0.85, checksums.vin,
         _VIN_WORDS, 0.99),
    Rule("VEHICLE_IDENTIFICATION_NUMBER", _pattern(r"[A-HJ-NPR-Z\d]{17}", re.IGNORECASE), 0.0, checksums.vin_form,
         context(r"vin|vehicle id\w*|chassis"), 0.85),
)  # fmt: skip

_IBAN_START = re.compile(r"(?<![^\W_])[A-Z]{2}[\W_]{0,6}\d[\W_]{0,6}\d(?=[\W_]{0,6}[A-Z\d])", re.IGNORECASE)
_IBAN_WORDS = context(r"iban|international bank account|bank account|account number|transfer")
_LONGEST_GAP = 6


def _ibans(text: str) -> Iterator[Span]:
    """IBANs, in groups or in one piece: as many characters as the country's IBANs have are taken.

    A number with the right check digits may have any separators; another one that the text calls an IBAN, blanks and
    hyphens.
    """
    for match in _IBAN_START.finditer(text):
        length = checksums.iban_length(match.group()[:2])
        end, taken, gap, usual = match.end(), 4, 0, True
        while taken < length and end < len(text):
            if text[end].isascii() and text[end].isalnum():
                taken, gap = taken + 1, 0
            else:
                gap += 1
                usual = usual and gap == 1 and text[end] in " -"
                if gap > _LONGEST_GAP or text[end].isalnum():
                    break
            end += 1
        if not length or taken < length or (end < len(text) and text[end].isalnum()):
            continue
        if checksums.iban(re.sub(r"[\W_]", "", text[match.start() : end])):
            yield Span(match.start(), end, "INTERNATIONAL_BANK_ACCOUNT_NUMBER", 0.99)
        elif usual and near(text, match.start(), end, _IBAN_WORDS) and any(map(str.isdigit, text[match.end() : end])):
            yield Span(match.start(), end, "INTERNATIONAL_BANK_ACCOUNT_NUMBER", 0.75)


_WORTH_A_LOOK = re.compile(r"\d|[A-Z]{8}|(?i:swift|\bbic\b)")


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    if not _WORTH_A_LOOK.search(text):
        return []
    return [*apply(_RULES, text), *_ibans(text)]
