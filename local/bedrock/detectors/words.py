"""Word filters: exact, whole-word, case-insensitive matches of words and phrases, and the managed profanity list.

AWS documents word filters as exact matches of words and phrases of up to three words
(Bedrock user guide, "Remove a specific list of words and phrases from conversations with word filters").
A phrase is a path in a trie of tokens, so the time is linear in the text whatever the number of words: 10,000 words
cost no more per call than ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from local.bedrock.detectors.normalize import Folded, fold
from local.bedrock.detectors.spans import Span

# A token is a run of letters and digits, a run of white space, or one other character. Scripts written without
# spaces give one token per character, so that a configured word is found inside a sentence.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+|\s+|.", re.DOTALL)


class _Node:
    """One token deeper in the trie; `labels` are the configured phrases that end here."""

    __slots__ = ("children", "labels")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.labels: tuple[str, ...] = ()


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """The tokens of folded text with their offsets in it; every run of white space reads as one blank."""
    return [
        (" " if match.group().isspace() else match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
    ]


class WordMatcher:
    """Finds configured words and phrases in texts.

    `words`: the phrases; blanks at the ends are ignored, inner runs of white space match any run. Two spellings that
    fold alike are two labels on the same match. `strip_accents`: treat "é" as "e" on both sides.
    """

    def __init__(self, words: Iterable[str], *, strip_accents: bool = False) -> None:
        self._root = _Node()
        self._strip_accents = strip_accents
        for word in words:
            tokens = _tokens(fold(word.strip(), strip_accents=strip_accents).text)
            if not tokens:
                continue
            node = self._root
            for token, _, _ in tokens:
                node = node.children.setdefault(token, _Node())
            if word not in node.labels:
                node.labels += (word,)

    def find(self, text: str) -> list[Span]:
        """Every match, sorted by position, with the configured phrase as label; offsets are those of `text`.

        Matches of different phrases may overlap ("acme" and "acme corp"): each may have an action of its own.
        """
        folded = fold(text, strip_accents=self._strip_accents)
        return self._spans(folded, _tokens(folded.text))

    def _spans(self, folded: Folded, tokens: list[tuple[str, int, int]]) -> list[Span]:
        """The matches in a text given as tokens with offsets in `folded`."""
        spans: list[Span] = []
        top = self._root.children
        for first, (token, start, _) in enumerate(tokens):
            node = top.get(token)
            position = first
            while node is not None:
                if node.labels:
                    where = folded.original(start, tokens[position][2])
                    spans.extend(Span(*where, label) for label in node.labels)
                position += 1
                node = node.children.get(tokens[position][0]) if position < len(tokens) else None
        return spans

    def labels_of(self, word: str) -> tuple[str, ...]:
        """The configured phrases equal to one folded token."""
        node = self._root.children.get(word)
        return node.labels if node else ()


_LEET = str.maketrans("0134578@$!|+€£", "oieastbasiitel")
_LEET_TOKEN = re.compile(r"[\w@$!|+€£]{4,}")
_LEET_CHAR = re.compile(r"[0-9@$!|+€£]")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_LETTERS = re.compile(r"[^\W\d_]{5,}")
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_]([ .\-_*])[^\W\d_](?:\1[^\W\d_])+(?![^\W_])")
_SHORTEST_DISGUISED = 4  # three letters spell too many innocent things ("a s s", "A55")
_LONGEST_DISGUISED = 14


class ProfanityMatcher(WordMatcher):
    """A word matcher that also sees through the usual disguises: leetspeak, sttttretching, s p e l l i n g."""

    def __init__(self, words: Iterable[str]) -> None:
        listed = list(words)
        super().__init__([*listed, *_starred(listed)], strip_accents=True)

    def find(self, text: str) -> list[Span]:
        """Every match, sorted by position; the label is the list's word."""
        folded = fold(text, strip_accents=True)
        found = self._spans(folded, _tokens(folded.text))
        for start, end, candidates in _disguised(folded.text):
            labels = next((labels for word in candidates if (labels := self.labels_of(word))), ())
            found.extend(Span(*folded.original(start, end), label) for label in labels)
        return sorted(set(found), key=lambda span: (span.start, span.end, span.label))


def _disguised(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Stretches of folded text that may hide a word, with the words that they may spell."""
    for match in _LEET_TOKEN.finditer(text):
        token = match.group().rstrip("!|+")
        if len(token) >= _SHORTEST_DISGUISED and _LEET_CHAR.search(token) and any(map(str.isalpha, token)):
            plain = token.translate(_LEET)
            yield match.start(), match.start() + len(token), [plain, token.replace("1", "l").translate(_LEET)]
    for match in _LETTERS.finditer(text):
        token = match.group()
        if _STRETCHED.search(token):
            yield match.start(), match.end(), [_STRETCHED.sub(r"\1\1", token), _STRETCHED.sub(r"\1", token)]
    for match in _SPELLED.finditer(text):
        letters = match.group()[::2]
        for first in range(len(letters) - _SHORTEST_DISGUISED + 1):
            for length in range(_SHORTEST_DISGUISED, min(_LONGEST_DISGUISED, len(letters) - first) + 1):
                start = match.start() + 2 * first
                yield start, start + 2 * length - 1, [letters[first : first + length]]


_TELLTALE = re.compile(r"f(u)ck|sh(i)t|b(i)tch|c(u)nt|wh(o)re|f(a)g|n(i)gg|c(o)ck|sl(u)t|tw(a)t|(a)sshole")


def _starred(words: Iterable[str]) -> Iterator[str]:
    """The words with the tell-tale vowel starred out: f*ck, sh*t, b*tch, c*nt, wh*re."""
    for word in words:
        match = _TELLTALE.search(word)
        if match and word.isalpha():
            at = match.start(match.lastindex or 0)
            yield word[:at] + "*" + word[at + 1 :]
            if len(word) > _SHORTEST_DISGUISED - 1:
                yield word[:at] + "**" + word[at + 2 :]


@cache
def managed_profanity() -> WordMatcher:
    """The matcher of the managed PROFANITY list (data/profanity.txt: the Surge AI list without innocent words)."""
    text = resources.files("local.bedrock.detectors").joinpath("data/profanity.txt").read_text(encoding="utf-8")
    return ProfanityMatcher(line for line in text.splitlines() if line and not line.startswith("# "))
