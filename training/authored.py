"""The project's own examples: templates filled with slots (authored/*.txt), so that every class has close harmless
neighbours.
"""

import random
import re
from collections.abc import Sequence
from pathlib import Path

from training.examples import Example

FOLDER = Path(__file__).with_name("authored")
HELP = "help.txt"
CONTRASTS = "contrasts.txt"
TEMPLATES = (
    "templates.txt", "answers.txt", "requests.txt", "narrative.txt", "misconduct.txt", "attacks.txt", "languages.txt",
    "safe.txt", "professional.txt", "instructions.txt", "manners.txt", HELP, CONTRASTS,
)  # fmt: skip
FOREIGN = ("foreign.txt",)
FILLINGS = 30  # examples drawn from each template that has slots
ENCODED = 12  # of these, what the networks learn; all of ENCODED_WHOLE
ENCODED_WHOLE = frozenset({HELP, CONTRASTS})
WEIGHT = 2.0  # relative to a public example: authored ones mark the borders between classes
_SLOT = re.compile(r"\{(\w+)\}")


def foreign() -> list[str]:
    """Harmless texts in other languages, for thresholds."""
    return [example.text for example in authored(names=FOREIGN)]


def authored(seed: int = 7, names: Sequence[str] = TEMPLATES) -> list[Example]:
    """All filled templates, without repeats."""
    fill = Filler(random.Random(seed))  # noqa: S311 - reproducible, no secret
    found: dict[str, Example] = {}
    positive: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    lines = [(name, line) for name in names for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
    for name, line in lines:
        if line.startswith("# ") or not line.strip():
            continue
        if line.startswith("= "):
            words = line[2:].split()
            positive = frozenset(word for word in words if not word.startswith("?") and word != "BENIGN")
            unknown = frozenset(word[1:] for word in words if word.startswith("?"))
            continue
        for number in range(FILLINGS if _SLOT.search(line) else 1):
            text = fill(line)
            encoded = number < ENCODED or name in ENCODED_WHOLE
            found.setdefault(text, Example(text, "authored", positive, unknown, WEIGHT, encoded))
    return list(found.values())


class Filler:
    """Fills a template's slots at random."""

    def __init__(self, generator: random.Random) -> None:
        self._generator, self._slots = generator, _slots()

    def __call__(self, line: str) -> str:
        """The template with values, its first letter a capital one."""
        while _SLOT.search(line):  # a slot's value may have slots itself
            line = _SLOT.sub(lambda match: self._generator.choice(self._slots[match.group(1)]), line)
        return line[0].upper() + line[1:]


def _slots() -> dict[str, list[str]]:
    slots: dict[str, list[str]] = {}
    values: list[str] = []
    for path in sorted(FOLDER.glob("slots*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("@"):
                values = slots.setdefault(line[1:], [])
            elif line.strip() and not line.startswith("# "):
                values.append(line)
    return slots
