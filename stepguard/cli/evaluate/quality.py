"""What the command adds to the scores of answers: the agreement of embeddings and the grades of a judge.

Both call Bedrock once a run has ended, from this machine, with its credentials. What they return is kept in the run's
object `quality.jsonl`, so that no call is paid twice: `--resume` of a command that was interrupted calls for the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from stepguard.admin.judge import grade
from stepguard.aws import embedding
from stepguard.aws.evaluations import Evaluations
from stepguard.evaluation.answers.agreement import similarity
from stepguard.evaluation.answers.scores import IN_WORDS, Answers, with_evidence
from stepguard.evaluation.prices import embedding_cost, model_cost
from stepguard.guard.errors import InvalidRequest, ModelNotReady, ServiceUnavailable, StepguardError, Throttled

EVIDENCE = "quality.jsonl"
JUDGE_MODEL, EMBEDDING_MODEL = "EVALUATION_JUDGE_MODEL_ID", "EVALUATION_EMBEDDING_MODEL_ID"
NONE = "none"

WORKERS = 8
"""Calls at a time: fewer than the default quotas permit."""
WAITING = 64
"""Answers in the pool at a time."""
ATTEMPTS = 8
KEEP_EVERY = 200
"""Items between two copies of the evidence in S3."""
LINE_SECONDS = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judges:
    """The models that compare answers with their references; None is off."""

    embedding: str | None = embedding.MODEL
    judge: str | None = None
    rubric: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """For the run's description."""
        return {"embedding": self.embedding, "judge": self.judge, "rubric": self.rubric}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the models."""
    parser.add_argument("--judge", metavar="MODEL", help=f"model that grades answers with a reference; {JUDGE_MODEL}")
    parser.add_argument(
        "--rubric", type=Path, metavar="FILE", help="the judge's instructions, instead of the built-in ones"
    )
    parser.add_argument(
        "--embedding", metavar="MODEL", help=f"for the agreement with references; default {embedding.MODEL}; or none"
    )


def judges_of(arguments: argparse.Namespace, run: Mapping[str, Any] | None = None) -> Judges:
    """The models by the options, else by the description of a run that continues, else by the environment. Raises
    InvalidRequest."""
    run = run or {}
    judge = getattr(arguments, "judge", None) or run.get("judge") or os.environ.get(JUDGE_MODEL)
    given = getattr(arguments, "embedding", None) or (run["embedding"] or NONE if "embedding" in run else None)
    model = given or os.environ.get(EMBEDDING_MODEL) or embedding.MODEL
    file = getattr(arguments, "rubric", None)
    rubric = run.get("rubric")
    if file is not None:
        if not judge:
            raise InvalidRequest("--rubric is for a judge: name one with --judge MODEL.")
        try:
            rubric = file.expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"--rubric {file}: cannot be read ({type(error).__name__}).") from None
        if not rubric.strip():
            raise InvalidRequest(f"--rubric {file}: is empty.")
    return Judges(None if model == NONE else model, None if judge in (None, "", NONE) else judge, rubric)


def complete(
    results: Path, card: dict[str, Any], evaluations: Evaluations, run: str, judges: Judges, *, quiet: bool
) -> bool:
    """Add embedding agreements and grades to results.jsonl and the scorecard. Returns whether it changed them."""
    if not card.get("answers", {}).get("references") or not (judges.embedding or judges.judge):
        return False
    work = _Work(evaluations, run, judges, quiet)
    work.read()
    unfinished = results.with_suffix(".part")
    answers = Answers()
    try:
        with unfinished.open("w", encoding="utf-8") as target:
            for line, evidence in work.over(results):
                if evidence is not None:
                    line["quality"] = with_evidence(line, evidence)
                answers.add(line)
                target.write(json.dumps(line) + "\n")
        unfinished.replace(results)
    finally:
        unfinished.unlink(missing_ok=True)
        work.keep()
    card["answers"] = answers.to_dict()
    card["answers"]["models"] = work.used()
    for note in work.notes:
        print(f"answers: {note}", file=sys.stderr)
    return True


@dataclass(slots=True)
class _Work:
    """The calls of one run. `known` is the evidence by item: `{number, answer, embedding?, judge?, models, tokens}`;
    `answer` is a hash of its text."""

    evaluations: Evaluations
    run: str
    judges: Judges
    quiet: bool
    known: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    off: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    new: int = 0
    started: float = field(default_factory=time.monotonic)
    printed: float = field(default_factory=time.monotonic)

    def read(self) -> None:
        """The evidence of an earlier command, by the same models."""
        try:
            with self.evaluations.objects.open(self.evaluations.object(self.run, EVIDENCE)) as stream:
                entries = [json.loads(line) for line in stream]
        except (StepguardError, ValueError):
            return
        for entry in entries:
            kept = {name: entry[name] for name in ("embedding", "judge") if name in entry and self._same(entry, name)}
            if kept:
                self.known[entry["number"]] = {"number": entry["number"], "answer": entry["answer"], **kept}
                self.known[entry["number"]]["models"] = {name: entry["models"][name] for name in kept}
                self.known[entry["number"]]["tokens"] = entry.get("tokens", {})

    def _same(self, entry: Mapping[str, Any], name: str) -> bool:
        return bool(entry.get("models", {}).get(name) == self._model(name))

    def _model(self, name: str) -> list[str] | None:
        if name == "embedding":
            return [self.judges.embedding] if self.judges.embedding else None
        return [self.judges.judge, self.judges.rubric or ""] if self.judges.judge else None

    def over(self, results: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
        """Each line in the file's order, with its evidence."""
        waiting: list[tuple[dict[str, Any], Future[dict[str, Any]] | None]] = []
        with ThreadPoolExecutor(WORKERS) as pool, results.open(encoding="utf-8") as lines:
            try:
                for text in lines:
                    line = json.loads(text)
                    waiting.append((line, pool.submit(self._judge, line) if _has_answer(line) else None))
                    while len(waiting) >= WAITING:
                        yield self._first(waiting)
                while waiting:
                    yield self._first(waiting)
            except BaseException:  # also for Ctrl-C: what has not begun is not paid
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _first(
        self, waiting: list[tuple[dict[str, Any], Future[dict[str, Any]] | None]]
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        line, future = waiting.pop(0)
        if future is None:
            return line, None
        while not wait([future], timeout=1.0, return_when=FIRST_COMPLETED).done:
            self._say()
        self._say()
        found = future.result()
        return line, {name: found[name] for name in ("embedding", "judge") if name in found}

    def _judge(self, line: Mapping[str, Any]) -> dict[str, Any]:
        number, answer, references = line["number"], line["answer"], tuple(line["reference"])
        digest = hashlib.sha256(answer.encode()).hexdigest()
        known = self.known.get(number)
        if known is None or known["answer"] != digest:
            known = {"number": number, "answer": digest, "models": {}, "tokens": {}}
        entry = {**known, "models": dict(known["models"]), "tokens": dict(known["tokens"])}
        if "embedding" not in entry and self._asks("embedding"):
            model = self.judges.embedding or ""
            found = self._call("embedding", lambda: _agreement(answer, references, model))
            if found is not None:
                entry["embedding"], entry["tokens"]["embedding"] = round(found[0], 4), {"input": found[1]}
                entry["models"]["embedding"] = self._model("embedding")
        if "judge" not in entry and self._asks("judge"):
            model, rubric = self.judges.judge or "", self.judges.rubric
            given = self._call("judge", lambda: grade(line["question"], references, answer, model, rubric))
            if given is not None:
                entry["judge"] = {"grade": None if given[0] is None else str(given[0])}
                entry["tokens"]["judge"], entry["models"]["judge"] = dict(given[1]), self._model("judge")
        with self.lock:
            self.known[number] = entry
            self.new += 1
            due = self.new % KEEP_EVERY == 0
        if due:
            self.keep()
        return entry

    def _asks(self, name: str) -> bool:
        return self._model(name) is not None and name not in self.off

    def _call(self, name: str, call: Callable[[], T]) -> T | None:
        """The result; None if the model cannot be used, which is noted once, or if it failed for this item."""
        for attempt in range(ATTEMPTS):
            try:
                return call()
            except (Throttled, ServiceUnavailable, ModelNotReady) as error:
                if attempt == ATTEMPTS - 1:
                    self._note(f"the {name} of some answers is missing: {error}")
                else:
                    time.sleep(min(30.0, 0.5 * 2**attempt))
            except StepguardError as error:
                with self.lock:
                    self.off.add(name)
                self._note(f"no {name}: {error}")
                return None
        return None

    def _note(self, note: str) -> None:
        with self.lock:
            if note not in self.notes:
                self.notes.append(note)

    def keep(self) -> None:
        """Write the evidence to the run's objects; without permission it is only in the results here."""
        with self.lock:
            text = "".join(json.dumps(entry) + "\n" for _, entry in sorted(self.known.items()))
        try:
            self.evaluations.objects.put(self.evaluations.object(self.run, EVIDENCE), text.encode())
        except StepguardError as error:
            self._note(f"{EVIDENCE} cannot be kept in the run, so --resume pays these calls again: {error}")

    def used(self) -> dict[str, Any]:
        """The models with their tokens and costs."""
        tokens: dict[str, Counter[str]] = {"embedding": Counter(), "judge": Counter()}
        for entry in self.known.values():
            for name, counts in entry["tokens"].items():
                tokens[name].update(counts)
        found: dict[str, Any] = {}
        if self.judges.embedding and tokens["embedding"]:
            found["embedding"] = embedding_cost(tokens["embedding"]["input"], self.judges.embedding)
        if self.judges.judge and tokens["judge"]:
            found["judge"] = model_cost(tokens["judge"], self.judges.judge)
        return found

    def _say(self) -> None:
        now = time.monotonic()
        if not self.quiet and now - self.printed >= LINE_SECONDS:
            self.printed = now
            print(f"{now - self.started:.0f} s: {self.new} answers compared", file=sys.stderr, flush=True)


def _has_answer(line: Mapping[str, Any]) -> bool:
    """Whether there is an answer to compare: a guard's message is none, nor the message that nothing is known."""
    return "grade" in line.get("quality", {}) and line["quality"]["refused"] in (None, IN_WORDS)


def _agreement(answer: str, references: tuple[str, ...], model: str) -> tuple[float, int]:
    """The agreement with the nearest reference, and the tokens."""
    if not answer.strip():
        return 0.0, 0
    vector, tokens = embedding.embed(answer, model)
    found = [_of_reference(reference, model) for reference in references]
    return max(similarity(vector, other) for other, _ in found), tokens + sum(count for _, count in found)


@lru_cache(maxsize=2048)
def _of_reference(reference: str, model: str) -> tuple[tuple[float, ...], int]:
    vector, tokens = embedding.embed(reference, model)
    return tuple(vector), tokens
