"""One name in every spelling: state, Lambda, module, placeholder, configuration, handler."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import app
from stepguard import __version__
from stepguard.deploy.lambda_part import LAMBDA_PART
from stepguard.guard.settings import VARIABLES

ROOT = Path(__file__).parents[2]
MACHINES = [
    json.loads((ROOT / "statemachine" / f"{machine}.asl.json").read_text("utf-8"))["States"]
    for machine in ("chat", "evaluate", "after", "assistant")
]
MACHINES += [branch["States"] for branch in MACHINES[-1]["GatherContext"]["Branches"]]
STATES = {name: state for machine in MACHINES for name, state in machine.items()}
TASKS = {name: state for name, state in STATES.items() if state.get("Resource") == "arn:aws:states:::lambda:invoke"}
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))["stages"]["dev"]
LAMBDAS = set(CONFIG["lambda_functions"]) - {"api_handler"}


LATE = {
    "guard_input",
    "guard_answer",
    "rewrite_question",
    "guard_rewrite",
    "find_answer",
    "retrieve_passages",
    "guard_passages",
    "invoke_model",
    "prepare_corpus",
    "summarize_corpus",
    "notify_listener",
    "judge_shadow",
    "select_review",
    "export_trace",
    "stream",
}
"""Imported at their first event: neither the API nor the guards wait for them."""


AFTER = {"judge_shadow", "select_review", "export_trace"}
"""Lambdas of after.asl.json that are in functions/after."""

WEBSOCKETS = "stream"
"""The Lambda of the WebSocket API, which no state calls."""


def snake(name: str) -> str:
    """GuardInput -> guard_input."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_every_task_has_its_lambda_and_every_lambda_its_task() -> None:
    """The definition, Chalice's configuration and app.py have the same Lambdas."""
    registered = {item.name: item.handler_string for item in app.app.pure_lambda_functions}

    assert {snake(name) for name in TASKS} | {WEBSOCKETS} == LAMBDAS == set(registered)
    assert registered == {name: f"app.{name}_lambda" for name in LAMBDAS}


@pytest.mark.parametrize("state", TASKS)
def test_a_state_calls_the_lambda_of_its_name(state: str) -> None:
    """`${GuardInputFunctionArn}` in the state GuardInput."""
    assert TASKS[state]["Parameters"]["FunctionName"] == f"${{{state}FunctionArn}}"


@pytest.mark.parametrize("name", sorted(LAMBDAS))
def test_a_lambda_runs_the_handler_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """app.guard_input_lambda hands on to functions.guard_input.guard_input."""
    folder = "after." if name in AFTER else ""
    module = importlib.import_module(f"functions.{folder}{name}")
    if name not in LATE:
        assert getattr(app, name) is getattr(module, name)
    monkeypatch.setattr(module if name in LATE else app, name, lambda event: {"outcome": f"ran {event['name']}"})

    assert getattr(app, f"{name}_lambda")({"name": name}, None) == {"outcome": f"ran {name}"}


def test_every_stages_module_is_a_lambda() -> None:
    """No handler lies idle; the others serve the API."""
    files = [*(ROOT / "functions").glob("*.py"), *(ROOT / "functions" / "after").glob("*.py")]
    modules = {file.stem for file in files} - {
        "__init__",
        "chat_answers",
        "chat_api",
        "conversations_api",
        "feedback_api",
        "paging",
        "executions_api",
        "evaluations_api",
        "routes",
    }

    assert modules == LAMBDAS


def test_every_lambda_has_its_policy() -> None:
    """One least-privilege policy each, named after it; none lies idle."""
    files = {file.name for file in (ROOT / ".chalice").glob("policy-*.json")}

    assert {entry["iam_policy_file"] for entry in CONFIG["lambda_functions"].values()} == files
    assert files == {f"policy-{name}.json" for name in CONFIG["lambda_functions"]}


@pytest.mark.parametrize("state", TASKS)
def test_a_state_waits_as_long_as_its_lambda_may_run(state: str) -> None:
    """A shorter state would cut the Lambda off, a longer one would wait for nothing."""
    assert TASKS[state]["TimeoutSeconds"] == CONFIG["lambda_functions"][snake(state)]["lambda_timeout"]


def test_every_layer_has_its_guardrail_file() -> None:
    """guardrails/<layer>.yaml is stepguard-<layer>, and the layer is a pair of variables."""
    files = {
        file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in (ROOT / "guardrails").glob("*.yaml")
    }

    assert set(files) == {*map(str, VARIABLES), "passages"}
    assert all(files[layer]["name"] == f"stepguard-{layer}" for layer in files)


def test_chalices_own_commands_pack_what_we_pack() -> None:
    """`chalice package` and `chalice local` find the same packages in vendor/ as packaging puts into the zip."""
    links = {link.relative_to(ROOT / "vendor").as_posix(): link for link in (ROOT / "vendor").rglob("*")}
    expected = {"functions", *(f"stepguard/{name}" for name in LAMBDA_PART)}

    assert {name for name, link in links.items() if link.is_symlink()} == expected
    assert all(links[name].resolve() == ROOT / name for name in expected)


def test_the_version_stands_once_for_people_and_once_for_installers() -> None:
    """`stepguard --version` and the wheel's name agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == __version__


def test_every_declared_package_is_locked() -> None:
    """`make setup` installs nothing that requirements.lock does not pin."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [
        *content["project"]["optional-dependencies"].values(),
        *map(content["dependency-groups"].get, ("test", "check")),
    ]
    declared = {re.split(r"[\[<>=]", item)[0].lower() for group in groups for item in group if isinstance(item, str)}
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert declared - locked == set()
