"""Deployments of configuration versions: one at a time in an environment, settled whenever somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from embedded_aws.appconfig.rollout import (
    COMPLETE,
    ROLLED_BACK,
    RUNNING,
    has_reached,
    strategy_of,
)
from embedded_aws.appconfig.store import Body, Store
from embedded_aws.wire import ServiceError

Alarms = Callable[[Iterable[str]], bool]
"""Whether one of these alarms, by ARN, is in the state ALARM."""


class Deployments:
    """The deployments of each environment. `now` is in seconds since 1970."""

    def __init__(self, store: Store, now: Callable[[], float], alarms: Alarms) -> None:
        self._store = store
        self._now = now
        self._alarms = alarms

    def start(self, environment: Body, members: Mapping[str, Any]) -> Body:
        """Begin a deployment. Raises ConflictException while another one runs."""
        with self._store.writing():
            past = self.all(environment)
            if any(deployment["State"] in RUNNING for deployment in past):
                raise ServiceError("ConflictException", "Another deployment is in progress in this environment.", 409)
            number = max((int(deployment["DeploymentNumber"]) for deployment in past), default=0) + 1
            started = {"DeploymentNumber": number, "StartedAt": self._now(), "EventLog": [_event(
                "DEPLOYMENT_STARTED", "USER", self._now())]}  # fmt: skip
            return self._settle(environment, {**members, **started, "State": RUNNING[0]})

    def stop(self, environment: Body, number: int) -> Body:
        """End a running deployment: every target gets the earlier version. Raises BadRequestException."""
        with self._store.writing():
            deployment = self.get(environment, number)
            if deployment["State"] not in RUNNING:
                raise ServiceError("BadRequestException", "Only a deployment that is in progress can be stopped.")
            return self._end(environment, deployment, ROLLED_BACK, "ROLLBACK_COMPLETED", "USER")

    def get(self, environment: Body, number: int) -> Body:
        """One deployment. Raises ResourceNotFoundException."""
        for deployment in self.all(environment):
            if deployment["DeploymentNumber"] == number:
                return deployment
        raise ServiceError("ResourceNotFoundException", f"There is no deployment {number}.", 404)

    def all(self, environment: Body) -> list[Body]:
        """The deployments of an environment, the newest first."""
        rows = self._store.rows("deployment", environment["Id"])
        return [row if row["State"] not in RUNNING else self._settle(environment, row) for row in rows]

    def version_for(self, environment: Body, profile: str, session: str) -> str | None:
        """The version that a session gets of a profile's configuration; None if none was deployed."""
        for deployment in self.all(environment):
            reached = deployment["State"] == COMPLETE or (
                deployment["State"] in RUNNING and has_reached(session, deployment["PercentageComplete"])
            )
            if deployment["ConfigurationProfileId"] == profile and reached:
                return str(deployment["ConfigurationVersion"])
        return None

    def _settle(self, environment: Body, deployment: Body) -> Body:
        strategy, seconds = strategy_of(deployment), self._now() - deployment["StartedAt"]
        state = strategy.state(seconds)
        monitors = [str(monitor["AlarmArn"]) for monitor in environment.get("Monitors", ())]
        if state in RUNNING and monitors and self._alarms(monitors):
            return self._end(environment, deployment, ROLLED_BACK, "ROLLBACK_COMPLETED", "CLOUDWATCH_ALARM")
        deployment = deployment | {"State": state, "PercentageComplete": strategy.percentage(seconds)}
        if state == COMPLETE:
            return self._end(environment, deployment, COMPLETE, "DEPLOYMENT_COMPLETED", "APPCONFIG")
        return self._put(environment, deployment)

    def _end(self, environment: Body, deployment: Body, state: str, event: str, by: str) -> Body:
        percentage = 100.0 if state == COMPLETE else 0.0
        log = [_event(event, by, self._now()), *deployment["EventLog"]]
        ended = {"State": state, "PercentageComplete": percentage, "CompletedAt": self._now(), "EventLog": log}
        return self._put(environment, deployment | ended)

    def _put(self, environment: Body, deployment: Body) -> Body:
        number = int(deployment["DeploymentNumber"])
        return self._store.put("deployment", environment["Id"], str(number), deployment, number)


def shown(deployment: Body) -> Body:
    """A deployment as AppConfig answers it: with dates."""
    dates = {name: _date(deployment[name]) for name in ("StartedAt", "CompletedAt") if name in deployment}
    log = [event | {"OccurredAt": _date(event["OccurredAt"])} for event in deployment["EventLog"]]
    return deployment | dates | {"EventLog": log}


def _event(kind: str, by: str, at: float) -> Body:
    return {"EventType": kind, "TriggeredBy": by, "Description": "", "OccurredAt": at}


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
