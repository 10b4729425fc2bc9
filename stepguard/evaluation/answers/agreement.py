"""Whether an answer agrees with its reference answers, by its words alone, and whether it is a refusal.

Texts are normalised as SQuAD's evaluation does (https://rajpurkar.github.io/SQuAD-explorer/): without letter case,
punctuation and the English articles. Numbers keep their sign and decimal point.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from stepguard.guard.bank.vectors import cosine

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?:\D|\Z))")
_KEPT = re.compile(r"(?<=\d)[.,](?=\d)|(?<![\w.)])[-−](?=\d)|(?<=\w)[+#]+(?!\w)|\w")
_SCRIPTS = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts without blanks between words: each character counts as a word."""
_WORDS = re.compile(rf"[{_SCRIPTS}]|[^\s{_SCRIPTS}]+")


def normalised(text: str) -> str:
    """The text without what does not change an answer; the text itself, without blanks at its ends, if nothing else is
    left."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    plain = _GROUPED.sub("", folded)
    kept, end = [], 0
    for found in _KEPT.finditer(plain):
        kept.append(" " * (found.start() > end) + found.group().replace("−", "-"))
        end = found.end()
    words = "".join(kept).replace("_", " ")
    return " ".join(_ARTICLES.sub(" ", words).split()) or " ".join(words.split()) or folded


def is_exact(answer: str, references: Iterable[str]) -> bool:
    """Whether the answer is one of the references, normalised."""
    text = normalised(answer)
    return any(text == normalised(reference) for reference in references)


def word_agreement(answer: str, references: Iterable[str]) -> float:
    """The F1 of the answer's words and those of the nearest reference, from 0 to 1."""
    words = _counted(answer)
    return max((_f1(words, _counted(reference)) for reference in references), default=0.0)


def says(answer: str, reference: str, least: float) -> bool:
    """Whether the answer contains the reference word for word, or agrees with `least` of its words, their numbers and
    their negations."""
    words, wanted = _WORDS.findall(normalised(answer)), _WORDS.findall(normalised(reference))
    if not wanted or _signs(words) < _signs(wanted) or bool(_NEGATIONS & set(words)) != bool(_NEGATIONS & set(wanted)):
        return False
    if any(words[start : start + len(wanted)] == wanted for start in range(len(words) - len(wanted) + 1)):
        return True
    return _signs(words) == _signs(wanted) and _f1(Counter(words), Counter(wanted)) >= least


_NEGATIONS = frozenset({"no", "not", "never", "none", "neither", "nor", "without", "cannot", "t"})
"""`t` is what normalising leaves of `don't`."""


def _signs(words: list[str]) -> frozenset[str]:
    """Words that change an answer most: numbers, and yes or no."""
    return frozenset(word for word in words if word[-1].isdigit() or word in ("yes", "no", "true", "false"))


def _counted(text: str) -> Counter[str]:
    return Counter(_WORDS.findall(normalised(text)))


def _f1(first: Counter[str], second: Counter[str]) -> float:
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0


def similarity(first: Sequence[float], second: Sequence[float]) -> float:
    """The cosine of two embeddings; 0 for opposite or unrelated texts."""
    return max(0.0, min(1.0, cosine(first, second)))


_CANNOT = r"(?:can't|can ?not|could(?:n't| not)|won't|will not)"
_VERBS = (
    "help|assist|answer|provide|comply|fulfil+|create|generate|write|share|offer|support|discuss|engage|do|give|tell|"
    "recommend|determine|find|say|confirm|participate|respond|advise|access"
)
_REFUSALS = re.compile(
    "|".join(
        (
            rf"\b(?:i|we|model) {_CANNOT} (?:\w+ )?(?:{_VERBS})\b(?! it enough)",
            r"\b(?:i|we) (?:don't|do not|didn't|did not) (?:know|have (?:\w+ ){0,3}(?:information|context|details|data|"
            r"answer|access|knowledge)|find (?:\w+ ){0,2}(?:information|answer))",
            r"\b(?:i|we)(?:'m| am|'re| are) (?:\w+ )?(?:unable to|not (?:able|sure|certain|aware))",
            r"\b(?:i|we) (?:(?:must|have to|need to) (?:\w+ )?)?(?:decline|refuse)\b",
            r"\bunable to (?:help|assist|answer|provide|respond|comply|determine)\b",
            r"\b(?:not possible|impossible) to (?:answer|determine|say|tell)\b",
            r"\b(?:not enough|insufficient) (?:information|context|data)\b",
            r"\b(?:can't|can ?not) be (?:answered|determined)\b|\bunanswerable\b|\bno answer\b",
            r"\b(?:context|passages?|documents?|text|articles?|sources?|information) (?:\w+ )?(?:does|do)(?:n't| not) "
            r"(?:contain|mention|provide|say|specify|include|state|answer)",
            r"\bthere is no (?:information|mention|answer)\b|\bno (?:relevant )?information (?:is|was|about|on)\b",
        )
    )
)
_PREAMBLE = re.compile(r"\b(?:sorry|apolog\w+|unfortunately|thanks?|understand|hello|hi|appreciate|as an ai)\b")
_NEVERTHELESS = re.compile(r"(?:however|nevertheless|that said|but|here (?:is|are)|with that said|instead)\b")

_FIRST = 600
"""The characters that are read of a text."""
_POLITE = 2
"""The polite sentences that may come before a refusal."""


def is_refusal(text: str) -> bool:
    """Whether a text refuses an answer or does not know it, in its first sentence or after a polite one, and does not
    answer nevertheless. English phrases only."""
    start = unicodedata.normalize("NFKC", text[:_FIRST]).casefold().replace("’", "'").strip()
    sentences = re.split(r"(?<=[.!?])\s+(?=\S)", start)
    for number, sentence in enumerate(sentences[: _POLITE + 1]):
        if _REFUSALS.search(sentence):
            return not any(map(_NEVERTHELESS.match, sentences[number + 1 :]))
        if not _PREAMBLE.search(sentence):
            break
    return False
