"""AWS's own command line, unmodified, against `stepguard serve`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.product import EXECUTIONS, MACHINE, Server, run

CARD = "4111 1111 1111 1111"


@pytest.fixture(name="guardrail", scope="module")
def _guardrail(server: Server) -> str:
    """The identifier of the input layer's guardrail, as list-guardrails returns it."""
    listed = server.aws_json("bedrock", "list-guardrails")["guardrails"]
    assert {item["name"] for item in listed} >= {"stepguard-preprocess", "stepguard-model", "stepguard-postprocess"}
    return str(next(item["id"] for item in listed if item["name"] == "stepguard-preprocess"))


def test_get_guardrail_reads_the_published_version(server: Server, guardrail: str) -> None:
    """get-guardrail shows the input layer with its policies and version."""
    shown = server.aws_json("bedrock", "get-guardrail", "--guardrail-identifier", guardrail, "--guardrail-version", "1")
    assert (shown["name"], shown["version"], shown["status"]) == ("stepguard-preprocess", "1", "READY")
    assert {topic["name"] for topic in shown["topicPolicy"]["topics"]} >= {"Alternative Medicine Claims"}
    actions = {entity["type"]: entity["action"] for entity in shown["sensitiveInformationPolicy"]["piiEntities"]}
    assert (actions["EMAIL"], actions["PASSWORD"]) == ("ANONYMIZE", "BLOCK")


def test_apply_guardrail_masks(server: Server, guardrail: str) -> None:
    """apply-guardrail gives the masked text and says why."""
    verdict = server.aws_json(
        "bedrock-runtime", "apply-guardrail", "--guardrail-identifier", guardrail, "--guardrail-version", "1",
        "--source", "INPUT", "--content", json.dumps([{"text": {"text": "Write to jane.roe@example.com please."}}]),
    )  # fmt: skip
    assert verdict["action"] == "GUARDRAIL_INTERVENED"
    assert verdict["outputs"] == [{"text": "Write to {EMAIL} please."}]
    found = verdict["assessments"][0]["sensitiveInformationPolicy"]["piiEntities"][0]
    assert (found["type"], found["action"], found["match"]) == ("EMAIL", "ANONYMIZED", "jane.roe@example.com")


def test_converse_answers_and_is_blocked(server: Server, guardrail: str) -> None:
    """converse gives the model's answer, and the guardrail's message with its trace when the question is blocked."""
    answers = [
        server.aws_json(
            "bedrock-runtime", "converse", "--model-id", "any.echo",
            "--messages", json.dumps([{"role": "user", "content": [{"text": text}]}]),
            "--guardrail-config", f"guardrailIdentifier={guardrail},guardrailVersion=1,trace=enabled",
        )
        for text in ("Which vitamins are in an orange?", f"My card is {CARD}.")
    ]  # fmt: skip
    assert answers[0]["stopReason"] == "end_turn"
    assert answers[0]["output"]["message"]["content"] == [{"text": "Which vitamins are in an orange?"}]
    assert answers[1]["stopReason"] == "guardrail_intervened"
    assert CARD not in json.dumps(answers[1]["output"])
    assert answers[1]["trace"]["guardrail"]["inputAssessment"][guardrail]["sensitiveInformationPolicy"]


def test_invoke_model_writes_the_body(server: Server, tmp_path: Path) -> None:
    """invoke-model writes the model's own body to a file."""
    body = tmp_path / "body.json"
    reply = server.aws_json(
        "bedrock-runtime", "invoke-model", "--model-id", "any.echo", "--content-type", "application/json",
        "--body", json.dumps({"prompt": "Hello there", "max_tokens": 10}), str(body),
    )  # fmt: skip
    assert reply["contentType"] == "application/json"
    assert json.loads(body.read_text())["choices"][0]["text"] == "Hello there"


def test_execution_is_started_described_and_its_history_read(server: Server) -> None:
    """start-execution, describe-execution and get-execution-history agree."""
    ended = server.start("from-the-aws-cli", {"request": {"text": "Which vitamins are in an orange?"}})
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["answer"]["outcome"] == "answered"
    events = server.aws_json(
        "stepfunctions", "get-execution-history", "--execution-arn", f"{EXECUTIONS}:from-the-aws-cli"
    )["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    assert entered[0] == "GuardInput"
    assert entered[-1] == "AnswerDelivered"


def test_endpoint_url_option_and_errors_are_awss(server: Server) -> None:
    """--endpoint-url works like the variable; a mistake gets AWS's error on stderr and its exit code."""
    env = {name: value for name, value in server.env.items() if name != "AWS_ENDPOINT_URL"}
    listed = run("aws", "stepfunctions", "list-state-machines", "--endpoint-url", server.url, env=env)
    assert listed.code == 0
    assert MACHINE in [machine["stateMachineArn"] for machine in json.loads(listed.out)["stateMachines"]]
    missing = server.aws("stepfunctions", "describe-execution", "--execution-arn", f"{EXECUTIONS}:nobody")
    assert missing.code in (254, 255)
    assert "(ExecutionDoesNotExist)" in missing.err


def test_lambda_is_invoked(server: Server, tmp_path: Path) -> None:
    """lambda invoke runs one of the project's handlers."""
    body = tmp_path / "payload.json"
    reply = server.aws_json(
        "lambda", "invoke", "--function-name", "stepguard-local-guard_input",
        "--payload", json.dumps({"request": {"text": "Write to jane.roe@example.com please."}}), str(body),
    )  # fmt: skip
    assert reply["StatusCode"] == 200
    assert json.loads(body.read_text())["text"] == "Write to {EMAIL} please."


def test_other_services_are_there_too(server: Server, tmp_path: Path) -> None:
    """s3 mb and cp, there and back, with the bytes unchanged."""
    sent, received = tmp_path / "sent", tmp_path / "received"
    sent.write_bytes(bytes(range(256)) * 40)
    assert server.aws("s3", "mb", "s3://corpus").code == 0
    assert server.aws("s3", "cp", str(sent), "s3://corpus/a/b.bin").code == 0
    assert server.aws("s3", "cp", "s3://corpus/a/b.bin", str(received)).code == 0
    assert received.read_bytes() == sent.read_bytes()
