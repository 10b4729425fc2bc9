"""`stepguard deploy|destroy|outputs|smoke STAGE`: the project on an AWS account, as a CloudFormation stack."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps

from stepguard.aws.executions import Executions
from stepguard.deploy import smoke as questions
from stepguard.deploy import stage
from stepguard.deploy.api import Api, ApiError
from stepguard.deploy.aws import AwsError, clients
from stepguard.deploy.package import PackagingError
from stepguard.deploy.stack import Stack, StackError
from stepguard.project.folder import ROOT

Run = Callable[[argparse.Namespace, Stack], int]


def _on_stack(run: Run) -> Callable[[argparse.Namespace], int]:
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


@_on_stack
def deploy(arguments: argparse.Namespace, stack: Stack) -> int:
    """Package the project, print the changes, ask, change the stack, print its outputs."""
    parameters = stage.parameters_of(ROOT, arguments.stage, arguments.parameter)
    _print(stage.deploy(stack, clients, ROOT, parameters, _confirm(arguments), _say))
    return 0


@_on_stack
def destroy(arguments: argparse.Namespace, stack: Stack) -> int:
    """Print what the stack holds, ask, remove it."""
    stage.destroy(stack, clients, _confirm(arguments), _say, empty=arguments.empty_buckets)
    return 0


@_on_stack
def outputs(arguments: argparse.Namespace, stack: Stack) -> int:
    """Print the stack's outputs."""
    _print(stack.outputs())
    return 0


@_on_stack
def smoke(arguments: argparse.Namespace, stack: Stack) -> int:
    """Send the demo's questions to the API of the stack. Exit code 1 when an answer is not as expected."""
    found = stack.outputs()
    api = Api.of_stack(found, arguments.endpoint_url)
    answers, wrong = questions.run(api, Executions(found["ChatStateMachineArn"]))
    for item in answers:
        print(f"{item.answer['outcome']:<10} {item.name:<26} {' '.join(item.story['path'])}")
    for line in wrong:
        print(f"NOT AS EXPECTED: {line}")
    print(f"{len(answers)} questions, {len(wrong)} surprises.")
    return 1 if wrong else 0


def _confirm(arguments: argparse.Namespace) -> stage.Confirm:
    return (lambda question: True) if arguments.yes else _ask


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        print(f"{question} There is no terminal to answer at: use --yes.", file=sys.stderr)
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _say(line: str) -> None:
    print(line, flush=True)


def _print(found: Mapping[str, str]) -> None:
    for name, value in sorted(found.items()):
        _say(f"{name} = {value}")
