"""`stepguard doctor`: proves that the installation, the deployment and each guard layer work, or names what does
not."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

from embedded_aws.cloud import FolderInUseError, StateFolderError
from stepguard.admin.deployed import StageFunction, differences, functions_of
from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.aws.grounding import read_grounding
from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command, check_one_chat
from stepguard.cli.doctor import workflow
from stepguard.cli.doctor.checks import Check, Cost, LayerRow, document, section, table
from stepguard.cli.doctor.installation import embedded_parts, installation
from stepguard.cli.doctor.layers import layer_row
from stepguard.guard.errors import StepguardError
from stepguard.guard.settings import UNGUARDED, read_settings
from stepguard.guard.stages import Layer
from stepguard.session.account import on_aws
from stepguard.session.embedded import embedded
from stepguard.session.guardrails import compare_layers, project_files, remedy, short
from stepguard.session.model import Session, home_of

INSTALLATION, DEPLOYMENT = "Installation", "Deployment"


NOT_GROUNDED = (
    "the model layer has no GROUNDING filter: answers from passages are not checked against them "
    "(contextualGroundingPolicyConfig of guardrails/model.yaml)"
)


def add_parser(commands: Commands) -> None:
    """Add `stepguard doctor`."""
    add_command(commands, "doctor", run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Returns 1 if something is broken, 0 otherwise."""
    remote = bool(arguments.aws or arguments.endpoint_url)
    if not remote:
        check_one_chat(arguments)
    installed = [*installation(), *([] if remote else embedded_parts())]
    deployed: list[Check] = []
    rows: list[LayerRow] = []
    cost = Cost()
    try:
        read_settings(os.environ)  # an incomplete pair stops every command
        with _session(arguments) as session:
            deployed.append(_place(session, arguments))
            _examine(session, deployed, rows, cost)
    except (StepguardError, FolderInUseError, StateFolderError) as error:
        deployed.append(Check("settings" if not deployed else "deployment", False, str(error)))
    report = document([*installed, *deployed], rows, cost)
    if arguments.json:
        print(render.as_json(report))
    else:
        for line in [*section(INSTALLATION, installed), *section(DEPLOYMENT, deployed), *_layers(rows)]:
            print(line)
        print(_summary([*installed, *deployed, *rows], cost, billed=session_is_billed(arguments)))
    return 0 if report["ok"] else 1


def session_is_billed(arguments: argparse.Namespace) -> bool:
    """Whether the requests go to AWS, which bills them."""
    return bool(arguments.aws and not arguments.endpoint_url)


def _session(arguments: argparse.Namespace) -> AbstractContextManager[Session]:
    if arguments.aws or arguments.endpoint_url:
        return on_aws(arguments.endpoint_url, arguments.state_machine)
    return embedded(home_of(arguments.home), recover=False)


def _place(session: Session, arguments: argparse.Namespace) -> Check:
    if session.url is None:
        return Check("AWS", True, "your own credentials")
    if session.cloud is None and not session.served:
        return Check("AWS endpoint", True, session.url)
    who = "another process serves it" if session.served else "started for this command"
    return Check("embedded AWS", True, f"answers at {session.url}; {who}; state folder {home_of(arguments.home)}")


def _examine(session: Session, checks: list[Check], rows: list[LayerRow], cost: Cost) -> None:
    checks += workflow.machines(session)
    functions = functions_of(session.executions)
    checks += [workflow.model(functions, cost), workflow.execution(session, cost)]
    try:
        files = project_files()
    except StepguardError as error:
        checks.append(Check("guardrail files", False, str(error)))
        files = {}
    used = compare_layers(session, files)
    rows += [layer_row(session, layer, files, cost) for layer in used]
    if not any(row.on for row in rows):
        checks.append(_no_layer(functions))
    model = next((layer.ref for layer in used if layer.layer is Layer.MODEL), None)
    if read_grounding(model) is False:
        checks.append(Check("grounding", None, NOT_GROUNDED))
    for line in differences(used, short):
        checks.append(Check("guardrails not in use", None, f"{line} {remedy(session)}"))
    arns = {
        layer.layer: str(GuardrailAdmin().show(layer.ref.id, layer.ref.version)["guardrailArn"])
        for layer in used
        if layer.ref is not None and not layer.problem
    }
    checks += workflow.permissions(session, functions, arns)


def _no_layer(functions: Mapping[Layer, StageFunction]) -> Check:
    if all(read_settings(function.variables).unguarded for function in functions.values()):
        return Check("guard layers", None, f"{UNGUARDED}=yes: no layer is on, and every answer is delivered unguarded")
    return Check("guard layers", False, f"no layer is on, so no question is answered; {UNGUARDED}=yes would permit it")


def _layers(rows: list[LayerRow]) -> list[str]:
    return table(rows) if rows else ["Guard layers: not tried.", ""]


def _summary(items: Iterable[Check | LayerRow], cost: Cost, *, billed: bool) -> str:
    broken = [item.name if isinstance(item, Check) else f"{item.layer} layer" for item in items if item.ok is False]
    verdict = f"Broken: {', '.join(broken)}." if broken else "Nothing is broken."
    if not str(cost):
        return verdict
    used = f"{cost}." if billed else f"{cost} on AWS, free here."
    return f"{verdict}\nThe checks made {used}"
