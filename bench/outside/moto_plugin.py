"""A plugin of pytest: each of moto's tests begins without state machines and activities."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    states = boto3.client(
        "stepfunctions", endpoint_url=os.environ["TEST_SERVER_MODE_ENDPOINT"], region_name="us-east-1"
    )
    for page in states.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    for page in states.get_paginator("list_activities").paginate():
        for activity in page["activities"]:
            states.delete_activity(activityArn=activity["activityArn"])
