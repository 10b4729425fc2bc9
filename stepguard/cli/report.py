"""`stepguard report unanswered`: the questions that got no answer, grouped by likeness, personal data replaced.

`stepguard report feedback`: what callers said about answers, counted, with the reasons as they were kept.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stepguard.aws.rows import Rows
from stepguard.aws.talk.feedback import FeedbackTable
from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, whole_number
from stepguard.cli.evaluate.traffic import LIMIT, MOST_SEARCHED, RECORDED, recorded_chats
from stepguard.guard.bedrock_names import BLOCKED
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.talk.feedback import Feedback, Thumb
from stepguard.project.folder import ANSWERS
from stepguard.report.likeness import groups
from stepguard.session.model import Session
from stepguard.trace.listing import read_filters

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
    feedback = add_action(
        actions, "feedback", "count the feedback on answers, and list the reasons", in_session(_feedback)
    )
    feedback.add_argument(
        "--since", metavar="TIME", default="7d", help="asked 30m, 12h, 7d ago or later, or a time; default 7d"
    )
    feedback.add_argument("--until", metavar="TIME", help="the same: asked at or before")


def _feedback(arguments: argparse.Namespace, session: Session) -> int:
    now = datetime.now(UTC)
    chosen = read_filters({"since": arguments.since, "until": arguments.until}, now, "--{}")
    first, last = chosen.since or now, chosen.until or now
    table = ANSWERS if not (arguments.aws or arguments.endpoint_url) else os.environ.get("ANSWER_TABLE", "")
    if not table:
        raise ConfigurationError("Set ANSWER_TABLE: `stepguard outputs` prints a stack's AnswerTableName.")
    found = [
        item
        for item in FeedbackTable(Rows(table=table)).between(first.date(), last.date())
        if first <= datetime.fromisoformat(item.at) <= last
    ]
    found.sort(key=lambda item: item.at, reverse=True)
    counted = _counted(found)
    if arguments.json:
        shown = [item.to_dict() for item in found]
        print(render.as_json({"since": arguments.since, "counts": counted, "feedback": shown}))
        return 0
    print(f"{len(found):,} answers with feedback")
    for name, counts in counted.items():
        print(f"{counts[Thumb.UP]:>5} up {counts[Thumb.DOWN]:>5} down  {name}")
    reasons = [item for item in found if item.reason]
    for item in reasons[:SHOWN]:
        print(f"{item.at}  {item.thumb}  {render.plain(item.reason or '')}")
        print(f"       {item.outcome}, {item.source}; stepguard history {render.plain(item.execution)}")
    if len(reasons) > SHOWN:
        print(f"{len(reasons) - SHOWN:,} more reasons are in --json")
    return 0


def _counted(found: list[Feedback]) -> dict[str, dict[str, int]]:
    """Thumbs up and down of each outcome, source and policy."""
    counted: dict[str, dict[str, int]] = {}
    for item in found:
        names = [f"outcome {item.outcome}", f"source {item.source}", *(f"policy {name}" for name in item.policies)]
        for name in names:
            counted.setdefault(name, dict.fromkeys(Thumb, 0))[item.thumb] += 1
    return dict(sorted(counted.items()))


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
