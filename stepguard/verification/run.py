"""Runs steps one after the other, and keeps each result as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from stepguard.deploy.api import ApiError
from stepguard.deploy.aws import AwsError, aws_call
from stepguard.deploy.package import PackagingError
from stepguard.deploy.stack import StackError
from stepguard.guard.errors import StepguardError
from stepguard.verification.place import NotPossible, Place, StepFailed
from stepguard.verification.plan import STEPS, Step
from stepguard.verification.redaction import redact
from stepguard.verification.report import Result, Status, load, save

UNSUPPORTED = (
    "UnknownOperationException",
    "InvalidAction",
    "NotImplemented",
    "UnsupportedOperation",
    "UnknownOperation",
)
"""Emulators answer with one of these codes when they do not have an operation."""


def verify(place: Place, steps: Sequence[Step], skipped: Mapping[str, str], folder: Path, where: str) -> list[Result]:
    """Run the steps; `skipped` gives the reason for each step that this place cannot run.

    The first failure stops the run, except that a stage which a step changed stays for a person to look at.
    """
    results, done = load(folder), []
    for step in steps:
        result = _run(step, place, skipped.get(step.name))
        results[step.name] = result
        save(folder, results, where)
        done.append(result)
        place.say(f"{step.name:<14} {result.status:<18} {result.seconds:6.1f} s  {result.detail}")
        if result.status is Status.FAILED:
            break
    return done


def made_by_verification(folder: Path) -> bool:
    """Whether an earlier run of this folder deployed the stage and has not removed it."""
    results = load(folder)
    deployed, removed = results.get("deploy"), results.get("destroy")
    if deployed is None or deployed.status is Status.SKIPPED:
        return False
    return removed is None or removed.status is not Status.PASSED or removed.at < deployed.at


def chosen(names: Sequence[str]) -> list[Step]:
    """The steps of these names in their order; all without names. Raises StackError that lists the known ones."""
    unknown = sorted(set(names) - {step.name for step in STEPS})
    if unknown:
        raise StackError(f"There is no step {', '.join(unknown)}; known: {', '.join(step.name for step in STEPS)}.")
    return [step for step in STEPS if not names or step.name in names]


def _run(step: Step, place: Place, reason: str | None) -> Result:
    started, at = time.monotonic(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def result(status: Status, detail: str) -> Result:
        return Result(step.name, status, redact(detail), round(time.monotonic() - started, 1), at)

    if reason is not None:
        return result(Status.SKIPPED, reason)
    try:
        with aws_call():
            return result(Status.PASSED, step.run(place))
    except NotPossible as error:
        return result(Status.SKIPPED, str(error))
    except AwsError as error:
        missing = place.endpoint is not None and error.code in UNSUPPORTED
        return result(Status.SKIPPED if missing else Status.FAILED, str(error))
    except (StepFailed, StackError, PackagingError, ApiError, StepguardError, OSError) as error:
        return result(Status.FAILED, f"{type(error).__name__}: {error}")
    except (LookupError, TypeError, ValueError) as error:
        return result(Status.FAILED, f"AWS's answer has another shape than documented: {type(error).__name__}: {error}")
