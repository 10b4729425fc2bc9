"""The steps for what is beside the answer: what they wait for, and where they are not possible."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from stepguard.deploy.stage import destroy
from stepguard.verification import beside
from stepguard.verification.place import NotPossible, StepFailed
from tests.fakes.aws import FakeClient


class Settings:
    """SettingsAdmin on one value; a chat sees a change at its second look."""

    def __init__(self) -> None:
        self.live = self.seen = "as-deployed"
        self.values: dict[str, Any] = {}
        self.removed = 0

    def in_use(self) -> Any:
        """The version that a team had deployed."""
        return SimpleNamespace(values={"ERRORMESSAGE": "Later."})

    def store(self, values: dict[str, Any]) -> Any:
        """A new version."""
        self.values = values
        return SimpleNamespace(number=2, label="sha-2")

    def deploy(self, number: int, *, at_once: bool) -> None:
        """For everybody."""
        assert (number, at_once) == (2, True)
        self.live = "sha-2"

    def roll_back(self) -> None:
        """What was in use before."""
        self.live = "as-deployed"

    def remove(self, number: int) -> None:
        """The verification leaves no version behind."""
        assert self.live == "as-deployed"
        self.removed = number

    def look(self, _: object) -> str:
        """The version in a chat's document."""
        seen, self.seen = self.seen, self.live
        return seen


def _place(**outputs: str) -> Any:
    return SimpleNamespace(stack=SimpleNamespace(outputs=lambda: outputs), aws=lambda service: None)


@pytest.fixture(name="admin")
def _admin(monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings()
    monkeypatch.setattr(beside, "SettingsAdmin", lambda place, control: made)
    monkeypatch.setattr(beside, "_version", made.look)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return made


def test_a_setting_goes_live_and_back(admin: Settings) -> None:
    """The team's own settings stay in both versions."""
    assert beside.settings(_place(RuntimeSettingsPlace="a/b/c")).startswith("Live after")
    assert admin.values.keys() == {"ERRORMESSAGE", "EMPTYMESSAGE"}
    assert (admin.seen, admin.removed) == ("as-deployed", 2)


def test_a_setting_that_does_not_go_live_is_a_failure(admin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the time."""
    monkeypatch.setattr(beside, "_version", lambda place: "as-deployed")
    monkeypatch.setattr(beside, "WAIT_SECONDS", 0.0)
    with pytest.raises(StepFailed, match="did not go live within 0 s"):
        beside.settings(_place(RuntimeSettingsPlace="a/b/c"))


@pytest.mark.parametrize(("step", "parameter"), [("settings", "RuntimeSettings"), ("review", "ReviewRule")])
def test_a_stage_without_it_is_named(step: str, parameter: str) -> None:
    """By the parameter that leaves it out; the step is skipped then."""
    with pytest.raises(NotPossible, match=parameter):
        getattr(beside, step)(_place())


def test_a_removed_stage_stops_the_reviews_that_wait() -> None:
    """Step Functions deletes a state machine after its last execution, and these wait for days."""
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:r"
    now = datetime.now(UTC)
    known = {"stateMachineArn": machine, "status": "RUNNING", "startDate": now}
    listed = {"executions": [{"executionArn": f"{machine}:{name}", "name": name, **known} for name in ("a", "b")]}
    states = FakeClient("stepfunctions", list_executions=listed, stop_execution={"stopDate": now})
    stopped: list[int] = []
    stack: Any = SimpleNamespace(
        name="stage",
        describe=dict,
        resources=lambda: [("ReviewStateMachine", "AWS::StepFunctions::StateMachine", machine)],
        delete=lambda: stopped.append(len(states.bodies("stop_execution"))),
    )
    destroy(stack, {"stepfunctions": states}.__getitem__, lambda question: True, lambda line: None)
    assert [request["statusFilter"] for request in states.bodies("list_executions")] == ["RUNNING"]
    assert [request["executionArn"][-1] for request in states.bodies("stop_execution")] == ["a", "b"]
    assert stopped == [2]
