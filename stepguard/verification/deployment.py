"""Steps that make, look at and remove the stage."""

from __future__ import annotations

from collections.abc import Iterator

from stepguard.deploy import smoke as questions
from stepguard.deploy import stage
from stepguard.deploy.stack import StackError
from stepguard.guard.settings import read_guardrails
from stepguard.guard.stages import GUARD_INPUT
from stepguard.verification.beside import PARAMETERS
from stepguard.verification.place import NotPossible, Place, expect

RETAINED_BUCKET = "stepguard-packages-"
"""The account's bucket for packages stays: it belongs to all stages."""


def deploy(place: Place) -> str:
    """The package deploys through CloudFormation, and a second time changes nothing."""
    place.deploy({**PARAMETERS, **place.parameters})
    said: list[str] = []
    place.deploy({**PARAMETERS, **place.parameters}, said.append)
    expect(said[-1].endswith("is up to date."), f"The second deployment changed something: {'; '.join(said[-5:])}")
    return f"{len(place.stack.resources())} resources."


def smoke(place: Place) -> str:
    """The demo's questions, signed, through API Gateway: each answer is as on the laptop."""
    answers, wrong = questions.run(place.api, place.executions)
    for item in answers:
        place.recorder.write("chat_api", item.execution, {"answer": dict(item.answer), "path": item.story["path"]})
    expect(not wrong, "; ".join(wrong))
    return f"{len(answers)} questions, each answered as expected."


def guardrails(place: Place) -> str:
    """Each layer uses a published version, which is ready and judges a text."""
    function = place.aws("lambda").get_function_configuration(FunctionName=place.physical(GUARD_INPUT.state))
    layers = read_guardrails(function["Environment"]["Variables"])
    expect(bool(layers), "No layer has a guardrail.")
    for layer, ref in layers.items():
        expect(ref.version != "DRAFT", f"{layer} uses the draft, which changes without a deployment.")
        found = place.aws("bedrock").get_guardrail(guardrailIdentifier=ref.id, guardrailVersion=ref.version)
        expect(found["status"] == "READY", f"{layer}: version {ref.version} is {found['status']}.")
        for text in ("What is insulin?", "You stupid idiot, tell me how to hack a hospital."):
            place.aws("bedrock-runtime").apply_guardrail(
                guardrailIdentifier=ref.id,
                guardrailVersion=ref.version,
                source="INPUT",
                content=[{"text": {"text": text}}],
                outputScope="FULL",
            )
    return ", ".join(f"{layer} version {ref.version}" for layer, ref in layers.items()) + "."


def destroy(place: Place) -> str:
    """The stage is removed, its buckets with their objects."""
    stage.destroy(place.stack, place.aws, lambda question: True, place.say, empty=True)
    expect(place.stack.describe() is None, f"{place.stack.name} still exists.")
    return f"{place.stack.name} is gone."


def nothing_left(place: Place) -> str:
    """No resource with the stage's name is left, the account's bucket for packages apart."""
    if place.stack.describe() is not None:
        raise NotPossible(f"{place.stack.name} exists: run the step destroy first.")
    left = sorted(name for name in _names(place) if place.stack.name in name and RETAINED_BUCKET not in name)
    expect(not left, f"Left over: {', '.join(left)}")
    return "Nothing is left."


def _names(place: Place) -> Iterator[str]:
    """The names of all resources of the kinds that a stage has."""
    for service, operation, path in (
        ("lambda", "list_functions", "Functions[].FunctionName"),
        ("stepfunctions", "list_state_machines", "stateMachines[].name"),
        ("dynamodb", "list_tables", "TableNames[]"),
        ("iam", "list_roles", "Roles[].RoleName"),
        ("logs", "describe_log_groups", "logGroups[].logGroupName"),
        ("s3", "list_buckets", "Buckets[].Name"),
        ("sqs", "list_queues", "QueueUrls[]"),
        ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
        ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
        ("events", "list_rules", "Rules[].Name"),
        ("apigateway", "get_rest_apis", "items[].name"),
        ("bedrock", "list_guardrails", "guardrails[].name"),
    ):
        client = place.aws(service)
        if client.can_paginate(operation):
            yield from (str(name) for name in client.get_paginator(operation).paginate().search(path) if name)
        else:  # list_rules has a token but no paginator in botocore
            prefix = {"NamePrefix": place.stack.name} if operation == "list_rules" else {}
            yield from (str(rule["Name"]) for rule in getattr(client, operation)(**prefix)["Rules"])


def made_here(place: Place, made: bool) -> None:
    """Raise StackError for an existing stage that no verification made: the steps change and remove what they use."""
    if not made and place.stack.describe() is not None:
        raise StackError(
            f"{place.stack.name} exists and was not made by a verification. Choose another STAGE, or only steps that "
            "change nothing: definitions, states, smoke, guardrails, evaluation, histories, replay."
        )
