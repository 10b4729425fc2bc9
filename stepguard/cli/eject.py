"""`stepguard eject PART`: copies a part of the package's application into the project, to be edited there."""

from __future__ import annotations

import argparse

from stepguard.cli.commands import Commands, add_command
from stepguard.project.ejection import PARTS, eject
from stepguard.project.folder import find_project


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    parser = add_command(commands, "eject", run, session_options=False)
    parser.add_argument("part", choices=tuple(PARTS), help="functions also copies app.py")


def run(arguments: argparse.Namespace) -> int:
    """Copy the part and print its files."""
    for name in eject(find_project(), arguments.part):
        print(f"  {name}")
    print("These files are yours now. After an update of stepguard, `stepguard diff` shows what they lack.")
    return 0
