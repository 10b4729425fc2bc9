"""Sentences with generated numbers of the PII types that public sets lack, with valid check digits, and look-alikes.

The phrasings are not the detectors' own test sentences; a fixed seed makes the set the same in every run.
"""

from __future__ import annotations

import base64
import random
import re
import string
from collections.abc import Callable

from embedded_aws.bedrock.detectors.pii import checksums
from training.pii_sentences import Sentence

_PHRASES = {
    "CREDIT_DEBIT_CARD_NUMBER": "I paid with {}|card: {} please|{} was declined|charge my Visa {} again",
    "CREDIT_DEBIT_CARD_CVV": "the CVV is {}|security code {}|CVC: {}|cvv2 on the back reads {}",
    "CREDIT_DEBIT_CARD_EXPIRY": "it expires {}|expiry date: {}|valid thru {}|Exp. {}",
    "US_SOCIAL_SECURITY_NUMBER": "my social is {}|SSN {}|social security number: {}|{} is the SSN on file",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": "ITIN {}|my taxpayer identification number is {}|I file with ITIN: {}",
    "US_BANK_ROUTING_NUMBER": "routing number {}|ABA {}|use routing no. {} for the wire|RTN: {}",
    "US_BANK_ACCOUNT_NUMBER": "account number {}|deposit to account {}|my checking account is {}|acct # {}",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "IBAN {}|send it to {}|my account is {} at the bank|{} (IBAN)",
    "SWIFT_CODE": "SWIFT {}|the BIC is {}|swift code: {}|bank identifier code {}",
    "CA_SOCIAL_INSURANCE_NUMBER": "my SIN is {}|social insurance number {}|SIN: {}|Canadian employees give {} as SIN",
    "CA_HEALTH_NUMBER": "health card number {}|OHIP {}|my health card is {}|PHN: {}",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": "NHS number {}|my NHS no is {}|NHS: {}|{} is the patient's NHS number",
    "UK_NATIONAL_INSURANCE_NUMBER": "NI number {}|my national insurance number is {}|NINO: {}|{} on the payslip",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": "UTR {}|my unique taxpayer reference is {}|HMRC UTR: {}|tax UTR {}",
    "VEHICLE_IDENTIFICATION_NUMBER": "VIN {}|the vehicle {} was recalled|chassis number {}|car with VIN: {}",
    "DRIVER_ID": "driver's license {}|my driving licence number is {}|DL: {}|license number {}",
    "LICENSE_PLATE": "license plate {}|plate number {}|the number plate reads {}|registration {}",
    "US_PASSPORT_NUMBER": "passport number {}|my US passport is {}|passport no. {}|Passport: {}",
    "AWS_ACCESS_KEY": "aws_access_key_id={}|the key {} leaked|access key {}|use {} in the config",
    "AWS_SECRET_KEY": "aws_secret_access_key={}|secret key: {}|the AWS secret {} leaked|secret {}",
    "MAC_ADDRESS": "MAC {}|device {} is offline|the adapter's address is {}|block {} on the router",
    "IP_ADDRESS": "from {}|ping {} fails|the server at {} is down|client {} connected",
    "PIN": "my PIN is {}|PIN: {}|use pin code {} at the ATM|the card's PIN was {}",
    "PASSWORD": "my password is {}|password: {}|pwd={}|set the password to {}",
    "USERNAME": "my username is {}|username: {}|login name is {}|logged in as {}",
    "AGE": "I am {} old|she is {} old|a boy of {} of age|my dad, {} old, is ill",
    "EMAIL": "mail me at {}|{} bounced|contact: {}|e-mail {} for details",
    "PHONE": "call {}|my phone is {}|Tel. {}|reach us on {} today",
    "URL": "see {}|my site {} is down|open {} first|{} has it",
}
_LOOK_ALIKES = [
    "Order 4111111111111112 shipped.",
    "Invoice 123456789 is due.",
    "Version 10.2.3 fixes bug 20301.",
    "It cost $1,299.00 in 2023.",
    "ISBN 978-3-16-148410-0",
    "The meeting is on 2024-05-17 at 14:30.",
    "Population: 8 336 817",
    "Tracking 1Z999AA10123456784",
    "It took 5 years and 3 months.",
    "Chapter 12, page 345",
    "Section 3.1.4 applies.",
    "A sample of 1234 patients, p < 0.05",
    "doi 10.1371/journal.pone.0007211",
    "My PIN does not work.",
    "How do I change my password?",
    "The username field is empty.",
    "commit 3f2a9c1b4d5e6f708192a3b4c5d6e7f801234567",
    "Flight BA2490 leaves at 18:05.",
    "The ratio is 3:2:1.",
    "Room B12, floor 3",
    "It weighs 72.5 kg",
    "Take 500 mg twice daily for 10 days.",
    "Call it a day.",
    "The SWIFT programming language",
    "A PIN pad costs $40.",
    "He scored 104 in 98 balls.",
    "Model X-1000-200 has 16GB.",
    "The year 2019-2020 was hard.",
    "Add 250 ml of water.",
    "UTC+02:00",
]


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def _until(rng: random.Random, draw: Callable[[], str], valid: Callable[[str], bool]) -> str:
    """Draw until the checksum holds."""
    while not valid(value := draw()):
        pass
    return value


def _grouped(value: str, *sizes: int, by: str = " ") -> str:
    """The value in groups of the given sizes."""
    parts, at = [], 0
    for size in sizes:
        parts.append(value[at : at + size])
        at += size
    return by.join(parts)


def _iban(rng: random.Random) -> str:
    """A valid IBAN of one of four countries, sometimes in groups of four."""
    country, letters = rng.choice((("GB", 4), ("DE", 0), ("FR", 0), ("NL", 4)))
    body = "".join(rng.choices(string.ascii_uppercase, k=letters))
    body += _digits(rng, checksums.iban_length(country) - 4 - letters)
    value = next(f"{country}{check:02}{body}" for check in range(2, 99) if checksums.iban(f"{country}{check:02}{body}"))
    return " ".join(re.findall(".{1,4}", value)) if rng.random() < 0.5 else value


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_uppercase, k=count))


def _card(rng: random.Random) -> str:
    value = _until(rng, lambda: rng.choice("45") + _digits(rng, 15), checksums.card)
    return rng.choice((value, _grouped(value, 4, 4, 4, 4), _grouped(value, 4, 4, 4, 4, by="-")))


def _nine(rng: random.Random, valid: Callable[[str], bool], lead: str = "") -> str:
    """Nine digits as the US writes them: 3-2-4 or in one piece."""
    value = _until(rng, lambda: lead + _digits(rng, 9 - len(lead)), valid)
    return rng.choice((_grouped(value, 3, 2, 4, by="-"), value))


def _ten(rng: random.Random, valid: Callable[[str], bool], *sizes: int) -> str:
    """Ten digits in groups or in one piece."""
    value = _until(rng, lambda: _digits(rng, 10), valid)
    return rng.choice((_grouped(value, *sizes), value))


def _sin(rng: random.Random) -> str:
    value = _until(rng, lambda: rng.choice("1234567") + _digits(rng, 8), checksums.canadian_sin)
    return rng.choice((_grouped(value, 3, 3, 3), _grouped(value, 3, 3, 3, by="-"), value))


def _nino(rng: random.Random) -> str:
    value = f"{rng.choice('ABCEHJLMPRS')}{rng.choice('ABCEHJLMPRS')}{_digits(rng, 6)}{rng.choice('ABCD')}"
    return rng.choice((value, _grouped(value, 2, 2, 2, 2, 1)))


def _plate(rng: random.Random) -> str:
    three = _letters(rng, 3)
    return rng.choice(
        (
            f"{three}-{_digits(rng, 4)}",
            f"{_digits(rng, 1)}{three}{_digits(rng, 3)}",
            f"{three[:2]}{_digits(rng, 2)} {three}",
        )
    )


def _phone(rng: random.Random) -> str:
    area, line = f"{rng.randint(201, 989)}", f"{rng.randint(200, 999)}-{_digits(rng, 4)}"
    return rng.choice(
        (f"({area}) {line}", f"{area}-{line}", f"+1 {area} {line}", f"020 7{_digits(rng, 3)} {_digits(rng, 4)}",
         f"+49 30 {_digits(rng, 7)}", f"07{_digits(rng, 3)} {_digits(rng, 6)}")
    )  # fmt: skip


def _ip(rng: random.Random) -> str:
    six = ":".join(f"{rng.randrange(65536):x}" for _ in range(8))
    return rng.choice((".".join(str(byte) for byte in rng.randbytes(4)), six))


def _vin(rng: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    return _until(rng, lambda: "".join(rng.choices(letters, k=17)), checksums.vin)


_PASSWORDS = ("Tr0ub4dor&3", "hunter22", "P@ssw0rd!x", "qwerty-9931", "xK9$mQ2z", "Sommer2024")
_USERS = ("jdoe", "anna_k", "max.power", "coolcat", "b0b")
_SITES = ("https://example.org/a?b=1", "www.shop-24.de", "http://10.example.net/x", "news.site.com")
_MAKERS: dict[str, Callable[[random.Random], str]] = {
    "CREDIT_DEBIT_CARD_NUMBER": _card,
    "CREDIT_DEBIT_CARD_CVV": lambda rng: _digits(rng, rng.choice((3, 3, 4))),
    "CREDIT_DEBIT_CARD_EXPIRY": lambda rng: f"{rng.randint(1, 12):02}/{rng.choice(('', '20'))}{rng.randint(26, 35)}",
    "US_SOCIAL_SECURITY_NUMBER": lambda rng: _nine(rng, checksums.ssn),
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": lambda rng: _nine(rng, lambda text: text[3] == "7", "9"),
    "US_BANK_ROUTING_NUMBER": lambda rng: _until(
        rng, lambda: rng.choice("0123") + _digits(rng, 8), checksums.aba_routing
    ),
    "US_BANK_ACCOUNT_NUMBER": lambda rng: _digits(rng, rng.randint(10, 12)),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _iban,
    "SWIFT_CODE": lambda rng: (
        _letters(rng, 4) + rng.choice(("DE", "GB", "US", "FR")) + _letters(rng, 1) + rng.choice(("2", "L", "2XXX"))
    ),
    "CA_SOCIAL_INSURANCE_NUMBER": _sin,
    "CA_HEALTH_NUMBER": lambda rng: _ten(rng, checksums.luhn, 4, 3, 3),
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": lambda rng: _ten(rng, checksums.nhs, 3, 3, 4),
    "UK_NATIONAL_INSURANCE_NUMBER": _nino,
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": lambda rng: _ten(rng, checksums.utr, 5, 5),
    "VEHICLE_IDENTIFICATION_NUMBER": _vin,
    "DRIVER_ID": lambda rng: rng.choice((_letters(rng, 1) + _digits(rng, 7), _digits(rng, 9), "M" + _digits(rng, 12))),
    "LICENSE_PLATE": _plate,
    "US_PASSPORT_NUMBER": lambda rng: rng.choice((_digits(rng, 9), _letters(rng, 1) + _digits(rng, 8))),
    "AWS_ACCESS_KEY": lambda rng: "AKIA" + "".join(rng.choices(string.ascii_uppercase + "234567", k=16)),
    "AWS_SECRET_KEY": lambda rng: base64.b64encode(rng.randbytes(30)).decode(),
    "MAC_ADDRESS": lambda rng: rng.choice(":-").join(f"{byte:02x}" for byte in rng.randbytes(6)),
    "IP_ADDRESS": _ip,
    "PIN": lambda rng: _digits(rng, 4),
    "PASSWORD": lambda rng: rng.choice(_PASSWORDS) + _letters(rng, 1),
    "USERNAME": lambda rng: rng.choice(_USERS) + _digits(rng, 2),
    "AGE": lambda rng: f"{rng.randint(2, 99)} years",
    "EMAIL": lambda rng: f"{rng.choice(_USERS)}{_digits(rng, 2)}@{rng.choice(('mail.co.uk', 'example.org'))}",
    "PHONE": _phone,
    "URL": lambda rng: rng.choice(_SITES) + "/p",
}


def generated_sentences(count: int) -> list[Sentence]:
    """About `count` sentences, each type equally often, and the look-alikes with no PII."""
    rng = random.Random(11)  # noqa: S311  (reproducible, not secret)
    made: list[Sentence] = []
    for number in range(count):
        kind = list(_PHRASES)[number % len(_PHRASES)]
        phrase = rng.choice(_PHRASES[kind].split("|"))
        value = _MAKERS[kind](rng)
        start = phrase.index("{}")
        text = (
            rng.choice(("", "Hello, ", "Please note: "))
            + phrase.replace("{}", value)
            + rng.choice(("", ".", " thanks"))
        )
        start = text.index(value, text.index(phrase[:start]) if phrase[:start] else 0)
        made.append(Sentence(text, ((start, start + len(value), kind),)))
    return made + [Sentence(text, ()) for text in _LOOK_ALIKES]
