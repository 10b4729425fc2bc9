"""Other people's definitions through the embedded Step Functions' validation, as a report.

    python -m bench.outside FOLDER [--all]

FOLDER holds clones of public collections, such as aws-samples/step-functions-workflows-collection; nothing is copied.
Every JSON file that is a definition, and every one in a fenced block of a Markdown file, is validated. Resources that
are placeholders (`${FunctionArn}`) count as a Lambda function. Files whose name says that they are invalid are left
out; `--all` takes them, too. Definitions that AWS accepts must have no finding: read each one that is printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedded_aws.states.api.machines import check_definition
from embedded_aws.states.language.findings import Finding

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
_PLACEHOLDER = re.compile(r'"Resource": "[^"]*\$\{[^"]*"')
_FUNCTION = '"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"'


def definitions(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each definition below a folder, with its file."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".json", ".md") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        for part in [text] if path.suffix == ".json" else _FENCED.findall(text):
            try:
                value = json.loads(part)
            except ValueError:
                continue
            for found in (value, value.get("Definition")) if isinstance(value, dict) else ():
                if isinstance(found, dict) and "StartAt" in found and "States" in found:
                    yield path, found


def findings(definition: dict[str, Any]) -> list[Finding]:
    """The findings, with placeholders filled in."""
    return check_definition(_PLACEHOLDER.sub(_FUNCTION, json.dumps(definition)), "STANDARD")


def main() -> None:
    """Print each definition that is refused, and the number of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="also files whose name says that they are invalid")
    arguments = parser.parse_args()
    seen = refused = 0
    for path, definition in definitions(arguments.folder):
        if "invalid" in path.name and not arguments.all:
            continue
        seen += 1
        found = findings(definition)
        refused += bool(found)
        for finding in found:
            print(f"{path.relative_to(arguments.folder)}: {finding}")
    print(f"{seen} definitions, {refused} refused")


if __name__ == "__main__":
    main()
