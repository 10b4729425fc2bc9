"""The demo with the real local model, and each end that the demo does not show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.product import Server, environment, run

PATIENT = ("Sarah Johnson", "Johnson", "Emily Chen", "123-4567", "sarah.j@email.com")
PERSONAL = "Write to jane.roe@example.com or call (555) 987-6543 about oranges."


@pytest.mark.models
def test_demo_comes_out_as_its_source_says(tmp_path: Path) -> None:
    """All questions of both parts end as expected; what identifies a person is in no answer and no finding."""
    env = environment(tmp_path)
    del env["LLM_MODEL_ID"]
    ran = run("stepguard", "demo", "--json", "--home", str(tmp_path / "state"), env=env, seconds=480)
    printed = ran.document
    assert {row["question"]: row["unexpected"] for row in printed["demo"] if row["unexpected"]} == {}
    assert (ran.code, printed["as_expected"], len(printed["demo"])) == (0, 8, 8)
    outcomes = [row["answer"]["outcome"] for row in printed["demo"]]
    assert outcomes[:4] == ["blocked", "blocked", "blocked", "masked"]
    assert outcomes[4:] == ["blocked", "blocked", "answered", "answered"]
    hospital = printed["hospital"]
    assert {row["name"]: row["unexpected"] for row in hospital["questions"] if row["unexpected"]} == {}
    assert (len(hospital["questions"]), hospital["unexpected"]) == (7, 0)
    assert hospital["documents"]["left_out"] == ["lost-property.md"]
    status = run("stepguard", "knowledge", "status", "--json", "--home", str(tmp_path / "state"), env=env).document
    assert status["documents"] == []  # the user's own knowledge base is as it was
    for row in printed["demo"]:
        seen = json.dumps([row["answer"], row["stages"]])
        assert not [value for value in (*PATIENT, "johndoe@example.com") if value in seen]
        assert all(stage["milliseconds"] >= 0 for stage in row["stages"])


def test_demo_shows_a_table(server: Server) -> None:
    """For each question the answer, the path with verdicts and times, and one line in the closing table."""
    only = ("--only", "questions")
    ran = run("stepguard", "demo", *only, "--home", str(server.home), env=environment(server.home.parent))
    assert ran.code == 0, ran.out
    assert "8 of 8 answers are as expected." in ran.out
    table = ran.out[ran.out.rindex("#  question") :].splitlines()
    assert table[0].split() == ["#", "question", "outcome", "input", "model", "answer", "findings", "by", "policy"]
    assert re.search(r"^1 +prompt attack +blocked +[\d,]+ ms +- +- +.*PROMPT_ATTACK", table[1])
    assert re.search(r"^4 +patient summary +masked +[\d,]+ ms +[\d,]+ ms +[\d,]+ ms +.*EMAIL", table[4])
    assert re.search(r"^8 +benign +answered +[\d,]+ ms +[\d,]+ ms +[\d,]+ ms", table[8])


def test_a_pair_of_the_environment_replaces_its_own_layer(tmp_path: Path) -> None:
    """The other layers keep the project's files; a guardrail that is not there lets nothing by."""
    home = ("--home", str(tmp_path / "state"))
    applied = run("stepguard", "guardrail", "apply", *home, env=environment(tmp_path))
    variables = dict(line.split("=") for line in applied.out.splitlines() if line.startswith("POSTPROCESS_"))
    assert len(variables) == 2
    ran = run("stepguard", "chat", PERSONAL, "--json", *home, env=environment(tmp_path, **variables))
    printed = ran.document
    assert (ran.code, printed["answer"]["outcome"]) == (0, "masked")
    assert printed["answer"]["text"] == "Write to {EMAIL} or call {PHONE} about oranges."
    assert [stage["outcome"] for stage in printed["stages"]] == ["masked", "passed", "passed"]
    assert {(item["layer"], item["name"]) for item in printed["stages"][0]["findings"]} == {
        ("preprocess", "EMAIL"),
        ("preprocess", "PHONE"),
    }
    variables["POSTPROCESS_GUARDRAIL_IDENTIFIER"] = "nosuchguard1"
    ran = run("stepguard", "chat", PERSONAL, "--json", *home, env=environment(tmp_path, **variables))
    printed = ran.document
    assert (ran.code, printed["answer"]["outcome"], printed["answer"]["source"]) == (1, "unavailable", None)
    assert printed["path"][-1] == "AnswerUnavailable"
    assert printed["stages"][-1]["error"] == "InvalidRequest"
    assert "jane.roe" not in json.dumps(printed["answer"]) + ran.err
