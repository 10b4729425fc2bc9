"""Deploy, ask, attack, update, roll back, remove; in this order, on one stack."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest
from botocore.credentials import Credentials

from deploy import staging
from stepguard.aws.executions import Executions
from stepguard.deploy import smoke
from stepguard.deploy.aws import AwsError
from stepguard.deploy.stack import StackError
from stepguard.deploy.stage import destroy
from tests.e2e_ministack.conftest import FOLDER, Deployed

CANARY = "canary-5c1e7b"
HARMLESS = "Which vitamins are in an orange?"


def test_the_demo_is_answered_as_on_the_laptop(deployed: Deployed) -> None:
    """Signed requests through API Gateway: outcome, source, text and path of each answer are those of `make demo`."""
    executions = Executions(deployed.outputs["ChatStateMachineArn"], deployed.aws("stepfunctions"))
    answers, _ = smoke.run(deployed.api(), executions)
    command = [sys.executable, "-m", "stepguard", "demo", "--json", "--home", str(FOLDER / "home")]
    result = subprocess.run(command, cwd=staging.PROJECT, capture_output=True, text=True, check=False)
    here = {row["question"]: row for row in json.loads(result.stdout)["demo"]}

    assert len(answers) == len(here) == 8
    for item, row in zip(answers, here.values(), strict=True):
        assert {key: item.answer[key] for key in ("outcome", "source", "text")} == {
            key: row["answer"][key] for key in ("outcome", "source", "text")
        }
        assert item.story["path"] == row["path"]


def test_deploying_again_changes_nothing(deployed: Deployed) -> None:
    """The zip is the same bytes, the template the same text: the change set is empty."""
    deployed.deploy()

    assert deployed.said[-1] == "stepguard-e2e is up to date."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x00\xff\xfe", 400),
        (b'{"question": ', 400),
        (b"[" * 50_000, 400),
        (json.dumps({"question": "x" * 20_001}).encode(), 400),
        (json.dumps({"question": "x" * 300_000}).encode(), 400),
        (json.dumps({"question": "x", "guardrails": {"preprocess": {"id": "a", "version": "1"}}}).encode(), 400),
        (json.dumps({"question": "x", "model": "mine"}).encode(), 400),
        (json.dumps({"question": "x", "caller": "alice"}).encode(), 400),
        (json.dumps({"question": "x", "client_token": ""}).encode(), 400),
    ],
    ids=["empty", "binary", "cut", "bomb", "long", "300 KB", "guardrail", "model", "caller", "token"],
)
def test_what_is_no_question_is_refused(deployed: Deployed, body: bytes, status: int) -> None:
    """A clear 4xx through the real gateway, and no execution."""
    reply = deployed.api().post(body)

    assert (reply.status, reply.body["error"]["code"]) == (status, "InvalidRequest")


def test_headers_name_nobody(deployed: Deployed) -> None:
    """Whoever a header pretends to be, the caller is the one who signed."""
    pretended = {"X-Forwarded-User": "alice", "X-Amzn-Oidc-Identity": "alice", "X-Amz-User-Arn": "arn:aws:iam::1:root"}
    reply = deployed.api().post({"question": HARMLESS, "wait_seconds": 0}, pretended)
    execution = deployed.aws("stepfunctions").describe_execution(executionArn=reply.body["execution"])

    assert "alice" not in execution["input"]
    assert json.loads(execution["input"])["request"]["caller"].startswith("arn:aws:iam::000000000000:")


def test_a_repeated_token_is_the_same_execution(deployed: Deployed) -> None:
    """And another question under it is a conflict, which does not reveal the first."""
    first = deployed.ask(HARMLESS, client_token="once", wait_seconds=0)
    again = deployed.ask(HARMLESS, client_token="once", wait_seconds=0)
    other = deployed.ask("What is insulin?", client_token="once")

    assert again.body["execution"] == first.body["execution"]
    assert (other.status, other.body["error"]["code"]) == (409, "Conflict")
    assert "orange" not in json.dumps(other.body)


@pytest.mark.parametrize("who", ["nobody", "a wrong secret", "a stranger", "without the right"])
def test_who_has_no_right_to_ask_is_refused(deployed: Deployed, mallory: Credentials, who: str) -> None:
    """Unsigned, signed with a wrong secret, by an unknown key, or by a user without execute-api:Invoke: 403."""
    if who == "without the right":
        iam = deployed.aws("iam")
        iam.create_user(UserName="eve")
        key = iam.create_access_key(UserName="eve")["AccessKey"]
        credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    else:
        credentials = Credentials(mallory.access_key if who == "a wrong secret" else "AKIAXXXXXXXXXXXXXXXX", "wrong")
    api = deployed.api().unsigned() if who == "nobody" else deployed.api(credentials)

    assert api.get("/health").status == 403
    assert api.post({"question": HARMLESS}).status == 403
    assert api.get("/executions").status == 403


def test_nobody_reads_anothers_execution(deployed: Deployed, mallory: Credentials) -> None:
    """Signed, but not the one who asked: the same 404 as for a name that nobody has."""
    name = deployed.ask(HARMLESS, wait_seconds=0).body["execution"].rpartition(":")[2]
    stranger = deployed.api(mallory)

    assert deployed.api().get(f"/chat/{name}").status in (200, 202)
    assert stranger.get(f"/chat/{name}").status == 404
    assert stranger.get(f"/chat/{name}").body == stranger.get("/chat/chat-nobody").body


@pytest.mark.parametrize("name", ["..", "../health", "chat-1\r\nX: y", "%00", "x" * 200])
def test_a_path_is_only_a_name(deployed: Deployed, name: str) -> None:
    """Traversal, line ends and control characters find nothing."""
    assert deployed.api().get(f"/chat/{quote(name, safe='')}").status in (400, 403, 404)


def test_no_text_is_in_any_log(deployed: Deployed, logs: Callable[[], dict[str, str]]) -> None:
    """A canary through every path: answered, masked, blocked, refused. No log has it, and every stage logged."""
    replies = [
        deployed.ask(f"What is {CANARY} good for?"),
        deployed.ask(f"My email is {CANARY}@example.com. Which vitamins are in an orange?"),
        deployed.ask(f"You stupid idiot {CANARY}, tell me how to hack a hospital."),
        deployed.ask(f"{CANARY}" * 2_000),
        deployed.ask(HARMLESS, client_token=CANARY, unknown=CANARY),
        deployed.api().get(f"/chat/{CANARY}"),
    ]
    assert [reply.status for reply in replies[3:]] == [400, 400, 404]
    assert all(reply.status == 200 for reply in replies[:3])
    found = logs()

    assert [name for name, text in found.items() if CANARY in text] == []
    for stage in ("guard_input", "invoke_model", "guard_answer", "api_handler"):
        lines = found[f"/aws/lambda/stepguard-e2e/{stage}"].splitlines()
        assert [line for line in lines if '"_aws"' in line], f"{stage} logged no metrics"


def test_an_update_adds_the_express_twin(deployed: Deployed) -> None:
    """A question is then answered in one call, and again from the table; with a client_token it is a STANDARD one."""
    deployed.deploy(Express="yes")
    once, exactly_once = deployed.ask(HARMLESS), deployed.ask(HARMLESS, client_token="express")

    assert (once.status, once.body["status"]) == (200, "SUCCEEDED")
    assert "ChatExpressStateMachine" in once.body["execution"]  # MiniStack names it like a STANDARD one
    again = deployed.api().get(f"/chat/{once.body['execution'].rpartition(':')[2]}")
    assert (again.status, again.body["answer"]["text"]) == (200, once.body["answer"]["text"])
    assert "ChatExpressStateMachine" not in exactly_once.body["execution"]
    deployed.deploy(Express="no")


def test_an_update_adds_conversations(deployed: Deployed) -> None:
    """Two turns, read back by their caller, gone when deleted; each is judged, and the second has its first turn."""
    deployed.deploy(Assistant="yes")
    bucket = deployed.outputs["AnswerBankAddress"].split("/")[2]
    deployed.aws("s3").delete_bucket_policy(Bucket=bucket)  # it permits TLS only, which MiniStack does not serve
    first = deployed.ask(HARMLESS, conversation="new")
    conversation = first.body["conversation"]
    second = deployed.ask("You stupid idiot, is that healthy?", conversation=conversation)
    read = deployed.api().get(f"/conversations/{conversation}")

    assert (first.status, second.body["answer"]["outcome"]) == (200, "blocked")
    assert [turn["question"] for turn in read.body["turns"]] == [HARMLESS, None]  # a blocked question is not kept
    assert deployed.api().delete(f"/conversations/{conversation}").status == 200
    assert deployed.api().get(f"/conversations/{conversation}").status == 404
    deployed.deploy(Assistant="no")


def test_a_caller_has_a_quota(deployed: Deployed) -> None:
    """One question a minute: of three in a row at least one is refused, and nothing is started for it."""
    deployed.deploy(CallerQuestionsPerMinute="1")
    replies = [deployed.ask(HARMLESS, wait_seconds=0) for _ in range(3)]  # at most two of them begin a minute
    refused = [reply for reply in replies if reply.status == 429]

    assert refused
    assert all(reply.body["error"]["code"] == "Throttled" for reply in refused)
    deployed.deploy(CallerQuestionsPerMinute="1000")


def test_half_a_guardrail_is_refused_before_anything_changes(deployed: Deployed) -> None:
    """The template's rules: an identifier without its version would switch a layer off without a word."""
    with pytest.raises(AwsError, match="Set both PreprocessGuardrailIdentifier and PreprocessGuardrailVersion"):
        deployed.deploy(PreprocessGuardrailVersion="")


def test_a_failing_update_leaves_the_old_version_serving(deployed: Deployed) -> None:
    """MiniStack knows no alarms on a formula: the update fails half-way, is rolled back, and the API still answers."""
    with pytest.raises(StackError, match="ROLLBACK_COMPLETE"):
        deployed.deploy(Alarms="yes", EmptyMessage="Of the version that failed.")

    assert deployed.api().get("/health").status == 200
    reply = deployed.ask("You stupid idiot.")
    assert (reply.status, reply.body["answer"]["outcome"]) == (200, "blocked")
    found = deployed.stack.describe()
    assert found is not None
    values = {item["ParameterKey"]: item["ParameterValue"] for item in found["Parameters"]}
    assert values["Alarms"] == "no"


def test_everything_is_removed(deployed: Deployed) -> None:
    """`make destroy`: no stack, no Lambda, no state machine, no role, no table; the bucket for packages stays."""
    said: list[str] = []
    destroy(deployed.stack, deployed.aws, lambda question: True, said.append, empty=True)

    assert said[-1] == "stepguard-e2e is gone."
    assert deployed.stack.describe() is None
    assert deployed.aws("lambda").list_functions()["Functions"] == []
    assert deployed.aws("stepfunctions").list_state_machines()["stateMachines"] == []
    assert deployed.aws("dynamodb").list_tables()["TableNames"] == []
    assert [role for role in deployed.aws("iam").list_roles()["Roles"] if "stepguard" in role["RoleName"]] == []
    assert [bucket["Name"] for bucket in deployed.aws("s3").list_buckets()["Buckets"]] == [
        "stepguard-packages-000000000000-us-east-1"
    ]
