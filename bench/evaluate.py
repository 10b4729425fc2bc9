"""Batch evaluation against a plain loop, side by side: speed, overhead, memory, completeness.

    python -m bench.evaluate [--json] [--items 300] [--scale 10000] [--promptfoo] [--data ../shared/data]

The loop makes the same calls as the workflow, one after the other, through boto3 and the same endpoint. Both
run against the same processes on the same rows, in alternating order, so that a busy machine burdens both. Rows are
public data from the data folder, which is not part of the project: questions (BANKING77 and AdvBench, about 60
characters, for which the fixed costs of a call weigh most), documents (paragraphs of COVID-QA's papers, about 880
characters) and both in turn.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import promptfoo
from stepguard.aws.evaluations import Watch
from stepguard.aws.guardrails import Guardrails
from stepguard.evaluation.runs import Run
from stepguard.guard.stages import Direction, Layer
from stepguard.session.embedded import embedded
from stepguard.session.model import Session

POLL_SECONDS = 0.5
"""As the command line asks; each question costs the cloud that is measured a few milliseconds."""
DATA = Path(os.environ.get("STEPGUARD_DATA", Path(__file__).parents[2] / "shared" / "data"))


CORPORA = ("questions", "documents", "mixed")


def rows_of(data: Path, count: int, corpus: str = "questions") -> list[dict[str, Any]]:
    """Rows of one of CORPORA, shuffled; repeated with another id if the sets are too small."""
    rows = {"questions": _questions, "documents": _documents}
    if corpus == "mixed":
        both = zip(_documents(data), _questions(data), strict=False)
        chosen = [row for pair in both for row in pair]
    else:
        chosen = rows[corpus](data)
    return [{"id": f"row-{index}", **chosen[index % len(chosen)]} for index in range(count)]


def _questions(data: Path) -> list[dict[str, Any]]:
    """Harmless and harmful requests."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        rows = [{"text": row["text"], "expected": "passed"} for row in csv.DictReader(file)]
    with (data / "advbench" / "harmful_behaviors.csv").open(encoding="utf-8") as file:
        rows += [{"text": row["goal"], "expected": "blocked"} for row in csv.DictReader(file)]
    random.Random(1).shuffle(rows)
    return rows


def _documents(data: Path) -> list[dict[str, Any]]:
    """Paragraphs of medical papers."""
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    papers = (paper["context"] for entry in corpus for paper in entry["paragraphs"])
    paragraphs = [part for paper in papers for part in paper.split("\n\n") if 300 < len(part) < 2000]
    random.Random(1).shuffle(paragraphs)
    return [{"text": text} for text in paragraphs]


def fresh(rows: list[dict[str, Any]], tag: str) -> list[dict[str, Any]]:
    """The same rows with one more word in each sentence, because the embedded guardrails cache sentences."""
    return [{**row, "text": f"{row['text'].replace('. ', f' {tag}. ')} [{tag}]"} for row in rows]


def loop(session: Session, rows: list[dict[str, Any]]) -> float:
    """Seconds for the guards of each row, one call after the other."""
    guardrails = Guardrails(scores=True)
    started = time.perf_counter()
    for row in rows:
        verdict = guardrails.check(session.layers[Layer.PREPROCESS], row["text"], Layer.PREPROCESS, Direction.INPUT)
        if not verdict.blocked:
            guardrails.check(session.layers[Layer.POSTPROCESS], verdict.text, Layer.POSTPROCESS, Direction.OUTPUT)
    return time.perf_counter() - started


def workers_alone(session: Session, rows: list[dict[str, Any]]) -> float:
    """Seconds for the guards of each row in this process: no workflow, Lambda, boto3 or HTTP, four rows at a time.

    This is what the guardrail workers can do at most.
    """
    assert session.cloud is not None
    apply = session.cloud.bedrock.runtime.apply_guardrail

    def check(layer: Layer, direction: Direction, text: str) -> dict[str, Any]:
        ref = session.layers[layer]
        where = {"guardrailIdentifier": ref.id, "guardrailVersion": ref.version, "outputScope": "FULL"}
        return apply({**where, "source": str(direction), "content": [{"text": {"text": text}}]})

    def both(row: dict[str, Any]) -> None:
        answer = check(Layer.PREPROCESS, Direction.INPUT, row["text"])
        blocked = '"BLOCKED"' in json.dumps(answer["assessments"])
        if not blocked and "layers" not in row:
            text = answer["outputs"][0]["text"] if answer["outputs"] else row["text"]
            check(Layer.POSTPROCESS, Direction.OUTPUT, text)

    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(both, rows))
    return time.perf_counter() - started


def evaluation(session: Session, rows: list[dict[str, Any]], name: str, concurrency: int) -> dict[str, Any]:
    """Seconds of the Map and of the whole run, and whether each row came out once."""
    evaluations = session.evaluations
    corpus = evaluations.object(name, "corpus.jsonl")
    evaluations.objects.put(corpus, "".join(json.dumps(row) + "\n" for row in rows).encode())
    work = evaluations.work(name)
    started = time.perf_counter()
    run = Run(name, (corpus.bucket, corpus.key), (work.bucket, work.key), None, concurrency)
    evaluations.start(run)
    watch, progress = Watch(evaluations, name), [(0, started)]
    while not (execution := evaluations.describe(name)).finished:
        time.sleep(POLL_SECONDS)
        if execution.status == "RUNNING":
            progress.append((watch.progress(execution).done, time.perf_counter()))
    seconds = time.perf_counter() - started
    if execution.status != "SUCCEEDED":
        sys.exit(f"The run failed: {execution.error} {execution.cause}")
    with evaluations.objects.open(evaluations.object(name, "results.jsonl")) as stream:
        results = [(line["id"], line["action"]) for line in map(json.loads, stream)]
    ids = [identifier for identifier, _ in results]
    history = list(evaluations.executions.history(execution.arn))
    moments = {event["type"]: event["timestamp"] for event in history}
    inside = (moments["MapRunSucceeded"] - moments["MapRunStarted"]).total_seconds()
    whole = sorted(ids) == sorted(row["id"] for row in rows)
    intervened = sum(action in ("masked", "blocked") for _, action in results)
    return {
        "seconds": seconds,
        "map_seconds": inside,
        "each_row_once": whole,
        "intervened": intervened,
        "rates": rates(progress, len(rows)),
    }


def rates(progress: list[tuple[int, float]], total: int) -> list[float]:
    """Items a second in each fifth of a run, from the polled progress; empty for a short run."""
    moments = []
    for part in range(6):
        reached = [moment for done, moment in progress if done >= max(1, total * part // 5)]
        if not reached:
            return []
        moments.append((next(done for done, moment in progress if moment == reached[0]), reached[0]))
    pairs = itertools.pairwise(moments)
    return [round((b - a) / (end - begin), 1) for (a, begin), (b, end) in pairs if end > begin]


def processor_seconds() -> float:
    """CPU time of this process and its Lambda workers; on a busy machine it is more reliable than the clock."""
    children = "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    total = 0.0
    for process in ("self", *children):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # a worker that has just ended
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


class Memory:
    """This process's resident memory in MB, sampled; the workers' is theirs."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        page = resource.getpagesize()
        while not self._stop.wait(0.2):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.peak = max(self.peak, pages * page / 1e6)


def beside_promptfoo(session: Session, rows: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """The input layer alone on the same rows, one ApplyGuardrail call each, four at a time; promptfoo and we in turn.

    Raises NotMeasuredError.
    """
    command = promptfoo.install()
    ours, theirs, again = [], [], []
    ref = session.layers[Layer.PREPROCESS]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            one = [{**row, "layers": ["preprocess"]} for row in fresh(rows, f"p{number}")]
            ours.append(evaluation(session, one, f"input-{number}", 4))
            two = fresh(rows, f"q{number}")
            theirs.append(promptfoo.run(command, str(session.url), ref, two, Path(folder, str(number))))
            # Not timed: stepguard must give the same verdicts on promptfoo's texts.
            same = [{**row, "layers": ["preprocess"]} for row in two]
            again.append(evaluation(session, same, f"again-{number}", 4))
    return {
        "version": promptfoo.VERSION,
        "rows": len(rows),
        "ours_rows_per_second": round(statistics.median(len(rows) / run["map_seconds"] for run in ours), 1),
        "ours_with_corpus_and_scorecard": round(statistics.median(len(rows) / run["seconds"] for run in ours), 1),
        "promptfoo_rows_per_second": round(statistics.median(len(rows) / run["seconds"] for run in theirs), 1),
        "promptfoo_with_start": round(statistics.median(len(rows) / run["wall_seconds"] for run in theirs), 1),
        "promptfoo_memory_mb": round(max(run["peak_memory_mb"] for run in theirs)),
        "intervened": [[run["intervened"] for run in runs] for runs in (again, theirs)],
    }


def side_by_side(session: Session, rows: list[dict[str, Any]], tag: str, rounds: int) -> dict[str, Any]:
    """The loop, one item at a time and four at a time, in turn on texts of one kind."""
    pairs = []
    for number in range(rounds):
        begin = processor_seconds()
        alone = loop(session, fresh(rows, f"{tag}a{number}"))
        between = processor_seconds()
        one = evaluation(session, fresh(rows, f"{tag}b{number}"), f"{tag}-one-{number}", 1)
        end = processor_seconds()
        workers = workers_alone(session, fresh(rows, f"{tag}w{number}"))
        four = evaluation(session, fresh(rows, f"{tag}c{number}"), f"{tag}-four-{number}", 4)
        pairs.append(
            {
                "loop": alone,
                "one_at_a_time": one["map_seconds"],
                "four_at_a_time": four["map_seconds"],
                "workers_alone": workers,
                "loop_processor": between - begin,
                "one_at_a_time_processor": end - between,
            }
        )
    middle = {name: statistics.median(pair[name] for pair in pairs) for name in pairs[0]}
    overhead = statistics.median(pair["one_at_a_time"] / pair["loop"] - 1 for pair in pairs)
    processor = statistics.median(pair["one_at_a_time_processor"] / pair["loop_processor"] - 1 for pair in pairs)
    share = statistics.median(pair["workers_alone"] / pair["four_at_a_time"] for pair in pairs)
    speedup = statistics.median(pair["loop"] / pair["four_at_a_time"] for pair in pairs)
    return {
        "characters": round(statistics.mean(len(row["text"]) for row in rows)),
        "seconds": {name: round(value, 2) for name, value in middle.items()},
        "pairs": pairs,
        "overhead_one_at_a_time": round(overhead, 3),
        "overhead_processor_time": round(processor, 3),
        "speedup_over_loop": round(speedup, 2),
        "share_of_workers": round(share, 3),
    }


def measure(session: Session, data: Path, items: int, scale: int, rounds: int, other: bool) -> dict[str, Any]:
    """All figures; with `other` also promptfoo's."""
    rows = rows_of(data, items)
    loop(session, rows[:50])
    evaluation(session, fresh(rows[:100], "warm"), "warm", 4)
    corpora = {name: side_by_side(session, rows_of(data, items, name), name, rounds) for name in CORPORA}
    sizes = []
    for size in sorted({min(1000, scale), scale}) if scale else ():
        with Memory() as memory:
            result = evaluation(session, fresh(rows_of(data, size, "mixed"), f"s{size}"), f"scale-{size}", 4)
        sizes.append(
            {
                "items": size,
                "seconds": round(result["seconds"], 1),
                "items_per_second": round(size / result["map_seconds"], 1),
                "items_per_second_by_fifths": result["rates"],
                "peak_memory_mb": round(memory.peak),
                "each_row_once": result["each_row_once"],
            }
        )
    compared: dict[str, Any] | str = "not measured: --promptfoo installs and runs it"
    if other:
        with Memory() as memory:
            try:
                compared = beside_promptfoo(session, rows, rounds)
                compared["ours_memory_mb"] = round(memory.peak)
            except promptfoo.NotMeasuredError as error:
                compared = f"not measured: {error}"
    return {"rows": items, "rounds": rounds, "corpora": corpora, "scale": sizes, "promptfoo": compared}


def print_corpus(name: str, figures: dict[str, Any], rows: int) -> None:
    """One corpus in words."""
    print(f"{name}, {figures['characters']} characters:")
    for way in ("loop", "one_at_a_time", "four_at_a_time", "workers_alone"):
        seconds = figures["seconds"][way]
        print(f"  {way:<15} {seconds:>8.2f} s  {rows / seconds:>7.1f} items/s")
    print(f"  overhead of workflow and engine, one item at a time: {figures['overhead_one_at_a_time']:+.1%}")
    print(f"  in processor time, corpus and scorecard included: {figures['overhead_processor_time']:+.1%}")
    print(f"  four at a time: {figures['speedup_over_loop']:.2f} times the loop's speed")
    print(f"  four at a time: {figures['share_of_workers']:.0%} of what the guardrail workers alone can do")


def print_promptfoo(figures: dict[str, Any] | str) -> None:
    """The comparison in words."""
    if isinstance(figures, str):
        print(f"promptfoo: {figures}")
        return
    print(f"the input layer alone, {figures['rows']} rows, four at a time:")
    print(
        f"  stepguard {figures['ours_rows_per_second']:.1f} rows/s "
        f"({figures['ours_with_corpus_and_scorecard']:.1f} with corpus and scorecard), "
        f"{figures['ours_memory_mb']} MB with engine, endpoint and the guardrails that both ask"
    )
    print(
        f"  promptfoo {figures['version']} {figures['promptfoo_rows_per_second']:.1f} rows/s "
        f"({figures['promptfoo_with_start']:.1f} with its start), {figures['promptfoo_memory_mb']} MB for itself alone"
    )
    ours, theirs = figures["intervened"]
    print(f"  intervened among the same texts, by round: stepguard {ours}, promptfoo {theirs}")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--scale", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--promptfoo", action="store_true", help="beside promptfoo, which npm installs (1.9 GB)")
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    if not (arguments.data / "banking77").is_dir():
        print(f"{arguments.data}: no data there; set STEPGUARD_DATA or --data.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as home, embedded(Path(home)) as session:
        figures = measure(
            session, arguments.data, arguments.items, arguments.scale, arguments.rounds, arguments.promptfoo
        )
    if arguments.json:
        print(json.dumps(figures))
        return 0
    for name in CORPORA:
        print_corpus(name, figures["corpora"][name], figures["rows"])
    for size in figures["scale"]:
        print(
            f"{size['items']:>7} mixed items: {size['items_per_second']:.1f}/s "
            f"(by fifths {size['items_per_second_by_fifths']}), peak {size['peak_memory_mb']} MB, "
            f"each row once: {size['each_row_once']}"
        )
    print_promptfoo(figures["promptfoo"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
