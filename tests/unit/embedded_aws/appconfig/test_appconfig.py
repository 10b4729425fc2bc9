"""AppConfig's rules: validators before a deployment, one at a time, step by step, rolled back by an alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.appconfig.rollout import PREDEFINED, Strategy
from tests.fakes.appconfig import Configured


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


def _code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def _session(configured: Configured) -> str:
    started = configured.data.start_configuration_session(
        ApplicationIdentifier="chat", EnvironmentIdentifier="live", ConfigurationProfileIdentifier="settings",
        RequiredMinimumPollIntervalInSeconds=15,
    )  # fmt: skip
    return str(started["InitialConfigurationToken"])


def _read(configured: Configured, token: str) -> tuple[bytes, str]:
    answer = configured.data.get_latest_configuration(ConfigurationToken=token)
    return answer["Configuration"].read(), str(answer["NextPollConfigurationToken"])


def test_a_session_gets_a_configuration_once(configured: Configured) -> None:
    """Whole at first, empty while nothing changes, whole again after a deployment; each token works once."""
    configured.deploy({"a": 1})
    first = _session(configured)
    content, token = _read(configured, first)
    assert json.loads(content) == {"a": 1}
    configured.time += 15
    unchanged, token = _read(configured, token)
    assert unchanged == b""
    configured.deploy({"a": 2})
    configured.time += 15
    changed, _ = _read(configured, token)
    assert json.loads(changed) == {"a": 2}
    with pytest.raises(ClientError, match="Invalid or expired token") as refused:
        _read(configured, first)
    assert _code(refused) == "BadRequestException"


def test_a_session_that_asks_too_early_or_too_late_is_refused(configured: Configured) -> None:
    """Before its interval, and after a day."""
    configured.deploy({})
    _, token = _read(configured, _session(configured))
    with pytest.raises(ClientError, match="Request too early"):
        _read(configured, token)
    configured.time += 24 * 3600 + 1
    with pytest.raises(ClientError, match="expired"):
        _read(configured, token)


def test_what_a_validator_refuses_is_not_deployed(tmp_path: Path) -> None:
    """The schema and the Lambda both decide; the version itself is kept."""
    configured = Configured(
        tmp_path,
        validator=lambda event: "No regular expression." if "(" in str(json.loads(event)) else None,
        schema={"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False},
    )
    for content, reason in (({"a": "x"}, "a does not satisfy 'type'"), (b"{", "not JSON"), ({"b": 1}, "additional")):
        with pytest.raises(ClientError, match=reason) as refused:
            configured.deploy(content)
        assert _code(refused) == "BadRequestException"
    configured.deploy({"a": 1})
    assert len(configured.control.list_hosted_configuration_versions(**configured.of_profile)["Items"]) == 4


def test_the_lambda_validator_gets_the_content_and_its_message_is_the_reason(tmp_path: Path) -> None:
    """As AppConfig sends it: base64, with the identifiers."""
    seen: list[dict[str, Any]] = []

    def refuse(event: bytes) -> str:
        seen.append(json.loads(event))
        return "The prompt is empty."

    configured = Configured(tmp_path, validator=refuse)
    with pytest.raises(ClientError, match=r"The prompt is empty\."):
        configured.deploy({"a": 1})
    assert seen == [
        {
            "applicationId": configured.application,
            "configurationProfileId": configured.profile,
            "configurationVersion": "1",
            "uri": "hosted",
            "content": "eyJhIjogMX0=",
        }
    ]


def test_one_deployment_at_a_time(configured: Configured) -> None:
    """Also while the first one only waits for alarms."""
    slow = configured.strategy(minutes=0, bake=10)
    assert configured.deploy({"a": 1}, slow)["State"] == "BAKING"
    with pytest.raises(ClientError, match="in progress") as refused:
        configured.deploy({"a": 2})
    assert _code(refused) == "ConflictException"
    configured.time += 600
    assert configured.state(1) == "COMPLETE"
    assert configured.deploy({"a": 3})["State"] == "COMPLETE"


def test_a_deployment_reaches_the_sessions_step_by_step(configured: Configured) -> None:
    """Each session once and for good; at the end all of them."""
    configured.deploy({"a": 1})
    configured.deploy({"a": 2}, configured.strategy(minutes=10, growth=20, bake=5))
    tokens = [_session(configured) for _ in range(200)]
    shares = []
    had: set[int] = set()
    for _ in range(6):
        answers = [_read(configured, token) for token in tokens]
        tokens = [token for _, token in answers]
        had |= {number for number, (content, _) in enumerate(answers) if content and json.loads(content) == {"a": 2}}
        assert not any(content and json.loads(content) == {"a": 1} for number, (content, _) in enumerate(answers)
                       if number in had)  # fmt: skip
        shares.append(len(had) / 200)
        configured.time += 120
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.2, abs=0.1)
    assert shares[2] == pytest.approx(0.6, abs=0.1)
    assert shares[5] == 1


@pytest.mark.parametrize("by", ["alarm", "person"])
def test_a_rolled_back_deployment_is_gone_for_every_session(configured: Configured, by: str) -> None:
    """An alarm during a deployment or its bake, or StopDeployment, brings the earlier version back."""
    configured.deploy({"a": 1})
    configured.deploy({"a": 2}, configured.strategy(bake=10))
    content, token = _read(configured, _session(configured))
    assert json.loads(content) == {"a": 2}
    if by == "alarm":
        configured.alarming = True
    else:
        configured.control.stop_deployment(**configured.of_environment, DeploymentNumber=2)
    assert configured.state(2) == "ROLLED_BACK"
    configured.time += 15
    assert json.loads(_read(configured, token)[0]) == {"a": 1}
    log = configured.control.get_deployment(**configured.of_environment, DeploymentNumber=2)["EventLog"]
    assert log[0]["TriggeredBy"] == ("CLOUDWATCH_ALARM" if by == "alarm" else "USER")


def test_an_alarm_after_the_bake_changes_nothing(configured: Configured) -> None:
    """A deployment that is complete stays."""
    configured.deploy({"a": 1}, configured.strategy(bake=1))
    configured.time += 61
    assert configured.state(1) == "COMPLETE"
    configured.alarming = True
    assert configured.state(1) == "COMPLETE"


def test_a_deleted_version_is_gone_and_its_number_is_not_used_again(configured: Configured) -> None:
    """Deployments name versions by their number."""
    numbers = [configured.store({"n": number}) for number in range(2)]
    assert numbers == ["1", "2"]
    configured.control.delete_hosted_configuration_version(**configured.of_profile, VersionNumber=2)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        configured.control.delete_hosted_configuration_version(**configured.of_profile, VersionNumber=2)
    assert configured.store({"n": 3}) == "3"
    listed = configured.control.list_hosted_configuration_versions(**configured.of_profile)["Items"]
    assert [item["VersionNumber"] for item in listed] == [3, 1]


def test_versions_are_locked_and_labelled(configured: Configured) -> None:
    """An old number is a conflict; a label is new and not a number, and names its version."""
    configured.store({"a": 1}, "first")
    with pytest.raises(ClientError) as refused:
        configured.control.create_hosted_configuration_version(
            **configured.of_profile, Content=b"{}", ContentType="application/json", LatestVersionNumber=0
        )
    assert _code(refused) == "ConflictException"
    for label in ("first", "12"):
        with pytest.raises(ClientError, match=r"[Ll]abel"):
            configured.store({}, label)
    started = configured.control.start_deployment(
        **configured.of_environment, ConfigurationProfileId=configured.profile,
        DeploymentStrategyId=configured.strategy(), ConfigurationVersion="first",
    )  # fmt: skip
    assert (started["ConfigurationVersion"], started["VersionLabel"]) == ("1", "first")


def test_what_is_missing_here_is_refused_by_name(configured: Configured) -> None:
    """Feature flags, other places, reverting a complete deployment."""
    for more, name in (
        ({"Type": "AWS.AppConfig.FeatureFlags", "LocationUri": "hosted"}, "FeatureFlags"),
        ({"LocationUri": "s3://bucket/key"}, "LocationUri"),
        ({"LocationUri": "hosted", "RetrievalRoleArn": "arn:aws:iam::000000000000:role/r"}, "RetrievalRoleArn"),
    ):
        with pytest.raises(ClientError, match=name) as refused:
            configured.control.create_configuration_profile(ApplicationId=configured.application, Name="other", **more)
        assert _code(refused) == "NotImplemented"
    configured.deploy({})
    with pytest.raises(ClientError, match="AllowRevert"):
        configured.control.stop_deployment(**configured.of_environment, DeploymentNumber=1, AllowRevert=True)
    with pytest.raises(ClientError, match="CreateExtension"):
        configured.control.create_extension(Name="x", Actions={})


def test_everything_survives_its_process(tmp_path: Path) -> None:
    """Versions and deployments are in the file."""
    before = Configured(tmp_path)
    before.deploy({"a": 1}, label="one")
    before.backend.close()
    after = Configured(tmp_path)
    deployments = after.control.list_deployments(
        ApplicationId=before.application, EnvironmentId=before.environment
    )["Items"]  # fmt: skip
    assert [(row["VersionLabel"], row["State"]) for row in deployments] == [("one", "COMPLETE")]


@pytest.mark.parametrize(
    ("strategy", "seconds", "percentage", "state"),
    [
        (PREDEFINED["AppConfig.AllAtOnce"], 0, 100, "BAKING"),
        (PREDEFINED["AppConfig.AllAtOnce"], 600, 100, "COMPLETE"),
        (PREDEFINED["AppConfig.Linear50PercentEvery30Seconds"], 0, 50, "DEPLOYING"),
        (PREDEFINED["AppConfig.Linear50PercentEvery30Seconds"], 30, 100, "DEPLOYING"),
        (PREDEFINED["AppConfig.Linear20PercentEvery6Minutes"], 359, 20, "DEPLOYING"),
        (PREDEFINED["AppConfig.Linear20PercentEvery6Minutes"], 360, 40, "DEPLOYING"),
        (PREDEFINED["AppConfig.Canary10Percent20Minutes"], 0, 10, "DEPLOYING"),
        (PREDEFINED["AppConfig.Canary10Percent20Minutes"], 1199, 100, "DEPLOYING"),
        (Strategy(0, 100, 0), 0, 100, "COMPLETE"),
    ],
)
def test_how_far_a_deployment_is(strategy: Strategy, seconds: float, percentage: float, state: str) -> None:
    """By the strategy's own numbers."""
    assert (strategy.percentage(seconds), strategy.state(seconds)) == (percentage, state)
