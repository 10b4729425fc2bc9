"""The embedded AppConfig without a network, with a clock and alarms that the test controls."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from embedded_aws.appconfig import AppConfig
from embedded_aws.wire import JsonService, ServiceError

Validator = Callable[[bytes], str | None]
"""Gives the message with which a validator's Lambda refuses an event, or None."""


class Client:
    """Calls a backend's operations as boto3's client does: the model's limits, its errors, streams for blobs."""

    def __init__(self, service: str, backend: object) -> None:
        self._service = JsonService(service, backend)
        self._names = {xform_name(name): name for name in self._service.model.operation_names}

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**request: Any) -> Mapping[str, Any]:
            name = self._names[method]
            try:
                answer = self._service.call(name, request)
            except ServiceError as error:
                body: Any = {"Error": {"Code": error.code, "Message": error.message}}
                raise ClientError(body | {"ResponseMetadata": {"HTTPStatusCode": error.status}}, name) from None
            blobs = {key: io.BytesIO(value) for key, value in answer.items() if isinstance(value, bytes)}
            return answer | blobs

        return call


@dataclass
class Configured:
    """An application with an environment, a profile and a strategy; `time` is the clock."""

    folder: Path
    validator: Validator = lambda event: None
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    time: float = 1_000_000.0
    alarming: bool = False

    def __post_init__(self) -> None:
        self.backend = AppConfig(
            self.folder / "appconfig.sqlite3", self._invoke, lambda arns: self.alarming, lambda: self.time
        )
        self.control, self.data = Client("appconfig", self.backend), Client("appconfigdata", self.backend.data)
        self.application = self.control.create_application(Name="chat")["Id"]
        self.environment = self.control.create_environment(
            ApplicationId=self.application, Name="live",
            Monitors=[{"AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:broken"}],
        )["Id"]  # fmt: skip
        self.profile = self.control.create_configuration_profile(
            ApplicationId=self.application, Name="settings", LocationUri="hosted",
            Validators=[
                {"Type": "JSON_SCHEMA", "Content": json.dumps(self.schema)},
                {"Type": "LAMBDA", "Content": "arn:aws:lambda:us-east-1:000000000000:function:validate"},
            ],
        )["Id"]  # fmt: skip
        self.place = f"{self.application}/{self.environment}/{self.profile}"
        self.of_environment = {"ApplicationId": self.application, "EnvironmentId": self.environment}
        self.of_profile = {"ApplicationId": self.application, "ConfigurationProfileId": self.profile}

    def _invoke(self, function: str, payload: bytes) -> tuple[bytes, str | None]:
        message = self.validator(payload)
        return json.dumps({"errorMessage": message}).encode(), None if message is None else "Unhandled"

    def strategy(self, minutes: int = 0, growth: float = 100, bake: int = 0, kind: str = "LINEAR") -> str:
        """Create a strategy."""
        made = self.control.create_deployment_strategy(
            Name="own", DeploymentDurationInMinutes=minutes, GrowthFactor=growth, FinalBakeTimeInMinutes=bake,
            GrowthType=kind, ReplicateTo="NONE",
        )  # fmt: skip
        return str(made["Id"])

    def store(self, content: object, label: str | None = None) -> str:
        """Make a version of JSON, or of bytes as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        more = {} if label is None else {"VersionLabel": label}
        made = self.control.create_hosted_configuration_version(
            **self.of_profile, Content=body, ContentType="application/json", **more
        )
        return str(made["VersionNumber"])

    def deploy(self, content: object, strategy: str | None = None, label: str | None = None) -> Mapping[str, Any]:
        """Make a version and deploy it, at once by default."""
        started: Mapping[str, Any] = self.control.start_deployment(
            **self.of_environment, ConfigurationProfileId=self.profile,
            DeploymentStrategyId=strategy or self.strategy(), ConfigurationVersion=self.store(content, label),
        )  # fmt: skip
        return started

    def state(self, number: int) -> str:
        """The state of a deployment."""
        return str(self.control.get_deployment(**self.of_environment, DeploymentNumber=number)["State"])
