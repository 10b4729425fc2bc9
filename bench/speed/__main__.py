"""Processor time and memory of the embedded detectors, this checkout and another one in turn:
`python -m bench.speed [--against FOLDER] [--json] [--texts 40] [--data ../shared/data]`.

Each checkout runs in a separate process on one core and gets the same texts in turn, so that a busy machine slows both;
processor time leaves out what other programs take. All policies of bench.peers: six content filters, two topics, words,
profanity, 31 PII types, two regexes. `first` is the processor time of a new process from its start to its first
verdict; memory is the peak of a process that has judged all texts.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("STEPGUARD_DATA", ROOT.parent / "shared" / "data"))
LENGTH = 200
_ROUNDS = 3
_CHILD = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from bench.peers import everything
from bench.peers_child import stepguard
scan = stepguard(everything())
scan("The first call loads what is loaded lazily. Jane Roe, 12 Main Street, Boston.")
print(json.dumps(time.process_time()), flush=True)
for line in sys.stdin:
    started = time.process_time()
    scan(json.loads(line))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.process_time() - started, peak]), flush=True)
"""


def texts(data: Path, count: int) -> dict[str, list[str]]:
    """Texts by kind, the same ones at each call."""
    from bench.peers import texts as medical

    generator = random.Random(3)
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        asked = [row["text"].strip() for row in csv.DictReader(file)]
    asked = [text for text in asked if "\n" not in text and 40 < len(text) < 90]
    languages = json.loads((ROOT / "bench" / "data" / "languages.json").read_text(encoding="utf-8"))
    spoken = [texts["harmless"] for name, texts in languages.items() if name != "note"]
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    pages = [part["context"] for document in corpus for part in document["paragraphs"]]
    return {
        "one question of a customer": generator.sample(asked, count),
        "three questions, 200 characters": [" ".join(generator.sample(asked, 3))[:LENGTH] for _ in range(count)],
        "medical prose, 200 characters": medical(data, count),
        "nine other languages, up to 200 characters": [
            " ".join(generator.sample(spoken[number % len(spoken)], 4))[:LENGTH] for number in range(count)
        ],
        "documents of 20,000 characters": [page[2000:22000] for page in pages if len(page) > 24000][:3],
    }


class Side:
    """A checkout in a separate process."""

    def __init__(self, folder: Path, core: int) -> None:
        environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, "-P", "-c", _CHILD, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        self.first = float(self._answer())
        self.memory = 0.0

    def judge(self, text: str) -> float:
        """Milliseconds of processor time."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()
        seconds, self.memory = self._answer()
        return float(seconds) * 1000

    def _answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def measure(folders: dict[str, Path], data: Path, count: int) -> dict[str, Any]:
    """Medians by kind and checkout."""
    firsts: dict[str, list[float]] = {name: [] for name in folders}
    for _ in range(_ROUNDS):
        sides = {name: Side(folder, core=0) for name, folder in folders.items()}
        for name, side in sides.items():
            firsts[name].append(side.first)
        if len(firsts[name]) < _ROUNDS:
            for side in sides.values():
                side.close()
    report: dict[str, Any] = {}
    try:
        for kind, some in texts(data, count).items():
            times = [[side.judge(text) for side in sides.values()] for text in some]
            report[kind] = {
                name: round(statistics.median(row[place] for row in times), 1) for place, name in enumerate(sides)
            }
            if len(sides) > 1:
                report[kind]["ratio"] = round(statistics.median(row[0] / row[1] for row in times), 2)
        report["first verdict of a new process"] = {
            name: round(statistics.median(some) * 1000) for name, some in firsts.items()
        }
        report["peak memory, MB"] = {name: round(side.memory) for name, side in sides.items()}
    finally:
        for side in sides.values():
            side.close()
    return report


def main() -> int:
    """Print a line for each kind of text: milliseconds of processor time, median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout, which is measured in turn")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    folders = {"now": ROOT} | ({"before": given.against.resolve()} if given.against else {})
    report = measure(folders, given.data, given.texts)
    if given.json:
        print(json.dumps(report))
        return 0
    for kind, row in report.items():
        print(f"{kind:45} " + "  ".join(f"{name} {value}" for name, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
