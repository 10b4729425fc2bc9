"""`stepguard evaluate --from-history`: recorded chats as a corpus, and their verdicts to compare with.

Only credentials that may list and describe the chat's executions can read it: an operator's. The deployed API has no
such corpus.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.executions import Execution, Executions
from stepguard.aws.listing import Listing, chat_summary
from stepguard.cli.commands import whole_number
from stepguard.guard.cursors import Position
from stepguard.guard.errors import AccessDenied, InvalidRequest
from stepguard.recording.traffic import recorded
from stepguard.session.model import Session
from stepguard.trace.listing import OUTCOMES, Filters, read_filters

CORPUS, RECORDED = "corpus.jsonl", "recorded.jsonl"
OPTIONS = ("since", "until", "outcome", "limit")
PAGE = 200
LIMIT = 1_000
MOST_SEARCHED = 100_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--from-history` and its filters."""
    group = parser.add_argument_group("recorded chats instead of a corpus")
    group.add_argument(
        "--from-history", action="store_true", help="evaluate the texts of recorded chats, personal data replaced"
    )
    group.add_argument("--since", metavar="TIME", help="30m, 12h, 7d ago, or a time such as 2026-11-22T10:00")
    group.add_argument("--until", metavar="TIME", help="the same: started at or before")
    group.add_argument("--outcome", choices=OUTCOMES, help="only chats that ended so")
    group.add_argument("--limit", type=whole_number(MOST_SEARCHED), metavar="N", help=f"the newest; default {LIMIT:,}")
    group.add_argument("--unmasked", action="store_true", help="keep personal data; the files then hold it")


def check(arguments: argparse.Namespace) -> None:
    """Raise InvalidRequest for options that would be ignored."""
    if not getattr(arguments, "from_history", False):
        for option in (*OPTIONS, "unmasked"):
            if getattr(arguments, option, None):
                raise InvalidRequest(f"--{option} is for --from-history: add it, or leave --{option} out.")
        return
    for option in ("corpus", "resume", "map", "label", "encoding"):
        if getattr(arguments, option, None):
            name = f"--{option}" if option != "corpus" else str(arguments.corpus)
            raise InvalidRequest(f"--from-history makes a corpus of recorded chats: leave {name} out.")


@dataclass(slots=True)
class Traffic:
    """A corpus of recorded chats in a temporary folder. `left_out` counts executions by reason."""

    folder: Path
    about: dict[str, Any]
    chats: int = 0
    masked: int = 0
    values: int = 0
    more: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def corpus(self) -> Path:
        """The rows."""
        return self.folder / CORPUS

    def describe(self) -> Iterator[str]:
        """In words, for the terminal."""
        more = "; older ones were not read, --limit reads more" if self.more else ""
        yield f"{self.chats:,} recorded chats{more}"
        if self.about["unmasked"]:
            yield "texts are NOT masked: the run's files hold the personal data of callers"
        else:
            yield f"{self.values:,} values of personal data replaced in {self.masked:,} chats; detection can miss some"
        for reason, count in self.left_out.most_common(5):
            yield f"  {count:,} left out: {reason}"

    def to_dict(self) -> dict[str, Any]:
        """For the run's description."""
        return self.about | {
            "chats": self.chats, "masked_chats": self.masked, "replaced_values": self.values,
            "more": self.more, "left_out": dict(self.left_out),
        }  # fmt: skip

    def upload(self, evaluations: Evaluations, run: str) -> None:
        """Store the rows and the recorded verdicts with the run. Raises StepguardError."""
        for name in (CORPUS, RECORDED):
            evaluations.objects.upload(evaluations.object(run, name), self.folder / name)


@contextmanager
def corpus_of(arguments: argparse.Namespace, session: Session) -> Iterator[Traffic | None]:
    """The recorded chats of --from-history; None without this option. Raises StepguardError."""
    if not getattr(arguments, "from_history", False):
        yield None
        return
    with recorded_chats(arguments, session) as chats:
        yield chats


@contextmanager
def recorded_chats(arguments: argparse.Namespace, session: Session) -> Iterator[Traffic]:
    """The recorded chats that the options name, in a private folder that is removed afterwards. Raises
    StepguardError."""
    given = {name: getattr(arguments, name, None) for name in ("since", "until", "outcome")}
    filters = read_filters(given, datetime.now(UTC), "--{}")
    with TemporaryDirectory(prefix="stepguard-") as folder:
        traffic = Traffic(Path(folder), {**given, "unmasked": bool(arguments.unmasked)})
        executions = session.executions
        with (
            traffic.corpus.open("w", encoding="utf-8") as rows,
            (Path(folder) / RECORDED).open("w", encoding="utf-8") as results,
        ):
            for execution in _chats(executions, filters, arguments.limit or LIMIT, traffic):
                if not execution.finished:
                    traffic.left_out["still running"] += 1
                    continue
                try:
                    found = recorded(execution, traffic.chats, masked=not arguments.unmasked)
                except InvalidRequest as error:
                    traffic.left_out[str(error).rstrip(".")] += 1
                    continue
                rows.write(json.dumps(found.row) + "\n")
                results.write(json.dumps(found.result) + "\n")
                traffic.chats += 1
                traffic.masked += found.replaced > 0
                traffic.values += found.replaced
        if not traffic.chats:
            reasons = "; ".join(f"{count} left out: {reason}" for reason, count in traffic.left_out.items())
            raise InvalidRequest(
                f"No recorded chat of {executions.machine_arn} matches{f' ({reasons})' if reasons else ''}. "
                "`stepguard history` lists them; EXPRESS chats are not recorded."
            )
        for line in traffic.describe():
            if not arguments.json or arguments.unmasked:
                print(line, file=sys.stderr)
        yield traffic


def _chats(executions: Executions, filters: Filters, limit: int, traffic: Traffic) -> Iterator[Execution]:
    """The newest executions that match, at most `limit`. Raises StepguardError."""
    kept: dict[str, Execution] = {}

    def summary(execution: Execution) -> dict[str, Any]:
        kept[execution.arn] = execution
        return chat_summary(execution)

    after: Position | None = None
    left, searched = limit, 0
    while left:
        kept.clear()
        try:
            page = Listing(executions, summary).search(
                filters.match, limit=min(left, PAGE), most=PAGE, since=filters.since, until=filters.until, after=after
            )
        except AccessDenied as error:
            raise AccessDenied(f"Recorded chats are for operators: {error}") from None
        for found in page.found:
            yield kept[found["execution"]]
        left, searched, after = left - len(page.found), searched + page.searched, page.last
        if after is None:
            return
        if searched >= MOST_SEARCHED:
            break
    traffic.more = True


def fetch(evaluations: Evaluations, run: str, about: Mapping[str, Any], folder: Path) -> None:
    """Fetch the rows and recorded verdicts of a run of recorded chats. Raises StepguardError."""
    if "from_history" in about:
        for name in (CORPUS, RECORDED):
            evaluations.objects.download(evaluations.object(run, name), folder / name)
