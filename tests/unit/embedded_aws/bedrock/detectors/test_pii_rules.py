"""PII types that have a form, a check digit or words that introduce them."""

from __future__ import annotations

import time

import pytest

from embedded_aws.bedrock.detectors import pii
from embedded_aws.bedrock.detectors.pii import checksums, credentials
from stepguard.guard.bedrock_names import PII_TYPES


def found(text: str, *types: str) -> list[tuple[str, str]]:
    """(type, matched text) of the PII of the given types, or of all."""
    return [(span.label, text[span.start : span.end]) for span in pii.find(text, types or PII_TYPES)]


CASES = [
    ("AGE", "I am 40 years old", "40 years"),
    ("AGE", "asthma since age 12", "12"),
    ("AGE", "a 58 y/o man", "58 y/o"),
    ("AGE", "she is thirty-five years old", "thirty-five years"),
    ("AWS_ACCESS_KEY", "key AKIAIOSFODNN7EXAMPLE leaked", "AKIAIOSFODNN7EXAMPLE"),
    (
        "AWS_SECRET_KEY",
        "aws_secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("CA_HEALTH_NUMBER", "my OHIP card: 1234-567-897", "1234-567-897"),
    ("CA_SOCIAL_INSURANCE_NUMBER", "SIN 046 454 286", "046 454 286"),
    ("CREDIT_DEBIT_CARD_CVV", "the CVV is 123.", "123"),
    ("CREDIT_DEBIT_CARD_EXPIRY", "it expires 12/27", "12/27"),
    ("CREDIT_DEBIT_CARD_EXPIRY", "expiry date: March 2028", "March 2028"),
    ("CREDIT_DEBIT_CARD_NUMBER", "pay with 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("CREDIT_DEBIT_CARD_NUMBER", "pay with 378282246310005", "378282246310005"),
    ("DRIVER_ID", "driver's license number is D1234567", "D1234567"),
    ("EMAIL", "write to Ann.Lee+x@mail.example.co.uk.", "Ann.Lee+x@mail.example.co.uk"),
    ("EMAIL", "ann [at] example [dot] com", "ann [at] example [dot] com"),
    ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "to GB82 WEST 1234 5698 7654 32 and", "GB82 WEST 1234 5698 7654 32"),
    ("IP_ADDRESS", "from 192.168.0.1.", "192.168.0.1"),
    ("IP_ADDRESS", "from fe80::1ff:fe23:4567:890a now", "fe80::1ff:fe23:4567:890a"),
    ("LICENSE_PLATE", "license plate ABC-1234", "ABC-1234"),
    ("MAC_ADDRESS", "at 00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
    ("PASSWORD", "my password is hunter2!", "hunter2"),
    ("PASSWORD", "password: Tr0ub4dor&3", "Tr0ub4dor&3"),
    ("PHONE", "call (555) 123-4567", "(555) 123-4567"),
    ("PHONE", "call +49 (0)69 1234 5678", "+49 (0)69 1234 5678"),
    ("PHONE", "ring 020 7946 0958", "020 7946 0958"),
    ("PIN", "my PIN is 4321", "4321"),
    ("SWIFT_CODE", "SWIFT DEUTDEFF500", "DEUTDEFF500"),
    ("UK_NATIONAL_HEALTH_SERVICE_NUMBER", "NHS number 943 476 5919", "943 476 5919"),
    ("UK_NATIONAL_INSURANCE_NUMBER", "AB 12 34 56 C", "AB 12 34 56 C"),
    ("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "UTR 1955839661", "1955839661"),
    ("URL", "see https://example.com/a?b=c.", "https://example.com/a?b=c"),
    ("URL", "see www.example.com, please", "www.example.com"),
    ("USERNAME", "my username is jdoe42.", "jdoe42"),
    ("US_BANK_ACCOUNT_NUMBER", "account number 12345678901", "12345678901"),
    ("US_BANK_ROUTING_NUMBER", "routing number 021000021", "021000021"),
    ("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "my ITIN is 912-70-1234", "912-70-1234"),
    ("US_PASSPORT_NUMBER", "passport no. 123456789", "123456789"),
    ("US_SOCIAL_SECURITY_NUMBER", "it is 123-45-6789", "123-45-6789"),
    ("VEHICLE_IDENTIFICATION_NUMBER", "car 1HGCM82633A004352", "1HGCM82633A004352"),
]


@pytest.mark.parametrize(("kind", "text", "match"), CASES, ids=[f"{kind}-{match}" for kind, _, match in CASES])
def test_every_type_is_found_in_its_usual_form(kind: str, text: str, match: str) -> None:
    """Each PII type is found, exactly, and as nothing else."""
    assert found(text) == [(kind, match)]
    assert found(text, kind) == [(kind, match)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Llámame al 91 123 45 67.", "91 123 45 67"),
        ("Mon numéro est le 06.12.34.56.78", "06.12.34.56.78"),
        ("Rufen Sie uns an: 0151/23456789", "0151/23456789"),
        ("Bel mij op 020-5551234", "020-5551234"),
        ("Tel. (+30) 2251 027346", "(+30) 2251 027346"),
        ("mobile (351) 290 748 337", "(351) 290 748 337"),
        ("call 8 (860) 750-0201", "8 (860) 750-0201"),
        ("my number is 835-92-45", "835-92-45"),
        ("message me at 00971553464686", "00971553464686"),
        ("Telefon +43 1 58858-99.", "+43 1 58858-99"),
        ("text 6505550176 when you get there", "6505550176"),
        ("WhatsApp +55 (11) 98765-4321", "+55 (11) 98765-4321"),
    ],
)
def test_telephone_numbers_of_many_countries(text: str, number: str) -> None:
    """National and international forms next to words of telephoning in several languages, whole."""
    assert found(text) == [("PHONE", number)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('He reset it to the passphrase "mauve-otter" yesterday', "PASSWORD", "mauve-otter"),
        ("Use password letmein99 to log in", "PASSWORD", "letmein99"),
        ("pass=Zx9!kk2", "PASSWORD", "Zx9!kk2"),
        ("enter pin 0420 to unlock", "PIN", "0420"),
        ("Username k.hallgrims is locked", "USERNAME", "k.hallgrims"),
        ('username "kittylover"', "USERNAME", "kittylover"),
        ("Vehicle with tag 4SAM123 blocked the drive", "LICENSE_PLATE", "4SAM123"),
        ("the three digits on the back are 554", "CREDIT_DEBIT_CARD_CVV", "554"),
        ("my daughter is 7.", "AGE", "7"),
        ("linkedin.com/in/jane-doe", "URL", "linkedin.com/in/jane-doe"),
    ],
)
def test_values_however_they_are_introduced(text: str, kind: str, value: str) -> None:
    """Phrasings other than "label: value"."""
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "address",
    [
        "Calle de Alcalá 214, 28028 Madrid",
        "27 Rue des Martyrs, 75009 Paris",
        "Lindenstraße 14a, 50674 Köln",
        "Via Garibaldi 9, 20121 Milano",
        "Storgatan 5, 114 55 Stockholm, Sweden",
        "Prinsengracht 263, 1016 GV Amsterdam",
        "ul. Marszałkowska 10, 00-590 Warszawa",
    ],
)
def test_streets_of_many_countries(address: str) -> None:
    """A street with its number, post code and town is one address."""
    assert found(f"Send it to {address}.", "ADDRESS") == [("ADDRESS", address)]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("UK_NATIONAL_HEALTH_SERVICE_NUMBER", "NHS number 485 777 3456", "485 777 3456"),
        ("CA_SOCIAL_INSURANCE_NUMBER", "my social insurance number is 123-456-789", "123-456-789"),
        ("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "my UTR is 12345 67890", "12345 67890"),
        ("CREDIT_DEBIT_CARD_NUMBER", "card number 4111 1111 1111 1112", "4111 1111 1111 1112"),
    ],
)
def test_a_labelled_number_counts_though_its_check_digit_is_wrong(kind: str, text: str, value: str) -> None:
    """Mistyped numbers are sensitive, too, and so are the examples of AWS's page."""
    assert found(text) == [(kind, value)]


def test_all_types_with_a_form_have_a_case() -> None:
    """No type is forgotten in the table above; NAME and ADDRESS have tests of their own."""
    assert {kind for kind, _, _ in CASES} | {"NAME", "ADDRESS"} == set(PII_TYPES)


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112 shipped on 2024-05-17 at 14:30.",
        "Version 10.2.3, ratio 3:2:1, section 3.1.4, page 345",
        "It cost $1,299.00, 5 years ago, 72.5 kg, 500 mg twice daily for 10 days",
        "How do I reset my password? The password is incorrect. Forgot your username or PIN?",
        "What are the side effects of Aspirin?",
        "The call took 3 hours; a PIN pad costs $40; the SWIFT language",
        "Call before 2021/04/03 or 03.04.2021; the 2019-2021 plan; ISSN 0028-0836; CVCL_0574; Shanghai, 14, 34 Hubei",
        "The password SHA256 hash, password reset, a wifi password; firmware 3.4.1.220; pin 13; user interface.Then",
        "My account was opened 2021-04-03 and the bank accounts of 1918–1920 are lost.",
        "We met via Zoom 3 times; 12 place settings; 5 route changes; Norway, Plaza 5 hotel; mutation known as 'H275Y'",
    ],
)
def test_look_alikes_are_left_alone(text: str) -> None:
    """Order numbers, dates, prices, versions and talk about passwords are no PII."""
    assert found(text) == []


def test_a_card_number_is_no_phone_number_even_when_only_phones_are_asked_for() -> None:
    """What is known of other types prevents misreadings (an emulator masked this one as a telephone number)."""
    text = "my card is 4111 1111 1111 1111, call 212-555-0199"
    assert found(text, "PHONE") == [("PHONE", "212-555-0199")]


def test_a_type_inside_another_is_found_when_only_it_is_asked_for() -> None:
    """An e-mail address inside a URL is one, unless the whole URL is reported."""
    text = "https://example.com/?user=ann@example.com"
    assert found(text, "EMAIL") == [("EMAIL", "ann@example.com")]
    assert found(text, "URL", "EMAIL") == [("URL", text)]


def test_invisible_characters_hide_nothing() -> None:
    """Zero-width characters inside a number or address do not keep it from being found, at its original place."""
    text = "card 4111\u200b1111\u200b1111\u200b1111, mail ann\u2060@example.com"
    assert found(text) == [
        ("CREDIT_DEBIT_CARD_NUMBER", "4111\u200b1111\u200b1111\u200b1111"),
        ("EMAIL", "ann\u2060@example.com"),
    ]


@pytest.mark.parametrize(
    ("check", "valid", "invalid"),
    [
        (checksums.card, "4111 1111 1111 1111", "4111 1111 1111 1112"),
        (checksums.iban, "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
        (checksums.aba_routing, "021000021", "021000022"),
        (checksums.nhs, "943 476 5919", "943 476 5918"),
        (checksums.utr, "1955839661", "2955839661"),
        (checksums.ssn, "123-45-6789", "666-45-6789"),
        (checksums.canadian_sin, "046 454 286", "046 454 287"),
        (checksums.vin, "1HGCM82633A004352", "1HGCM82643A004352"),
    ],
)
def test_check_digits_tell_valid_from_invalid(check: object, valid: str, invalid: str) -> None:
    """Each checksum accepts a known valid number and refuses it with one digit changed."""
    assert callable(check)
    assert check(valid)
    assert not check(invalid)


@pytest.mark.parametrize("label", ["user name ", "user ", "login as ", "password ", "password: "])
@pytest.mark.parametrize("unit", ["a_", "a1", "a.", "a1."])
def test_a_long_value_takes_time_in_proportion_to_its_length(label: str, unit: str) -> None:
    """A name of 20,000 characters that is none in the end, being followed by "@", is looked at in milliseconds."""
    text = label + unit * (20_000 // len(unit)) + "@"
    started = time.process_time()
    credentials.find(text)
    assert time.process_time() - started < 0.5
