"""Names of guardrails: read once, missing without harm; errors name what they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.aws.traces import GuardrailNames
from stepguard.guard.errors import AccessDenied, InvalidRequest, StepguardError, Throttled
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ModelSettings
from stepguard.guard.stages import Direction, Layer
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.states import BEGIN

ID = "abc123abc123"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{ID}"
REF = GuardrailRef(ID, "9")


def found(request: Request) -> dict[str, Any]:
    """GetGuardrail of the one guardrail that exists."""
    if request["guardrailIdentifier"] != ID:
        raise client_error("ResourceNotFoundException", "no such guardrail")
    return {
        "name": "ours", "guardrailId": ID, "guardrailArn": ARN, "version": "DRAFT", "status": "READY",
        "createdAt": BEGIN, "updatedAt": BEGIN, "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.",
    }  # fmt: skip


def test_names_are_read_once() -> None:
    """A deleted guardrail has none, and is not read again."""
    fake = FakeClient("bedrock", get_guardrail=found)
    names = GuardrailNames(fake.client)

    for _ in range(2):
        assert names.find([ID, "gone", ID]) == {ID: "ours"}
    assert len(fake.requests) == 2


def test_an_unreachable_bedrock_costs_one_wait() -> None:
    """In a network without a way to it."""
    fake = FakeClient("bedrock", get_guardrail=client_error("ServiceUnavailableException", "later"))

    assert GuardrailNames(fake.client).find([ID, "other", "third"]) == {}
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ValidationException", InvalidRequest),
        ("ResourceNotFoundException", InvalidRequest),
        ("AccessDeniedException", AccessDenied),
    ],
)
@pytest.mark.parametrize("stage", ["guardrail", "model"])
def test_configuration_errors_name_guardrail_and_variables(stage: str, code: str, kind: type[StepguardError]) -> None:
    """Identifier, version, layer; of the model, its id too."""
    error = client_error(code, "no")
    runtime = FakeClient("bedrock-runtime", apply_guardrail=error, converse=error)
    calls: dict[str, Callable[[], object]] = {
        "guardrail": lambda: Guardrails(runtime.client).check(REF, "text", Layer.PREPROCESS, Direction.INPUT),
        "model": lambda: Models(runtime.client).ask(Question("text"), ModelSettings(id="some.model"), REF),
    }
    with pytest.raises(kind) as raised:
        calls[stage]()

    message = str(raised.value)
    layer, prefix = ("preprocess", "PREPROCESS") if stage == "guardrail" else ("model", "BEDROCK")
    assert f"guardrail {ID} version 9 of the {layer} layer" in message
    assert f"{prefix}_GUARDRAIL_IDENTIFIER and {prefix}_GUARDRAIL_VERSION" in message
    assert ("the model some.model through CONVERSE, from LLM_MODEL_ID and LLM_API" in message) is (stage == "model")
    assert "'text'" not in message


def test_an_error_that_passes_names_no_configuration() -> None:
    """Another configuration would not help."""
    runtime = FakeClient("bedrock-runtime", apply_guardrail=client_error("ThrottlingException", "slow down"))
    with pytest.raises(Throttled, match=r"slow down$"):
        Guardrails(runtime.client).check(REF, "text", Layer.PREPROCESS, Direction.INPUT)


def test_a_guardrail_is_found_by_name_identifier_or_arn() -> None:
    """An unknown one lists the known ones; without permission to list, the text is an identifier."""
    row = {
        "id": ID, "arn": ARN, "name": "ours", "status": "READY", "version": "DRAFT", "createdAt": BEGIN,
        "updatedAt": BEGIN,
    }  # fmt: skip
    admin = GuardrailAdmin(FakeClient("bedrock", list_guardrails={"guardrails": [row]}).client)

    assert [admin.find(given) for given in ("ours", ID, ARN)] == [ID, ID, ARN]
    with pytest.raises(InvalidRequest, match=rf"no guardrail yours here; there are: ours \({ID}\)"):
        admin.find("yours")
    denied = FakeClient("bedrock", list_guardrails=client_error("AccessDeniedException", "no"))
    assert GuardrailAdmin(denied.client).find("yours") == "yours"
