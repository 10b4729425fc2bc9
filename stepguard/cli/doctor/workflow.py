"""What is deployed: state machines, bucket, model, permissions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import uuid4

from stepguard.admin.deployed import StageFunction
from stepguard.admin.permissions import may_apply, may_invoke
from stepguard.admin.probe import HARMLESS
from stepguard.admin.state_machine import differing_states
from stepguard.aws.executions import Executions
from stepguard.aws.models import Models
from stepguard.aws.objects import Address
from stepguard.cli import render
from stepguard.cli.doctor.checks import Check, Cost, checked
from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.errors import AccessDenied, ConfigurationError, StepguardError
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.request import Kind, Request
from stepguard.guard.settings import VARIABLES, read_settings
from stepguard.guard.stages import Layer
from stepguard.project.folder import find_project
from stepguard.session.chat import wait
from stepguard.session.guardrails import remedy
from stepguard.session.model import Session
from stepguard.trace.diff import mapping
from stepguard.trace.failure import failure_of
from stepguard.trace.reason import reason

EXECUTION = "execution"
SECONDS = 60.0

ENDPOINT = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
"""botocore's variable, with which the template sends a Lambda's model calls elsewhere."""


def machines(session: Session) -> Iterator[Check]:
    """Both state machines, compared with the project's definitions, and the evaluations' bucket."""
    yield checked("settings of this environment", lambda: _settings(session))
    yield _machine("state machine", session, session.executions, "chat")
    try:
        runs = session.evaluations.executions
        bucket = session.evaluations.bucket
    except ConfigurationError as error:
        yield Check("evaluations", None, f"not checked: {error}")
        return
    yield _machine("evaluation state machine", session, runs, "evaluate")
    yield checked("evaluations' bucket", lambda: _bucket(session, bucket))


def model(functions: Mapping[Layer, StageFunction], cost: Cost) -> Check:
    """One call of the model for one token, with the deployed settings and these credentials."""
    function = functions[Layer.MODEL]
    try:
        settings = read_settings(function.variables).model
        named = f"{settings.id} through {settings.api}"
        elsewhere = function.variables.get(ENDPOINT)
        if elsewhere and elsewhere != os.environ.get(ENDPOINT):
            return Check("model", None, f"{named} at {elsewhere}; not tried: set {ENDPOINT} to try it from here")
        done = Models().ask(Question("Hello."), replace(settings, max_tokens=1), None)
    except AccessDenied as error:
        return Check("model", None, f"{named}; not tried with your credentials, which the Lambda does not use: {error}")
    except StepguardError as error:
        return Check("model", False, f"{error} (LLM_MODEL_ID and LLM_API of Lambda {function.name})")
    cost.tokens, cost.model = done.tokens, settings.id
    return Check("model", True, f"{named} answered a request for one token")


def execution(session: Session, cost: Cost) -> Check:
    """One execution of the chat: a harmless question and answer pass through the Lambdas of all three layers.

    The answer is given, so that no model is called.
    """
    name = f"doctor-{uuid4().hex}"
    request = Request(
        text=HARMLESS,
        caller="doctor",
        kind=Kind.RESPONSE,
        passages=(Passage("doctor", HARMLESS),),  # a grounding policy needs one
        query=HARMLESS,
        completion=HARMLESS,
    )
    try:
        result = wait(session.executions, session.executions.start(name, {"request": request.to_document()}), SECONDS)
    except AccessDenied as error:
        return Check(EXECUTION, None, f"not tried with your credentials: {error}")
    except StepguardError as error:
        return Check(EXECUTION, False, str(error))
    for visit in result.trace.visits:
        units = mapping((visit.result or {}).get("text_units"))
        cost.add(1 if units else 0, {policy: int(count) for policy, count in units.items()})
    if result.trace.status != "SUCCEEDED" or result.answer.outcome is AnswerOutcome.BLOCKED:
        failure = failure_of(result.trace)
        why = render.headline(reason(result.trace, result.names), failure[1].to_dict() if failure else None)
        return Check(EXECUTION, False, f"a harmless question and answer were not delivered. {why} ({name})")
    return Check(EXECUTION, True, f"the Lambdas of all three layers delivered a harmless question and answer ({name})")


def permissions(session: Session, functions: Mapping[Layer, StageFunction], arns: Mapping[Layer, str]) -> list[Check]:
    """What the deployed roles may do, by IAM's simulation, which has no effect on anything."""
    if session.url is not None:
        return []  # the embedded AWS checks no permissions
    checks = []
    for layer, arn in arns.items():
        function = functions[layer]
        checks.append(may_apply(function.role, arn))
    checks.append(may_invoke(session.executions.machine_role(), [item.function for item in functions.values()]))
    return [Check("permission", item.ok, item.detail) for item in checks]


def _settings(session: Session) -> str:
    given = read_settings(os.environ).guardrails
    names = ", ".join(name for layer in given for name in VARIABLES[layer])
    if not given:
        return "no guardrail variables are set here"
    if session.cloud is None:
        return f"{names} are set here; the deployed workflow does not use them"
    return f"{names} replace the project's files"


def _machine(name: str, session: Session, executions: Executions, definition: str) -> Check:
    try:
        status = executions.machine_status()
        deployed = executions.machine_definition()
        project = find_project()
        arns = {entry.name: entry.name for entry in project.lambdas()}
        text = project.chat_definition(arns) if definition == "chat" else project.evaluation_definition(arns)
        found = differing_states(deployed, json.loads(text))
    except StepguardError as error:
        return Check(name, False, str(error))
    arn = executions.state_machine_arn
    if status != "ACTIVE":
        return Check(name, False, f"{arn} is {status}")
    if found:
        detail = f"{arn} is ACTIVE, but differs from the project's {definition}.asl.json in {', '.join(found)}."
        return Check(name, None, f"{detail} {remedy(session)}")
    return Check(name, True, f"{arn} is ACTIVE and equals the project's {definition}.asl.json")


def _bucket(session: Session, bucket: str) -> str:
    next(iter(session.evaluations.objects.list(Address(bucket, "runs/"))), None)
    return f"{bucket} can be listed"
