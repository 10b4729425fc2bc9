"""`stepguard report unanswered`: the questions that got no answer, grouped by likeness, personal data replaced."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, whole_number
from stepguard.cli.evaluate.traffic import LIMIT, MOST_SEARCHED, RECORDED, recorded_chats
from stepguard.guard.bedrock_names import BLOCKED
from stepguard.report.likeness import groups
from stepguard.session.model import Session

UNANSWERED = ("blocked", "dont_know")
SHOWN = 20


def add_parser(commands: Commands) -> None:
    """Add `stepguard report` and its actions."""
    parser = commands.add_parser("report", help=COMMANDS["report"][1])
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    unanswered = add_action(
        actions,
        "unanswered",
        "list the blocked questions and those without an answer, alike ones once",
        in_session(_unanswered),
    )
    unanswered.add_argument("--since", metavar="TIME", default="7d", help="30m, 12h, 7d ago, or a time; default 7d")
    unanswered.add_argument("--until", metavar="TIME", help="the same: started at or before")
    unanswered.add_argument(
        "--limit", type=whole_number(MOST_SEARCHED), metavar="N", help=f"the newest chats to read; default {LIMIT:,}"
    )
    unanswered.add_argument("--unmasked", action="store_true", help="keep personal data in the questions")


def _unanswered(arguments: argparse.Namespace, session: Session) -> int:
    with recorded_chats(arguments, session) as traffic:
        rows = [json.loads(line) for line in traffic.corpus.read_text(encoding="utf-8").splitlines()]
        results = [json.loads(line) for line in (traffic.folder / RECORDED).read_text(encoding="utf-8").splitlines()]
    pairs = [pair for pair in zip(rows, results, strict=True) if pair[0]["category"] in UNANSWERED]
    questions = [str(row.get("query") or row.get("text") or "") for row, _ in pairs]
    found = [_group([pairs[position] for position in group], questions[group[0]]) for group in groups(questions)]
    read = traffic.to_dict() | {"since": arguments.since, "chats": len(rows)}
    if arguments.json:
        print(render.as_json(read | {"unanswered": len(pairs), "groups": found}))
        return 0
    print(f"{len(pairs):,} of {len(rows):,} chats got no answer, {len(found):,} different questions")
    for group in found[:SHOWN]:
        reasons = ", ".join(f"{name} {count}" for name, count in group["reasons"].items())
        print(f"{group['count']:>5}  {render.plain(group['question'])}")
        print(f"       {reasons}; newest: stepguard history {render.plain(group['executions'][0])}")
    if len(found) > SHOWN:
        print(f"{len(found) - SHOWN:,} more questions are in --json")
    return 0


def _group(pairs: list[tuple[Mapping[str, Any], Mapping[str, Any]]], question: str) -> dict[str, Any]:
    """The number of a group's questions, one of them, why they got no answer, and their executions, newest first."""
    outcomes = Counter(str(row["category"]) for row, _ in pairs)
    reasons: Counter[str] = Counter()
    for row, result in pairs:
        reasons.update(_reasons(row, result))
    return {
        "count": len(pairs),
        "question": question,
        "outcomes": dict(outcomes.most_common()),
        "reasons": dict(reasons.most_common()),
        "executions": [str(row["id"]) for row, _ in pairs],
    }


def _reasons(row: Mapping[str, Any], result: Mapping[str, Any]) -> set[str]:
    """The policies and filters that blocked, or that the model did not know."""
    if row["category"] != "blocked":
        return {"the answer is not known"}
    findings = [item for stage in result["stages"] for item in stage["findings"]]
    return {f"{item['policy']}/{item['name']}" for item in findings if item["action"] == BLOCKED} or {"blocked"}
