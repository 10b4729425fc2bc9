"""Steps that change a stage in use: an upgrade with chats in flight, a canary of a new version, alarms."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from stepguard.deploy import smoke
from stepguard.project.settings_file import message_parameters
from stepguard.session import chat
from stepguard.verification.place import Place, StepFailed, expect

QUESTION = "You stupid idiot."
"""The input layer blocks it: an answer without a call of the model."""
PAUSE_SECONDS = 2.0
CHATS_AROUND = 3
"""The number of chats that are answered before a change begins, and again after it ended."""
EMULATOR_REPEATS = 3
"""An emulator ends its Lambda workers when the code changes, also busy ones: a caller repeats its POST there."""
CANARY_PERCENT = 50
CANARY_CHATS = 20
ALIAS = "stepguard-verify"
WAIT_SECONDS = 300.0
ALARM_SECONDS = 900.0


def upgrade(place: Place) -> str:
    """A deployment changes the Lambdas while a chat is asked every two seconds: each one gets its answer."""
    with _chats(place) as outcomes:
        _await(outcomes, CHATS_AROUND)
        place.deploy({**place.parameters, "EmptyMessage": "I have no answer (verification)."})
        _await(outcomes, outcomes.total() + CHATS_AROUND)
    expect(set(outcomes) == {"blocked"}, f"Not every chat was answered: {dict(outcomes)}")
    place.deploy(_restored(place))
    return f"{outcomes.total()} chats during the change, all answered."


def canary(place: Place) -> str:
    """A new version of the state machine gets half of the executions by an alias, then a rollback sends it none."""
    states, machine = place.aws("stepfunctions"), place.executions.machine_arn
    current = states.describe_state_machine(stateMachineArn=machine)["definition"]
    listed = states.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]
    with ExitStack() as undo:
        old = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
        # A deployed stage has published this version already: then AWS returns that one, and chats use it.
        if old not in [version["stateMachineVersionArn"] for version in listed]:
            undo.callback(states.delete_state_machine_version, stateMachineVersionArn=old)
        undo.callback(states.update_state_machine, stateMachineArn=machine, definition=current)
        new = states.update_state_machine(stateMachineArn=machine, definition=_commented(current), publish=True)[
            "stateMachineVersionArn"
        ]
        undo.callback(states.delete_state_machine_version, stateMachineVersionArn=new)
        routes = [_route(old, 100 - CANARY_PERCENT), _route(new, CANARY_PERCENT)]
        alias = states.create_state_machine_alias(name=ALIAS, routingConfiguration=routes)["stateMachineAliasArn"]
        undo.callback(states.delete_state_machine_alias, stateMachineAliasArn=alias)
        during = _versions(place, alias)
        expect(set(during) == {old, new}, f"The alias used {_short(during)}, not both versions.")
        states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=[_route(old, 100)])
        after = _versions(place, alias)
        expect(set(after) == {old}, f"After the rollback the alias used {_short(after)}.")
    return f"{during[new]} of {CANARY_CHATS} executions used the new version, none after the rollback."


def alarms(place: Place) -> str:
    """A planted failure puts the alarm on failed chats into ALARM, and the execution into the queue of failures."""
    name, queue = place.physical("ChatsFailedAlarm"), place.stack.outputs()["FailedChatsQueueUrl"]
    executions = place.executions
    arn = executions.start(f"verify-{uuid4().hex}", {"request": {"kind": "planted", "caller": "verify"}})
    chat.wait(executions, arn, WAIT_SECONDS)
    expect(executions.describe(arn).status == "FAILED", "The planted request did not fail.")
    deadline, state, queued = time.monotonic() + ALARM_SECONDS, "", 0
    while time.monotonic() < deadline and not (state == "ALARM" and queued):
        time.sleep(10)
        found = place.aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        state = str(found[0]["StateValue"]) if found else "missing"
        attributes = place.aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        queued = int(attributes["ApproximateNumberOfMessages"])
    expect(state == "ALARM", f"The alarm {name} is {state} {ALARM_SECONDS:g} s after a failure.")
    expect(queued > 0, "The failed execution is not in the queue of failures.")
    return f"ALARM, and {queued} in the queue."


def _restored(place: Place) -> dict[str, str]:
    """The parameters as before the upgrade: a parameter that is left out keeps its value."""
    template = place.aws("cloudformation").get_template_summary(StackName=place.stack.name)["Parameters"]
    default = next((item.get("DefaultValue", "") for item in template if item["ParameterKey"] == "EmptyMessage"), "")
    return {"EmptyMessage": default} | message_parameters(place.project) | dict(place.parameters)


@contextmanager
def _chats(place: Place) -> Iterator[Counter[str]]:
    """Ask the API again and again in a thread until the block ends; counts the outcomes, errors by their type."""
    ended, outcomes, api = threading.Event(), Counter[str](), place.api
    repeats = EMULATOR_REPEATS if place.endpoint else 0

    def ask() -> None:
        while not ended.is_set():
            try:
                reply = smoke.ask(api, {"name": "upgrade", "text": QUESTION}, repeats)
                outcomes[str(reply.body["answer"]["outcome"])] += 1
            except Exception as error:  # noqa: BLE001 - each kind of failure is counted, and fails the step
                outcomes[f"{type(error).__name__}: {error}"] += 1
            ended.wait(PAUSE_SECONDS)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield outcomes
    finally:
        ended.set()
        thread.join()


def _await(outcomes: Counter[str], count: int) -> None:
    """Wait until `count` chats have ended. Raises StepFailed when they do not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while outcomes.total() < count:
        if time.monotonic() > deadline:
            raise StepFailed(f"Only {outcomes.total()} chats ended within {WAIT_SECONDS:g} s.")
        time.sleep(0.1)


def _versions(place: Place, alias: str) -> Counter[str]:
    """The versions that executions of an alias used."""
    states, used = place.aws("stepfunctions"), Counter[str]()
    for _ in range(CANARY_CHATS):
        arn = states.start_execution(
            stateMachineArn=alias,
            name=f"verify-{uuid4().hex}",
            input=json.dumps({"request": {"kind": "prompt", "text": QUESTION, "caller": "verify"}}),
        )["executionArn"]
        found = states.describe_execution(executionArn=arn)
        if "stateMachineVersionArn" not in found:
            raise StepFailed(f"{arn} names no version.")
        used[found["stateMachineVersionArn"]] += 1
    return used


def _commented(definition: str) -> str:
    """The same states under another comment: AWS publishes a version only of a changed state machine."""
    document = json.loads(definition)
    return json.dumps(document | {"Comment": f"{document.get('Comment', '')} Published by stepguard verify-aws."})


def _route(version: str, percent: int) -> dict[str, str | int]:
    return {"stateMachineVersionArn": version, "weight": percent}


def _short(found: Counter[str]) -> str:
    return ", ".join(f"version {arn.rpartition(':')[2]} {count} times" for arn, count in found.items())
