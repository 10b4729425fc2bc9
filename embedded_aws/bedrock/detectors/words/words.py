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

from embedded_aws.bedrock.detectors.text.normalize import SPELLED, Folded, encoded, fold, readings
from embedded_aws.bedrock.detectors.text.spans import Span
from embedded_aws.bedrock.detectors.wrappers.unwrap import values

# A token is a run of letters and digits, a run of white space, or one other character. Scripts written without
# spaces give one token per character, so that a configured word is found inside a sentence.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+|\s+|.", re.DOTALL)


Tokens = list[tuple[str, int, int]]  # folded token, start, end


class _Node:
    """One token deeper in the trie; `labels` are the configured phrases that end here."""

    __slots__ = ("children", "labels")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.labels: tuple[str, ...] = ()


def _tokens(text: str) -> Tokens:
    """The tokens of folded text with their offsets in it; every run of white space reads as one blank."""
    return [
        (" " if match.group().isspace() else match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
    ]


class WordMatcher:
    """Finds configured words and phrases in texts, through the usual disguises as well.

    `words`: the phrases; blanks at the ends are ignored, inner runs of white space match any run. Two spellings that
    fold alike are two labels on the same match. `strip_accents`: treat "é" as "e" on both sides.

    Disguises are look-alike and invisible characters (normalize.fold), leetspeak, letters repeated or written one by
    one, words broken by marks, base 64 and hexadecimal. The disguised word must spell a configured one exactly.
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
        self._lengths = sorted(
            {len(word) for word, node in self._root.children.items() if node.labels}
            & set(range(_SHORTEST_DISGUISED, _LONGEST_DISGUISED + 1))
        )

    def find(self, text: str) -> list[Span]:
        """Every match, sorted by position, with the configured phrase as label; offsets are those of `text`.

        Matches of different phrases may overlap ("acme" and "acme corp"): each may have a separate action.
        """
        found = self._find(text)
        wrapped = [value for value in values(text) if value.starts]
        for other in (*readings(text)[1:], *encoded(text), *wrapped):
            found.update(Span(*other.original(span.start, span.end), span.label) for span in self._find(other.text))
        return sorted(found, key=lambda span: (span.start, span.end, span.label))

    def _find(self, text: str) -> set[Span]:
        folded = fold(text, strip_accents=self._strip_accents)
        tokens = _tokens(folded.text)
        found = set(self._spans(folded, tokens))
        disguised = list(_disguised(folded.text))
        if disguised:
            found.update(self._spans(folded, _respelled(tokens, disguised)))
        for start, end, candidates in disguised:
            labels = next((labels for word in candidates if (labels := self._labels(word))), ())
            found.update(Span(*folded.original(start, end), label) for label in labels)
        found.update(self._spelled(folded))
        return found

    def _spelled(self, folded: Folded) -> Iterator[Span]:
        """Words among letters written one by one: "y o u i d i o t"."""
        for match in SPELLED.finditer(folded.text):
            letters = match.group()[::2]
            for first in range(len(letters)):
                for length in self._lengths:
                    labels = self._labels(letters[first : first + length]) if first + length <= len(letters) else ()
                    start = match.start() + 2 * first
                    yield from (Span(*folded.original(start, start + 2 * length - 1), label) for label in labels)

    def _spans(self, folded: Folded, tokens: Tokens) -> Iterator[Span]:
        """The matches in a text given as tokens with offsets in `folded`."""
        top = self._root.children
        for first, (token, start, _) in enumerate(tokens):
            node = top.get(token)
            position = first
            while node is not None:
                if node.labels:
                    where = folded.original(start, tokens[position][2])
                    yield from (Span(*where, label) for label in node.labels)
                position += 1
                node = node.children.get(tokens[position][0]) if position < len(tokens) else None

    def _labels(self, word: str) -> tuple[str, ...]:
        """The configured phrases equal to one folded token."""
        node = self._root.children.get(word)
        return node.labels if node else ()


_LEET = str.maketrans("0134578@$!|+€£", "oieastbasiitel")
_LEET_TOKEN = re.compile(r"[\w@$!|+€£]{4,}")
_LEET_CHAR = re.compile(r"[0-9@$!|+€£]")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_STRETCHED_TOKEN = re.compile(r"[^\W\d_]{5,}")
_BROKEN = re.compile(r"(?<![^\W_])[^\W\d_]+(?:[.\-_*~'’][^\W\d_]+)+(?![^\W_])")
_MARKS = str.maketrans("", "", ".-_*~'’")
_SHORTEST_DISGUISED = 4  # three letters spell too many innocent things ("a s s", "A55")
_LONGEST_DISGUISED = 14
_SHORTEST_BROKEN = 6  # "re-sign" is another word than "resign", but few long words are


def _disguised(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Stretches of folded text that may hide a word, with the words that they may spell, likeliest first."""
    if _LEET_CHAR.search(text):
        for match in _LEET_TOKEN.finditer(text):
            token = match.group().rstrip("!|+")
            if len(token) >= _SHORTEST_DISGUISED and _LEET_CHAR.search(token) and any(map(str.isalpha, token)):
                spelled = [token.translate(_LEET), token.replace("1", "l").translate(_LEET)]
                yield match.start(), match.start() + len(token), spelled
    if _STRETCHED.search(text):
        for match in _STRETCHED_TOKEN.finditer(text):
            token = match.group()
            if _STRETCHED.search(token):
                yield match.start(), match.end(), [_STRETCHED.sub(r"\1", token), _STRETCHED.sub(r"\1\1", token)]
    for match in SPELLED.finditer(text):
        letters = match.group()[::2]
        yield match.start(), match.end(), [letters]
    for match in _BROKEN.finditer(text):
        letters = match.group().translate(_MARKS)
        if len(letters) >= _SHORTEST_BROKEN:
            yield match.start(), match.end(), [letters]


def _respelled(tokens: Tokens, disguised: list[tuple[int, int, list[str]]]) -> Tokens:
    """The tokens with every disguised stretch read as its likeliest word, so that phrases are found around it."""
    spelled: Tokens = []
    at = 0
    # of stretches that begin together the longest counts
    for start, end, candidates in sorted(disguised, key=lambda stretch: (stretch[0], -stretch[1])):
        if at < len(tokens) and start >= tokens[at][1]:
            while at < len(tokens) and tokens[at][2] <= start:
                spelled.append(tokens[at])
                at += 1
            spelled.append((candidates[0], start, end))
            while at < len(tokens) and tokens[at][1] < end:
                at += 1
    return spelled + tokens[at:]


class ProfanityMatcher(WordMatcher):
    """A word matcher that also knows words with their vowel starred out, and takes accents for decoration."""

    def __init__(self, words: Iterable[str]) -> None:
        listed = list(words)
        super().__init__([*listed, *_starred(listed)], strip_accents=True)


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
    text = resources.files("embedded_aws.bedrock.detectors").joinpath("data/profanity.txt").read_text(encoding="utf-8")
    return ProfanityMatcher(line for line in text.splitlines() if line and not line.startswith("# "))
