"""Training sentences in German, French, Spanish, Portuguese and Italian, and the list of their common words.

Sources: our templates (pii_authored/languages.txt), names and addresses of faker's locales (MIT), cities of GeoNames
(CC-BY 4.0), and as texts without persons the translated messages of Django, wagtail, django-allauth and related
packages (BSD, MIT), which pip installs with their catalogues, and the small talk of chatterbot-corpus (BSD); stop words
of the package stop-words (BSD).
"""

from __future__ import annotations

import gettext
import importlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from embedded_aws.bedrock.detectors.text import lexicon
from training import pii_gazetteer, pii_sentences
from training.pii_sentences import Sentence, joined, recased
from training.pii_values import Values

LOCALES = {
    "de": ("de_DE", "de_DE", "de_AT", "de_CH"),
    "fr": ("fr_FR", "fr_FR", "fr_BE", "fr_CH", "fr_CA"),
    "es": ("es_ES", "es_ES", "es_MX", "es_AR", "es_CO"),
    "pt": ("pt_PT", "pt_BR"),
    "it": ("it_IT",),
}
_COUNTRIES = {
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH"),
    "es": ("ES", "MX", "AR", "CO"),
    "pt": ("PT", "BR"),
    "it": ("IT",),
}
_CATALOGUES = ("django", "wagtail", "allauth", "rest_framework", "treebeard", "taggit", "django_filters")
_FOREIGN = ("tr_TR", "pl_PL", "en_GB", "ro_RO", "hr_HR", "nl_NL", "vi_VN", "sv_SE")
_ROUNDS = {"people": 55, "plain": 55}
_SLOT = re.compile(r"\{(\w+)\}")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]*>|&\w+;")
_STREETS = {
    "de": "{}straße;{}weg;{}gasse;{}platz;{}allee;{}str.;Am {};Im {};An der {};{} Straße;{}ring;{}ufer;{}damm",
    "fr": "rue {};rue de {};rue du {};rue des {};avenue {};avenue de {};boulevard {};place {};place de la {};"
    "chemin des {};impasse {};allée des {};quai {};cours {};route de {}",
    "es": "calle {};Calle {};C/ {};avenida {};Avda. {};Av. {};plaza {};plaza de {};paseo de {};"
    "calle de la {};camino de {};ronda {}",
    "pt": "Rua {};rua {};Rua da {};Rua das {};Rua dos {};Avenida {};Av. {};Praça {};Travessa {};Largo {};Alameda {}",
    "it": "via {};Via {};viale {};piazza {};Piazza {};corso {};via dei {};via delle {};via della {};largo {};vicolo {}",
}  # fmt: skip
_NATURE = {
    "de": "Linden;Buchen;Rosen;Schul;Bahnhof;Garten;Kirch;Mühlen;Berg;Wald;Markt;Goethe;Schiller;Mozart;"
    "Haupt;Ahorn;Birken",
    "fr": "Roses;Lilas;Écoles;Gare;Victor Hugo;Jean Jaurès;Moulin;Lavoir;République;Acacias;"
    "Pasteur;Platanes;Vignes;Paix",
    "es": "Mayor;Alcalá;Goya;Cervantes;Sol;Colón;Paz;Olivos;Rosales;Serrano;San Juan;Real;Constitución;"
    "Velázquez;Almendros",
    "pt": "Flores;Liberdade;Augusta;Sol;Paz;Aurora;Rosas;Camões;República;São João;Oliveiras;Santos;Figueira;Prata",
    "it": "Roma;Garibaldi;Mazzini;Dante;Verdi;Rose;Pini;Cavour;Libertà;Tigli;Manzoni;Monte Rosa;Ulivi;San Marco",
}  # fmt: skip


@cache
def _sections() -> dict[str, tuple[str, ...]]:
    """The sections of languages.txt: "de people" -> lines; lists of values are split at semicolons."""
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in (pii_sentences.FOLDER / "languages.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            section = found.setdefault(line[1:], [])
        elif line and not line.startswith("#"):
            section += [line] if "{" in line or "." in line or "!" in line or "?" in line else line.split(";")
    return {name: tuple(lines) for name, lines in found.items()}


def messages(language: str) -> list[str]:
    """The packages' messages in a language, without placeholders, sorted."""
    found: set[str] = set()
    for package in _CATALOGUES:
        root = Path(str(importlib.import_module(package).__file__)).parent
        for code in (language, f"{language}_BR"):
            for path in sorted(root.glob(f"**/locale/{code}/LC_MESSAGES/*.mo")):
                with path.open("rb") as file:
                    catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
                found.update(str(value) for key, value in catalogue.items() if key)
    found.update(_conversations(_ENGLISH_NAMES[language]))
    texts = (" ".join(_PLACEHOLDER.sub(" ", text).split()) for text in found)
    return sorted({text for text in texts if 6 <= len(text) <= 400 and sum(map(str.isalpha, text)) * 2 > len(text)})


_ENGLISH_NAMES = {"de": "german", "fr": "french", "es": "spanish", "pt": "portuguese", "it": "italian"}


def _conversations(language: str) -> Iterator[str]:
    """The small talk of chatterbot-corpus, without lines that may name a person: capitals within the sentence."""
    root = Path(str(importlib.import_module("chatterbot_corpus").__file__)).parent / "data" / language
    for path in sorted(root.glob("*.yml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            text = line.strip().lstrip("- ").strip("\"'")
            if language == "german" or not re.search(r"(?<=[a-zà-ú,] )[A-ZÀ-Ú]", text):
                yield text


class Slots:
    """Draws the values of one language."""

    def __init__(self, language: str, values: Values, rng: random.Random) -> None:
        self._language, self._values, self._random = language, values, rng
        faker = importlib.import_module("faker")
        self._fakers = [faker.Faker(locale) for locale in LOCALES[language]]
        self._others = [faker.Faker(locale) for locale in _FOREIGN]
        for number, one in enumerate((*self._fakers, *self._others)):
            one.seed_instance(number)
        countries = _COUNTRIES[language]
        self._cities = [
            name for name, country, people in pii_gazetteer.cities() if country in countries and people > 15_000
        ]

    def slot(self, name: str) -> tuple[str, str | None]:
        """A value and its label."""
        rng = self._random
        if name in ("name", "first", "last"):
            return self._person(name), "NAME"
        if name == "streetline":
            return self._street(), "ADDRESS"
        if name == "address":
            return self._address(), "ADDRESS"
        if name == "city":
            return rng.choice(self._cities), "LOC"
        if name == "org":
            return str(rng.choice(self._fakers).company()), "ORG"
        if name == "month":
            return str(self._fakers[0].month_name()), None
        if name == "phone":
            return str(rng.choice(self._fakers).phone_number()), None
        if name in ("thing", "place", "when", "who"):
            value = rng.choice(_sections()[f"{self._language} {name}"])
            return value, None
        return self._values.slot(name)

    def _person(self, kind: str) -> str:
        rng = self._random
        if rng.random() < 0.15:
            return str(self._values.slot(kind)[0])
        faker = rng.choice(self._fakers if rng.random() < 0.85 else self._others)
        first, last = str(faker.first_name()), str(faker.last_name())
        if rng.random() < 0.2:  # a name that no list holds
            at = rng.randrange(1, max(2, len(last) - 1))
            last = last[:at] + rng.choice("aeiourlnst") + last[at + 1 :]
        chance = rng.random()
        if kind == "first":
            return f"{first} {faker.first_name()}" if chance < 0.1 else first
        if self._language in ("es", "pt") and chance < 0.5:
            last = f"{last} {faker.last_name()}"
        elif chance < 0.1:
            last = f"{last}-{faker.last_name()}"
        elif chance < 0.17:
            particle = {"de": "von", "fr": "de", "es": "de la", "pt": "da", "it": "di"}[self._language]
            last = f"{particle} {last}" if kind == "name" else last
        if kind == "last":
            return last
        chance = rng.random()
        if chance < 0.05:
            return f"{first[0]}. {last}"
        if chance < 0.1:
            return f"{first} {last.upper()}"
        if chance < 0.14:
            return f"{last}, {first}"
        return f"{first} {faker.first_name()} {last}" if chance < 0.22 else f"{first} {last}"

    def _street(self) -> str:
        """Street and number as the language orders them."""
        rng, language = self._random, self._language
        if rng.random() < 0.25:
            line = str(rng.choice(self._fakers).street_address()).replace("\n", ", ")
            if any(map(str.isdigit, line)):
                return line
        name = rng.choice(_NATURE[language].split(";")) if rng.random() < 0.6 else self._person("last")
        street = rng.choice(_STREETS[language].split(";")).format(name)
        number = f"{rng.randint(1, 250)}{rng.choice(('', '', '', '', 'a', 'B', ' b'))}"
        if language == "fr":
            return f"{number}{rng.choice((' ', ' ', ', '))}{street}"
        gap = {"de": (" ",), "es": (" ", ", ", ", nº "), "pt": (" ", ", ", ", nº "), "it": (" ", ", ", " n. ")}[
            language
        ]
        line = f"{street}{rng.choice(gap)}{number}"
        if rng.random() < 0.15:
            line += {"de": ", 2. Stock", "es": ", 3º B", "pt": ", 2º Esq.", "it": ", interno 4"}[language]
        return line

    def _address(self) -> str:
        rng, language = self._random, self._language
        separator = rng.choice((", ", ", ", ", ", "\n", " ", ",\n", " - "))
        city = rng.choice(self._cities)
        code = f"{rng.randint(1000, 99999):05}"
        if language == "pt":
            code = f"{rng.randint(1000, 9999)}-{rng.randint(0, 999):03}"
        elif language == "de" and rng.random() < 0.25:
            code = f"{rng.randint(1000, 9999)}"
        town = f"{code} {city}" if rng.random() < 0.85 else city
        if language == "it" and rng.random() < 0.4:
            town += f" ({city[:2].upper()})"
        elif language == "pt" and rng.random() < 0.3:
            town = f"{city} - SP, {rng.randint(1000, 99999):05}-{rng.randint(0, 999):03}"
        elif language == "de" and rng.random() < 0.1:
            town = f"{rng.choice(('D', 'A', 'CH'))}-{town}"
        return f"{self._street()}{separator}{town}"


def _filled(template: str, slots: Slots) -> Sentence:
    text, spans, at = "", list[tuple[int, int, str]](), 0
    for slot in _SLOT.finditer(template):
        value, kind = slots.slot(slot[1])
        text += template[at : slot.start()]
        if not text and value[:1].islower():
            value = value[0].upper() + value[1:]
        if kind == "NAME" and spans and spans[-1][2] == kind and text[spans[-1][1] :] == " ":
            spans[-1] = (spans[-1][0], len(text) + len(value), kind)
        elif kind:
            spans.append((len(text), len(text) + len(value), kind))
        text += value
        at = slot.end()
    return Sentence(text + template[at:], tuple(spans))


_THIRD_PERSON = {
    "fr": r"\b(?:[Ii]l|[Ee]lle|[Ll]'utilisateur|[Uu]n utilisateur)\b", "es": r"\b(?:[Éé]l|[Ee]lla|[Ee]l usuario)\b",
    "pt": r"\b(?:[Ee]le|[Ee]la|[Oo] usuário)\b", "it": r"\b(?:[Ll]ui|[Ll]ei|[Ll]'utente)\b",
    "de": r"\b(?:der Benutzer|Der Benutzer|dem Benutzer|Der Nutzer)\b",
}  # fmt: skip


def sentences(values: Values, seed: int) -> Iterator[Sentence]:
    """All training sentences of the five languages."""
    rng = random.Random(seed)  # noqa: S311  (reproducible, not secret)
    for language in LOCALES:
        slots = Slots(language, values, rng)
        plain = messages(language)
        for text in plain:
            if not re.search(r"\b(?:Tim Berners|Unsplash)\b", text):
                yield Sentence(text, ())
            pronoun = re.search(_THIRD_PERSON[language], text)
            if pronoun:
                name = slots.slot("name" if rng.random() < 0.6 else "first")[0]
                at = pronoun.start()
                yield Sentence(text[:at] + name + text[pronoun.end() :], ((at, at + len(name), "NAME"),))
        for kind, rounds in _ROUNDS.items():
            templates = _sections()[f"{language} {kind}"]
            for _ in range(rounds):
                for template in templates:
                    sentence = _filled(template, slots)
                    chance = rng.random()
                    if chance < 0.2:
                        sentence = joined(sentence, Sentence(rng.choice(plain), ()), rng)
                    elif chance < 0.35:
                        sentence = joined(Sentence(rng.choice(plain), ()), sentence, rng)
                    yield recased(sentence, rng) if rng.random() < 0.5 else sentence


_FIRST_PERSON = (  # verbs and wishes that begin a sentence and are in name lists
    "amo mando pago tomo moro vivo compro canto passo chego levo vendo lavoro abito cerco prendo porto parto vado "
    "dono noto temo pido salgo entro vengo bajo subo rezo miro nado olho perdo amore bella bello felice joyeux "
    "joyeuse bonne bon noël natale pasqua navidad natal pascua páscoa ostern weihnachten frohe frohes heiße "
    "dolores mercedes senior yoga training"
)


def common_words() -> list[str]:
    """Words of the messages and templates, in any case, that occur twice and are no given names first of all."""
    counted: Counter[str] = Counter()
    lower: Counter[str] = Counter()
    for language in LOCALES:
        texts = messages(language)
        for name, lines in _sections().items():
            if name.startswith(language):
                texts += [_SLOT.sub(" ", line) for line in lines] * 2
        for text in texts:
            for word in re.findall(r"[^\W\d_]{1,}", text):
                counted[word.lower()] += 1
                lower[word.lower()] += word.islower()
    stop_words = importlib.import_module("stop_words")
    for language in LOCALES:
        counted.update(words := stop_words.get_stop_words(_ENGLISH_NAMES[language]))
        lower.update([*words, *words])
        months = importlib.import_module("faker").Faker(LOCALES[language][0])
        listed = [value for kind in ("thing", "place", "when", "who") for value in _sections()[f"{language} {kind}"]]
        lower.update([word.lower() for value in listed for word in re.findall(r"[^\W\d_]+", value)] * 2)
        names = {months.month_name() for _ in range(200)} | {months.day_of_week() for _ in range(100)}
        lower.update([name.lower() for name in names] * 2)
        counted.update(lower.keys())
    lower.update([*_FIRST_PERSON.split()] * 2)
    counted.update(_FIRST_PERSON.split())
    first = lexicon.words("first_names")
    return sorted(word for word, count in counted.items() if lower[word] >= 2 or (count >= 2 and word not in first))
