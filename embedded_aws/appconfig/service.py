"""AppConfig's control plane."""

from __future__ import annotations

import base64
import secrets
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedded_aws.appconfig.data import AppConfigData
from embedded_aws.appconfig.deployments import Alarms, Deployments, shown
from embedded_aws.appconfig.rollout import PREDEFINED, members_of
from embedded_aws.appconfig.store import Body, Store
from embedded_aws.appconfig.validators import Invoke, check_validator, refuse_invalid
from embedded_aws.wire import ServiceError, not_implemented, refuse_members

MOST_BYTES = 2 * 1024 * 1024
"""The quota of a hosted configuration."""

_ID = string.ascii_lowercase + string.digits


class AppConfig:
    """The operations of `appconfig`; `data` has those of `appconfigdata`."""

    def __init__(self, file: Path, invoke: Invoke, alarms: Alarms, now: Callable[[], float] = time.time) -> None:
        self._store = Store(file)
        self._invoke = invoke
        self._deployments = Deployments(self._store, now, alarms)
        self.data = AppConfigData(self._store, self._deployments, now)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def create_application(self, request: dict[str, Any]) -> Body:
        """`CreateApplication`."""
        refuse_members(request, ["Tags"], "CreateApplication")
        return self._create("application", "", request)

    def get_application(self, request: dict[str, Any]) -> Body:
        """`GetApplication`."""
        return self._application(request)

    def list_applications(self, request: dict[str, Any]) -> Body:
        """`ListApplications`."""
        return {"Items": self._listed("application", "", request)}

    def delete_application(self, request: dict[str, Any]) -> None:
        """`DeleteApplication`: only one without environments and profiles."""
        application = self._application(request)["Id"]
        if any(self._store.rows(kind, application) for kind in ("environment", "profile")):
            raise ServiceError("BadRequestException", "The application still has environments or profiles.")
        self._store.delete("application", "", application)

    def create_environment(self, request: dict[str, Any]) -> Body:
        """`CreateEnvironment`."""
        refuse_members(request, ["Tags"], "CreateEnvironment")
        application = self._application(request)["Id"]
        more = {"ApplicationId": application, "Monitors": request.get("Monitors", [])}
        return self._environment_shown(self._create("environment", application, request, more))

    def get_environment(self, request: dict[str, Any]) -> Body:
        """`GetEnvironment`."""
        return self._environment_shown(self._environment(request))

    def list_environments(self, request: dict[str, Any]) -> Body:
        """`ListEnvironments`."""
        rows = self._listed("environment", self._application(request)["Id"], request)
        return {"Items": [self._environment_shown(row) for row in rows]}

    def create_configuration_profile(self, request: dict[str, Any]) -> Body:
        """`CreateConfigurationProfile`: hosted and free-form only."""
        refuse_members(request, ["Tags", "RetrievalRoleArn", "KmsKeyIdentifier"], "CreateConfigurationProfile")
        if request["LocationUri"] != "hosted":
            raise not_implemented("configurations outside AppConfig (a LocationUri that is not 'hosted')")
        if request.get("Type", "AWS.Freeform") != "AWS.Freeform":
            raise not_implemented(f"configurations of the type {request['Type']}")
        application = self._application(request)["Id"]
        more = {"ApplicationId": application, "LocationUri": "hosted", "Type": "AWS.Freeform"}
        return self._create("profile", application, request, more | {"Validators": _validators(request)})

    def get_configuration_profile(self, request: dict[str, Any]) -> Body:
        """`GetConfigurationProfile`."""
        return self._profile(request)

    def list_configuration_profiles(self, request: dict[str, Any]) -> Body:
        """`ListConfigurationProfiles`."""
        return {"Items": self._listed("profile", self._application(request)["Id"], request)}

    def update_configuration_profile(self, request: dict[str, Any]) -> Body:
        """`UpdateConfigurationProfile`."""
        refuse_members(request, ["RetrievalRoleArn", "KmsKeyIdentifier"], "UpdateConfigurationProfile")
        profile = self._profile(request)
        changes: Body = {name: request[name] for name in ("Name", "Description") if name in request}
        if "Validators" in request:
            changes["Validators"] = _validators(request)
        return self._store.put("profile", profile["ApplicationId"], profile["Id"], profile | changes)

    def create_hosted_configuration_version(self, request: dict[str, Any]) -> Body:
        """`CreateHostedConfigurationVersion`; validators do not run before it is deployed."""
        profile = self._profile(request)
        content: bytes = request["Content"]
        if len(content) > MOST_BYTES:
            message = f"A hosted configuration has at most {MOST_BYTES} bytes."
            raise ServiceError("PayloadTooLargeException", message, 413)
        label = request.get("VersionLabel")
        with self._store.writing():
            past = self._store.rows("version", profile["Id"])
            gone = self._store.get("deleted", profile["Id"], "version") or {"VersionNumber": 0}
            newest = max(int(version["VersionNumber"]) for version in (*past, gone))
            if request.get("LatestVersionNumber", newest) != newest:
                raise ServiceError("ConflictException", f"The latest version is {newest}.", 409)
            if label is not None and any(version.get("VersionLabel") == label for version in past):
                raise ServiceError("BadRequestException", f"There is a version with the label {label} already.")
            body = {
                "ApplicationId": profile["ApplicationId"],
                "ConfigurationProfileId": profile["Id"],
                "VersionNumber": newest + 1,
                "Description": request.get("Description", ""),
                "ContentType": request["ContentType"],
                "VersionLabel": label,
                "Content": base64.b64encode(content).decode(),
            }
            self._store.put("version", profile["Id"], str(newest + 1), body, newest + 1)
        return body | {"Content": content}

    def get_hosted_configuration_version(self, request: dict[str, Any]) -> Body:
        """`GetHostedConfigurationVersion`."""
        version = self._version(self._profile(request), str(request["VersionNumber"]))
        return version | {"Content": base64.b64decode(version["Content"])}

    def delete_hosted_configuration_version(self, request: dict[str, Any]) -> Body:
        """`DeleteHostedConfigurationVersion`; its number is never used again."""
        profile, number = self._profile(request), int(request["VersionNumber"])
        with self._store.writing():
            self._version(profile, str(number))
            gone = self._store.get("deleted", profile["Id"], "version") or {"VersionNumber": 0}
            last = max(number, int(gone["VersionNumber"]))
            self._store.put("deleted", profile["Id"], "version", {"VersionNumber": last})
            self._store.delete("version", profile["Id"], str(number))
        return {}

    def list_hosted_configuration_versions(self, request: dict[str, Any]) -> Body:
        """`ListHostedConfigurationVersions`, the newest first."""
        rows = self._listed("version", self._profile(request)["Id"], request)
        label = request.get("VersionLabel")
        return {"Items": [row for row in rows if label is None or row.get("VersionLabel") == label]}

    def create_deployment_strategy(self, request: dict[str, Any]) -> Body:
        """`CreateDeploymentStrategy`."""
        refuse_members(request, ["Tags"], "CreateDeploymentStrategy")
        if request.get("ReplicateTo", "NONE") != "NONE":
            raise not_implemented("ReplicateTo of CreateDeploymentStrategy")
        more = {
            "DeploymentDurationInMinutes": request["DeploymentDurationInMinutes"],
            "GrowthType": request.get("GrowthType", "LINEAR"),
            "GrowthFactor": request["GrowthFactor"],
            "FinalBakeTimeInMinutes": request.get("FinalBakeTimeInMinutes", 0),
            "ReplicateTo": "NONE",
        }
        return self._create("strategy", "", request, more)

    def get_deployment_strategy(self, request: dict[str, Any]) -> Body:
        """`GetDeploymentStrategy`."""
        return self._strategy(request["DeploymentStrategyId"])

    def list_deployment_strategies(self, request: dict[str, Any]) -> Body:
        """`ListDeploymentStrategies`: AWS's own, and those of the account."""
        own = self._listed("strategy", "", request)
        return {"Items": [*own, *(self._strategy(name) for name in PREDEFINED)]}

    def validate_configuration(self, request: dict[str, Any]) -> None:
        """`ValidateConfiguration`."""
        profile = self._profile(request)
        self._check(profile, self._version(profile, request["ConfigurationVersion"]))

    def start_deployment(self, request: dict[str, Any]) -> Body:
        """`StartDeployment`: what a validator refuses is not deployed."""
        refuse_members(request, ["Tags", "KmsKeyIdentifier", "DynamicExtensionParameters"], "StartDeployment")
        environment, profile = self._environment(request), self._profile(request)
        strategy = self._strategy(request["DeploymentStrategyId"])
        version = self._version(profile, request["ConfigurationVersion"])
        self._check(profile, version)
        members = {
            "ApplicationId": environment["ApplicationId"],
            "EnvironmentId": environment["Id"],
            "DeploymentStrategyId": strategy["Id"],
            "ConfigurationProfileId": profile["Id"],
            "ConfigurationName": profile["Name"],
            "ConfigurationLocationUri": "hosted",
            "ConfigurationVersion": str(version["VersionNumber"]),
            "VersionLabel": version.get("VersionLabel"),
            "Description": request.get("Description", ""),
            **{name: strategy[name] for name in members_of(PREDEFINED["AppConfig.AllAtOnce"])},
        }
        return shown(self._deployments.start(environment, members))

    def get_deployment(self, request: dict[str, Any]) -> Body:
        """`GetDeployment`."""
        return shown(self._deployments.get(self._environment(request), int(request["DeploymentNumber"])))

    def list_deployments(self, request: dict[str, Any]) -> Body:
        """`ListDeployments`, the newest first."""
        _refuse_pages(request)
        return {"Items": [shown(deployment) for deployment in self._deployments.all(self._environment(request))]}

    def stop_deployment(self, request: dict[str, Any]) -> Body:
        """`StopDeployment`."""
        if request.get("AllowRevert"):
            raise not_implemented("AllowRevert of StopDeployment")
        return shown(self._deployments.stop(self._environment(request), int(request["DeploymentNumber"])))

    def _check(self, profile: Body, version: Body) -> None:
        about = {
            "applicationId": str(profile["ApplicationId"]),
            "configurationProfileId": str(profile["Id"]),
            "configurationVersion": str(version["VersionNumber"]),
            "uri": "hosted",
        }
        refuse_invalid(profile["Validators"], base64.b64decode(version["Content"]), about, self._invoke)

    def _application(self, request: dict[str, Any]) -> Body:
        return self._found("application", "", request["ApplicationId"])

    def _environment(self, request: dict[str, Any]) -> Body:
        return self._found("environment", self._application(request)["Id"], request["EnvironmentId"])

    def _profile(self, request: dict[str, Any]) -> Body:
        return self._found("profile", self._application(request)["Id"], request["ConfigurationProfileId"])

    def _version(self, profile: Body, name: str) -> Body:
        """A version by its number or its label."""
        for version in self._store.rows("version", profile["Id"]):
            if name in (str(version["VersionNumber"]), version.get("VersionLabel")):
                return version
        raise ServiceError("ResourceNotFoundException", f"There is no version {name} of the configuration.", 404)

    def _strategy(self, name: str) -> Body:
        if name in PREDEFINED:
            return {"Id": name, "Name": name, **members_of(PREDEFINED[name]), "ReplicateTo": "NONE"}
        return self._found("strategy", "", name)

    def _environment_shown(self, environment: Body) -> Body:
        newest = next(iter(self._deployments.all(environment)), None)
        states = {"DEPLOYING": "DEPLOYING", "BAKING": "DEPLOYING", "ROLLED_BACK": "ROLLED_BACK"}
        state = "" if newest is None else str(newest["State"])
        return environment | {"State": states.get(state, "READY_FOR_DEPLOYMENT")}

    def _found(self, kind: str, parent: str, id_: str) -> Body:
        row = self._store.get(kind, parent, id_)
        if row is None:
            raise ServiceError("ResourceNotFoundException", f"There is no {kind} {id_}.", 404)
        return row

    def _create(self, kind: str, parent: str, request: dict[str, Any], more: Body | None = None) -> Body:
        id_ = "".join(secrets.choice(_ID) for _ in range(7))
        body = {"Id": id_, "Name": request["Name"], "Description": request.get("Description", ""), **(more or {})}
        return self._store.put(kind, parent, id_, body)

    def _listed(self, kind: str, parent: str, request: dict[str, Any]) -> list[Body]:
        _refuse_pages(request)
        return self._store.rows(kind, parent)


def _refuse_pages(request: dict[str, Any]) -> None:
    """The lists are short and come whole; a client that asks for less than that gets a refusal, not too much."""
    refuse_members(request, ["NextToken", "MaxResults"], "a list of AppConfig")


def _validators(request: dict[str, Any]) -> list[dict[str, str]]:
    validators: list[dict[str, str]] = request.get("Validators", [])
    for validator in validators:
        check_validator(validator)
    return validators
