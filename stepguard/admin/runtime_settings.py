"""Changes the settings at run time: versions in AWS AppConfig, and their deployments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.admin.deployed import functions_of
from stepguard.aws.clients import aws_errors, client
from stepguard.aws.executions import Executions
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, read_values
from stepguard.guard.stages import Layer

RUNNING = ("DEPLOYING", "BAKING", "VALIDATING")
AT_ONCE = "-at-once"
"""The end of the name of the strategy that changes the settings for everybody at once, without a wait for alarms."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the settings: its number and label in AppConfig, and its values."""

    number: int
    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of a version. `state` is AppConfig's, e.g. BAKING or ROLLED_BACK; `percent` is how far it is."""

    number: int
    version: int
    state: str
    percent: float
    started: str

    @property
    def running(self) -> bool:
        """Whether it can still be stopped."""
        return self.state in RUNNING

    def to_dict(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "number": self.number, "version": self.version, "state": self.state, "percent": self.percent,
            "started": self.started,
        }  # fmt: skip


class SettingsAdmin:
    """The settings at APPLICATION/ENVIRONMENT/PROFILE, by identifiers or names. Every method raises StepguardError."""

    def __init__(self, place: str, control: Any = None) -> None:
        self._control = control or client("appconfig", attempts=3)
        application, environment, profile = place.split("/")
        found = self._find("list_applications", application)
        self._name, self._application = str(found["Name"]), {"ApplicationId": found["Id"]}
        self._environment = self._application | {
            "EnvironmentId": self._find("list_environments", environment, **self._application)["Id"]
        }
        profile_id = self._find("list_configuration_profiles", profile, **self._application)["Id"]
        self._profile = {"ConfigurationProfileId": profile_id}

    def in_use(self) -> Version | None:
        """The version of the newest deployment that was not rolled back."""
        newest = next((item for item in self.deployments() if item.state == "COMPLETE" or item.running), None)
        return None if newest is None else self.version(newest.version)

    def deployments(self) -> list[Deployment]:
        """The newest fifty deployments of the settings, the newest first."""
        response = self._call("list_deployments", **self._environment)
        rows = sorted(response["Items"], key=lambda item: -int(item["DeploymentNumber"]))
        return [_deployment(item) for item in rows]

    def version(self, number: int) -> Version:
        """A version by its number."""
        found = self._call(
            "get_hosted_configuration_version", **self._application, **self._profile, VersionNumber=number
        )
        with aws_errors("GetHostedConfigurationVersion"):
            content: bytes = found["Content"].read()
        values = json.loads(content)
        return Version(number, str(found.get("VersionLabel") or ""), values if isinstance(values, dict) else {})

    def store(self, values: Mapping[str, Any]) -> Version:
        """The version with these values: a new one, unless there is one. Raises ConfigurationError for wrong values."""
        content = json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True).encode(errors="surrogatepass")
        read_values(content)
        label = f"sha-{hashlib.sha256(content).hexdigest()[:12]}"
        listed = self._call("list_hosted_configuration_versions", **self._application, **self._profile)["Items"]
        for item in listed:
            if item.get("VersionLabel") == label:
                return Version(int(item["VersionNumber"]), label, values)
        made = self._call(
            "create_hosted_configuration_version", **self._application, **self._profile,
            Content=content, ContentType="application/json", VersionLabel=label,
        )  # fmt: skip
        return Version(int(made["VersionNumber"]), label, values)

    def store_unchecked(self, content: bytes) -> int:
        """The number of a new version of any content: only AppConfig's validators and GuardInput judge it."""
        made = self._call(
            "create_hosted_configuration_version", **self._application, **self._profile,
            Content=content, ContentType="application/json",
        )  # fmt: skip
        return int(made["VersionNumber"])

    def remove(self, version: int) -> None:
        """Delete a version that is not in use: AppConfig keeps a profile with versions that its stack did not make."""
        self._call("delete_hosted_configuration_version", **self._application, **self._profile, VersionNumber=version)

    def deploy(self, version: int, *, at_once: bool = False) -> Deployment:
        """Begin to deploy a version: step by step, or at once. Raises InvalidRequest while another one runs."""
        running = next((item for item in self.deployments() if item.running), None)
        if running is not None:
            raise InvalidRequest(
                f"Deployment {running.number} of the settings is {running.state} ({running.percent:g} %): wait for its "
                "end, or undo it first (stepguard settings rollback)."
            )
        name = self._name + (AT_ONCE if at_once else "")
        strategy = self._find("list_deployment_strategies", name)["Id"]
        started = self._call(
            "start_deployment", **self._environment, **self._profile,
            ConfigurationVersion=str(version), DeploymentStrategyId=strategy,
        )  # fmt: skip
        return _deployment(started)

    def roll_back(self) -> Deployment:
        """Undo the last deployment: stop it while it runs, or else deploy at once what was in use before it."""
        deployments = self.deployments()
        if deployments and deployments[0].running:
            number = deployments[0].number
            return _deployment(self._call("stop_deployment", **self._environment, DeploymentNumber=number))
        done = [item for item in deployments if item.state == "COMPLETE"]
        before = next((item for item in done if item.version != done[0].version), None)
        if before is None:
            raise InvalidRequest("There is nothing to go back to: no other version of the settings was in use.")
        return self.deploy(before.version, at_once=True)

    def _find(self, operation: str, name: str, **request: Any) -> Mapping[str, Any]:
        with aws_errors(operation):
            pages = self._control.get_paginator(operation).paginate(**request)
            for page in pages:
                for item in page["Items"]:
                    if name in (item["Id"], item["Name"]):
                        found: Mapping[str, Any] = item
                        return found
        kind = operation.removeprefix("list_").replace("_", " ")
        raise ConfigurationError(f"AppConfig has no '{name}' among its {kind}: deploy with RuntimeSettings=yes.")

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        with aws_errors(operation):
            response: Mapping[str, Any] = getattr(self._control, operation)(**request)
        return response


def deployed_place(executions: Executions) -> str:
    """The place of the settings of a deployed workflow. Raises ConfigurationError if it has none at run time."""
    place = functions_of(executions)[Layer.PREPROCESS].variables.get(RUNTIME_SETTINGS, "")
    if not place:
        raise ConfigurationError("This stage has no settings at run time: deploy it with RuntimeSettings=yes.")
    return place


def _deployment(item: Mapping[str, Any]) -> Deployment:
    started = item.get("StartedAt")
    return Deployment(
        int(item["DeploymentNumber"]),
        int(item["ConfigurationVersion"]),
        str(item["State"]),
        float(item.get("PercentageComplete", 0)),
        started.isoformat(timespec="seconds") if started else "",
    )
