"""`stepguard outputs STAGE`: the addresses, ARNs and buckets of a stage."""

from __future__ import annotations

import argparse

from stepguard.cli.commands import Commands
from stepguard.cli.stage.stack import add_stage_command, print_values
from stepguard.deploy.stack import Stack


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    add_stage_command(commands, "outputs", run)


def run(arguments: argparse.Namespace, stack: Stack) -> int:
    """Print the stack's outputs."""
    print_values(stack.outputs())
    return 0
