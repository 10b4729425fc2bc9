"""Check digits of identity, bank and card numbers. Every function takes the text as written, separators included."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s.\-]")
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip


def compact(text: str) -> str:
    """The text in upper case without blanks, dots and hyphens."""
    return _SEPARATORS.sub("", text).upper()


def luhn(text: str) -> bool:
    """Luhn's formula (ISO/IEC 7812-1), used by cards, Canadian SIN and Ontario health numbers."""
    digits = [int(char) for char in compact(text) if char.isdecimal()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def card(text: str) -> bool:
    """A payment card: 13 to 19 digits, an issuer's first digit (2 to 6) and Luhn's formula."""
    number = compact(text)
    return 13 <= len(number) <= 19 and number[0] in "23456" and len(set(number)) > 1 and luhn(number)


def iban_length(country: str) -> int:
    """How long an IBAN of a country is (ISO 13616 registry); 0 for a country without."""
    return _IBAN_LENGTHS.get(country.upper(), 0)


def iban(text: str) -> bool:
    """ISO 13616: the country's length, and mod 97 of the rearranged number is 1."""
    number = compact(text)
    if len(number) != iban_length(number[:2]) or not number.isalnum() or not number.isascii():
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


def aba_routing(text: str) -> bool:
    """An ABA routing transit number: nine digits, a Federal Reserve prefix, weights 3-7-1."""
    number = compact(text)
    if len(number) != 9 or not number.isdecimal():
        return False
    prefix = int(number[:2])
    valid_prefix = prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    total = sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 1) * 3, strict=True))
    return valid_prefix and number != "0" * 9 and total % 10 == 0


def nhs(text: str) -> bool:
    """An NHS number: ten digits, weights 10 to 2, modulus 11 (NHS Data Dictionary)."""
    number = compact(text)
    if len(number) != 10 or not number.isdecimal() or len(set(number)) == 1:
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(number[:9], range(10, 1, -1), strict=True)) % 11
    return check != 10 and check % 11 == int(number[9])


def utr(text: str) -> bool:
    """A UK Unique Taxpayer Reference: its first digit checks the other nine (HMRC modulus 11)."""
    number = compact(text).removesuffix("K")
    if len(number) != 10 or not number.isdecimal():
        return False
    weights = (6, 7, 8, 9, 10, 5, 4, 3, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number[1:], weights, strict=True))
    return "21987654321"[total % 11] == number[0]


def ssn(text: str) -> bool:
    """A US social security number that could have been issued: no 000, 666, 9xx area, 00 group, 0000 serial."""
    number = compact(text)
    return number[:3] not in ("000", "666") and number[0] != "9" and number[3:5] != "00" and number[5:] != "0000"


def canadian_sin(text: str) -> bool:
    """A Canadian SIN: nine digits, Luhn's formula (0 and 8 lead fictitious and business numbers)."""
    number = compact(text)
    return len(number) == 9 and luhn(number)


_VIN_VALUES = {
    char: int(value)
    for char, value in zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", "012345678912345678123457923456789", strict=True)
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin_form(text: str) -> bool:
    """Seventeen characters of which some are digits and some letters (ISO 3779)."""
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def vin(text: str) -> bool:
    """A vehicle identification number whose ninth character is the right check digit (49 CFR 565.15)."""
    number = text.upper()
    if len(number) != 17 or not vin_form(number) or any(char not in _VIN_VALUES for char in number):
        return False
    total = sum(_VIN_VALUES[char] * weight for char, weight in zip(number, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == number[8]
