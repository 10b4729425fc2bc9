"""`stepguard verify-aws STAGE`: prove the project on an AWS account, step by step, and remove it again."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stepguard.cli.commands import Commands
from stepguard.cli.stage.stack import add_stage_command, confirmation, on_stack, say
from stepguard.deploy import stage
from stepguard.deploy.aws import Aws, clients
from stepguard.deploy.stack import Stack, StackError
from stepguard.project.folder import find_project
from stepguard.verification.deployment import made_here
from stepguard.verification.place import Place
from stepguard.verification.plan import STEPS, total_dollars
from stepguard.verification.recorder import Recorder
from stepguard.verification.report import REPORT, Status
from stepguard.verification.run import chosen, made_by_verification, verify

FOLDER = Path("build/verify-aws")


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    parser = add_stage_command(commands, "verify-aws", run)
    parser.set_defaults(run=_run)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--list", action="store_true", help="print the steps with their price, and do nothing")
    parser.add_argument(
        "--step", action="append", default=[], metavar="NAME", help="run only this step; may be repeated"
    )
    parser.add_argument(
        "--skip", action="append", default=[], metavar="NAME=REASON", help="a step that this place cannot run"
    )
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template; overrides the file"
    )
    parser.add_argument("--bedrock-endpoint-url", metavar="URL", help="use another endpoint for Bedrock alone")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for the report and recordings; default build/verify-aws/STAGE"
    )


def _run(arguments: argparse.Namespace) -> int:
    """Print the plan and its price, which needs no account; then run it, unless with --list."""
    try:
        steps = chosen(arguments.step)
    except StackError as error:
        print(f"stepguard: {error}", file=sys.stderr)
        return 2
    for step in steps:
        say(f"{step.name:<14} {step.minutes:4.1f} min  USD {step.dollars:5.2f}  {' '.join(step.promise.split())}")
    say(f"At most USD {total_dollars(steps):.2f}, about {sum(step.minutes for step in steps):.0f} minutes.")
    return 0 if arguments.list else on_stack(run)(arguments)


def run(arguments: argparse.Namespace, stack: Stack) -> int:
    """Ask, then run the steps. Exit code 1 when a step fails."""
    steps = chosen(arguments.step)
    project = find_project()
    folder = arguments.out or project.workspace / FOLDER / arguments.stage
    made = made_by_verification(folder)
    # Histories of a stage in use hold texts of its users: those are read, never written down.
    recorder = Recorder(folder / "recordings" if made or stack.describe() is None else None)
    place = Place(
        stack=stack,
        aws=recorder.recording(_clients(arguments.bedrock_endpoint_url)),
        project=project,
        parameters=stage.parameters_of(project.workspace, arguments.stage, arguments.parameter),
        endpoint=arguments.endpoint_url,
        say=say,
        recorder=recorder,
    )
    if any(step.changes for step in steps):
        made_here(place, made)
    if not confirmation(arguments)(f"Run {len(steps)} steps on {stack.name}?"):
        raise StackError("Nothing was run.")
    where = arguments.endpoint_url or f"AWS {os.environ.get('AWS_DEFAULT_REGION', '')}".strip()
    done = verify(place, steps, _reasons(arguments.skip), folder, where)
    say(f"Report: {folder / REPORT}")
    return 1 if any(result.status is Status.FAILED for result in done) else 0


def _reasons(words: list[str]) -> dict[str, str]:
    reasons = dict(word.partition("=")[::2] for word in words)
    unknown = sorted(set(reasons) - {step.name for step in STEPS})
    if unknown or not all(reasons.values()):
        raise StackError(f"--skip takes NAME=REASON with the name of a step: {', '.join(step.name for step in STEPS)}.")
    return reasons


def _clients(bedrock: str | None) -> Aws:
    """The clients, with Bedrock's at another endpoint if one is given: an emulator of AWS may have no guardrails."""
    if bedrock:
        os.environ["AWS_ENDPOINT_URL_BEDROCK"] = os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = bedrock
    return clients
