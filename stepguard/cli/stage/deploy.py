"""`stepguard deploy STAGE`: the project as a CloudFormation stack of an AWS account."""

from __future__ import annotations

import argparse

from stepguard.cli.commands import Commands
from stepguard.cli.stage.stack import add_stage_command, confirmation, print_values, say
from stepguard.deploy import stage
from stepguard.deploy.aws import clients
from stepguard.deploy.stack import Stack
from stepguard.project.folder import find_project


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    parser = add_stage_command(commands, "deploy", run)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template; overrides the file"
    )


def run(arguments: argparse.Namespace, stack: Stack) -> int:
    """Package the project, print the changes, ask, change the stack, print its outputs."""
    project = find_project()
    parameters = stage.parameters_of(project.workspace, arguments.stage, arguments.parameter)
    print_values(stage.deploy(stack, clients, project, parameters, confirmation(arguments), say))
    return 0
