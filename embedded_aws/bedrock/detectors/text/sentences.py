"""Sentences: the windows in which a text is embedded besides the whole, so that one bad sentence is not lost among
good ones.
"""

import re

WINDOW_CHARACTERS = 300  # about 70 tokens; longer sentences are cut
WHOLE_CHARACTERS = 1000  # about 230 tokens; the topics of a longer text are found by its sentences alone
MIN_CHARACTERS = 12  # shorter sentences ("Yes.") join their neighbour
# Chinese and Japanese put no blank after a full stop.
END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|(?<=[。！？])[\"')\]」』”）]*\s*(?=\S)|(?<!\s)[^\S\n]*\n\s*")


def sentences(text: str) -> list[str]:
    """Non-empty sentences of a text in order, each at most 300 characters; very short ones join the one before."""
    found: list[str] = []
    for part in END.split(text):
        for piece in _pieces(part.strip()):
            if found and (len(piece) < MIN_CHARACTERS or len(found[-1]) < MIN_CHARACTERS):
                joined = f"{found[-1]} {piece}"
                if len(joined) <= WINDOW_CHARACTERS:
                    found[-1] = joined
                    continue
            found.append(piece)
    return found


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


def joined(parts: list[str], longest: int) -> list[str]:
    """Sentences that follow one another as stretches of at most `longest` characters."""
    found: list[str] = []
    for part in parts:
        if found and len(found[-1]) + 1 + len(part) <= longest:
            found[-1] = f"{found[-1]} {part}"
        else:
            found.append(part)
    return found
