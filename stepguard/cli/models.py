"""`stepguard models install`: the model files of the embedded AWS."""

from __future__ import annotations

import argparse

from stepguard.cli.commands import Commands, add_action
from stepguard.project.models import broken_files, install, missing_packages, packages


def add_parser(commands: Commands) -> None:
    """Add the parsers of the command's actions."""
    group = commands.add_parser("models", help="install the model files of the embedded AWS")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = add_action(
        actions, "install", "install the model files, pinned by version and hash", run, session_options=False
    )
    parser.add_argument("--images", action="store_true", help="also the detector of images")


def run(arguments: argparse.Namespace) -> int:
    """Install what is missing, and again what is incomplete or changed."""
    for kind in ("models", "images") if arguments.images else ("models",):
        missing = missing_packages(kind)
        broken = [name for name in packages(kind) if name not in missing and broken_files(name)]
        if missing or broken:
            print(f"Installing {', '.join([*missing, *broken])} …", flush=True)
            install(kind, again=bool(broken))
    print("The model files are installed.")
    return 0
