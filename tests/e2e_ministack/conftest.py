"""The packaged application on MiniStack, a third-party emulator of AWS, with the embedded Bedrock behind the Lambdas.

`make e2e` runs this tier. It needs MiniStack in build/ministack and some two minutes: `make test` leaves it out.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import Credentials

from deploy import staging
from stepguard.deploy.api import Api, Reply
from stepguard.deploy.aws import Aws
from stepguard.deploy.smoke import PATIENCE_SECONDS
from stepguard.deploy.stack import Stack
from stepguard.deploy.stage import deploy
from stepguard.project.folder import find_project

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "staging-e2e"
PROJECT = find_project(staging.PROJECT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without `make e2e` this tier is skipped, and says why."""
    if not os.environ.get("STEPGUARD_E2E"):
        reason = "deploys to MiniStack, which takes minutes and an installation of its own: make e2e"
        for item in items:
            if "e2e_ministack" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=reason))


@dataclass
class Deployed:
    """The stack on MiniStack. `said` holds what the last deployment printed."""

    area: staging.Staging
    aws: Aws
    stack: Stack
    outputs: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def deploy(self, **parameters: str) -> None:
        """`make deploy-local`, with these parameters changed."""
        self.said.clear()
        self.outputs = deploy(self.stack, self.aws, PROJECT, parameters, lambda question: True, self.said.append)

    def api(self, credentials: Credentials | None = None) -> Api:
        """The chat API, asked by these credentials; by the deployer's without."""
        whole = Api.of_stack(self.outputs, self.area.endpoint)
        return whole if credentials is None else whole.as_caller(credentials)

    def ask(self, question: str, api: Api | None = None, **members: Any) -> Reply:
        """POST /chat; without `wait_seconds` the answer is waited for, however slow the machine is."""
        caller = api or self.api()
        reply = caller.post({"question": question, **members})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while reply.status == 202 and "wait_seconds" not in members and time.monotonic() < deadline:
            time.sleep(0.5)
            reply = caller.get(f"/chat/{reply.body['execution'].rpartition(':')[2]}")
        return reply


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """The packaged template, deployed through CloudFormation with the demo's guardrails."""
    before = dict(os.environ)
    os.environ.update(staging.CREDENTIALS)
    area = staging.up(FOLDER)
    try:

        def aws(service: str) -> Any:
            return boto3.client(service, endpoint_url=area.endpoint)

        place = Deployed(area, aws, Stack("stepguard-e2e", aws("cloudformation")))
        place.deploy(**area.parameters())
        yield place
    finally:
        staging.down(FOLDER)
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def mallory(deployed: Deployed) -> Credentials:
    """Another caller of the same account, who may use the chat API and nothing else."""
    iam = deployed.aws("iam")
    iam.create_user(UserName="mallory")
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="mallory", PolicyName="a", PolicyDocument=policy)
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="session")
def logs(deployed: Deployed) -> Callable[[], dict[str, str]]:
    """Everything in CloudWatch Logs, by log group, and the two servers' own logs."""

    def read() -> dict[str, str]:
        client = deployed.aws("logs")
        names = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
        found = {
            name: "\n".join(
                event["message"]
                for page in client.get_paginator("filter_log_events").paginate(logGroupName=name)
                for event in page["events"]
            )
            for name in names
        }
        files = {file.name: file.read_text(errors="replace") for file in FOLDER.glob("*.log")}
        return found | files

    return read
