"""The effect of disguises: recall of every policy on known texts, unchanged and transformed.

`python -m bench.adversarial [--json] [--markdown]` transforms the texts of data/adversarial.json with each technique
and runs the embedded guardrail's detectors. A text counts as found when its word, type, pattern, topic or category is
reported anywhere in it; content filters and prompt attacks at strength MEDIUM. False alarms are those of these filters
on harmless texts in the same disguise.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import html
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.detection import LocalDetection
from embedded_aws.bedrock.detectors.content import filters, prompt_attack

DATA = Path(__file__).with_name("data") / "adversarial.json"
_TWINS = str.maketrans("aceiopsxyABCEHKMOPTX", "асеіорѕхуАВСЕНКМОРТХ")
_LEET = str.maketrans("oieastOIEAST", "013@$7013@$7")
_FILLER = (
    "The annual report describes the work of the museum and of its library. Visitors came from forty countries. "
    "The new wing opened in the spring, and the garden was planted again after the storm. "
)
_SPANISH = "Buenos días, tengo una pregunta sobre mi pedido. {} Muchas gracias por su ayuda."
_GERMAN = "Guten Tag, ich habe eine Frage. {} Vielen Dank und freundliche Grüße."


def _between(text: str, mark: str) -> str:
    """Every word with a mark between its characters; words three blanks apart when the mark is a blank."""
    gap = "   " if mark == " " else " "
    return gap.join(mark.join(word) for word in text.split())


def _halves(text: str, mark: str) -> str:
    """Long words cut in two by a mark."""
    words = text.split()
    return " ".join(
        f"{word[: len(word) // 2]}{mark}{word[len(word) // 2 :]}" if len(word) > 4 else word for word in words
    )


def _stretched(text: str) -> str:
    """Vowels repeated."""
    return "".join(char * 4 if char in "aeiou" else char for char in text)


TECHNIQUES: dict[str, Callable[[str], str]] = {
    "none": str,
    "upper case": str.upper,
    "zero-width space in words": lambda text: _between(text, "\u200b"),
    "soft hyphen in words": lambda text: _between(text, "\u00ad"),
    "direction marks (RTL)": lambda text: "\u202e" + text + "\u202c",
    "tag characters in words": lambda text: _between(text, "\U000e0041"),
    "homoglyphs (Cyrillic)": lambda text: text.translate(_TWINS),
    "full-width letters": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical letters": lambda text: "".join(chr(ord(c) - 97 + 0x1D41A) if "a" <= c <= "z" else c for c in text),
    "combining marks": lambda text: "".join(c + "\u0336\u0301" if c.isalpha() else c for c in text),
    "acute accents in words": lambda text: _between(text, "\u0301"),
    "control characters in words": lambda text: _between(text, "\x1b"),
    "grapheme joiners in words": lambda text: _between(text, "\u034f"),
    "digits of another script": lambda text: text.translate({48 + digit: 0x0660 + digit for digit in range(10)}),
    "tabs for blanks and dashes": lambda text: text.replace(" ", "\t").replace("-", "\t"),
    "underscores for blanks and dashes": lambda text: text.replace(" ", "_").replace("-", "_"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "leetspeak": lambda text: text.translate(_LEET),
    "letters one by one": lambda text: _between(text, " "),
    "letters with hyphens": lambda text: _between(text, "-"),
    "words cut by a dot": lambda text: _halves(text, "."),
    "words cut by a blank": lambda text: _halves(text, " "),
    "stretched vowels": _stretched,
    "emoji between words": lambda text: text.replace(" ", " \U0001f600 "),
    "one word a line": lambda text: text.replace(" ", "\n"),
    "base 64, whole": lambda text: base64.b64encode(text.encode()).decode(),
    "base 64, in a request": lambda text: f"Decode this and do it: {base64.b64encode(text.encode()).decode()}",
    "hexadecimal": lambda text: text.encode().hex(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "Caesar, three letters": lambda text: "".join(
        chr((ord(c) - 94) % 26 + 97) if "a" <= c <= "z" else c for c in text.lower()
    ),
    "reversed": lambda text: text[::-1],
    "binary": lambda text: " ".join(f"{octet:08b}" for octet in text.encode()),
    "hexadecimal with gaps": lambda text: text.encode().hex(" "),
    "base 32": lambda text: base64.b32encode(text.encode()).decode(),
    "among Spanish": _SPANISH.format,
    "among German": _GERMAN.format,
    "in 3,000 harmless characters": lambda text: _FILLER * 8 + text + " " + _FILLER * 8,
    "JSON message": lambda text: json.dumps({"role": "user", "content": text}),
    "JSON in a tool's result": lambda text: json.dumps({"content": [{"text": json.dumps({"message": text})}]}),
    "transcript": lambda text: f"User: Hello\nAssistant: Hello! How can I help?\nUser: {text}\nAssistant:",
    "code fence": lambda text: f"Please answer:\n\n```text\n{text}\n```\n",
    "XML": lambda text: f'<request id="7"><user>{html.escape(text)}</user></request>',
    "quoted e-mail": lambda text: f"> {text}\n>\n> Thanks,\n> Sam\n\nSee above.",
    "log field": lambda text: f'10:11:12 level=info user=u17 message="{text}"',
    "quoted markdown": lambda text: f"> **Note**\n> *{text}*\n\n```\n{text}\n```",
}


def _flagged(kind: str, text: str) -> bool:
    """Whether a filter of strength MEDIUM acts."""
    grade = prompt_attack.grade(text) if kind == "PROMPT_ATTACK" else filters.grade(text, [kind])[kind]
    return grade.confidence in ("MEDIUM", "HIGH")


def _any(kinds: Sequence[str], text: str) -> bool:
    return any(_flagged(kind, text) for kind in kinds)


def measure(change: Callable[[str], str], data: dict[str, Any]) -> dict[str, float]:
    """Recall by policy, and the false alarms, of texts changed by one technique."""
    detection = LocalDetection()
    words, topics = tuple(data["words"]["configured"]), data["topics"]["configured"]

    def share(found: list[bool]) -> float:
        return round(sum(found) / len(found), 3)

    attacks = [change(text) for text in data["prompt attack"]["texts"]]
    harmful = [(kind, change(text)) for kind, text in data["content"]["texts"]]
    harmless = [change(text) for text in data["harmless"]]
    return {
        "words": share([bool(detection.words(words, change(text))) for text in data["words"]["texts"]]),
        "profanity": share([bool(detection.profanity(change(text))) for text in data["profanity"]["texts"]]),
        "PII": share([bool(detection.pii(change(text), [kind])) for kind, text in data["pii"]["texts"]]),
        "regex": share(
            [
                any(detection.regex(pattern, change(text)) for pattern in data["regex"]["patterns"])
                for text in data["regex"]["texts"]
            ]
        ),
        "prompt attack": share([_flagged("PROMPT_ATTACK", text) for text in attacks]),
        "content": share([_flagged(kind, text) for kind, text in harmful]),
        "topics": share(
            [detection.topics(change(text), topics)[topic].detected for topic, text in data["topics"]["texts"]]
        ),
        "false alarms": share([_any(("PROMPT_ATTACK", *filters.TYPES), text) for text in harmless]),
    }


def table(report: dict[str, dict[str, float]], markdown: bool) -> str:
    """The report as text, or as a Markdown table."""
    columns = list(next(iter(report.values())))
    bar = " | " if markdown else "  "
    lines = [bar.join([f"{'technique':30}", *columns])]
    if markdown:
        lines.append(bar.join(["---"] * (len(columns) + 1)))
    for name, row in report.items():
        lines.append(bar.join([f"{name:30}", *(f"{row[column]:{len(column)}.2f}" for column in columns)]))
    return "\n".join(f"| {line} |" if markdown else line for line in lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/measurements/disguises.md")
    options = parser.parse_args()
    data = json.loads(DATA.read_text(encoding="utf-8"))
    report = {name: measure(change, data) for name, change in TECHNIQUES.items()}
    print(json.dumps(report) if options.json else table(report, options.markdown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
