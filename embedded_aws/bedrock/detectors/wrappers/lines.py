"""Wrappers made of marks and labels: code fences, transcripts, quoted e-mails."""

from __future__ import annotations

import itertools
import re

from embedded_aws.bedrock.detectors.text.normalize import Folded
from embedded_aws.bedrock.detectors.wrappers.pieces import Piece, cut, joined, trimmed

_FENCE = re.compile(
    r"`{3,}(?:[\w+#.-]{1,20}[ \t]*(?=\r?\n|\Z))?|^[ \t]{0,3}~{3,}[\w+#.-]{0,20}[ \t]*$|\"{3}|'{3}", re.MULTILINE
)


def fences(text: str) -> list[Piece] | None:
    """What is inside and outside code fences (backticks, tildes) and triple quotes; None without them."""
    pieces: list[Piece] = []
    at = 0
    for match in _FENCE.finditer(text):
        pieces.append(Piece(cut(text, at, match.start())))
        at = match.end()
    return [*pieces, Piece(cut(text, at, len(text)))] if at else None


# Who speaks, or which field of a request follows. "System" is none: what claims to be the system is judged with its
# claim.
_SPEAKERS = (
    "user|assistant|human|ai|ai assistant|bot|chatbot|model|llm|customer|agent|support agent|support|client|operator|"
    "representative|rep|caller|visitor|guest|member|advisor|patient|citizen|q|a|question|answer|prompt|query|message|input|"
    "output|response|reply|request|text|content|body|subject|gpt|chatgpt|claude|"
    "benutzer(?:in)?|nutzer(?:in)?|kunde|kundin|assistent(?:in|e|en)?|frage|antwort|mensch|"
    "utilisateur|utilisatrice|client[e]?|assistante?|réponse|humain|usuari[oa]|cliente|asistente|pregunta|respuesta|"
    "utente|assistente|domanda|risposta|usuári[oa]|pergunta|resposta|"
    "用户|用戶|助手|客户|客服|问|答|ユーザー|アシスタント|お客様|質問|回答|사용자|어시스턴트|고객|상담원|질문|답변|"
    "المستخدم|المساعد|العميل|سؤال|جواب|उपयोगकर्ता|सहायक|ग्राहक|प्रश्न|उत्तर"
)
_LABEL = re.compile(
    r"(?:^|(?<=[.!?。！？] ))[ \t]*(?:[#>*_\-\[(|]{1,3} ?)?(?:[\[(]?\d{1,2}:\d\d(?::\d\d)?[\])]?[ \t-]{1,3})?"
    rf"(?P<who>{_SPEAKERS})(?: ?#?\d{{1,2}})?(?:[\])|*_]{{1,3}})?[ \t]?[:：][*_]{{0,3}}(?=\s|$|[^\x00-\x7f])",
    re.IGNORECASE | re.MULTILINE,
)
_CLAIM = re.compile(r"^(?=[ \t]*(?:system|developer)[ \t]?[:：])", re.IGNORECASE | re.MULTILINE)


def transcript(text: str) -> list[Piece] | None:
    """What each speaker says, and the fields of a request; None without labels."""
    labels = list(_LABEL.finditer(text))
    if not labels:
        return None
    ends = sorted(
        {*(label.start() for label in labels), *(claim.start() for claim in _CLAIM.finditer(text)), len(text)}
    )
    keys = {label.start(): label for label in labels}
    pieces = [Piece(cut(text, 0, ends[0]))]
    for start, end in itertools.pairwise(ends):
        label = keys.get(start)
        if label is None:
            pieces.append(Piece(cut(text, start, end)))
        else:
            pieces.append(Piece(cut(text, label.end(), end), cut(text, *label.span("who"))))
    return pieces


_PAIR = re.compile(
    r"(?<![^\s,;({\[])(?P<key>[A-Za-z_][\w.-]{0,40})=(?:\"(?P<quoted>(?:[^\"\\\n]|\\.)*)\"|(?P<bare>[^\s\"=,;]+))"
)
_FEWEST_PAIRS = 2


def pairs(text: str) -> list[Piece] | None:
    """The values of a log's fields (user=u17 message="two words"), and what is between; None for other texts."""
    fields = list(_PAIR.finditer(text))
    if len(fields) < _FEWEST_PAIRS or not any(" " in (field["quoted"] or "") for field in fields):
        return None
    pieces: list[Piece] = []
    at = 0
    for field in fields:
        value = cut(text, *field.span("quoted" if field["quoted"] is not None else "bare"))
        pieces += [Piece(cut(text, at, field.start())), Piece(value, cut(text, *field.span("key")))]
        at = field.end()
    return [*pieces, Piece(cut(text, at, len(text)))]


_QUOTED = re.compile(r"^(?:[ \t]{0,3}>)+[ \t]?", re.MULTILINE)
_LINE = re.compile(r"[^\n]*\n?")
_ENDED = ".!?:;。！？…"


def quotes(text: str) -> list[Piece] | None:
    """Quoted lines (">") without their marks, those of one paragraph in one line, and the lines between; None without
    quoted lines.
    """
    if not _QUOTED.search(text):
        return None
    runs: list[tuple[bool, list[Folded]]] = []
    for line in _LINE.finditer(text):
        mark = _QUOTED.match(text, line.start(), line.end())
        start = mark.end() if mark else line.start()
        places = range(start, line.end())
        words = Folded(text[start : line.end()], tuple(places), tuple(place + 1 for place in places))
        if not runs or runs[-1][0] != bool(mark):
            runs.append((bool(mark), []))
        runs[-1][1].append(_continued(words) if mark else words)
    return [Piece(trimmed(joined(parts))) for _, parts in runs]


def _continued(line: Folded) -> Folded:
    """A quoted line whose end is a blank, not a line end, if the sentence continues in the next one."""
    words = line.text.rstrip()
    if len(words) < _FULL or words[-1] in _ENDED or not line.text.endswith("\n"):
        return line
    return Folded(line.text[:-1] + " ", line.starts, line.ends)


_FULL = 40  # characters of a line that was broken because it was full
