"""100,000 rows as one evaluation: memory, completeness, and `--resume` after kill -9.

    python -m bench.scale [--rows 100000] [--format parquet|jsonl|both] [--no-kills] [--json]

Each run is the command `stepguard evaluate` in a separate process on an embedded AWS, with a guardrail of words and
PII types as its only layer, so that the engine and not the detectors decide the time. `parquet` has rows of 200
characters, `jsonl` rows of 1,000 (100 MB with 100,000). Texts are made of common words; every tenth one contains a
word that the guardrail blocks.

After a tenth of the rows one guardrail worker and one Lambda worker are killed, after a third the command itself, each
with SIGKILL; `--resume` then finishes the run. The bench fails unless each id is in the results exactly once with its
expected verdict. Memory is the resident set of the command alone and with its workers (shared pages counted once).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

GUARDRAIL = """
name: scale
blockedInputMessaging: Blocked.
blockedOutputsMessaging: Blocked.
wordPolicyConfig: {wordsConfig: [{text: forbidden}]}
sensitiveInformationPolicyConfig: {piiEntitiesConfig: [{type: EMAIL, action: ANONYMIZE}]}
"""
WORDS = ("lamp", "table", "was", "and", "on", "old", "green", "house", "moved", "from", "room", "to", "each", "guest")
CHARACTERS = {"parquet": 200, "jsonl": 1000}
WORD_CHARACTERS = 4.86
"""Of a word with its blank, on average."""
EVERY = 10
"""Each tenth row is blocked."""
SECONDS = 0.5
"""Between two samples of memory and progress."""
PARTS = 10


@dataclass(slots=True)
class Figures:
    """One run: `memory` and `with_workers` are the highest MB in each tenth of the rows, `rates` its rows a second."""

    format: str
    rows: int
    corpus_mb: float
    seconds: float = 0.0
    kills: int = 0
    each_id_once: bool = False
    right: bool = False
    memory: dict[int, int] = field(default_factory=dict)
    with_workers: dict[int, int] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    reading_mb: int = 0
    """The highest memory before the first row was evaluated."""
    writing_mb: int = 0
    """The highest memory after the last row was evaluated."""


def rows_of(count: int, characters: int) -> Iterator[dict[str, Any]]:
    """Rows with an id, a text and its verdict, always the same ones."""
    choose = random.Random(0)
    for number in range(count):
        words = choose.choices(WORDS, k=round(characters / WORD_CHARACTERS))
        blocked = number % EVERY == 0
        if blocked:
            words[len(words) // 2] = "forbidden"
        yield {
            "id": f"row-{number}",
            "text": " ".join(words).capitalize() + ".",
            "expected": "blocked" if blocked else "passed",
        }


def write_corpus(file: Path, count: int) -> None:
    """A corpus of this many rows, in the format of the file's name."""
    kind = file.suffix.removeprefix(".")
    rows = rows_of(count, CHARACTERS[kind])
    if kind == "jsonl":
        with file.open("w", encoding="utf-8") as target:
            target.writelines(json.dumps(row) + "\n" for row in rows)
        return
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), file)


class Command:
    """`stepguard evaluate` in a separate process, whose progress is read from its state folder."""

    def __init__(self, home: Path, log: Path, *arguments: str) -> None:
        self.home = home
        self._log = log
        command = [sys.executable, "-m", "stepguard", "evaluate", "--home", str(home), *arguments]
        with log.open("ab") as target:
            self.process = subprocess.Popen(command, stdout=target, stderr=target, stdin=subprocess.DEVNULL)

    @property
    def run(self) -> str | None:
        """The run's id, once the command has printed it."""
        found = re.search(r"^run (\S+);", self._log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        return found[1] if found else None

    def done(self) -> int:
        """How many rows have ended, as far as the state folder contains them."""
        file = self.home / "states.sqlite3"
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            query = "SELECT count(*) FROM executions WHERE map_run IS NOT NULL"
            return int(database.execute(query).fetchone()[0])
        return 0

    def workers(self, part: str) -> list[int]:
        """The process ids of its workers whose module's name contains `part`."""
        found = []
        for process in children(self.process.pid):
            with suppress(OSError):
                if part in Path(f"/proc/{process}/cmdline").read_text(errors="replace"):
                    found.append(process)
        return found

    def memory(self) -> tuple[int, int]:
        """MB of the command, and of the command with its workers."""
        own = resident(self.process.pid, "Rss")
        return own // 1024, sum(resident(p, "Pss") for p in (self.process.pid, *children(self.process.pid))) // 1024


def children(process: int) -> list[int]:
    """The ids of a process's children."""
    found: list[int] = []
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def resident(process: int, name: str) -> int:
    """A process's resident (`Rss`) or proportional (`Pss`) memory in kB; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0


def measure(kind: str, rows: int, folder: Path, *, kills: bool) -> Figures:
    """One run with its kills. Raises SystemExit with the command's log if it fails."""
    corpus, log, out = folder / f"rows.{kind}", folder / "log", folder / "out"
    write_corpus(corpus, rows)
    figures = Figures(kind, rows, round(corpus.stat().st_size / 1e6, 1))
    (folder / "guardrails").mkdir()
    (folder / "guardrails" / "preprocess.yaml").write_text(GUARDRAIL, encoding="utf-8")
    given = ["--guardrails", str(folder / "guardrails"), "--layers", "preprocess", "--out", str(out)]
    started = time.monotonic()
    command = Command(folder / "state", log, str(corpus), *given)
    command = follow(command, figures, rows // 3 if kills else rows + 1, kills=kills)
    if kills:
        run = command.run
        if run is None or command.process.poll() is not None:
            sys.exit(f"The command ended before it could be killed:\n{log.read_text()[-2000:]}")
        command.process.kill()
        command.process.wait()
        figures.kills += 1
        command = follow(Command(folder / "state", log, "--resume", run, "--out", str(out)), figures, rows + 1)
    if command.process.wait() != 0:
        sys.exit(f"The command failed:\n{log.read_text()[-2000:]}")
    figures.seconds = round(time.monotonic() - started, 1)
    check(figures, out / "results.jsonl", rows)
    return figures


def follow(command: Command, figures: Figures, until: int, *, kills: bool = False) -> Command:
    """Sample memory and progress until so many rows have ended, or the command has."""
    marks: list[tuple[int, float]] = []
    while command.process.poll() is None:
        done = command.done()
        if kills and figures.kills == 0 and done >= figures.rows // 10:
            for name in ("judge.workers", "lambda_.runtime"):
                for worker in command.workers(name)[:1]:
                    os.kill(worker, signal.SIGKILL)
                    figures.kills += 1
        if done >= until:
            break
        own, all_of_it = command.memory()
        if done == 0:
            figures.reading_mb = max(figures.reading_mb, own)
        elif done >= figures.rows:
            figures.writing_mb = max(figures.writing_mb, own)
        part = min(PARTS - 1, done * PARTS // figures.rows)
        figures.memory[part] = max(figures.memory.get(part, 0), own)
        figures.with_workers[part] = max(figures.with_workers.get(part, 0), all_of_it)
        marks.append((done, time.monotonic()))
        time.sleep(SECONDS)
    for part in range(PARTS):
        inside = [mark for mark in marks if mark[0] * PARTS // figures.rows == part and mark[0]]
        if len(inside) > 1 and inside[-1][0] > inside[0][0]:
            figures.rates[part] = round((inside[-1][0] - inside[0][0]) / (inside[-1][1] - inside[0][1]), 1)
    return command


def check(figures: Figures, results: Path, rows: int) -> None:
    """Compare the results with the rows."""
    with results.open(encoding="utf-8") as lines:
        found = Counter((line["id"], line["action"]) for line in map(json.loads, lines))
    wanted = Counter((f"row-{number}", "passed" if number % EVERY else "blocked") for number in range(rows))
    figures.right = found == wanted
    figures.each_id_once = Counter(identifier for identifier, _ in found.elements()) == Counter(
        identifier for identifier, _ in wanted
    )


def print_figures(figures: Figures) -> None:
    """One run in words."""
    print(f"{figures.rows:,} rows of {figures.format}, {figures.corpus_mb} MB, {figures.kills} kills:")
    print(f"  {figures.seconds} s; each id once: {figures.each_id_once}; verdicts right: {figures.right}")
    print(f"  MB of the command: reading {figures.reading_mb}, results {figures.writing_mb}")
    for label, values in (
        ("MB of the command by tenths", figures.memory),
        ("MB with workers", figures.with_workers),
        ("rows/s", figures.rates),
    ):
        print(f"  {label}: {', '.join(str(values[part]) for part in sorted(values))}")


def main() -> int:
    """Print the figures; 1 if a row is missing, doubled or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--format", choices=(*CHARACTERS, "both"), default="both")
    parser.add_argument("--no-kills", action="store_true")
    arguments = parser.parse_args()
    found = []
    for kind in CHARACTERS if arguments.format == "both" else (arguments.format,):
        with tempfile.TemporaryDirectory() as folder:
            found.append(measure(kind, arguments.rows, Path(folder), kills=not arguments.no_kills))
    if arguments.json:
        print(json.dumps([asdict(figures) for figures in found]))
    else:
        for figures in found:
            print_figures(figures)
    return 0 if all(figures.each_id_once and figures.right for figures in found) else 1


if __name__ == "__main__":
    sys.exit(main())
