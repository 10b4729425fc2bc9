"""`stepguard guardrail compare`: judges a corpus by the deployed guardrails and by the embedded Bedrock with the same
configuration, and reports where they differ.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.aws.guardrails import Guardrails
from stepguard.cli import render
from stepguard.cli.evaluate.intake import Options, intake
from stepguard.evaluation.corpus import BadRow, all_items
from stepguard.evaluation.items import Item
from stepguard.evaluation.limits import Limits, Meter
from stepguard.guard.bedrock_names import NONE
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import DIRECTIONS, Direction, Layer, Outcome
from stepguard.guard.verdict import Verdict
from stepguard.session.embedded_guardrail import NOT_JUDGED, EmbeddedGuardrails
from stepguard.session.model import Session

ITEMS = 200
"""Rows that are judged unless --limit says otherwise: on AWS each costs text units."""
_STRICTNESS = (Outcome.SKIPPED, Outcome.PASSED, Outcome.MASKED, Outcome.BLOCKED)


@dataclass(frozen=True, slots=True)
class Side:
    """One side's verdict: the outcome, and what acted as "policy name", without texts."""

    outcome: str
    acting: tuple[str, ...]

    @classmethod
    def of(cls, verdict: Verdict) -> Side:
        """The short form of a verdict."""
        acting = {f"{finding.policy} {finding.name}" for finding in verdict.findings if finding.action != NONE}
        return cls(str(verdict.outcome), tuple(sorted(acting)))


@dataclass(frozen=True, slots=True)
class Pair:
    """One text under one guardrail, judged by both sides."""

    item: str
    layer: str
    source: str
    embedded: Side
    deployed: Side

    @property
    def relation(self) -> str:
        """`same`, `stricter here`, `stricter there`, or `other findings` for one outcome by different findings."""
        here, there = (_STRICTNESS.index(Outcome(side.outcome)) for side in (self.embedded, self.deployed))
        if here != there:
            return "stricter here" if here > there else "stricter there"
        return "same" if self.embedded.acting == self.deployed.acting else "other findings"


@dataclass(frozen=True, slots=True)
class Judge:
    """A guardrail on both sides, and the directions that it checks."""

    layer: Layer
    label: str
    deployed: GuardrailRef
    embedded: GuardrailRef
    directions: tuple[Direction, ...]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="a corpus file, as for evaluate")
    parser.add_argument("--id", help="one guardrail, by name, identifier or ARN, instead of the deployed layers")
    parser.add_argument("--version", default="DRAFT", help="with --id; default DRAFT")
    parser.add_argument("--limit", type=int, default=ITEMS, metavar="N", help=f"rows to judge; default {ITEMS}")


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Print where the deployed guardrails and the embedded Bedrock differ. Exit code 0 whether they do or not."""
    if not (arguments.aws or arguments.endpoint_url):
        raise InvalidRequest("compare needs another Bedrock than the embedded one: add --aws or --endpoint-url URL.")
    if arguments.limit < 1:
        raise InvalidRequest("--limit must be at least 1.")
    items = list(itertools.islice(_items(arguments.corpus), arguments.limit))
    if not items:
        raise InvalidRequest(f"{arguments.corpus} has no readable row.")
    with tempfile.TemporaryDirectory(prefix="stepguard-") as folder:
        embedded = EmbeddedGuardrails(Path(folder))
        judges = list(_judges(arguments, session, embedded))
        pairs = list(compare(items, judges, Guardrails(embedded), Guardrails()))
    differing = [pair for pair in pairs if pair.relation != "same"]
    if arguments.json:
        rows = [asdict(pair) | {"relation": pair.relation} for pair in differing]
        print(render.as_json({"judged": len(pairs), "summary": summary(pairs), "differences": rows}))
        return 0
    for line in report(pairs):
        print(render.plain(line))
    return 0


def compare(
    items: Iterable[Item], judges: Sequence[Judge], embedded: Guardrails, deployed: Guardrails
) -> Iterator[Pair]:
    """Every text under every guardrail that checks its direction. Raises StepguardError."""
    for item in items:
        for text, direction in _texts(item):
            for judge in judges:
                if direction not in judge.directions or not text.strip():
                    continue
                sides = [
                    Side.of(side.check(ref, text, judge.layer, direction))
                    for side, ref in ((embedded, judge.embedded), (deployed, judge.deployed))
                ]
                yield Pair(item.id, judge.label, str(direction), *sides)


def _texts(item: Item) -> Iterator[tuple[str, Direction]]:
    """What guardrails read of a row: a question or document as input, a given response as output."""
    request = item.request
    if request.kind is Kind.RESPONSE:
        yield request.completion or "", Direction.OUTPUT
    else:
        yield request.text, Direction.INPUT


def _items(path: Path) -> Iterator[Item]:
    if not path.is_file():
        raise InvalidRequest(f"There is no file {path}.")
    limits = Limits()
    meter = Meter(limits)

    def print_bad_row(row: BadRow) -> None:
        print(f"stepguard: left out: {row}", file=sys.stderr)

    found = intake(path, path.name, Options(), limits)
    return all_items(found.read(meter), str(path), print_bad_row, meter)


def _judges(arguments: argparse.Namespace, session: Session, embedded: EmbeddedGuardrails) -> Iterator[Judge]:
    admin = GuardrailAdmin()
    if arguments.id:
        chosen = [(Layer.MODEL, "", GuardrailRef(admin.find(arguments.id), arguments.version), tuple(Direction))]
    else:
        chosen = [(layer, str(layer), ref, DIRECTIONS[layer]) for layer, ref in session.layers.items()]
    if not chosen:
        raise InvalidRequest("No guard layer is deployed there; name a guardrail with --id.")
    for layer, label, ref, directions in chosen:
        yield judge(layer, label, admin.show(ref.id, ref.version), ref, embedded, directions)


def judge(
    layer: Layer,
    label: str,
    shown: Mapping[str, Any],
    ref: GuardrailRef | None,
    embedded: EmbeddedGuardrails,
    directions: tuple[Direction, ...],
) -> Judge:
    """A deployed guardrail, as GetGuardrail returns it, on both sides. Raises InvalidRequest."""
    if shown.get(NOT_JUDGED):
        print(f"stepguard: {shown['name']}: automated reasoning is judged on AWS only.", file=sys.stderr)
    made = embedded.add(shown)
    return Judge(layer, label or str(shown["name"]), ref or made, made, directions)


def summary(pairs: Sequence[Pair]) -> dict[str, Any]:
    """How many verdicts are the same or differ, and how often each finding acted on both sides or one."""
    policies: dict[str, Counter[str]] = {}
    for pair in pairs:
        here, there = set(pair.embedded.acting), set(pair.deployed.acting)
        for names, side in ((here & there, "both"), (here - there, "embedded only"), (there - here, "deployed only")):
            for name in names:
                policies.setdefault(name, Counter())[side] += 1
    relations = Counter(pair.relation for pair in pairs)
    return {"verdicts": dict(relations), "findings": {name: dict(policies[name]) for name in sorted(policies)}}


def report(pairs: Sequence[Pair]) -> Iterator[str]:
    """The lines to print: each difference, then each finding, then the sum."""
    found = summary(pairs)
    for pair in pairs:
        if pair.relation != "same":
            yield (
                f"{pair.item}  {pair.layer} {pair.source}  {pair.relation}: "
                f"embedded {_side(pair.embedded)} | deployed {_side(pair.deployed)}"
            )
    for name, sides in found["findings"].items():
        counts = ", ".join(f"{side} {sides.get(side, 0)}" for side in ("both", "embedded only", "deployed only"))
        yield f"{name}: {counts}"
    same = found["verdicts"].get("same", 0)
    parts = [f"{count} {relation}" for relation, count in sorted(found["verdicts"].items()) if relation != "same"]
    yield f"{len(pairs)} verdicts, {same} the same" + "".join(f", {part}" for part in parts)


def _side(side: Side) -> str:
    return f"{side.outcome} ({', '.join(side.acting)})" if side.acting else side.outcome
