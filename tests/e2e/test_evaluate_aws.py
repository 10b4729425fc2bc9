"""`stepguard evaluate` as it works on AWS: no embedded AWS in its process, credentials that may not do everything."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.e2e.product import MACHINE, Ran, Server, environment, run

EVALUATION = {
    "EVALUATION_STATE_MACHINE_ARN": MACHINE.replace("chat", "evaluate"),
    "EVALUATION_BUCKET": "stepguard-evaluations",
}
"""What the outputs of a deployed stack give; here those of the embedded AWS."""

ROWS = [
    {"id": "mail", "text": "Write to ann@example.com.", "expected": "masked", "policies": ["EMAIL"]},
    {"id": "ward", "text": "The ward is open.", "expected": "passed"},
]


def corpus(folder: Path) -> Path:
    """Two documents."""
    file = folder / "letters.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return file


def evaluate(server: Server, *arguments: str, **variables: str) -> Ran:
    """The command with an endpoint and credentials, and nothing else of the server's process."""
    env = dict(server.env) | EVALUATION | variables
    del env["AWS_ENDPOINT_URL"]
    return run("stepguard", "evaluate", *arguments, "--endpoint-url", server.url, env=env)


def test_a_corpus_is_evaluated_through_an_endpoint(server: Server, tmp_path: Path) -> None:
    """Upload, run, follow, fetch: everything by AWS calls to another process; the same files come out."""
    out = tmp_path / "out"
    machine = EVALUATION["EVALUATION_STATE_MACHINE_ARN"]
    options = ("--out", str(out), "--json", "--fail-under", "recall=1,EMAIL:f1=1", "--state-machine", machine)
    ran = evaluate(server, str(corpus(tmp_path)), *options, EVALUATION_STATE_MACHINE_ARN="")
    card = ran.document["scorecard"]
    assert (ran.code, card["items"], card["actions"]["masked"]) == (0, 2, 1), ran.err
    assert ran.document["under"] == []
    names = {"report.html", "scorecard.json", "results.jsonl", "items.csv", "run.json"}
    assert {file.name for file in out.iterdir()} == names


def test_a_run_of_the_api_gets_its_report_from_the_command(server: Server, tmp_path: Path) -> None:
    """The API says how; afterwards the report is among its links."""
    bucket(server).upload_file(str(corpus(tmp_path)), "stepguard-evaluations", "corpora/letters.jsonl")
    body = json.dumps({"corpus": "s3://stepguard-evaluations/corpora/letters.jsonl"}).encode()
    status, started = server.request("/evaluations", body, {"Content-Type": "application/json"})
    assert status == 202
    identifier = started["id"]
    ran = evaluate(server, "--resume", identifier, "--out", str(tmp_path / "out"))
    assert ran.code == 0, ran.err
    about = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert about["corpus"] == "s3://stepguard-evaluations/corpora/letters.jsonl"
    assert "The ward is open." in (tmp_path / "out" / "report.html").read_text("utf-8")
    status, links = server.request(f"/evaluations/{identifier}/report")
    assert (status, "report.html" in links["files"], "note" in links) == (200, True, False)


def test_missing_settings_and_buckets_are_reported(server: Server, tmp_path: Path) -> None:
    """Exit code 2 and the variable's or the bucket's name; no run of it is left behind."""
    file = str(corpus(tmp_path))
    for variables, words in (
        ({"EVALUATION_BUCKET": ""}, "EVALUATION_BUCKET is not set"),
        ({"EVALUATION_BUCKET": "no-such-bucket"}, "There is no bucket no-such-bucket."),
        ({"EVALUATION_STATE_MACHINE_ARN": ""}, "EVALUATION_STATE_MACHINE_ARN is not set"),
        ({"EVALUATION_STATE_MACHINE_ARN": MACHINE.replace("chat", "gone")}, "StateMachineDoesNotExist"),
    ):
        before = objects(server)
        ran = evaluate(server, file, "--out", str(tmp_path / "out"), **variables)
        assert (ran.code, words in ran.err) == (2, True), (words, ran.err)
        assert not (tmp_path / "out").exists()
        assert objects(server) == before


def bucket(server: Server) -> Any:
    """A client of the server's buckets."""
    session = boto3.Session("a", "b", region_name="us-east-1")
    return session.client("s3", endpoint_url=server.url)


def objects(server: Server) -> list[str]:
    """Everything in the bucket of the evaluations."""
    found = bucket(server).list_objects_v2(Bucket="stepguard-evaluations")
    return [entry["Key"] for entry in found.get("Contents", ())]


class Account:
    """Another's emulator, which enforces IAM: a bucket, a state machine, a user who may nothing yet."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.control("reset", b"")
        root = {"aws_access_key_id": "root", "aws_secret_access_key": "x"}
        session = boto3.Session(**root, region_name="us-east-1")
        self.s3, self.iam, states = (session.client(name, endpoint_url=url) for name in ("s3", "iam", "stepfunctions"))
        self.s3.create_bucket(Bucket="results")
        definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
        role = "arn:aws:iam::123456789012:role/machine"
        made = states.create_state_machine(name="evaluate", definition=definition, roleArn=role)
        self.iam.create_user(UserName="ann")
        key = self.iam.create_access_key(UserName="ann")["AccessKey"]
        self.env = {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "EVALUATION_BUCKET": "results",
            "EVALUATION_STATE_MACHINE_ARN": made["stateMachineArn"],
        }

    def allow(self, *actions: str) -> None:
        """What the user may do from now on."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=document)

    def enforce(self, *, on: bool) -> None:
        """Whether permissions are checked."""
        self.control("reset-auth", b"0" if on else b"inf")

    def control(self, what: str, body: bytes) -> None:
        """Moto's own API: https://docs.getmoto.org/en/latest/docs/moto_apis.html"""
        request = urllib.request.Request(f"{self.url}/moto-api/{what}", body, {"Content-Type": "text/plain"})
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()

    def keys(self) -> list[str]:
        """The objects in the bucket."""
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket="results").get("Contents", ())]


@pytest.fixture
def account() -> Iterator[Account]:
    """A fresh one."""
    emulator = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    emulator.start()
    host, port = emulator.get_host_and_port()
    made: Account | None = None
    try:
        made = Account(f"http://{host}:{port}")
        yield made
    finally:
        if made is not None:
            made.enforce(on=False)
        emulator.stop()


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        pytest.param(["sns:Publish"], "/corpus/letters.jsonl: PutObject: AccessDenied", id="bucket closed"),
        pytest.param(["s3:*"], "StartExecution", id="machine closed"),
        pytest.param(["s3:PutObject"], "StartExecution", id="machine closed, write only"),
    ],
)
def test_a_missing_permission_is_reported_and_leaves_nothing(
    account: Account, tmp_path: Path, allowed: list[str], words: str
) -> None:
    """Exit code 2 with what was refused; neither a folder of results nor, where it may be deleted, a corpus in S3."""
    account.allow(*allowed)
    account.enforce(on=True)
    env: dict[str, Any] = environment(tmp_path, **account.env)
    out = tmp_path / "out"
    ran = run("stepguard", "evaluate", str(corpus(tmp_path)), "--endpoint-url", account.url, "--out", str(out), env=env)
    account.enforce(on=False)
    assert (ran.code, words in ran.err, ran.out) == (2, True, ""), ran.err
    assert not out.exists()
    assert bool(account.keys()) is (allowed == ["s3:PutObject"])
