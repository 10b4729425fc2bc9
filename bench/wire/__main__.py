"""Compares API behaviour with MiniStack's: the same boto3 calls to both, and the response that AWS documents.

`python -m bench.wire` prints the table of docs/measurements/wire-comparison.md, `--json` an object. MiniStack is
installed by `make ministack`; `--only stepguard` does without. Verdicts on texts are compared only in clear
cases: each line checks whether a policy is evaluated, and the shape of the response.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from bench.servers import NotMeasuredError, Running, ministack, stepguard
from bench.wire.cases import CASES
from bench.wire.side import Case, Side

SERVERS: dict[str, Callable[[], contextlib.AbstractContextManager[Running]]] = {
    "stepguard": stepguard,
    "MiniStack": ministack,
}
_LONGEST = 150


def compare(names: list[str]) -> Iterator[tuple[Case, dict[str, tuple[bool, str]]]]:
    """Each case with what each server does: whether that agrees with AWS, and the answer in short."""
    with contextlib.ExitStack() as stack:
        sides = {name: Side(stack.enter_context(SERVERS[name]())) for name in names}
        for case in CASES:
            yield case, {name: case.judge(side) for name, side in sides.items()}


def cell(agrees: bool, shown: str) -> str:
    """A cell of the table: identifiers differ from run to run and are left out."""
    shown = re.sub(r"\b(gr|wire)-[0-9a-f]{12}\b", r"\1-…", shown)
    shown = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
    return f"{'yes' if agrees else '**no**'}: {escaped(shown)}"


def escaped(text: str) -> str:
    """Text that cannot break a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def table(results: list[tuple[Case, dict[str, tuple[bool, str]]]], names: list[str]) -> Iterator[str]:
    """The Markdown table, one heading for each group of calls, with the totals."""
    group = ""
    for case, replies in results:
        if case.group != group:
            group = case.group
            yield f"\n### {group}\n"
            yield f"| call | AWS | {' | '.join(names)} |"
            yield f"|---|---|{'---|' * len(names)}"
        cells = " | ".join(cell(*replies[name]) for name in names)
        yield f"| {escaped(case.call)} | {escaped(case.aws)} [{case.source}] | {cells} |"
    yield "\n### Total\n"
    for name in names:
        yield f"- {name}: {sum(replies[name][0] for _, replies in results)} of {len(results)} as AWS says"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 if a server is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--only", choices=tuple(SERVERS), help="ask one of the two alone")
    given = parser.parse_args(arguments)
    names = [given.only] if given.only else list(SERVERS)
    try:
        results = list(compare(names))
    except NotMeasuredError as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        rows: list[dict[str, Any]] = [
            {"group": case.group, "call": case.call, "aws": case.aws, "source": case.source}
            | {name: {"agrees": agrees, "answer": shown} for name, (agrees, shown) in replies.items()}
            for case, replies in results
        ]
        print(json.dumps({"wire": rows}))
    else:
        print("\n".join(table(results, names)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
