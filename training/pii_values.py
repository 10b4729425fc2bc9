"""Random values for the slots of the training sentences: names, addresses, organisations of many countries.

Addresses come from faker's locales and from our patterns.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any

from embedded_aws.bedrock.detectors.text import lexicon
from training import pii_gazetteer, pii_sentences
from training.pii_names import Names

_LOCALES = (
    "en_US en_US en_US en_GB en_GB en_CA en_AU en_IN de_DE de_AT de_CH fr_FR fr_BE es_ES es_MX it_IT nl_NL nl_BE "
    "pt_BR pt_PT pl_PL cs_CZ sk_SK hu_HU ro_RO sv_SE da_DK no_NO fi_FI hr_HR sl_SI tr_TR en_IE en_NZ id_ID et_EE "
    "fr_CH az_AZ"
)


class Values:
    """Draws slot values with a seeded generator. `slot(name)` gives the text and its label, or None for plain text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  (reproducible, not secret)
        self.names = Names(self.random)
        self._lists = pii_sentences.lists()
        self._common = sorted(lexicon.words("common_words") - lexicon.names())
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
            "name": lambda: (self.names.name(), "NAME"),
            "first": lambda: (self.names.first(), "NAME"),
            "last": lambda: (self.names.last(), "NAME"),
            "address": lambda: (self.address(), "ADDRESS"),
            "streetline": lambda: (self.street_line(), "ADDRESS"),
            "zipcity": lambda: (f"{self.city()}, {self._of('states')} {self._zip()}", "ADDRESS"),
            "ADDRzip": lambda: (self._zip(), "ADDRESS"),
            "org": lambda: (self.org(), "ORG"),
            "city": lambda: (self.city(), "LOC"),
            "country": lambda: (self._of("countries"), "LOC"),
            "state": lambda: (self._of("state_names"), "LOC"),
            "drug": lambda: (self._drug(), None),
            "Drug": lambda: (self._drug().title(), None),
            "disease": lambda: (self._of("diseases"), None),
            "Disease": lambda: (self._of("diseases").title(), None),
            "firm": lambda: (self._pick(list(lexicon.organisations())), "ORG"),
            "orgperson": lambda: (self._named_after(), "ORG"),
            "landmark": lambda: (self._of("landmarks").format(self.names.last()), "LOC"),
            "brand": lambda: (self._brand(), None),
            "Food2": lambda: (self._dish(), None),
            "user": lambda: (self._user(), None),
            "Coined": lambda: (self._coined(), None),
            "Taxon": lambda: (self._coined() + self.random.choice(("ia", "ella", "us", "idae", "coccus")), None),
            "ABBR": lambda: ("".join(self.random.choices("ABCDEFGHILMNOPRSTV", k=self.random.randint(2, 5))), None),
            "Things": lambda: (self._things(), None),
            "food": lambda: (self._of("foods"), None),
            "Food": lambda: (self._of("foods").capitalize(), None),
            "product": lambda: (self._of("products"), None),
            "job": lambda: (self._of("jobs"), None),
            "Job": lambda: (self._of("jobs").title(), None),
            "kin": lambda: (self._of("kin"), None),
            "month": lambda: (self._of("months"), None),
            "weekday": lambda: (self._of("weekdays"), None),
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
        """A medicine; sometimes an invented one with a typical ending."""
        drug = self._pick(list(lexicon.classes()["drug"]))
        return self._of("syllables") + drug[-6:] if self.random.random() < 0.25 else drug

    def _brand(self) -> str:
        """A brand as it is usually written: in capitals when short."""
        brand = self._pick(list(lexicon.classes()["brand"]))
        return brand.upper() if len(brand) == 3 else brand.capitalize()

    def _dish(self) -> str:
        """Two words of food with capitals: "Paneer Tikka"."""
        return " ".join(word.capitalize() for word in self.random.sample(lexicon.classes()["food"], 2))

    def _coined(self) -> str:
        """A capitalised word without meaning."""
        syllables = self.random.choices(self._lists["syllables"], k=self.random.randint(2, 3))
        return "".join(syllables).capitalize()

    def _things(self) -> str:
        """One to three everyday words with capitals, as in headings and lists."""
        return " ".join(word.capitalize() for word in self.random.sample(self._common, self.random.randint(1, 3)))

    def _named_after(self) -> str:
        """An organisation that bears a person's name."""
        who = f"{self.names.first()} {self.names.last()}" if self.random.random() < 0.6 else self.names.last()
        return f"{who} {self._of('orgtails')}"

    def _user(self) -> str:
        """A user name made of a name."""
        first, last = self.names.first().lower(), self.names.last().lower().replace(" ", "")
        number = self.random.randint(1, 99)
        return self.random.choice((f"{first[0]}.{last}", f"{first}_{last[:3]}", f"{first}{number}", f"{last}{number}"))

    def _of(self, name: str) -> str:
        """One of a list of values.txt."""
        return self.random.choice(self._lists[name])

    def _pick(self, entries: list[str]) -> str:
        return self.random.choice(entries)

    def city(self) -> str:
        """A city, half of them in the US."""
        return self._pick(self.random.choice((self._cities, self._us_cities)))

    def _zip(self) -> str:
        return f"{self.random.randint(501, 99950):05}" + (
            f"-{self.random.randint(0, 9999):04}" if self.random.random() < 0.1 else ""
        )

    def _date(self) -> str:
        day, month, year = self.random.randint(1, 28), self.random.randint(1, 12), self.random.randint(1930, 2026)
        name = self._lists["months"][month - 1]
        return self.random.choice(
            (f"{month:02}/{day:02}/{year}", f"{year}-{month:02}-{day:02}", f"{name} {day}, {year}",
             f"{day} {name} {year}", f"{day}.{month}.{year}")
        )  # fmt: skip

    def street_line(self) -> str:
        """House number and street, in the English or the continental order, perhaps with a unit."""
        if self.random.random() < 0.3:
            line = str(self._fakers[self._pick(self._weighted)].street_address()).replace("\n", ", ")
        else:
            street = (
                self._of("streets")
                if self.random.random() < 0.6
                else self.random.choice(self.names.family_names[:20_000])
            )
            if self.random.random() < 0.12:
                street = f"{self._of('directions')} {street}"
            highest = 9999 if self.random.random() < 0.4 else 250
            line = f"{self.random.randint(1, highest)} {street} {self._of('suffixes')}"
        if self.random.random() < 0.2:
            unit = f"{self._of('units')} {self.random.randint(1, 400)}{self.random.choice(('', '', 'B'))}"
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
                f"P.O. Box {self.random.randint(1, 9999)}{separator}{self.city()}, {self._of('states')} {self._zip()}"
            )
        parts = [self.street_line()]
        tail = self.random.random()
        if tail < 0.45:
            parts.append(f"{self._pick(self._us_cities)}, {self._of('states')} {self._zip()}")
        elif tail < 0.55:
            parts.append(
                f"{self._pick(self._us_cities)}, {self._pick(self._lists['states'] + self._lists['state_names'])}"
            )
        elif tail < 0.65:
            parts.append(self.city())
        elif tail < 0.75:
            parts += [self.city(), self._fakers["en_GB"].postcode()]
        elif tail < 0.85:
            parts.append(f"{self._zip()} {self.city()}")
        if self.random.random() < 0.2:
            parts.append(self._of("countries"))
        return separator.join(parts)

    def org(self) -> str:
        """A company, hospital or authority; many carry a family name."""
        chance = self.random.random()
        if chance < 0.45:
            return self._of("orgs")
        if chance < 0.7:
            return str(self._fakers[self._pick(["en_US", "en_GB", "de_DE", "fr_FR", "nl_NL", "es_ES"])].company())
        family = self.names.pair()[1]
        return self.random.choice(
            (f"{family} Ltd", f"{family} Inc.", f"{family} & Sons", f"{family} Hospital", f"{family} University",
             f"{family} Group", f"{self.city()} General Hospital", f"Bank of {self.city()}", f"{family} Foundation",
             f"{family}, {self.names.pair()[1]} and Partners", f"{family} LLC",
             f"St. {self._pick(self.names.male[:60])} Hospital")
        )  # fmt: skip
