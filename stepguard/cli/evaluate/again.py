"""`--resume RUN` and `--resume RUN --failed`: what they start again, within the run's limit of cost."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from uuid import uuid4

from stepguard.admin.run_costs import RunCosts
from stepguard.aws.evaluations import Evaluations, Watch
from stepguard.aws.executions import Execution
from stepguard.aws.retries import failed_lines
from stepguard.cli.evaluate import cost
from stepguard.evaluation.limits import Limits, limits_of
from stepguard.evaluation.runs import RETRY, RUN_ID, Run, run_of
from stepguard.guard.errors import InvalidRequest, UnknownExecution
from stepguard.session.model import Session

CUT_SHORT = ("ABORTED", "TIMED_OUT")
"""The final statuses of a run that can be continued. A failed run ended in its own Fail state and cannot be
continued."""

TOLERATED = 100.0
"""Failures of a retry never end it: its items have failed before."""


def redrive(arguments: argparse.Namespace, session: Session, execution: Execution) -> None:
    """Continue an execution that was stopped. Raises InvalidRequest if the run would exceed its limit of cost."""
    evaluations = session.evaluations
    progress = Watch(evaluations, execution.name).progress(execution)
    costs = RunCosts(evaluations, _first(execution))
    share = max(0.0, 1 - progress.succeeded / progress.total) if progress.total else 1.0
    estimate = RunCosts(evaluations, execution.name).first() * share
    costs.spend(f"{execution.name}-resume-{uuid4().hex[:8]}", estimate, limit(arguments, session, execution))
    evaluations.redrive(execution.name)


def start_failed(arguments: argparse.Namespace, session: Session, run: str) -> str:
    """Start the failed items of a finished run again. Returns the id of the run that evaluates them, which may be one
    that has not ended. Raises InvalidRequest if there are none, or if the run would exceed its limit of cost."""
    evaluations = session.evaluations
    execution = evaluations.describe(run)
    if run != _first(execution):
        raise InvalidRequest(f"{run} is a retry: name its run, {_first(execution)}.")
    if not execution.finished or execution.status in CUT_SHORT:
        raise InvalidRequest(f"The run {run} has not ended: continue it with --resume, without --failed.")
    name, unfinished = _next(evaluations, run)
    if unfinished:
        return name
    original = run_of(execution.input["run"])
    estimator = cost.estimator(original.policies or {})
    lines = 0
    for line in failed_lines(evaluations.objects, evaluations.work(run)):
        estimator.add(line["request"])
        lines += 1
    if not lines:
        raise InvalidRequest(f"The run {run} has no failed items.")
    limits, costs = limit(arguments, session, execution), RunCosts(evaluations, run)
    costs.spend(name, estimator.estimate.dollars, limits)
    work = evaluations.work(name)
    retry: Run = replace(
        original,
        id=name,
        work=(work.bucket, work.key),
        tolerated_failures=TOLERATED,
        sample=None,
        limits=limits,
        retry_of=run,
    )
    evaluations.start(retry)
    if not arguments.json:
        print(f"evaluating {lines} failed lines again; cost: {estimator.estimate}", file=sys.stderr)
    return name


def limit(arguments: argparse.Namespace, session: Session, execution: Execution) -> Limits:
    """The limits of a run that continues: this command's options, else those that the run was started with."""
    recorded = execution.input.get("run", {}).get("limits")
    current = cost.limits_of(arguments, session)
    if recorded is None:
        return current
    limits = limits_of(recorded, current)
    return limits if arguments.max_cost is None else replace(limits, cost=arguments.max_cost)


def _first(execution: Execution) -> str:
    """The run whose account pays: that of a retry is its run's."""
    return str(execution.input.get("run", {}).get("retry_of") or execution.name)


def _next(evaluations: Evaluations, run: str) -> tuple[str, bool]:
    """The id of the next retry; or of one that has not ended, and True."""
    number = 1
    while True:
        name = f"{run}{RETRY}{number}"
        if not RUN_ID.fullmatch(name):
            raise InvalidRequest(f"The id {run} is too long for a retry; start a new run.")
        try:
            execution = evaluations.describe(name)
        except UnknownExecution:
            return name, False
        if not execution.finished or execution.status in CUT_SHORT:
            return name, True
        number += 1
