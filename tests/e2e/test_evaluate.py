"""`stepguard evaluate` as a user runs it: killed and resumed, with the peers' files, with bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.product import SCRIPTS, Ran, Server, environment, run, wait_until

SAMPLES = Path(__file__).parents[1] / "data" / "aws_samples"


def evaluate(home: Path, *arguments: str) -> Ran:
    """Run the command on a separate state folder."""
    return run("stepguard", "evaluate", *arguments, "--home", str(home / "state"), env=environment(home), seconds=180)


def corpus(folder: Path, items: int) -> Path:
    """Documents, some of which are masked, some long, one row bad."""
    rows = []
    for number in range(items):
        text = f"Letter {number}: the ward is open. " + ("Write to ann@example.com. " if number % 3 == 0 else "")
        rows.append({"id": f"i{number}", "text": text * (400 if number == 5 else 1), "expected": "passed"})
    file = folder / "letters.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n", encoding="utf-8")
    return file


def scorecard(folder: Path) -> dict[str, Any]:
    """Without what depends on the clock."""
    card: dict[str, Any] = json.loads((folder / "scorecard.json").read_text(encoding="utf-8"))
    del card["timings"]
    return card


def wait_for_items(count: int, home: Path, process: subprocess.Popen[bytes]) -> None:
    """Return once so many items have reached the third layer, while the process runs."""
    log = home / "logs" / "stepguard-local-guard_answer.log"
    deadline = time.monotonic() + 120
    while not log.exists() or log.read_text(encoding="utf-8").count("START") < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """kill -9 in the middle, --resume: the same scorecard, each item once; and its results can be fetched again."""
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    file = corpus(tmp_path, 400)
    out = tmp_path / "killed" / "stderr"
    with out.open("wb") as stderr:
        process = subprocess.Popen(
            [str(SCRIPTS / "stepguard"), "evaluate", str(file), "--home", str(tmp_path / "killed" / "state")],
            env=environment(tmp_path / "killed"),
            stderr=stderr,
            stdout=subprocess.DEVNULL,
        )
        try:
            identifier = wait_until(out, r"--resume (\S+)", process)
            wait_for_items(40, tmp_path / "killed" / "state", process)
        finally:
            process.kill()
            process.wait()
    resumed = evaluate(tmp_path / "killed", "--resume", identifier, "--out", str(tmp_path / "a"))
    assert resumed.code == 0, resumed.err
    assert evaluate(tmp_path / "whole", str(file), "--out", str(tmp_path / "b")).code == 0
    first, second = (json.dumps(scorecard(tmp_path / name)) for name in "ab")
    assert first == second
    lines = [json.loads(line) for line in (tmp_path / "a" / "results.jsonl").read_text("utf-8").splitlines()]
    assert sorted(line["number"] for line in lines) == list(range(400))
    assert all(re.fullmatch(r"arn:aws:states:.*:express:.*", line["execution"]) for line in lines)
    assert scorecard(tmp_path / "a")["bad_rows"] == 1
    again = evaluate(tmp_path / "killed", "--resume", identifier, "--out", str(tmp_path / "c"), "--json")
    assert again.document["scorecard"]["items"] == 400


def test_a_killed_worker_loses_no_item(tmp_path: Path) -> None:
    """kill -9 of every Lambda worker, twice in a run: its invocation is repeated, and each item has a
    result."""
    out = tmp_path / "stderr"
    with out.open("wb") as stderr:
        command = [
            str(SCRIPTS / "stepguard"),
            "evaluate",
            str(corpus(tmp_path, 300)),
            "--home",
            str(tmp_path / "state"),
        ]
        process = subprocess.Popen(
            [*command, "--out", str(tmp_path / "results")],
            env=environment(tmp_path),
            stderr=stderr,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for_items(20, tmp_path / "state", process)
            rounds = 0
            while rounds < 2 and process.poll() is None:
                rounds += kill_workers(process.pid) > 0
                time.sleep(0.3)
            code = process.wait(timeout=180)
        finally:
            process.kill()
            process.wait()
    logs = "".join(file.read_text("utf-8") for file in (tmp_path / "state" / "logs").glob("*.log"))
    assert rounds == 2
    assert "signal: killed" in logs
    assert (code, scorecard(tmp_path / "results")["actions"]["failed"]) == (0, 0), out.read_text("utf-8")
    assert scorecard(tmp_path / "results")["items"] == 300


def kill_workers(parent: int) -> int:
    """Kill the Lambda workers of this process. Returns their number."""
    listed = subprocess.run(["ps", "-ww", "--ppid", str(parent), "-o", "pid=,args="], capture_output=True, text=True)
    workers = [int(line.split()[0]) for line in listed.stdout.splitlines() if "embedded_aws.lambda_.runtime" in line]
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    return len(workers)


def test_the_peers_files_run_as_they_are(tmp_path: Path) -> None:
    """With the guardrails that those samples define; a limit that is not reached is exit code 3."""
    for name, guardrail, items in (
        ("tdd_guardrail_tests.csv", "tdd_create_guardrail.json", 54),
        ("optimizer_sample_test_inputs.csv", "optimizer_create_guardrail.json", 50),
    ):
        arguments = (str(SAMPLES / name), "--guardrails", str(SAMPLES / guardrail), "--json", "--fail-under", "f1=1")
        ran = evaluate(tmp_path, *arguments)
        card = ran.document["scorecard"]
        assert (ran.code, card["items"], card["labelled"], card["actions"]["failed"]) == (3, items, items, 0)
        assert ran.document["under"]


def test_bad_input_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    """Exit code 2, and nothing half-written."""
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "binary.jsonl").write_bytes(b"\x00\x01\x02")
    (tmp_path / "twice.jsonl").write_text('{"text": "a", "id": "x"}\n{"text": "b", "id": "x"}\n')
    (tmp_path / "label.jsonl").write_text('{"text": "a", "expected": "perhaps"}\n')
    (tmp_path / "long.jsonl").write_bytes(b'{"text": "' + b"a" * 100_000_000 + b'"}')
    (tmp_path / "words.jsonl").write_text("no JSON\n")
    cases = {
        "empty.jsonl": "no readable item",
        "binary.jsonl": "is a binary file",
        "twice.jsonl": "line 2: this id",
        "label.jsonl": "column 'expected' has labels that are unknown. Its words: perhaps",
        "long.jsonl": "longer than 64 MB",
        "words.jsonl": "The first row left out: words.jsonl, line 1: is not valid JSON",
        "nowhere": "no such file",
        "s3://no-such-bucket/x.jsonl": "no bucket",
        "s3://stepguard-evaluations/gone.jsonl": "no object",
    }
    for name, words in cases.items():
        place = name if name.startswith("s3:") else str(tmp_path / name)
        home = ("--home", str(server.home))
        ran = run("stepguard", "evaluate", place, *home, "--out", str(tmp_path / "out"), env=environment(tmp_path))
        assert (ran.code, words in ran.err, ran.out) == (2, True, ""), (name, ran.err)
        assert not (tmp_path / "out").exists()


def test_an_interrupted_run_says_how_it_goes_on(tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, the command to go on with, and no folder of results."""
    file = corpus(tmp_path, 300)
    out = tmp_path / "stderr"
    with out.open("wb") as stderr:
        process = subprocess.Popen(
            [str(SCRIPTS / "stepguard"), "evaluate", str(file), "--home", str(tmp_path / "state")],
            env=environment(tmp_path),
            stderr=stderr,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until(out, r"--resume (\S+)", process)
            wait_for_items(1, tmp_path / "state", process)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
            process.wait()
    printed = out.read_text(encoding="utf-8")
    again = re.search(r"interrupted; continue with: stepguard evaluate --resume \S+ --home (\S+)", printed)
    assert again
    assert again[1] == str(tmp_path / "state")
    assert "Traceback" not in printed
    assert not list((tmp_path / "state" / "evaluations").glob("*"))
