"""`stepguard smoke STAGE`: the demo's questions on a deployed stage."""

from __future__ import annotations

import argparse

from stepguard.aws.executions import Executions
from stepguard.cli.commands import Commands
from stepguard.cli.stage.stack import add_stage_command
from stepguard.deploy import smoke
from stepguard.deploy.api import Api
from stepguard.deploy.stack import Stack


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    add_stage_command(commands, "smoke", run)


def run(arguments: argparse.Namespace, stack: Stack) -> int:
    """Send the demo's questions to the API of the stack. Exit code 1 when an answer is not as expected."""
    found = stack.outputs()
    api = Api.of_stack(found, arguments.endpoint_url)
    answers, wrong = smoke.run(api, Executions(found["ChatStateMachineArn"]))
    for item in answers:
        print(f"{item.answer['outcome']:<10} {item.name:<26} {' '.join(item.story['path'])}")
    for line in wrong:
        print(f"NOT AS EXPECTED: {line}")
    print(f"{len(answers)} questions, {len(wrong)} surprises.")
    return 1 if wrong else 0
