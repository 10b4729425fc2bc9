"""The evaluations API: who may start and read what, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from functions.evaluations_api import EvaluationsApi
from functions.routes import started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.evaluations import Evaluations, Progress, Watch
from stepguard.aws.objects import Objects
from stepguard.guard.callers import ANONYMOUS, Caller
from stepguard.guard.errors import ConfigurationError
from tests.fakes.aws import Request, client_error, paginator
from tests.fakes.s3 import S3
from tests.fakes.states import BEGIN, FakeStates

pytestmark = pytest.mark.usefixtures("moto")
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:stepguard-chat"
ANN, BOB = Caller("ann"), Caller("bob", frozenset({"ops"}))
CORPUS = f"s3://bucket/corpora/{ANN.owner}/c.jsonl"
BODY = {"corpus": CORPUS, "client_token": "t"}
SUMMARY = {"summary": {"items": 3, "failed": 0, "lost": 0, "results": "k"}}


class FollowedStates(FakeStates):
    """Step Functions that also knows Map Runs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.runs = [{"mapRunArn": "map-1"}]
        self.redriven = ""
        for name in ("start_execution", "describe_execution"):
            setattr(self, name, getattr(self.fake.client, name))
        self.described = 0

    def list_executions(self, **request: Any) -> dict[str, Any]:
        stopped = {} if self.looks > 0 else {"stopDate": BEGIN}
        entries = [{"executionArn": arn, "startDate": BEGIN} | stopped for arn in reversed(self.inputs)]
        return {"executions": entries[: request["maxResults"]]}

    def get_paginator(self, name: str) -> Any:
        return paginator("stepfunctions", name, getattr(self, name))

    def describe_state_machine_for_execution(self, **_: object) -> dict[str, Any]:
        processor = {"StartAt": "GuardInput", "States": {"GuardInput": {"Type": "Task", "End": True}}}
        return {"definition": json.dumps({"States": {"First": {}, "Items": {"ItemProcessor": processor}}})}

    def _describe(self, request: Request) -> Mapping[str, Any]:
        self.described += 1
        return super()._describe(request)

    def list_map_runs(self, **_: object) -> dict[str, Any]:
        return {"mapRuns": self.runs}

    def describe_map_run(self, **_: object) -> dict[str, Any]:
        return {"itemCounts": {"succeeded": 5, "failed": 1, "timedOut": 1, "aborted": 0, "running": 2}}

    def redrive_execution(self, **request: str) -> None:
        self.redriven = request["executionArn"]


def api(states: FollowedStates, s3: S3 | None = None, operator: str = "ops") -> EvaluationsApi:
    """The routes on fakes."""
    evaluations = Evaluations(MACHINE, "bucket", states, Objects(s3 or S3()))
    return EvaluationsApi(evaluations, lambda: frozenset({operator}))


def post(routes: EvaluationsApi, body: object = BODY, caller: Caller = ANN) -> tuple[int, dict[str, Any]]:
    """Start a run."""
    status, answer, _ = started(lambda: routes.post(json.dumps(body).encode(), caller), caller, CallerQuota())
    return status, answer


def test_a_run_is_started_once_for_a_token() -> None:
    """With its caller, its limits, and never with guardrails of the request."""
    states = FollowedStates()
    routes = api(states)
    status, first = post(routes, BODY | {"sample": 10, "max_concurrency": 3})
    again = post(routes, BODY | {"sample": 10, "max_concurrency": 3})
    assert (status, again) == (202, (202, first))
    (document,) = states.inputs.values()
    run = document["run"]
    assert (run["caller"], run["sample"], run["max_concurrency"]) == ("ann", 10, 3)
    assert run["work"] == {"bucket": "bucket", "key": f"runs/{ANN.owner}/{first['id']}"}
    assert "guardrails" not in run
    assert post(routes, BODY | {"sample": 11})[0] == 409


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"corpus": 5},
        {"corpus": "/etc/passwd"},
        {"corpus": "s3://elsewhere/c.jsonl"},
        {"corpus": "s3://bucket/runs/"},
        {"corpus": "s3://bucket/runs/run-of-bob/results.jsonl"},
        {"corpus": "s3://bucket/"},
        BODY | {"guardrails": {"model": {"id": "a", "version": "1"}}},
        BODY | {"sample": -1},
        BODY | {"client_token": ""},
    ],
)
def test_what_cannot_be_started_is_a_400(body: object) -> None:
    """A clear error, and no run."""
    states = FollowedStates()
    status, answer = post(api(states), body)
    assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
    assert not states.inputs
    assert started(lambda: api(states).post(b"{", ANN), ANN, CallerQuota())[0] == 400


def test_progress_is_the_map_runs() -> None:
    """Failed, timed out and aborted ones count as failed; the total is the corpus's."""
    states = FollowedStates(looks=100)
    routes = api(states, S3())
    identifier = post(routes)[1]["id"]
    assert routes.get(identifier, ANN)[1]["total"] is None
    routes = api(states, S3(**{f"runs/{ANN.owner}/{identifier}/corpus.json": b'{"lines": 40}'}))
    status, body, _ = routes.get(identifier, ANN)
    summary = {name: body[name] for name in ("status", "total", "done", "failed", "running")}
    assert (status, summary) == (200, {"status": "RUNNING", "total": 40, "done": 7, "failed": 2, "running": 2})
    assert routes.report(identifier, ANN)[0] == 409
    states.runs = []
    assert routes.get(identifier, ANN)[1]["done"] == 0


def test_results_are_links() -> None:
    """To the files that are there; a run that failed early has none."""
    states = FollowedStates(output=SUMMARY)
    routes = api(states)
    identifier = post(routes)[1]["id"]
    assert routes.report(identifier, ANN)[0] == 404
    s3 = S3(
        **{
            f"runs/{ANN.owner}/{identifier}/{name}": b'{"items": 3}'
            for name in ("scorecard.json", "results.jsonl", "items.jsonl")
        }
    )
    routes = api(states, s3)
    status, body, _ = routes.report(identifier, ANN)
    assert (status, set(body["files"])) == (200, {"scorecard.json", "results.jsonl"})
    link = urlsplit(body["files"]["scorecard.json"])
    assert (link.scheme, link.netloc, link.path) == (
        "https",
        "bucket.s3.amazonaws.com",
        f"/runs/{ANN.owner}/{identifier}/scorecard.json",
    )
    assert requests.get(link.geturl(), timeout=5).text == '{"items": 3}'
    assert body["note"].endswith(f"stepguard evaluate --resume {identifier}")
    s3.objects[f"runs/{ANN.owner}/{identifier}/report.html"] = b""
    body = routes.report(identifier, ANN)[1]
    assert ("report.html" in body["files"], "note" in body) == (True, False)
    assert routes.get(identifier, ANN)[1]["summary"] == {"items": 3, "failed": 0, "lost": 0}


def test_runs_are_listed_to_who_may_read_them() -> None:
    """The newest first, with their counts; one that has ended is described once."""
    states = FollowedStates(output=SUMMARY)
    routes = api(states)
    first, second = (post(routes, BODY | {"client_token": token})[1]["id"] for token in "ab")
    eve = Caller("eve")
    third = post(routes, BODY | {"corpus": f"s3://bucket/corpora/{eve.owner}/"}, eve)[1]["id"]
    status, body, _ = routes.list({}, ANN)

    assert (status, [run["id"] for run in body["evaluations"]], body["searched"]) == (200, [second, first], 3)
    summary = {name: body["evaluations"][0][name] for name in ("status", "items", "failed", "corpus")}
    assert summary == {"status": "SUCCEEDED", "items": 3, "failed": 0, "corpus": CORPUS}
    assert [run["id"] for run in routes.list({}, BOB)[1]["evaluations"]] == [third, second, first]
    assert states.described == 3


def test_the_list_of_runs_has_pages_and_a_time_range() -> None:
    """As that of executions."""
    states = FollowedStates(output=SUMMARY)
    routes = api(states)
    ids = [post(routes, BODY | {"client_token": str(number)})[1]["id"] for number in range(5)]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        _, body, _ = routes.list({"limit": "2", "cursor": cursor}, ANN)
        found += [run["id"] for run in body["evaluations"]]
        cursor = body["cursor"]
    assert found == ids[::-1]
    assert routes.list({"until": "2026-11-21T00:00:00Z"}, ANN)[1]["evaluations"] == []
    assert routes.list({"since": "2026-11-23T00:00:00Z"}, ANN)[1]["evaluations"] == []
    assert routes.list({"outcome": "blocked"}, ANN)[0] == 400


def test_a_running_run_is_listed_without_counts() -> None:
    """They are not known yet; the next look describes it again."""
    states = FollowedStates(looks=100)
    routes = api(states)
    post(routes)
    (run,) = routes.list({}, ANN)[1]["evaluations"]
    assert (run["status"], run["items"], run["stopped"]) == ("RUNNING", None, None)
    routes.list({}, ANN)
    assert states.described == 2


def test_a_run_that_has_ended_is_reported_with_its_scorecard() -> None:
    """And one that ended before it was scored without."""
    states = FollowedStates(output=SUMMARY)
    identifier = post(api(states))[1]["id"]
    assert "scorecard" not in api(states).get(identifier, ANN)[1]
    scored = api(states, S3(**{f"runs/{ANN.owner}/{identifier}/scorecard.json": b'{"items": 3}'}))
    body = scored.get(identifier, ANN)[1]
    assert (body["scorecard"], body["started"]) == ({"items": 3}, BEGIN.isoformat())
    (listed,) = scored.list({}, ANN)[1]["evaluations"]
    assert (body["corpus"], body["guardrails"]) == (listed["corpus"], listed["guardrails"])
    assert body["corpus"].startswith("s3://")


def test_an_item_is_reported_from_its_line_of_the_results() -> None:
    """Stages, verdict and the graph of the item's states; to nobody else, and by its number only."""
    states = FollowedStates(output=SUMMARY)
    identifier = post(api(states))[1]["id"]
    stage = {"state": "GuardInput", "outcome": "blocked", "milliseconds": 7, "findings": []}
    lines = [{"number": n, "id": f"i{n}", "stages": [stage], "outcome": "blocked", "action": "blocked"} for n in (2, 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    routes = api(states, S3(**{f"runs/{ANN.owner}/{identifier}/results.jsonl": text}))
    status, body, _ = routes.item(identifier, "1", ANN)

    assert (status, body["item"]["id"], body["outcome"], body["started"]) == (200, "i1", "blocked", None)
    assert [visit["state"] for visit in body["visits"]] == ["GuardInput"]
    assert "GuardInput" in [node["id"] for node in body["graph"]["nodes"]]
    for number, answer in (("3", 404), ("-1", 400), ("\u0663", 400), ("9" * 5000, 400)):
        assert routes.item(identifier, number, ANN)[0] == answer
    assert routes.item(identifier, "1", Caller("eve"))[0] == 404
    assert api(states).item(identifier, "1", ANN)[0] == 404


def test_items_are_listed_compared_and_paged_to_who_may_read_both_runs() -> None:
    """An ended run alone; unknown filters are errors; a run of another caller does not exist."""
    states = FollowedStates(output=SUMMARY)
    first, second = (post(api(states), {**BODY, "client_token": token})[1]["id"] for token in "ab")
    folder = f"runs/{ANN.owner}"
    lines = {run: json.dumps({"number": 0, "id": "i", "action": run[-1], "digest": "d"}) for run in (first, second)}
    routes = api(states, S3(**{f"{folder}/{run}/results.jsonl": f"{text}\n".encode() for run, text in lines.items()}))

    status, body, _ = routes.items(first, {"compare": second}, ANN)
    assert (status, body["total"], body["items"][0]["change"]) == (
        200,
        1,
        "other verdict" if first[-1] != second[-1] else "same",
    )
    assert routes.items(first, {"limit": "1"}, ANN)[1]["cursor"] is None
    for query in ({"change": "any"}, {"limit": "0"}, {"cursor": "x"}, {"colour": "red"}, {"correct": "maybe"}):
        assert routes.items(first, query, ANN)[0] == 400
    assert routes.items(first, {}, Caller("eve"))[0] == 404
    assert routes.items(first, {"compare": "nosuch"}, ANN)[0] == 404
    assert api(states).items(first, {}, ANN)[0] == 404


def test_on_the_embedded_cloud_everybody_sees_every_run() -> None:
    """Where nobody signs and anonymous callers are operators; a deployed API has no such operators."""
    states = FollowedStates(output=SUMMARY)
    identifier = post(api(states))[1]["id"]
    for operator, seen in ((ANONYMOUS, 200), ("ops", 404)):
        routes = api(states, operator=operator)
        assert routes.get(identifier, Caller(ANONYMOUS))[0] == seen
        assert len(routes.list({}, Caller(ANONYMOUS))[1]["evaluations"]) == (seen == 200)


def test_a_failed_run_says_why() -> None:
    """By the name of its error."""
    states = FollowedStates(status="FAILED", error="InvalidRequest")
    routes = api(states)
    assert routes.get(post(routes)[1]["id"], ANN)[1]["error"] == "InvalidRequest"


def test_another_callers_run_does_not_exist() -> None:
    """But for operators."""
    states = FollowedStates(output=SUMMARY)
    routes = api(states)
    identifier = post(routes)[1]["id"]
    assert routes.get(identifier, Caller("eve"))[0] == 404
    assert routes.report(identifier, Caller("eve"))[0] == 404
    assert routes.get(identifier, BOB)[0] == 200
    assert routes.get("unknown", ANN)[0] == 404
    assert routes.get("../x", ANN)[0] == 400


def test_a_run_is_redriven_by_its_execution() -> None:
    """What its items have done already is kept."""
    states = FollowedStates(output=SUMMARY)
    identifier = post(api(states))[1]["id"]
    Evaluations(MACHINE, "bucket", states, Objects(S3())).redrive(identifier)
    assert states.redriven.endswith(f":{identifier}")
    assert Progress("RUNNING", None, 1, 2, 3).to_dict()["done"] == 3


def test_a_watched_run_is_asked_for_what_changes_alone() -> None:
    """Its corpus and its Map Run are looked up until they are there, then never again."""
    states, s3 = FollowedStates(looks=100), S3()
    evaluations = Evaluations(MACHINE, "bucket", states, Objects(s3))
    identifier = post(api(states))[1]["id"]
    watch, execution = Watch(evaluations, identifier), evaluations.describe(identifier)
    states.runs = []
    assert watch.progress(execution) == Progress("RUNNING", None, 0, 0, 0)
    s3.objects[f"runs/{ANN.owner}/{identifier}/corpus.json"], states.runs = b'{"lines": 9}', [{"mapRunArn": "map-1"}]
    assert watch.progress(execution) == Progress("RUNNING", 9, 5, 2, 2)
    s3.objects.clear()
    states.runs = []
    assert watch.progress(execution) == Progress("RUNNING", 9, 5, 2, 2)


def test_a_run_that_was_refused_leaves_no_objects() -> None:
    """Those of other runs stay; and nothing is made worse where deleting is denied, too."""
    s3 = S3(**{"runs/a/corpus/c.jsonl": b"", "runs/a/run.json": b"", "runs/ab/run.json": b""})
    Evaluations(MACHINE, "bucket", FollowedStates(), Objects(s3)).discard("a")
    assert list(s3.objects) == ["runs/ab/run.json"]

    class Keeping(S3):
        def delete_object(self, **_: str) -> None:
            raise client_error("AccessDenied", "Access Denied")

    kept = Keeping(**{"runs/a/run.json": b""})
    Evaluations(MACHINE, "bucket", FollowedStates(), Objects(kept)).discard("a")
    assert list(kept.objects) == ["runs/a/run.json"]


def test_settings_that_are_missing_are_named(environment: pytest.MonkeyPatch) -> None:
    """Both of them."""
    environment.delenv("EVALUATION_BUCKET", raising=False)
    environment.delenv("EVALUATION_STATE_MACHINE_ARN", raising=False)
    with pytest.raises(ConfigurationError, match="EVALUATION_BUCKET"):
        _ = Evaluations().bucket
    with pytest.raises(ConfigurationError, match="EVALUATION_STATE_MACHINE_ARN"):
        _ = Evaluations().executions
