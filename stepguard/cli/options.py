"""The options of the commands that read histories, and of those on a deployed stage."""

from __future__ import annotations

import argparse
from pathlib import Path


def history(parser: argparse.ArgumentParser) -> None:
    """Options of `stepguard history`."""
    parser.add_argument("execution", nargs="?", help="an execution's ARN or name; without it the newest are listed")
    parser.add_argument("--file", type=Path, metavar="FILE", help="an exported history, log lines, or results.jsonl")
    parser.add_argument("--diff", nargs=2, metavar=("A", "B"), help="compare two executions")
    shown = parser.add_argument_group("one execution")
    shown.add_argument("--events", action="store_true", help="the raw events")
    shown.add_argument("--html", type=Path, metavar="FILE", help="write it as a page that needs no server")
    shown.add_argument("--follow", action="store_true", help="show each state as it is left, until the end")
    redact(parser)
    listed = parser.add_argument_group("the list")
    listed.add_argument(
        "--outcome", choices=("answered", "masked", "blocked", "dont_know", "unavailable", "running", "succeeded")
    )
    listed.add_argument(
        "--stage", metavar="STATE", help="where a layer intervened: GuardInput, InvokeModel, GuardAnswer"
    )
    listed.add_argument(
        "--policy", help="that acted: content, topic, word, sensitive_information, contextual_grounding"
    )
    listed.add_argument("--text", help="that the question, name or error contains")
    listed.add_argument("--since", metavar="TIME", help="30m, 12h, 7d, or a time such as 2026-11-22T10:00")
    listed.add_argument("--limit", type=_natural, default=20, metavar="N", help="list at most; default 20")
    listed.add_argument("--search", type=_natural, default=200, metavar="N", help="newest to look into; default 200")
    listed.add_argument("--watch", action="store_true", help="go on listing new ones until Ctrl-C")


def redact(parser: argparse.ArgumentParser) -> None:
    """`--redact`."""
    parser.add_argument("--redact", action="store_true", help="hide every text of people and models")


def record(parser: argparse.ArgumentParser) -> None:
    """Options of `stepguard record`."""
    parser.add_argument("execution", help="an execution's ARN or name")
    parser.add_argument(
        "--out", type=Path, default=Path("tests/recorded"), metavar="DIR", help="default tests/recorded"
    )
    parser.add_argument("--name", help="of the test; default from what happened")
    parser.add_argument("--keep-personal-data", action="store_true", help="write it as it was asked")


def _natural(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 10000")
    return int(text)


STAGE_COMMANDS = {
    "deploy": "deploy the project to your AWS account: show the changes, ask, make them",
    "destroy": "remove a stage: show what goes, ask, remove it",
    "outputs": "print what a stage's stack gives: addresses, ARNs, buckets",
    "smoke": "send the demo's questions to the deployed API and check the answers",
}


def stage(parser: argparse.ArgumentParser, command: str) -> None:
    """Options of a command on a deployed stage."""
    parser.add_argument("stage", metavar="STAGE", help="names the stack stepguard-STAGE and deploy/stages/STAGE.yaml")
    parser.add_argument("--endpoint-url", metavar="URL", help="use another AWS endpoint")
    if command in ("deploy", "destroy"):
        parser.add_argument("--yes", action="store_true", help="do not ask")
    if command == "deploy":
        parser.add_argument(
            "--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template; overrides the file"
        )
    if command == "destroy":
        parser.add_argument("--empty-buckets", action="store_true", help="first delete what the buckets hold")
