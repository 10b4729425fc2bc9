"""`stepguard models install`: the model files of the embedded AWS."""

from __future__ import annotations

import argparse

from stepguard.cli.commands import Commands, add_action
from stepguard.project.models import install, missing_packages


def add_parser(commands: Commands) -> None:
    """Add the parsers of the command's actions."""
    group = commands.add_parser("models", help="install the model files of the embedded AWS")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = add_action(
        actions, "install", "install the model files, pinned by version and hash", run, session_options=False
    )
    parser.add_argument("--images", action="store_true", help="also the detector of images")


def run(arguments: argparse.Namespace) -> int:
    """Install what is missing."""
    for kind in ("models", "images") if arguments.images else ("models",):
        missing = missing_packages(kind)
        if missing:
            print(f"Installing {', '.join(missing)} …", flush=True)
            install(kind)
    print("The model files are installed.")
    return 0
