"""The stack's settings at run time: the schema of the code, alarms that roll back, and nothing of it by default."""

from __future__ import annotations

import json

from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, schema
from tests.packaging.conftest import Built

READERS = {"GuardInput", "APIHandler", "Stream", "NotifyListener"}
"""GuardInput reads for an execution; the API for what it says when there is no answer."""


def test_appconfig_validates_by_the_schema_of_the_code(built: Built) -> None:
    """AppConfig takes at most 32 kB of it."""
    (profile,) = built.resources("AWS::AppConfig::ConfigurationProfile").values()
    (validator,) = profile["Validators"]
    assert validator["Type"] == "JSON_SCHEMA"
    assert json.loads(validator["Content"]) == schema()
    assert len(validator["Content"]) < 32_768


def test_only_the_readers_know_the_place(built: Built) -> None:
    """By the names of application, environment and profile: identifiers would be a circle of resources."""
    place = {"Fn::If": ["RuntimeSettingsOn", {"Fn::Sub": "${AWS::StackName}/live/settings"}, {"Ref": "AWS::NoValue"}]}
    functions = built.resources("AWS::Serverless::Function")
    variables = {name: function.get("Environment", {}).get("Variables", {}) for name, function in functions.items()}
    assert {
        name: held[RUNTIME_SETTINGS] for name, held in variables.items() if RUNTIME_SETTINGS in held
    } == dict.fromkeys(READERS, place)
    names = [item["Name"] for kind in ("Application", "Environment", "ConfigurationProfile")
             for item in built.resources(f"AWS::AppConfig::{kind}").values()]  # fmt: skip
    assert names == [{"Ref": "AWS::StackName"}, "live", "settings"]


def test_alarms_roll_a_change_back(built: Built) -> None:
    """On settings that GuardInput refuses, and on chats and stages that fail."""
    (environment,) = built.resources("AWS::AppConfig::Environment").values()
    condition, monitors, _ = environment["Monitors"]["Fn::If"]
    assert condition == "AlarmsOn"
    watched = [monitor["AlarmArn"]["Fn::GetAtt"][0] for monitor in monitors]
    assert watched == ["SettingsRefusedAlarm", "ChatsFailedAlarm", "StageErrorsAlarm"]
    alarm = built.resources("AWS::CloudWatch::Alarm")["SettingsRefusedAlarm"]
    assert (alarm["MetricName"], {item["Name"] for item in alarm["Dimensions"]}) == (
        "SettingsProblems", {"Stack", "Problem"},
    )  # fmt: skip


def test_all_of_it_is_off_by_default(built: Built) -> None:
    """Every resource has the condition."""
    assert built.template["Parameters"]["RuntimeSettings"]["Default"] == "no"
    resources = {name: item for name, item in built.template["Resources"].items() if name.startswith("Settings")}
    assert len(resources) == 10
    conditions = {"RuntimeSettingsOn", "RuntimeSettingsWatched", "SettingsEndpointOn"}
    assert {item["Condition"] for item in resources.values()} == conditions
