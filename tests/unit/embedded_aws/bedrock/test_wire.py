"""What other HTTP clients than SDKs read: members that botocore's model lacks, counters, and the order of refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedded_aws.wire import HttpRequest, JsonService, ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, pii, words

_HISTORY = (("user", "I am Bob."), ("assistant", "Hello."), ("user", "How are you?"))


def _post(api: Api, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    answer = JsonService("bedrock-runtime", api.bedrock.runtime).handle(HttpRequest("POST", path, body=body))
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("text", ["I am Bob.", "forbidden", "fine"])
def test_outputs_are_sent_under_both_names(api: Api, text: str) -> None:
    """ApplyGuardrail's body has `output` beside `outputs`, with the same value; an SDK's answer has only `outputs`."""
    made = api.guardrail(**pii("NAME"), **words("forbidden"))
    asked = {"source": "INPUT", "content": [{"text": {"text": text}}]}
    status, body = _post(api, f"/guardrail/{made}/version/DRAFT/apply", json.dumps(asked).encode())
    assert (status, body["output"]) == (200, body["outputs"])
    assert "output" not in api.apply(made, text)


def test_usage_counts_automated_reasoning_as_none(api: Api) -> None:
    """Both counters are in every usage, also in the assessment's."""
    answer = api.apply(api.guardrail(), "fine")
    for usage in (answer["usage"], answer["assessments"][0]["invocationMetrics"]["usage"]):
        assert (usage["automatedReasoningPolicyUnits"], usage["automatedReasoningPolicies"]) == (0, 0)


@pytest.mark.parametrize("body", [b"{broken", b"{}", b'{"checks": 5}'])
def test_a_missing_operation_is_refused_before_its_request_is_read(api: Api, body: bytes) -> None:
    """By name, whatever is wrong with the request."""
    status, answer = _post(api, "/guardrail-checks/invoke", body)
    assert status == 501
    assert answer["message"].endswith("does not implement bedrock-runtime:InvokeGuardrailChecks.")


def _converse(api: Api, guardrail: str, turns: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return api.runtime(
        "Converse",
        modelId="any",
        messages=[{"role": role, "content": [{"text": text}]} for role, text in turns],
        guardrailConfig={"guardrailIdentifier": guardrail, "guardrailVersion": "DRAFT", "trace": "enabled"},
    )


def test_a_mask_in_an_old_turn_does_not_mark_the_answer(api: Api) -> None:
    """The old turn is masked and traced; only masks of the newest turn and of the answer give the stop reason."""
    made = api.guardrail(**pii("NAME"))
    answer = _converse(api, made, _HISTORY)
    assert answer["stopReason"] == "end_turn"
    assert made in answer["trace"]["guardrail"]["inputAssessment"]
    assert api.model.asked[0][0][0].text == "I am {NAME}."
    assert _converse(api, made, (*_HISTORY[:2], ("user", "I am Alice.")))["stopReason"] == "guardrail_intervened"
    api.model.answer = "Hello Bob."
    assert _converse(api, made, _HISTORY)["stopReason"] == "guardrail_intervened"


def test_a_block_in_an_old_turn_blocks(api: Api) -> None:
    """Only masks are told apart by their turn."""
    made = api.guardrail()
    assert _converse(api, made, (("user", "forbidden"), *_HISTORY[1:]))["stopReason"] == "guardrail_intervened"


@pytest.mark.parametrize(
    ("turns", "action"),
    [
        (_HISTORY, "NONE"),
        (_HISTORY[:1], "INTERVENED"),
        ((("system", "You serve Bob."), ("user", "How are you?")), "NONE"),
        ((("user", "I am Bob."), ("user", "How are you?")), "INTERVENED"),
        ((*_HISTORY[:2], ("user", "I am Alice."), ("assistant", "So")), "INTERVENED"),
    ],
)
def test_the_newest_turn_decides_invoke_models_action(
    api: Api, turns: tuple[tuple[str, str], ...], action: str
) -> None:
    """The newest turn is what the user added since the last answer, also before the beginning of the next one."""
    made = api.guardrail(**pii("NAME"))
    body = {"messages": [{"role": role, "content": text} for role, text in turns]}
    answer = api.runtime(
        "InvokeModel",
        modelId="any",
        body=json.dumps(body).encode(),
        guardrailIdentifier=made,
        guardrailVersion="DRAFT",
    )
    assert json.loads(answer["body"])["amazon-bedrock-guardrailAction"] == action


_CLAUDE = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hello"}],
}


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3-5-sonnet-20240620"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4-20250514"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1", "claude"),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("anthropic.claude-3-haiku-20240307-v1:0:48k", "claude-3-haiku-20240307"),
        ("anthropic.claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("any", "any"),
    ],
)
def test_an_answer_in_anthropics_format_names_the_model(api: Api, model_id: str, name: str) -> None:
    """By the id without Bedrock's additions, also when the prompt is blocked."""
    made = api.guardrail(**words("blocked"))
    for said in ("hello", "blocked"):
        answer = api.runtime(
            "InvokeModel",
            modelId=model_id,
            body=json.dumps(_CLAUDE | {"messages": [{"role": "user", "content": said}]}).encode(),
            guardrailIdentifier=made,
            guardrailVersion="DRAFT",
        )
        assert json.loads(answer["body"])["model"] == name


def test_a_body_in_anthropics_format_names_no_model(api: Api) -> None:
    """The field of Anthropic's own API is refused, since it would have no effect."""
    with pytest.raises(ServiceError, match="modelId names the model"):
        api.runtime("InvokeModel", modelId="anthropic.claude", body=json.dumps(_CLAUDE | {"model": "other"}).encode())


_RERANKED = {"vectorSearchConfiguration": {"rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL"}}}
_NO_BASE = {
    "knowledgeBaseId": "NOSUCHBASE",
    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/any",
    "retrievalConfiguration": _RERANKED,
}


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        (
            "Retrieve",
            {"knowledgeBaseId": "NOSUCHBASE", "retrievalQuery": {"text": ""}, "retrievalConfiguration": _RERANKED},
        ),
        (
            "RetrieveAndGenerate",
            {
                "input": {"text": "hi"},
                "retrieveAndGenerateConfiguration": {
                    "type": "KNOWLEDGE_BASE",
                    "knowledgeBaseConfiguration": _NO_BASE,
                },
            },
        ),
    ],
)
def test_a_member_that_does_nothing_is_refused_before_the_rest_is_checked(
    api: Api, operation: str, params: dict[str, Any]
) -> None:
    """Also when the knowledge base is missing or the query is empty."""
    with pytest.raises(ServiceError) as caught:
        JsonService("bedrock-agent-runtime", api.bedrock.agent_runtime).call(operation, params)
    assert caught.value.status == 501
    assert "rerankingConfiguration" in caught.value.message
