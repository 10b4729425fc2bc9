"""`stepguard destroy STAGE`: removes a stage."""

from __future__ import annotations

import argparse

from stepguard.cli.commands import Commands
from stepguard.cli.stage.stack import add_stage_command, confirmation, say
from stepguard.deploy import stage
from stepguard.deploy.aws import clients
from stepguard.deploy.stack import Stack


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    parser = add_stage_command(commands, "destroy", run)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--empty-buckets", action="store_true", help="first delete what the buckets hold")


def run(arguments: argparse.Namespace, stack: Stack) -> int:
    """Print what the stack holds, ask, remove it."""
    stage.destroy(stack, clients, confirmation(arguments), say, empty=arguments.empty_buckets)
    return 0
