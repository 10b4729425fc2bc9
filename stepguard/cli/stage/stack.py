"""What the commands on a deployed stage share: its stack, its options, confirmation and output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps

from stepguard.cli.commands import Commands, add_command
from stepguard.deploy import stage
from stepguard.deploy.api import ApiError
from stepguard.deploy.aws import AwsError, clients
from stepguard.deploy.package import PackagingError
from stepguard.deploy.stack import Stack, StackError

Run = Callable[[argparse.Namespace, Stack], int]


def on_stack(run: Run) -> Callable[[argparse.Namespace], int]:
    """Give a command the stack of its stage, and print what goes wrong. Exit code 1 when AWS or the user refuses."""

    @wraps(run)
    def command(arguments: argparse.Namespace) -> int:
        if arguments.endpoint_url:
            os.environ["AWS_ENDPOINT_URL"] = arguments.endpoint_url
        try:
            name = stage.stack_name(arguments.stage)
            return run(arguments, Stack(name, clients("cloudformation")))
        except (StackError, PackagingError, AwsError, ApiError) as error:
            print(f"stepguard: {error}", file=sys.stderr)
            return 1

    return command


def confirmation(arguments: argparse.Namespace) -> stage.Confirm:
    return (lambda question: True) if arguments.yes else _ask


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        print(f"{question} There is no terminal to answer at: use --yes.", file=sys.stderr)
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def say(line: str) -> None:
    print(line, flush=True)


def print_values(found: Mapping[str, str]) -> None:
    for name, value in sorted(found.items()):
        say(f"{name} = {value}")


def add_stage_command(commands: Commands, name: str, run: Run) -> argparse.ArgumentParser:
    """Add the parser of a command on a stage."""
    parser = add_command(commands, name, on_stack(run), session_options=False)
    parser.add_argument("stage", metavar="STAGE", help="names the stack stepguard-STAGE and deploy/stages/STAGE.yaml")
    parser.add_argument("--endpoint-url", metavar="URL", help="use another AWS endpoint")
    return parser
