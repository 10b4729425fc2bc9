"""JSON and its relatives (JSON lines, JavaScript objects, Python's dictionaries), alone or among other words.

Tolerant: single quotes, bare keys and comments at the end of a cut-off document are accepted, because a text that is
nearly JSON is read as JSON by a model.
"""

from __future__ import annotations

import re

from embedded_aws.bedrock.detectors.text.normalize import Folded
from embedded_aws.bedrock.detectors.wrappers.pieces import NOTHING, Piece, cut

_OPENING = re.compile(r"[{\[](?=\s{0,200}(?:[\"'{\[]|[A-Za-z_]\w{0,40}\s{0,20}:|-?\d))")
_TOKEN = re.compile(
    r"(?P<string>\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)|'(?:[^'\\]|\\.|'(?!\s*[,:\]}]))*+(?:'|\\?\Z))"
    r"|(?P<open>[{\[])|(?P<close>[}\]])|(?P<mark>[,:])"
    r"|(?P<literal>-?\d[\w.+-]*|(?:true|false|null|True|False|None|undefined|NaN)\b)|(?P<bare>[A-Za-z_][\w$-]*)",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))",
    re.DOTALL,
)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "\n": ""}
_SPARE = 2000  # characters, besides the text's length, read in vain; what follows is taken for ordinary text
_DEEPEST = 200


def split(text: str) -> list[Piece] | None:
    """The values of every JSON-like stretch and the words between them; None if there is no such stretch."""
    pieces: list[Piece] = []
    at = search = wasted = 0
    while wasted <= len(text) + _SPARE and (opening := _OPENING.search(text, search)):
        reader = _Reader(text, opening.start())
        if not reader.read():
            wasted += reader.at - opening.start()
            search = opening.end()
            continue
        pieces += [Piece(cut(text, at, opening.start())), *reader.values]
        at = search = reader.at
    if not at:
        return None
    return [*pieces, Piece(cut(text, at, len(text)))]


class _Reader:
    """Reads one JSON-like document: `at` is the place that it has reached, `values` what it has found."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
        self.values: list[Piece] = []

    def read(self) -> bool:
        """Whether there is a document that holds texts; `at` is then its end."""
        text = self._text
        stack: list[str] = []
        key = NOTHING
        wants = "value"  # or "key", "colon", "next"
        texts = 0
        while True:
            while self.at < len(text) and text[self.at].isspace():
                self.at += 1
            token = _TOKEN.match(text, self.at)
            if token is None:
                return texts > 0 and self.at == len(text)  # a document that was cut off
            self.at, kind = token.end(), token.lastgroup
            if kind == "open" and wants == "value" and len(stack) < _DEEPEST:
                stack.append(token[0])
                wants = "key" if token[0] == "{" else "value"
                if key.text:
                    self.values.append(Piece(NOTHING, key))
                key = key if token[0] == "[" else NOTHING
            elif kind == "close" and stack and stack[-1] == ("{" if token[0] == "}" else "["):
                stack.pop()
                if not stack:
                    return texts > 0
                wants = "next"
            elif wants == "key" and kind in ("string", "bare"):
                key = _string(token) if kind == "string" else cut(text, *token.span())
                wants = "colon"
            elif wants == "colon" and token[0] == ":":
                wants = "value"
            elif wants == "value" and kind in ("string", "literal"):
                texts += kind == "string" or bool(key.text)
                self.values.append(Piece(_string(token) if kind == "string" else cut(text, *token.span()), key))
                wants = "next"
            elif wants == "next" and token[0] == ",":
                wants = "key" if stack[-1] == "{" else "value"
            else:
                return False


def _string(token: re.Match[str]) -> Folded:
    """A quoted string's contents, without its escapes."""
    text = token.string
    quote = token[0][0]
    start, end = token.start() + 1, token.end()
    if len(token[0]) > 1 and token[0][-1] == quote:
        end -= 1
    if "\\" not in token[0]:
        return cut(text, start, end)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = start
    for escape in _ESCAPE.finditer(text, start, end):
        plain = _unescaped(escape)
        pieces += (text[at : escape.start()], plain)
        starts += range(at, escape.start())
        ends += range(at + 1, escape.start() + 1)
        starts += [escape.start()] * len(plain)
        ends += [escape.end()] * len(plain)
        at = escape.end()
    pieces.append(text[at:end])
    starts += range(at, end)
    ends += range(at + 1, end + 1)
    return Folded("".join(pieces), tuple(starts), tuple(ends))


def _unescaped(escape: re.Match[str]) -> str:
    high, low, unit, byte, other = escape.groups()
    if high:
        return (bytes.fromhex(high) + bytes.fromhex(low)).decode("utf-16-be")
    if unit or byte:
        return chr(int(unit or byte, 16))
    return _ESCAPED.get(other, other)
