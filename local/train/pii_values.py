"""Random values for the slots of the training sentences: names, addresses, organisations of many countries.

Names come from the US census (`names`) and the locale lists of `faker`; a share is altered so that the tagger meets
names that no list holds. Addresses come from faker's locales and from forms of our own.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any

from local.bedrock.detectors.pii import lexicon
from local.train import pii_gazetteer, pii_templates


def _split(text: str, separator: str) -> list[str]:
    """A list written as text."""
    return text.split(separator)


_UNLISTED_SHARE = 0.18
_LOCALES = (
    "en_US en_US en_US en_GB en_GB en_CA en_AU en_IN de_DE de_AT de_CH fr_FR fr_BE es_ES es_MX it_IT nl_NL nl_BE "
    "pt_BR pt_PT pl_PL cs_CZ sk_SK hu_HU ro_RO sv_SE da_DK no_NO fi_FI hr_HR sl_SI tr_TR en_IE en_NZ id_ID et_EE "
    "fr_CH az_AZ"
)
_STREETS = _split(
    "Main Maple Oak Pine Cedar Elm Washington Lake Hill Walnut Spring North South Park River Church Highland "
    "Mill Sunset Lincoln Jackson Chestnut Broad Meadow Forest Jefferson Center Union Court Locust Cherry Willow "
    "Franklin Ridge Baker High Station Victoria Green Manor Queen King Albert Abbey Downing Oxford Regent "
    "Bridge Market Mountain Evergreen Birch Magnolia Sycamore Dogwood Juniper Laurel Poplar Hickory Orchard "
    "Valley Harbor Ocean Bay 1st 2nd 3rd 4th 5th 7th 9th 12th 42nd 101st",
    " ",
)
_SUFFIXES = _split(
    "Street Street Street St St. Avenue Avenue Ave Ave. Road Road Rd Rd. Boulevard Blvd Lane Lane Ln Drive "
    "Drive Dr Court Ct Place Pl Square Terrace Way Circle Parkway Pkwy Crescent Close Trail Highway Row Grove "
    "Gardens",
    " ",
)
_DIRECTIONS = _split("N S E W North South East West N. Old Upper", " ")
_UNITS = _split("Apt,Apt.,Suite,Unit,#,Flat,Floor,apartment", ",")
_STATES = _split(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH "
    "OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY",
    " ",
)
_STATE_NAMES = [
    "Texas",
    "California",
    "Ohio",
    "Florida",
    "Illinois",
    "Michigan",
    "Virginia",
    "Oregon",
    "Nevada",
    "Utah",
    "Kansas",
    "Georgia",
    "Maine",
]
_COUNTRIES = _split(
    "United States;United Kingdom;Germany;France;Spain;Italy;Canada;Australia;India;Ireland;Netherlands;Belgium;"
    "Austria;Switzerland;Poland;Sweden;Norway;Denmark;Finland;Portugal;Greece;Turkey;Israel;Egypt;South Africa;"
    "Nigeria;Kenya;Brazil;Argentina;Chile;Mexico;Japan;China;South Korea;Vietnam;Thailand;New Zealand;Bahrain;Gabon;"
    "Macedonia;Ecuador;Antigua and Barbuda;Marshall Islands;Turkmenistan;Iceland;Estonia;Jordan;Georgia;Chad;Mali;"
    "Cuba;Jamaica;Bahamas;USA;UK;Democratic Republic of the Congo;El Salvador;Sri Lanka;Costa Rica;Saudi Arabia;"
    "Bhutan;Nauru;Fiji;Samoa;Peru;Bolivia;Venezuela;Panama;Honduras;Guyana;Barbados;Dominica;Grenada;Laos;"
    "Federated States of Micronesia;Central African Republic;Trinidad and Tobago;Papua New Guinea;Guinea;Togo;Benin",
    ";",
)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_KIN = [
    "wife",
    "husband",
    "son",
    "daughter",
    "mother",
    "father",
    "brother",
    "sister",
    "friend",
    "colleague",
    "neighbor",
    "boss",
    "uncle",
    "aunt",
    "cousin",
]
_SYLLABLES = _split(
    "ka ro mi ta lo ne shi va do ri sa el an or ben dra qui zo fe lu mar tin gor bal ven chu oka wale ogu ji xi "
    "ho ny bra sko ten wick ley ford son sen ov ski escu idis poulos yan adze oglu ez ini elli eau ic",
    " ",
)
_PARTICLES = _split(
    "van der;van;von;de;de la;del;di;bin;al;ter;van den;da;dos;le;O'",
    ";",
)


def _list(text: str) -> list[str]:
    return [entry.strip() for entry in text.replace("\n", "").split(";") if entry.strip()]


class Values:
    """Draws slot values with a seeded generator. `slot(name)` gives the text and its label, or None for plain text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  (reproducible, not secret)
        self._last = pii_gazetteer.census("dist.all.last")
        self._male = pii_gazetteer.census("dist.male.first")[:700]
        self._female = pii_gazetteer.census("dist.female.first")[:1500]
        first, last = pii_gazetteer.faker_names("first"), pii_gazetteer.faker_names("last")
        self._locales = {locale: (first[locale], last[locale]) for locale in sorted(first.keys() & last.keys())}
        places = pii_gazetteer.cities()
        self._cities = [name for name, country, people in places if people > (20_000 if country == "US" else 60_000)]
        self._us_cities = [name for name, country, _ in places if country == "US"]
        faker = importlib.import_module("faker")
        self._fakers: dict[str, Any] = {}
        for locale in dict.fromkeys(_LOCALES.split()):
            self._fakers[locale] = faker.Faker(locale)
            self._fakers[locale].seed_instance(seed)
        self._weighted = _LOCALES.split()
        self._slots: dict[str, Callable[[], tuple[str, str | None]]] = {
            "name": lambda: (self.name(), "NAME"),
            "first": lambda: (self.first(), "NAME"),
            "last": lambda: (self.last(), "NAME"),
            "address": lambda: (self.address(), "ADDRESS"),
            "streetline": lambda: (self.street_line(), "ADDRESS"),
            "zipcity": lambda: (f"{self.city()}, {self._pick(_STATES)} {self._zip()}", "ADDRESS"),
            "ADDRzip": lambda: (self._zip(), "ADDRESS"),
            "org": lambda: (self.org(), "ORG"),
            "city": lambda: (self.city(), "LOC"),
            "country": lambda: (self._pick(_COUNTRIES), "LOC"),
            "state": lambda: (self._pick(_STATE_NAMES), "LOC"),
            "drug": lambda: (self._drug(), None),
            "Drug": lambda: (self._drug().title(), None),
            "disease": lambda: (self._pick(_list(pii_templates.DISEASES)), None),
            "Disease": lambda: (self._pick(_list(pii_templates.DISEASES)).title(), None),
            "food": lambda: (self._pick(_list(pii_templates.FOODS)), None),
            "Food": lambda: (self._pick(_list(pii_templates.FOODS)).capitalize(), None),
            "product": lambda: (self._pick(_list(pii_templates.PRODUCTS)), None),
            "job": lambda: (self._pick(_list(pii_templates.JOBS)), None),
            "kin": lambda: (self._pick(_KIN), None),
            "month": lambda: (self._pick(_MONTHS), None),
            "weekday": lambda: (self._pick(_DAYS), None),
            "date": lambda: (self._date(), None),
            "year": lambda: (str(self.random.randint(1900, 2026)), None),
            "n": lambda: (str(self.random.randint(1, 99)), None),
            "num": lambda: (str(self.random.randint(100, 9_999_999)), None),
            "zip": lambda: (self._zip(), None),
            "phone": lambda: (self._fakers[self._pick(self._weighted)].phone_number(), None),
            "email": lambda: (self._fakers["en_US"].email(), None),
        }

    def slot(self, name: str) -> tuple[str, str | None]:
        """A value for a slot of a template and its label."""
        return self._slots[name]()

    def _drug(self) -> str:
        """A medicine, sometimes one that no list holds but that ends like one."""
        drug = self._pick(lexicon.DRUGS.split())
        return self._pick(_SYLLABLES) + drug[-6:] if self.random.random() < 0.25 else drug

    def _pick(self, entries: list[str]) -> str:
        return self.random.choice(entries)

    def _altered(self, name: str) -> str:
        """Sometimes a name that stands in no list, made of syllables or by changing a letter."""
        chance = self.random.random()
        if chance > _UNLISTED_SHARE:
            return name
        if chance < _UNLISTED_SHARE / 2 or len(name) < 4:
            return "".join(self.random.choices(_SYLLABLES, k=self.random.randint(2, 3))).capitalize()
        at = self.random.randrange(1, len(name))
        return name[:at] + self.random.choice("aeiouklmnrst") + name[at + 1 :]

    def _pair(self) -> tuple[str, str]:
        """A given and a family name of one country."""
        if self.random.random() < 0.55:
            given = self._pick(self.random.choice((self._male, self._female))[: int(60 * 25 ** self.random.random())])
            family = self._last[int(len(self._last) ** self.random.random()) - 1]
        else:
            firsts, lasts = self._locales[self._pick(list(self._locales))]
            given, family = self._pick(firsts), self._pick(lasts)
        return self._altered(given), self._altered(family)

    def first(self) -> str:
        """A given name, sometimes with a nickname's or compound form."""
        given, other = self._pair()[0], self._pair()[0]
        return f"{given}-{other}" if self.random.random() < 0.03 else given

    def last(self) -> str:
        """A family name."""
        family = self._pair()[1]
        chance = self.random.random()
        if chance < 0.04:
            return f"{family}-{self._pair()[1]}"
        if chance < 0.08:
            particle = self._pick(_PARTICLES)
            return particle + family if particle.endswith("'") else f"{particle} {family}"
        return family

    def name(self) -> str:
        """A person's name in one of the forms that people write."""
        given, family = self._pair()
        other = self._pair()[0]
        initial = other[0]
        forms: tuple[tuple[float, str], ...] = (
            (0.58, f"{given} {family}"),
            (0.60, f"{given} {family.upper()}"),
            (0.61, f"{family.upper()}, {given}"),
            (0.66, f"{given} {initial}. {family}"),
            (0.69, f"{given} {initial} {family}"),
            (0.74, f"{given} {other} {family}"),
            (0.78, f"{given[0]}. {family}"),
            (0.81, f"{family}, {given}"),
            (0.84, f"{given} {family}-{self._pair()[1]}"),
            (0.87, f"{given} {self._pair()[1]} {family}"),
            (0.91, f"{given} {self._pick(_PARTICLES)} {family}".replace("' ", "'")),
            (0.93, f"{given}-{other} {family}"),
            (0.95, f"{given[0]}.{initial}. {family}"),
            (0.97, f"{given} {family} {self.random.choice(('Jr.', 'Sr.', 'III', 'II'))}"),
            (1.0, given),
        )
        chance = self.random.random()
        return next(form for limit, form in forms if chance <= limit)

    def city(self) -> str:
        """A city, half of them in the US."""
        return self._pick(self.random.choice((self._cities, self._us_cities)))

    def _zip(self) -> str:
        return f"{self.random.randint(501, 99950):05}" + (
            f"-{self.random.randint(0, 9999):04}" if self.random.random() < 0.1 else ""
        )

    def _date(self) -> str:
        day, month, year = self.random.randint(1, 28), self.random.randint(1, 12), self.random.randint(1930, 2026)
        return self.random.choice(
            (f"{month:02}/{day:02}/{year}", f"{year}-{month:02}-{day:02}", f"{_MONTHS[month - 1]} {day}, {year}",
             f"{day} {_MONTHS[month - 1]} {year}", f"{day}.{month}.{year}")
        )  # fmt: skip

    def street_line(self) -> str:
        """House number and street, in the English or the continental order, perhaps with a unit."""
        if self.random.random() < 0.3:
            line = str(self._fakers[self._pick(self._weighted)].street_address()).replace("\n", ", ")
        else:
            street = self._pick(_STREETS) if self.random.random() < 0.6 else self.random.choice(self._last[:20_000])
            if self.random.random() < 0.12:
                street = f"{self._pick(_DIRECTIONS)} {street}"
            highest = 9999 if self.random.random() < 0.4 else 250
            line = f"{self.random.randint(1, highest)} {street} {self._pick(_SUFFIXES)}"
        if self.random.random() < 0.2:
            unit = f"{self._pick(_UNITS)} {self.random.randint(1, 400)}{self.random.choice(('', '', 'B'))}"
            line += self.random.choice((", ", " ")) + unit
        return line

    def address(self) -> str:
        """A postal address on one or several lines."""
        chance = self.random.random()
        separator = self.random.choice((", ", ", ", ", ", " ", "\n", "\n", ",\n", "\n "))
        if chance < 0.35:
            text = str(self._fakers[self._pick(self._weighted)].address())
            return text.replace("\n", separator)
        if chance < 0.42:
            return (
                f"P.O. Box {self.random.randint(1, 9999)}{separator}{self.city()}, {self._pick(_STATES)} {self._zip()}"
            )
        parts = [self.street_line()]
        tail = self.random.random()
        if tail < 0.45:
            parts.append(f"{self._pick(self._us_cities)}, {self._pick(_STATES)} {self._zip()}")
        elif tail < 0.55:
            parts.append(f"{self._pick(self._us_cities)}, {self._pick(_STATES + _STATE_NAMES)}")
        elif tail < 0.65:
            parts.append(self.city())
        elif tail < 0.75:
            parts += [self.city(), self._fakers["en_GB"].postcode()]
        elif tail < 0.85:
            parts.append(f"{self._zip()} {self.city()}")
        if self.random.random() < 0.2:
            parts.append(self._pick(_COUNTRIES))
        return separator.join(parts)

    def org(self) -> str:
        """A company, hospital or authority; many carry a family name."""
        chance = self.random.random()
        if chance < 0.45:
            return self._pick(_list(pii_templates.ORGS))
        if chance < 0.7:
            return str(self._fakers[self._pick(["en_US", "en_GB", "de_DE", "fr_FR", "nl_NL", "es_ES"])].company())
        family = self._pair()[1]
        return self.random.choice(
            (f"{family} Ltd", f"{family} Inc.", f"{family} & Sons", f"{family} Hospital", f"{family} University",
             f"{family} Group", f"{self.city()} General Hospital", f"Bank of {self.city()}", f"{family} Foundation",
             f"{family}, {self._pair()[1]} and Partners", f"{family} LLC",
             f"St. {self._pick(self._male[:60])} Hospital")
        )  # fmt: skip
