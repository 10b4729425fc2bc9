"""Random persons' names of many countries, in the forms that people write them.

Names come from the US census (`names`) and the locale lists of `faker`; a share is altered so that the tagger meets
names that no list holds.
"""

from __future__ import annotations

import random

from training import pii_gazetteer, pii_sentences

_UNLISTED_SHARE = 0.18


class Names:
    """Draws names with the generator given."""

    def __init__(self, rng: random.Random) -> None:
        self.random = rng
        self.family_names = pii_gazetteer.census("dist.all.last")
        self.male = pii_gazetteer.census("dist.male.first")[:700]
        self._female = pii_gazetteer.census("dist.female.first")[:1500]
        first, last = pii_gazetteer.faker_names("first"), pii_gazetteer.faker_names("last")
        self._locales = {locale: (first[locale], last[locale]) for locale in sorted(first.keys() & last.keys())}
        self._syllables = pii_sentences.lists()["syllables"]
        self._particles = pii_sentences.lists()["particles"]

    def _altered(self, name: str) -> str:
        """Sometimes return a name that is in no list, made of syllables or by changing a letter."""
        chance = self.random.random()
        if chance > _UNLISTED_SHARE:
            return name
        if chance < _UNLISTED_SHARE / 2 or len(name) < 4:
            return "".join(self.random.choices(self._syllables, k=self.random.randint(2, 3))).capitalize()
        at = self.random.randrange(1, len(name))
        return name[:at] + self.random.choice("aeiouklmnrst") + name[at + 1 :]

    def pair(self) -> tuple[str, str]:
        """A given and a family name of one country."""
        if self.random.random() < 0.55:
            given = self.random.choice(
                self.random.choice((self.male, self._female))[: int(60 * 25 ** self.random.random())]
            )
            family = self.family_names[int(len(self.family_names) ** self.random.random()) - 1]
        else:
            firsts, lasts = self._locales[self.random.choice(list(self._locales))]
            given, family = self.random.choice(firsts), self.random.choice(lasts)
        return self._altered(given), self._altered(family)

    def first(self) -> str:
        """A given name, sometimes with a nickname's or compound form."""
        given, other = self.pair()[0], self.pair()[0]
        chance = self.random.random()
        return f"{given}-{other}" if chance < 0.03 else f"{given}-{other.lower()}" if chance < 0.04 else given

    def last(self) -> str:
        """A family name."""
        family = self.pair()[1]
        chance = self.random.random()
        if chance < 0.04:
            return f"{family}-{self.pair()[1]}"
        if chance < 0.08:
            particle = self.random.choice(self._particles)
            return particle + family if particle.endswith("'") else f"{particle} {family}"
        return family

    def name(self) -> str:
        """A person's name in one of the forms that people write."""
        given, family = self.pair()
        other = self.pair()[0]
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
            (0.84, f"{given} {family}-{self.pair()[1]}"),
            (0.87, f"{given} {self.pair()[1]} {family}"),
            (0.91, f"{given} {self.random.choice(self._particles)} {family}".replace("' ", "'")),
            (0.93, f"{given}-{other} {family}"),
            (0.935, f"{given}-{other.lower()} {family}"),
            (0.95, f"{given[0]}.{initial}. {family}"),
            (0.97, f"{given} {family} {self.random.choice(('Jr.', 'Sr.', 'III', 'II'))}"),
            (1.0, given),
        )
        chance = self.random.random()
        return next(form for limit, form in forms if chance <= limit)
