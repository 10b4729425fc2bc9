"""`stepguard diff`: how the ejected parts of the project differ from the installed package's."""

from __future__ import annotations

import argparse

from stepguard import __version__
from stepguard.cli.commands import Commands, add_command
from stepguard.project.ejection import Change, differences, ejected_parts
from stepguard.project.folder import find_project


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    add_command(commands, "diff", run, session_options=False)


def run(arguments: argparse.Namespace) -> int:
    """Print each file that differs, with a unified diff."""
    project = find_project()
    if not ejected_parts(project):
        print("Nothing is ejected: the whole application comes from the installed package.")
        return 0
    found = list(differences(project))
    for item in found:
        if item.change is not Change.UNCHANGED:
            print(f"{item.name}: {item.change} (ejected from {item.version}, installed is {__version__})")
            for line in item.lines:
                print(f"  {line}")
    same = sum(item.change is Change.UNCHANGED for item in found)
    print(f"{len(found) - same} of {len(found)} files differ from the installed package.")
    return 0
