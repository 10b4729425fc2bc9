"""`stepguard package [FOLDER]`: the Lambda zip and the CloudFormation template of the project."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stepguard import __version__
from stepguard.cli.commands import Commands, add_command
from stepguard.deploy.package import PackagingError, build
from stepguard.project.ejection import outdated_parts
from stepguard.project.folder import find_project


def add_parser(commands: Commands) -> None:
    """Add the command's parser."""
    parser = add_command(commands, "package", run, session_options=False)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default build/package in the project")


def run(arguments: argparse.Namespace) -> int:
    """Build the package and print what it holds. Exit code 1 when it cannot be built."""
    project = find_project()
    for part, version in outdated_parts(project).items():
        print(
            f"stepguard: {part} was ejected from version {version}, installed is {__version__}: see `stepguard diff`.",
            file=sys.stderr,
        )
    try:
        package = build(project, arguments.folder or project.workspace / "build" / "package")
    except PackagingError as error:
        print(f"stepguard: {error}", file=sys.stderr)
        return 1
    print(f"{package.archive}: {package.files} files, {package.size:,} bytes, sha256 {package.sha256}")
    print(f"  with the Lambda part of stepguard {__version__}, sha256 {package.lambda_part}")
    print(package.template)
    return 0
