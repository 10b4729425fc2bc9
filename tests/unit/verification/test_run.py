"""How a verification runs its steps, keeps their results and reports them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepguard.cli.main import main
from stepguard.deploy.stack import Stack, StackError
from stepguard.project.folder import builtin_project
from stepguard.verification.deployment import made_here
from stepguard.verification.place import NotPossible, Place, StepFailed
from stepguard.verification.plan import STEPS, Step, total_dollars
from stepguard.verification.recorder import Recorder
from stepguard.verification.report import REPORT, Result, Status, load
from stepguard.verification.run import chosen, made_by_verification, verify

SAID: list[str] = []


class CloudFormation:
    """A client that knows one stack, or none."""

    def __init__(self, *stacks: dict[str, str]) -> None:
        self._stacks = list(stacks)

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        """All stacks."""
        return {"Stacks": self._stacks}


def place(endpoint: str | None = None, *stacks: dict[str, str]) -> Place:
    """A place without an account."""
    return Place(
        stack=Stack("stepguard-x", CloudFormation(*stacks)),
        aws=lambda service: None,
        project=builtin_project(),
        parameters={},
        endpoint=endpoint,
        say=SAID.append,
        recorder=Recorder(None),
    )


def step(name: str, found: str | Exception) -> Step:
    """A step that returns a sentence or raises."""

    def run(_: Place) -> str:
        """A promise."""
        if isinstance(found, Exception):
            raise found
        return found

    return Step(name, run, 1)


def refused(code: str) -> ClientError:
    """An answer of AWS."""
    return ClientError({"Error": {"Code": code, "Message": "arn:aws:iam::222233334444:user/ana"}}, "TestState")


def test_the_first_failure_ends_the_run(tmp_path: Path) -> None:
    """What ran before is kept, what comes after has not run."""
    steps = [step("definitions", "Fine."), step("states", StepFailed("Wrong.")), step("deploy", "Never.")]
    done = verify(place(), steps, {}, tmp_path, "here")
    assert [(item.step, item.status) for item in done] == [("definitions", "passed"), ("states", "failed")]
    assert load(tmp_path)["states"].detail == "StepFailed: Wrong."
    assert "deploy" not in load(tmp_path)


@pytest.mark.parametrize(
    ("endpoint", "found", "status"),
    [
        ("http://127.0.0.1:1", refused("UnknownOperationException"), Status.SKIPPED),
        (None, refused("UnknownOperationException"), Status.FAILED),
        ("http://127.0.0.1:1", refused("AccessDeniedException"), Status.FAILED),
        (None, NotPossible("No alarm."), Status.SKIPPED),
        (None, StackError("No stack."), Status.FAILED),
    ],
)
def test_an_operation_that_an_emulator_lacks_is_no_failure(
    tmp_path: Path, endpoint: str | None, found: Exception, status: Status
) -> None:
    """On an account the same answer is one."""
    (result,) = verify(place(endpoint), [step("states", found)], {}, tmp_path, "here")
    assert result.status is status
    assert "222233334444" not in (tmp_path / REPORT).read_text(encoding="utf-8")


def test_a_skipped_step_carries_its_reason(tmp_path: Path) -> None:
    """The reason is in the report, and the step does not run."""
    (result,) = verify(place(), [step("canary", AssertionError())], {"canary": "no | versions"}, tmp_path, "here")
    assert (result.status, result.detail) == (Status.SKIPPED, "no | versions")
    assert "no \\| versions" in (tmp_path / REPORT).read_text(encoding="utf-8")


def test_a_step_run_again_replaces_its_result(tmp_path: Path) -> None:
    """Every step can run alone and again; other results stay."""
    verify(place(), [step("definitions", "1"), step("smoke", StepFailed("2"))], {}, tmp_path, "here")
    verify(place(), [step("smoke", "3")], {}, tmp_path, "here")
    assert {name: result.detail for name, result in load(tmp_path).items()} == {"definitions": "1", "smoke": "3"}


def test_a_stage_of_somebody_else_is_neither_changed_nor_removed(tmp_path: Path) -> None:
    """Until a verification deployed it, and again after it removed it."""
    existing = {"StackName": "stepguard-x", "StackStatus": "CREATE_COMPLETE"}
    with pytest.raises(StackError, match="was not made by a verification"):
        made_here(place(None, existing), made_by_verification(tmp_path))
    made_here(place(), made_by_verification(tmp_path))
    deployed: Callable[..., Result] = Result
    known = deployed("deploy", Status.PASSED, "", 1, "2026-01-01T00:00:00Z")
    for removed, made in ((None, True), ("2026-01-01T00:00:01Z", False), ("2025-12-31T00:00:00Z", True)):
        steps = [known, *([replace(known, step="destroy", at=removed)] if removed else [])]
        save_results(tmp_path, *steps)
        assert made_by_verification(tmp_path) is made


def save_results(folder: Path, *results: Result) -> None:
    """Write the results of an earlier run."""
    from stepguard.verification.report import save

    save(folder, {result.step: result for result in results}, "here")


def test_all_of_it_costs_less_than_two_dollars() -> None:
    """And every step says what it proves."""
    assert 0 < total_dollars(STEPS) < 2
    assert all(item.promise.endswith(".") for item in STEPS)


def test_an_unknown_step_is_named_with_the_known_ones() -> None:
    """A typing error runs nothing."""
    with pytest.raises(StackError, match="no step canari; known: definitions, states"):
        chosen(["canari"])


def test_the_plan_needs_no_account(capsys: pytest.CaptureFixture[str], environment: pytest.MonkeyPatch) -> None:
    """`--list` prints each step with its price, without credentials or a region."""
    environment.delenv("AWS_DEFAULT_REGION")
    assert main(["verify-aws", "x", "--list"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[:-1]] == [item.name for item in STEPS]
    assert f"At most USD {total_dollars(STEPS):.2f}" in printed
