"""`stepguard shadow start|report|stop`: a candidate guardrail judges finished answers, and changes none of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.admin.state_machine import answer_table
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.shadow import Shadow
from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, read_percentage
from stepguard.evaluation.shadow import MOST_SHARE, SHADOWED, Candidate, read_layers, shadow_report
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.session.model import Session

LISTED = 20
"""The disagreements that are printed; --json has all."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard shadow` and its actions."""
    group = commands.add_parser("shadow", help=COMMANDS["shadow"][1])
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = _add(actions, "start", "let a candidate judge from now on", start)
    parser.add_argument(
        "--layer", action="append", required=True, metavar="LAYER=ID:VERSION", dest="layers",
        help=f"the candidate of a layer, {' or '.join(SHADOWED)}; repeat it for both",
    )  # fmt: skip
    parser.add_argument(
        "--percent", type=read_percentage, default=10.0, metavar="P", help="share of the answers to judge; default 10"
    )
    parser = _add(actions, "report", "compare the candidate's verdicts with the deployed guardrails'", report)
    parser.add_argument(
        "--run", metavar="RUN", dest="of_run", help="a run that `start` named; default the one that judges now"
    )
    _add(actions, "stop", "let no candidate judge any more, and report", stop)


def _add(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace, Shadow], int]
) -> argparse.ArgumentParser:
    def run_with_table(arguments: argparse.Namespace, session: Session) -> int:
        return run(arguments, Shadow(Rows(table=answer_table(session.executions.machine_definition()))))

    return add_action(actions, name, text, in_session(run_with_table))


def start(arguments: argparse.Namespace, shadow: Shadow) -> int:
    """Begin a run."""
    share = round(arguments.percent * MOST_SHARE / 100)
    if not share:
        raise InvalidRequest("--percent must be at least 0.1.")
    layers = _layers(arguments.layers)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    candidate = Candidate(f"shadow-{uuid4().hex[:8]}", layers, share, now)
    if not shadow.start(candidate):
        raise InvalidRequest("Another candidate judges already: stepguard shadow stop.")
    if arguments.json:
        print(render.as_json(candidate.to_dict()))
        return 0
    print(f"{candidate.run}: {_described(candidate)}")
    print("see what it would change: stepguard shadow report")
    return 0


def report(arguments: argparse.Namespace, shadow: Shadow) -> int:
    """Compare the verdicts of a run."""
    candidate = shadow.current()
    run = arguments.of_run or (candidate.run if candidate else None)
    if run is None:
        raise InvalidRequest("No candidate judges now: name a run with --run, or start one (stepguard shadow start).")
    return _print(arguments, shadow, run, candidate if candidate and candidate.run == run else None)


def stop(arguments: argparse.Namespace, shadow: Shadow) -> int:
    """End the run."""
    try:
        candidate = shadow.current()
    except ConfigurationError:  # an item that is no candidate is removed all the same
        shadow.stop()
        raise
    if candidate is None:
        raise InvalidRequest("No candidate judges now.")
    shadow.stop()
    return _print(arguments, shadow, candidate.run, candidate)


def _print(arguments: argparse.Namespace, shadow: Shadow, run: str, candidate: Candidate | None) -> int:
    found = shadow_report(shadow.verdicts(run))
    if candidate is None and not found["executions"]:
        raise InvalidRequest(f"There is no verdict of a run '{run[:80]}'.")
    if arguments.json:
        print(render.as_json({"run": run, "candidate": candidate.to_dict() if candidate else None, **found}))
        return 0
    print(f"{run}: {_described(candidate)}" if candidate else run)
    print(f"{found['executions']} executions, {found['without_a_text']} of them without a text to judge")
    if not found["executions"]:
        print(
            "nothing was judged yet: on AWS the stack needs Shadow=yes, here a `stepguard serve` that streams must run"
        )
    for layer, counts in found["layers"].items():
        _print_layer(layer, counts)
    for item in found["disagreements"][:LISTED]:
        findings = f" ({', '.join(item['findings'])})" if item["findings"] else ""
        line = f"  {item['execution']}  {item['layer']}: {item['deployed']} -> {item['candidate']}{findings}"
        print(render.plain(line))
    if (more := len(found["disagreements"]) - LISTED) > 0:
        print(f"  and {more} more: --json")
    if found["disagreements"]:
        print("read one: stepguard history EXECUTION")
    return 0


def _print_layer(layer: str, counts: Mapping[str, Any]) -> None:
    agreement = counts["agreement"]
    print(
        f"{layer}: {counts['judged']} judged, {agreement['value']:.1%} agree ({agreement['low']:.1%} to "
        f"{agreement['high']:.1%}); newly blocked {counts['newly_blocked']}, newly passed {counts['newly_passed']}, "
        f"masked differently {counts['masked_differently']}; McNemar p = {counts['mcnemar']:.3g}; "
        f"${counts['cost']['dollars']:.4f}"
    )


def _described(candidate: Candidate) -> str:
    refs = ", ".join(f"{layer} {ref.id} version {ref.version}" for layer, ref in candidate.layers.items())
    return f"{refs} judges {candidate.share / 10:g} % of the answers since {candidate.since}"


def _layers(given: list[str]) -> dict[Layer, GuardrailRef]:
    layers: dict[str, dict[str, str]] = {}
    for text in given:
        name, equals, ref = text.partition("=")
        id_, colon, version = ref.rpartition(":")
        if not (equals and colon):
            raise InvalidRequest(f"'{text[:120]}' is no LAYER=ID:VERSION.")
        if name in layers:
            raise InvalidRequest(f"The layer {name} has two candidates: one run compares one.")
        layers[name] = {"id": id_, "version": version}
    read = read_layers(layers)
    for layer, found in read.items():
        if found.version == "DRAFT":
            raise InvalidRequest(f"{layer}: a draft can change while it judges; publish a version of it.")
        GuardrailAdmin().show(found.id, found.version)  # it exists
    return read
