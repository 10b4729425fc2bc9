"""A guardrail file that was edited but is not in use: every command says so, and a replay can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.product import Ran, Server, environment, run, serve

QUESTION = "What is a platypus?"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server]]:
    """A project that is being served, and one of whose files was edited since."""
    home = tmp_path_factory.mktemp("home")
    assert run("stepguard", "init", "p", env=environment(home), cwd=home).code == 0
    folder = home / "p"
    with serve(folder) as server:
        file = folder / "guardrails" / "preprocess.yaml"
        text = file.read_text(encoding="utf-8")
        assert "miracle cure" in text
        file.write_text(text.replace("miracle cure", "platypus"))
        yield folder, server


def stepguard(place: tuple[Path, Server], *arguments: str, **variables: str) -> Ran:
    """A command in the project, with the served state folder."""
    folder, server = place
    return run("stepguard", *arguments, "--home", str(server.home), env={**server.env, **variables}, cwd=folder)


def test_a_question_says_that_the_file_is_not_in_use(project: tuple[Path, Server]) -> None:
    """On standard error, with what to do; `guardrail test` judges with the version in use and publishes nothing."""
    asked = stepguard(project, "chat", QUESTION, "--json")
    tested = stepguard(project, "guardrail", "test", QUESTION, "--json")

    for ran in (asked, tested):
        assert "guardrails/preprocess.yaml differs from the version in use: stepguard-preprocess (" in ran.err
        assert f"restart the `stepguard serve` at {project[1].url}" in ran.err
    assert asked.document["answer"]["outcome"] == "answered"
    assert [row["outcome"] for row in tested.document["verdicts"]] == ["passed"] * 3


def test_a_replay_uses_what_it_says(project: tuple[Path, Server]) -> None:
    """The deployed versions by default; the files and the newest versions on request."""
    name = stepguard(project, "chat", QUESTION, "--json").document["execution"]

    deployed = stepguard(project, "replay", name, "--json")
    assert "--guardrails DIR (files) or --guardrails newest" in deployed.err
    both = deployed.document
    assert both["outcome"] == ["answered", "answered"]
    assert [row["used"][1]["version"] for row in both["guardrails"]] == ["1", "1", "1"]
    assert both["guardrails"][0]["used"][1]["name"] == "stepguard-preprocess"

    for choice in ("guardrails", "newest"):  # the first one publishes version 2
        changed = stepguard(project, "replay", name, "--guardrails", choice, "--json").document
        assert changed["outcome"] == ["answered", "blocked"]
        assert changed["guardrails"][0]["used"][1]["version"] == "2"
        assert "stepguard-preprocess (" in changed["reason"][1]

    one = stepguard(project, "replay", name, "--guardrails", "guardrails/postprocess.yaml", "--json").document
    assert [row["used"][1]["version"] for row in one["guardrails"]] == ["1", "1", "1"]  # no layer is switched off


def test_applying_says_that_the_version_is_not_in_use_yet(project: tuple[Path, Server]) -> None:
    """And how to put it in use; the layers that did not change are not mentioned."""
    applied = stepguard(project, "guardrail", "apply")

    assert "The preprocess layer does not use stepguard-preprocess (" in applied.err
    assert "The model layer does not use" not in applied.err
    assert "restart the `stepguard serve`" in applied.err


@pytest.mark.parametrize("choice", ["nothing-here", "corpora"])
def test_a_choice_that_is_no_guardrails_is_refused(project: tuple[Path, Server], choice: str) -> None:
    """Before anything starts."""
    name = stepguard(project, "chat", QUESTION, "--json").document["execution"]
    ran = stepguard(project, "replay", name, "--guardrails", choice)

    assert ran.code == 2
    assert choice in ran.err


def test_one_pair_of_variables_leaves_the_other_layers_on(project: tuple[Path, Server], tmp_path: Path) -> None:
    """And the command says that the layer's file is not in use."""
    folder, server = project
    listed = run("stepguard", "guardrail", "list", "--home", str(tmp_path), "--json", env=server.env, cwd=folder)
    other = next(item["id"] for item in listed.document["guardrails"] if item["name"] == "stepguard-postprocess")
    pair = {"PREPROCESS_GUARDRAIL_IDENTIFIER": other, "PREPROCESS_GUARDRAIL_VERSION": "1"}
    ran = run("stepguard", "chat", QUESTION, "--json", "--home", str(tmp_path), env={**server.env, **pair}, cwd=folder)

    assert "guardrails/preprocess.yaml differs from the version in use: stepguard-postprocess" in ran.err
    assert "unset PREPROCESS_GUARDRAIL_IDENTIFIER PREPROCESS_GUARDRAIL_VERSION" in ran.err
    assert [stage["outcome"] for stage in ran.document["stages"]] == ["passed", "passed", "passed"]
