"""`stepguard init DIR`: a new project with the files that a team owns."""

from __future__ import annotations

import argparse
from pathlib import Path

from stepguard.cli.commands import Commands, add_command
from stepguard.guard.errors import InvalidRequest
from stepguard.project.creation import create_project


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    parser = add_command(commands, "init", run, session_options=False)
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist yet, or is empty")


def run(arguments: argparse.Namespace) -> int:
    """Write the project and print its files and the next step."""
    try:
        created = create_project(arguments.folder)
    except OSError as error:
        raise InvalidRequest(
            f"{arguments.folder}: the project cannot be created here ({error.strerror}). Choose another folder."
        ) from None
    for name in created:
        print(f"  {name}")
    print(f"Next: cd {arguments.folder} && stepguard demo")
    return 0
