"""`stepguard evaluate CORPUS`: run a corpus through the chat's states and score the results
(docs/use/evaluation.md)."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Address
from stepguard.aws.traces import NAMES
from stepguard.cli import render
from stepguard.cli.choice import layers_with
from stepguard.cli.commands import Commands, add_command, in_session, print_notes, read_percentage, whole_number
from stepguard.cli.evaluate import again, ci, comparison, cost, output, progress, quality, traffic
from stepguard.cli.evaluate.corpus import LocalCorpus, add_options, save_beside, upload
from stepguard.evaluation.limits import Limits
from stepguard.evaluation.map_items import only
from stepguard.evaluation.runs import MAX_CONCURRENCY, Run
from stepguard.guard.errors import AccessDenied, ConfigurationError, InvalidRequest, StepguardError
from stepguard.guard.request import Kind
from stepguard.guard.settings import GuardrailRef, read_guardrails
from stepguard.guard.stages import Layer
from stepguard.report.gates import Checked, change_gates, gates_of, run_gates
from stepguard.report.summary import lines_of
from stepguard.session.model import Session, home_of

EMBEDDED_CONCURRENCY = 4
"""Four children at a time keep two processors busy; the embedded Bedrock never throttles. On AWS, PrepareCorpus decides
by the quotas."""

BAD_INPUT = (AccessDenied, ConfigurationError, InvalidRequest)
"""Errors that the user must correct."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard evaluate`."""
    parser = add_command(commands, "evaluate", _run)
    parser.add_argument("corpus", nargs="?", help="a file of any common format, a folder of documents, s3://…")
    parser.add_argument(
        "--guardrails",
        type=Path,
        metavar="DIR",
        help="guardrails to evaluate: a folder, or a file; a layer without a file keeps the deployed one",
    )
    parser.add_argument("--out", metavar="DIR", help="folder for results and report; default HOME/evaluations/RUN")
    parser.add_argument("--sample", type=whole_number(10**9), metavar="N", help="evaluate N items only")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="chooses the sample; default 0")
    add_options(parser)
    parser.add_argument(
        "--concurrency", type=whole_number(10**9), metavar="N", help="items at a time; default by the quotas"
    )
    parser.add_argument(
        "--tolerate", type=read_percentage, default=5.0, metavar="PERCENT", help="failed items; default 5"
    )
    parser.add_argument(
        "--fail-under", metavar="METRIC=LIMIT,…", help="exit code 3 below a limit, e.g. recall=0.9,VIOLENCE:recall=0.8"
    )
    parser.add_argument(
        "--fail-on",
        metavar="METRIC=LIMIT,…",
        help="exit code 3 above a limit, e.g. bad-rows=0,failed=2%%,newly-wrong=0",
    )
    parser.add_argument("--baseline", metavar="RUN|FILE", help="compare with a run, its folder or its results.jsonl")
    ci.add_options(parser)
    parser.add_argument("--resume", metavar="RUN", help="continue a run, or fetch its results again")
    parser.add_argument("--failed", action="store_true", help="with --resume: evaluate the run's failed items again")
    quality.add_options(parser)
    cost.add_options(parser)
    traffic.add_options(parser)
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="compare the folders of two runs")


def _run(arguments: argparse.Namespace) -> int:
    """A comparison needs no session."""
    return comparison.run(arguments) if arguments.compare else in_session(run, recover=True)(arguments)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Evaluate a corpus, or resume a run. Returns the exit code."""
    gates = gates_of(arguments.fail_under, arguments.fail_on)
    changes = change_gates(gates)
    traffic.check(arguments)
    if changes and not (arguments.baseline or arguments.from_history):
        metric = changes[0].metric
        raise InvalidRequest(f"{metric} is a limit of a comparison: use it with --baseline RUN or --compare A B.")
    baseline = comparison.find(arguments.baseline, arguments.home) if arguments.baseline else None
    before = None if baseline is None else comparison.read(baseline)
    ci.check_files(arguments)
    if arguments.aws or arguments.endpoint_url:
        # The chat's state machine need not be named here; PrepareCorpus knows the deployment's guardrails.
        session = replace(session, find_layers=_known(session.find_layers))
        if arguments.state_machine:
            session = replace(session, evaluations=Evaluations(arguments.state_machine))
    if arguments.failed and not arguments.resume:
        raise InvalidRequest("--failed needs --resume RUN: it evaluates that run's failed items again.")
    try:
        if arguments.resume:
            check_resumed(arguments, session)
        elif arguments.guardrails is None:
            print_notes(session)
        identifier = arguments.resume or start(arguments, session)
        attempt = again.start_failed(arguments, session, identifier) if arguments.failed else identifier
        try:
            done = finish(arguments, session, identifier, attempt)
        except KeyboardInterrupt:
            _print_unless_json(arguments, f"\ninterrupted; continue with: {_command(arguments, identifier)}")
            return 130
    except AccessDenied as error:
        raise InvalidRequest(str(error)) from None  # the caller must correct it
    if baseline is None and (done.folder / traffic.RECORDED).is_file():
        baseline = done.folder / traffic.RECORDED
        before = comparison.read(baseline)
    checked = [gate.check(done.scorecard) for gate in run_gates(gates)]
    report = None
    if baseline is not None and before is not None:
        after = done.folder / output.RESULTS
        report, rows = comparison.compare(before, comparison.read(after))
        comparison.write_page(done.folder, report, rows, baseline, after)
        checked += [gate.check_changes(report) for gate in changes]
    _show(arguments, done, checked, report)
    ci.write(arguments, done.about, done.scorecard, done.folder, checked, tolerate=bool(gates))
    if done.broken is not None:
        raise done.broken
    return output.code_of(checked)


def _known(find_layers: Callable[[], Mapping[Layer, GuardrailRef]]) -> Callable[[], Mapping[Layer, GuardrailRef]]:
    """The deployment's guardrails where the chat's state machine is named, else those of the environment."""

    def layers() -> Mapping[Layer, GuardrailRef]:
        try:
            return find_layers()
        except ConfigurationError:
            return read_guardrails(os.environ)

    return layers


def demonstrate(session: Session, corpus: Path, home: str | None, *, quiet: bool) -> Evaluated:
    """Evaluate a corpus with the command's default options."""
    options: dict[str, Any] = dict.fromkeys(
        ("guardrails", "out", "sample", "concurrency", "resume", "failed", "kind", "layers")
    )
    options |= {"corpus": str(corpus), "seed": 0, "tolerate": 5.0, "home": home, "json": quiet}
    return _evaluate(options, session)


def evaluate_quietly(session: Session, corpus: Path, arguments: argparse.Namespace) -> Evaluated:
    """Evaluate a corpus for another command, with its options of cost and place. It prints nothing, and every item may
    fail."""
    options: dict[str, Any] = dict.fromkeys(("guardrails", "out", "sample", "resume", "failed", "kind", "layers"))
    own = {"corpus": str(corpus), "seed": 0, "tolerate": 100.0, "json": True}
    return _evaluate({**options, **vars(arguments), **own}, session)


def _evaluate(options: Mapping[str, Any], session: Session) -> Evaluated:
    arguments = argparse.Namespace(**options)
    return finish(arguments, session, start(arguments, session))


def start(arguments: argparse.Namespace, session: Session) -> str:
    """Check the corpus, then start its run. Returns the run's id. If it raises StepguardError, no run was started."""
    with traffic.corpus_of(arguments, session) as chats, tempfile.TemporaryDirectory() as copies:
        return _start(arguments, session, chats, Path(copies))


def _start(arguments: argparse.Namespace, session: Session, chats: traffic.Traffic | None, copies: Path) -> str:
    source = chats.corpus if chats is not None else arguments.corpus
    if not source:
        raise InvalidRequest("Name a corpus: a file, a folder of documents, or s3://BUCKET/KEY.")
    identifier = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    output.check_target(_target(arguments, identifier), identifier)
    if (arguments.concurrency or 1) > MAX_CONCURRENCY:
        raise InvalidRequest(f"--concurrency goes up to {MAX_CONCURRENCY}.")
    limits = cost.limits_of(arguments, session)
    charged = cost.policies(arguments.guardrails, session)
    corpus, estimate = cost.select(arguments, session, limits, charged, str(source), copies)
    if not isinstance(corpus, Address):
        for line in corpus.intake.describe():
            _print_unless_json(arguments, render.plain(line))
        if corpus.mapped and not corpus.name.startswith("s3://"):
            _print_unless_json(arguments, save_beside(corpus.path, corpus.mapped))
        _print_unless_json(arguments, f"{corpus.items} items, {len(corpus.bad_rows)} bad rows")
        if corpus.unused_references:
            why = (
                "documents are only screened (--kind prompt asks the model), and without --layers model nothing answers"
            )
            _print_unless_json(arguments, f"  {corpus.unused_references} reference answers are not used: {why}")
        for row in corpus.bad_rows[:5]:
            _print_unless_json(arguments, f"  {render.plain(str(row))}")
    if estimate is not None:
        _print_unless_json(arguments, f"cost: {'' if cost.costs(session) else 'none here; '}{estimate}")
        if cost.costs(session):
            _print_unless_json(arguments, f"time: {estimate.duration}")
    try:
        run = cost.with_costs(_put(arguments, session, identifier, corpus, limits, chats), limits, charged)
    except BaseException:  # also for Ctrl-C: no run exists yet that could be continued
        session.evaluations.discard(identifier)
        raise
    try:
        session.evaluations.start(run)
    except BAD_INPUT:  # only for these errors: a service that did not answer may have started the run
        session.evaluations.discard(identifier)
        raise
    _print_unless_json(arguments, f"run {identifier}; if interrupted, continue with: {_command(arguments, identifier)}")
    return identifier


_AS_STARTED = ("guardrails", "sample", "kind", "layers", "repeat")


def check_resumed(arguments: argparse.Namespace, session: Session) -> None:
    """Raise InvalidRequest for options that --resume would ignore: other guardrails, a sample, another corpus."""
    ignored = [name for name in _AS_STARTED if getattr(arguments, name, None) is not None]
    if ignored:
        raise InvalidRequest(f"--resume continues a run as it was started: leave out --{' and --'.join(ignored)}.")
    if given := arguments.corpus:
        evaluations = session.evaluations
        named = output.about(evaluations, evaluations.describe(arguments.resume))["corpus"]
        path = Path(given).expanduser()
        if named not in (given, path.name, path.resolve().name):
            raise InvalidRequest(f"{arguments.resume} is a run of {named}: leave {given} out to continue it.")


def _put(
    arguments: argparse.Namespace,
    session: Session,
    identifier: str,
    corpus: LocalCorpus | Address,
    limits: Limits,
    chats: traffic.Traffic | None,
) -> Run:
    """The run's input, in the place that it reads."""
    evaluations = session.evaluations
    work = evaluations.work(identifier)
    if isinstance(corpus, Address):
        address, name = corpus, str(corpus)
    else:
        address, name = upload(corpus, evaluations, identifier, limits), corpus.name
    guardrails = _guardrails(arguments, session)
    repeat = getattr(arguments, "repeat", None) or 1
    names = NAMES.find(ref["id"] for ref in guardrails.values())
    about = {
        "run": identifier,
        "corpus": name,
        "guardrails": {
            layer: ref | ({"name": names[ref["id"]]} if ref["id"] in names else {}) for layer, ref in guardrails.items()
        },
        "sample": arguments.sample,
        "seed": arguments.seed,
        **({"repeat": repeat} if repeat > 1 else {}),
        **{name: chosen for name in ("kind", "layers") if (chosen := getattr(arguments, name)) is not None},
        "answers": quality.judges_of(arguments).to_dict(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "place": _place(arguments),
    }
    if isinstance(corpus, LocalCorpus):
        about |= corpus.intake.to_dict() | ({"mapping": corpus.mapped.to_document()} if corpus.mapped else {})
    if chats is not None:
        about |= {"corpus": "recorded chats", "from_history": chats.to_dict()}
        chats.upload(evaluations, identifier)
    evaluations.objects.put(evaluations.object(identifier, output.RUN), json.dumps(about).encode())
    return Run(
        id=identifier,
        corpus=(address.bucket, address.key),
        work=(work.bucket, work.key),
        guardrails=guardrails or None,
        concurrency=arguments.concurrency or (EMBEDDED_CONCURRENCY if session.url is not None else None),
        tolerated_failures=arguments.tolerate,
        sample=arguments.sample,
        seed=arguments.seed,
        repeat=repeat,
        kind=Kind(arguments.kind) if arguments.kind else None,
        layers=arguments.layers,
    )


def _guardrails(arguments: argparse.Namespace, session: Session) -> dict[str, dict[str, str]]:
    """The guardrail of each layer: those of --guardrails, else the deployment's."""
    if arguments.guardrails is not None:
        layers = layers_with(arguments.guardrails, lambda: session.layers)
    else:
        try:
            layers = dict(session.layers)
        except AccessDenied:  # without permission to read the Lambdas the run names none, and they use their own
            if read_guardrails(os.environ):
                raise
            layers = {}
    found = {str(layer): {"id": ref.id, "version": ref.version} for layer, ref in layers.items()}
    return {layer: dict(ref) for layer, ref in only(found, arguments.layers).items()} if found else {}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A run that has ended and was scored: its description, scorecard and folder, and why it failed, if so."""

    about: Mapping[str, Any]
    scorecard: dict[str, Any]
    folder: Path
    broken: StepguardError | None


def finish(arguments: argparse.Namespace, session: Session, identifier: str, attempt: str | None = None) -> Evaluated:
    """Follow a run to its end, or the retry `attempt` of its failed items, and fetch the run's results. Raises
    StepguardError if it has none."""
    evaluations = session.evaluations
    attempt = attempt or identifier
    execution = evaluations.describe(attempt)
    target = _target(arguments, identifier)
    output.check_target(target, identifier)
    if arguments.resume and execution.status in again.CUT_SHORT:
        again.redrive(arguments, session, execution)
    execution = progress.follow(session, attempt, quiet=arguments.json)
    broken = progress.failure(execution)
    if broken is not None and execution.error != "States.ExceedToleratedFailureThreshold":
        raise broken
    about = output.about(evaluations, evaluations.describe(identifier))
    if execution.stopped is not None:
        about["seconds"] = round((execution.stopped - execution.started).total_seconds(), 1)
    judges = quality.judges_of(arguments, about.get("answers"))
    scorecard = output.write(evaluations, identifier, about, target, judges, quiet=arguments.json)
    try:
        output.share(evaluations, identifier, target)
    except AccessDenied as error:  # a caller with read permission only still gets the report
        _print_unless_json(arguments, f"The API has no link to this run's report: {error}")
    return Evaluated(about, scorecard, target, broken)


def _show(
    arguments: argparse.Namespace, done: Evaluated, checked: list[Checked], report: dict[str, Any] | None
) -> None:
    if arguments.json:
        read = {name: done.about.get(name) for name in ("format", "columns")}
        document = {"run": done.about, "out": str(done.folder), **read, **output.limits(checked)}
        document["scorecard"] = done.scorecard
        if report is not None:
            document["comparison"] = report
        print(render.as_json(document))
        return
    for line in lines_of(done.scorecard):
        print(render.plain(line))
    if report is not None:
        of_history = "from_history" in done.about and not arguments.baseline
        print(f"compared with {'the recorded chats' if of_history else 'the baseline'} (A):")
        comparison.print_changes(report)
    print(f"Results and report: {done.folder}")
    output.print_limits(checked)


def _command(arguments: argparse.Namespace, identifier: str) -> str:
    """The command that continues a run, in the same place and with the same folder."""
    words = ["stepguard", "evaluate", "--resume", identifier]
    if getattr(arguments, "failed", False):
        words.append("--failed")
    for option in ("out", "state_machine"):
        if value := getattr(arguments, option, None):
            words += [f"--{option.replace('_', '-')}", value]
    return shlex.join([*words, *_place(arguments)])


def _place(arguments: argparse.Namespace) -> list[str]:
    """The options that choose the account or the state folder."""
    words = ["--aws"] if getattr(arguments, "aws", False) else []
    for option in ("home", "endpoint_url"):
        if value := getattr(arguments, option, None):
            words += [f"--{option.replace('_', '-')}", str(value)]
    return words


def _target(arguments: argparse.Namespace, identifier: str) -> Path:
    if arguments.out is not None:
        return Path(arguments.out).expanduser().resolve()
    return home_of(arguments.home) / "evaluations" / identifier


def _print_unless_json(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.json:
        print(line, file=sys.stderr)
