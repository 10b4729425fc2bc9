"""Other people's definitions, tests and clients against the embedded AWS, as a report.

    python -m bench.outside FOLDER [--all] [--only definitions|moto|clients]

FOLDER holds clones of public collections, such as aws-samples/step-functions-workflows-collection, of moto (for its
tests of Step Functions), and a table of clients, clients.json (bench/outside/clients.py); nothing is copied. Files
whose name says that they are invalid are left out; `--all` takes them, too. Definitions that AWS accepts must have no
finding: read each one that is printed. docs/reference/step-functions.md explains what fails today.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.outside import clients, definitions, moto_tests


def main() -> None:
    """Print what is refused or fails, then a line for each part."""
    parser = argparse.ArgumentParser(
        "python -m bench.outside", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="also files whose name says that they are invalid")
    parser.add_argument("--only", choices=("definitions", "moto", "clients"), help="this part only")
    arguments = parser.parse_args()
    folder, only = arguments.folder.resolve(), arguments.only
    lines = []
    if only in (None, "definitions"):
        lines.append(definitions.report(folder, invalid=arguments.all))
    if only in (None, "moto"):
        lines.append(moto_tests.report(folder))
    if only in (None, "clients"):
        lines.append(clients.report(folder))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
