"""Windows of a text for embedding: sentences, or groups of sentences, short enough for the model and small enough to localise a finding."""

import re

WINDOW_CHARACTERS = 300  # about 70 tokens
WHOLE_CHARACTERS = 1000  # about 230 tokens: what one embedding (256 tokens) can see
MIN_CHARACTERS = 12  # shorter sentences ("Yes.") join their neighbour
_END = re.compile(r"(?<=[.!?…。！？])[\"')\]]*\s+|\s*\n\s*")


def sentences(text: str) -> list[str]:
    """Non-empty sentences of a text in order, each at most 300 characters; very short ones join the one before."""
    found: list[str] = []
    for part in _END.split(text):
        for piece in _pieces(part.strip()):
            if found and (len(piece) < MIN_CHARACTERS or len(found[-1]) < MIN_CHARACTERS):
                joined = f"{found[-1]} {piece}"
                if len(joined) <= WINDOW_CHARACTERS:
                    found[-1] = joined
                    continue
            found.append(piece)
    return found


def windows(text: str) -> list[str]:
    """What is embedded besides the whole text: the sentences of a short text, groups of sentences up to 300 characters of a long one.

    A text of one sentence has one window, the stripped text; an empty text has none.
    """
    parts = sentences(text)
    if len(text) <= WHOLE_CHARACTERS:
        return parts
    groups: list[str] = []
    for part in parts:
        if groups and len(groups[-1]) + 1 + len(part) <= WINDOW_CHARACTERS:
            groups[-1] = f"{groups[-1]} {part}"
        else:
            groups.append(part)
    return groups


def _pieces(sentence: str) -> list[str]:
    """Cut a sentence longer than the window at white space, or hard if there is none."""
    pieces: list[str] = []
    rest = sentence
    while len(rest) > WINDOW_CHARACTERS:
        cut = rest.rfind(" ", WINDOW_CHARACTERS // 2, WINDOW_CHARACTERS)
        cut = cut if cut > 0 else WINDOW_CHARACTERS
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    if rest:
        pieces.append(rest)
    return pieces
