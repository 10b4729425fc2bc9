"""The settings at run time of the embedded AWS: an application of AppConfig, from the first `stepguard settings` on."""

from __future__ import annotations

import json

from embedded_aws.cloud import EmbeddedCloud
from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, schema

NAME = "stepguard-local"
ENVIRONMENT = "live"
PROFILE = "settings"
PLACE = f"{NAME}/{ENVIRONMENT}/{PROFILE}"


def runtime_environment(cloud: EmbeddedCloud, *, serve: bool) -> dict[str, str]:
    """The variable of the Lambdas, if there are settings at run time; a server always has them.

    They are made in this process: a client of AppConfig would take half a second of each start.
    """
    if serve:
        prepare_settings(cloud)
    exists = serve or bool(cloud.appconfig.list_applications({})["Items"])
    return {RUNTIME_SETTINGS: PLACE} if exists else {}


def prepare_settings(cloud: EmbeddedCloud) -> None:
    """Make application, environment, profile, strategies and a first version without any setting, if they are missing.

    Both strategies change the settings for everybody at once: on one machine there is one chat.
    """
    control = cloud.appconfig
    if control.list_applications({})["Items"]:
        return
    application = {"ApplicationId": control.create_application({"Name": NAME})["Id"]}
    environment = {"EnvironmentId": control.create_environment({**application, "Name": ENVIRONMENT})["Id"]}
    validator = {"Type": "JSON_SCHEMA", "Content": json.dumps(schema())}
    profile = control.create_configuration_profile(
        {**application, "Name": PROFILE, "LocationUri": "hosted", "Validators": [validator]}
    )
    profiled = {"ConfigurationProfileId": profile["Id"]}
    at_once = {"DeploymentDurationInMinutes": 0, "GrowthFactor": 100, "FinalBakeTimeInMinutes": 0}
    strategies = [control.create_deployment_strategy({"Name": name, **at_once}) for name in (NAME, f"{NAME}-at-once")]
    first = {"Content": b"{}", "ContentType": "application/json", "VersionLabel": "as-deployed"}
    version = control.create_hosted_configuration_version({**application, **profiled, **first})
    control.start_deployment(
        {
            **application,
            **environment,
            **profiled,
            "DeploymentStrategyId": strategies[0]["Id"],
            "ConfigurationVersion": str(version["VersionNumber"]),
        }
    )
