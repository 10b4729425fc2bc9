"""Settings at run time with AWS's own client: live and back in one step, refused if broken, rolled back by an alarm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from embedded_aws.cloud import EmbeddedCloud
from stepguard.admin.runtime_settings import SettingsAdmin
from stepguard.aws.runtime.settings import RuntimeSettings
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.runtime.settings import Held
from stepguard.session.runtime_settings import PLACE, prepare_settings, runtime_environment


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(tmp_path_factory.mktemp("cloud"), workers=1) as cloud:
        cloud.register([])
        assert runtime_environment(cloud, serve=False) == {}
        prepare_settings(cloud)
        assert runtime_environment(cloud, serve=False) == {"RUNTIME_SETTINGS": PLACE}
        yield cloud


def _client(cloud: EmbeddedCloud, service: str) -> Any:
    return Session().create_client(
        service, region_name="us-east-1", endpoint_url=cloud.url, aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.fixture(name="control", scope="module")
def _control(cloud: EmbeddedCloud) -> Any:
    return _client(cloud, "appconfig")


@pytest.fixture(name="data", scope="module")
def _data(cloud: EmbeddedCloud) -> Any:
    return _client(cloud, "appconfigdata")


def _new_lambda(data: Any, place: str = PLACE) -> Held:
    """What a Lambda that starts now reads."""
    return RuntimeSettings(place, data, patience=60).current()


def test_a_message_and_a_prompt_go_live_and_back_in_one_step_each(control: Any, data: Any) -> None:
    """With the versions by which an execution names them; the same values are the same version."""
    admin = SettingsAdmin(PLACE, control)
    before = _new_lambda(data)
    version = admin.store({"EMPTYMESSAGE": "No luck.", "LLM_QA_SYSTEM_PROMPT": "Be brief."})
    assert admin.deploy(version.number).state == "COMPLETE"
    held = _new_lambda(data)
    assert (held.version, held.values["LLM_QA_SYSTEM_PROMPT"]) == (version.label, "Be brief.")
    assert admin.store(dict(version.values)) == version
    assert admin.roll_back().state == "COMPLETE"
    assert _new_lambda(data) == before


def test_without_an_earlier_version_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    """Said, and nothing changes."""
    with EmbeddedCloud(tmp_path, workers=1) as cloud:
        prepare_settings(cloud)
        admin = SettingsAdmin(PLACE, _client(cloud, "appconfig"))
        with pytest.raises(InvalidRequest, match="nothing to go back to"):
            admin.roll_back()


def test_a_broken_setting_is_refused_twice(control: Any, data: Any) -> None:
    """By this product before it is stored, and by AppConfig's validator for everybody else."""
    admin = SettingsAdmin(PLACE, control)
    with pytest.raises(ConfigurationError, match="UNGUARDED cannot be set"):
        admin.store({"UNGUARDED": "yes"})
    before = _new_lambda(data)
    application = control.list_applications()["Items"][0]["Id"]
    profile = control.list_configuration_profiles(ApplicationId=application)["Items"][0]["Id"]
    environment = control.list_environments(ApplicationId=application)["Items"][0]["Id"]
    stored = control.create_hosted_configuration_version(
        ApplicationId=application, ConfigurationProfileId=profile, ContentType="application/json",
        Content=json.dumps({"PREPROCESS_GUARDRAIL_IDENTIFIER": "abc"}),
    )  # fmt: skip
    with pytest.raises(ClientError, match="additionalProperties") as refused:
        control.start_deployment(
            ApplicationId=application, EnvironmentId=environment, ConfigurationProfileId=profile,
            DeploymentStrategyId="AppConfig.AllAtOnce", ConfigurationVersion=str(stored["VersionNumber"]),
        )  # fmt: skip
    assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert _new_lambda(data) == before


def test_an_alarm_of_cloudwatch_rolls_a_forced_setting_back(cloud: EmbeddedCloud, control: Any, data: Any) -> None:
    """Without a validator the broken setting is deployed; GuardInput refuses it, and the alarm removes it."""
    alarms = _client(cloud, "cloudwatch")
    alarms.put_metric_alarm(
        AlarmName="refused", Namespace="stepguard", MetricName="SettingsProblems", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    arn = alarms.describe_alarms(AlarmNames=["refused"])["MetricAlarms"][0]["AlarmArn"]
    application = {"ApplicationId": control.create_application(Name="forced")["Id"]}
    environment = control.create_environment(**application, Name="live", Monitors=[{"AlarmArn": arn}])["Id"]
    profile = control.create_configuration_profile(**application, Name="settings", LocationUri="hosted")["Id"]
    everywhere = {**application, "EnvironmentId": environment}
    for name, bake in (("forced", 10), ("forced-at-once", 0)):
        control.create_deployment_strategy(
            Name=name, DeploymentDurationInMinutes=0, GrowthFactor=100, FinalBakeTimeInMinutes=bake, ReplicateTo="NONE"
        )
    place = "forced/live/settings"
    admin = SettingsAdmin(place, control)
    admin.deploy(admin.store({"EMPTYMESSAGE": "Good."}).number, at_once=True)
    broken = control.create_hosted_configuration_version(
        **application, ConfigurationProfileId=profile, Content=b'{"LLM_QA_NO_HITS_REGEX": "("}',
        ContentType="application/json",
    )["VersionNumber"]  # fmt: skip
    assert admin.deploy(broken).state == "BAKING"
    assert _new_lambda(data, place) == Held(None, {}, "refused")
    with pytest.raises(InvalidRequest, match=r"BAKING \(100 %\): wait for its end, or undo it first"):
        admin.deploy(broken)
    alarms.set_alarm_state(AlarmName="refused", StateValue="ALARM", StateReason="test")
    assert control.get_deployment(**everywhere, DeploymentNumber=2)["State"] == "ROLLED_BACK"
    assert _new_lambda(data, place).values == {"EMPTYMESSAGE": "Good."}
    assert [item.state for item in admin.deployments()] == ["ROLLED_BACK", "COMPLETE"]


def test_a_running_deployment_is_stopped_by_a_rollback(control: Any, data: Any) -> None:
    """While it reaches the Lambdas, or waits for alarms."""
    application = {"ApplicationId": control.create_application(Name="slow")["Id"]}
    control.create_environment(**application, Name="live")
    control.create_configuration_profile(**application, Name="settings", LocationUri="hosted")
    for name, minutes in (("slow", 10), ("slow-at-once", 0)):
        control.create_deployment_strategy(
            Name=name, DeploymentDurationInMinutes=minutes, GrowthFactor=50, FinalBakeTimeInMinutes=0,
            ReplicateTo="NONE",
        )  # fmt: skip
    admin = SettingsAdmin("slow/live/settings", control)
    first = admin.store({"EMPTYMESSAGE": "One."})
    admin.deploy(first.number, at_once=True)
    running = admin.deploy(admin.store({"EMPTYMESSAGE": "Two."}).number)
    assert (running.state, running.percent) == ("DEPLOYING", 50)
    assert admin.roll_back().state == "ROLLED_BACK"
    assert admin.in_use() == first
    assert _new_lambda(data, "slow/live/settings").values == {"EMPTYMESSAGE": "One."}


def test_a_place_that_is_not_deployed_is_named(control: Any) -> None:
    """With what to do."""
    with pytest.raises(ConfigurationError, match=r"'nowhere' among its applications.*RuntimeSettings=yes"):
        SettingsAdmin("nowhere/live/settings", control)
