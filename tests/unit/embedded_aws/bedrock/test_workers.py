"""Guardrails applied in worker processes: the same verdicts, errors and an orderly end."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embedded_aws.bedrock.detection import LocalDetection
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge import workers
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation, Scope
from embedded_aws.bedrock.judge.judge import LocalJudge
from embedded_aws.bedrock.judge.workers import GuardWorker, WorkerJudge
from embedded_aws.bedrock.policies.base import Direction
from embedded_aws.wire import ServiceError
from embedded_aws.workers.process import WorkerGone
from tests.fakes.waiting import until

pytestmark = pytest.mark.process

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = {"name": "g", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."}


_numbers = itertools.count()


def guardrail(**policies: object) -> Guardrail:
    """A new guardrail of these policies."""
    name = f"g{next(_numbers)}"
    return Guardrail(name, f"arn:{name}", "1", 0, {**MESSAGES, **policies}, NOW, NOW)


WORDS = guardrail(wordPolicyConfig={"wordsConfig": [{"text": "forbidden"}]})


@pytest.fixture
def judge() -> Iterator[WorkerJudge]:
    """A judge on real processes."""
    judge = WorkerJudge(2)
    yield judge
    judge.close()


def comparable(verdict: Evaluation) -> dict[str, object]:
    """A verdict without the one thing that differs from run to run."""
    assessment = dict(verdict.assessment)
    assessment["invocationMetrics"] = {
        **assessment["invocationMetrics"],
        "guardrailProcessingLatency": None,
    }
    return {"blocked": verdict.blocked, "outputs": verdict.outputs, "usage": verdict.usage, "assessment": assessment}


@pytest.mark.parametrize("text", ["This is a forbidden word.", "Nothing to see."])
@pytest.mark.parametrize("full", [True, False])
def test_a_worker_gives_the_verdict_that_the_caller_itself_would_give(
    judge: WorkerJudge, text: str, full: bool
) -> None:
    """Where a guardrail is applied changes nothing of what comes out."""
    here = LocalJudge(LocalDetection())(WORDS, "INPUT", [Block(text)], Scope(full=full))
    assert comparable(judge(WORDS, "INPUT", [Block(text)], Scope(full=full))) == comparable(here)


def test_a_worker_keeps_guardrails_apart(judge: WorkerJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is judged by its own guardrail, also after more of them than a worker remembers."""
    monkeypatch.setattr(workers, "KEPT", 3)
    several = [guardrail(wordPolicyConfig={"wordsConfig": [{"text": f"w{n}"}]}) for n in range(5)]
    for asked in (0, 1, 0, 2, 3, 4, 0, 4, 1):
        for word in range(5):
            verdict = judge(several[asked], "INPUT", [Block(f"the word w{word}.")], Scope())
            assert verdict.blocked == (asked == word)


def test_a_refusal_arrives_as_the_same_error(judge: WorkerJudge) -> None:
    """A ServiceError of the detectors keeps code, status and message on its way between processes."""
    with pytest.raises(ServiceError, match="maximum input size") as caught:
        judge(WORDS, "INPUT", [Block("x" * 25_001)], Scope())
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


def test_a_worker_killed_in_a_request_costs_one_error_that_clients_retry(judge: WorkerJudge) -> None:
    """After a worker has died the next request is judged by a new one."""
    judge(WORDS, "INPUT", [Block("fine")], Scope())
    (stopped,) = judge.processes
    os.kill(stopped, signal.SIGSTOP)  # so that the request is under way when the worker dies
    killing = threading.Timer(0.2, os.kill, [stopped, signal.SIGKILL])
    killing.start()
    with pytest.raises(ServiceError) as caught:
        judge(WORDS, "INPUT", [Block("fine")], Scope())
    killing.join()
    assert (caught.value.code, caught.value.status) == ("InternalServerException", 500)
    assert judge(WORDS, "INPUT", [Block("forbidden")], Scope()).blocked


def test_a_worker_killed_between_requests_costs_nothing(judge: WorkerJudge) -> None:
    """An idle worker that has ended is replaced before a request meets it."""
    judge(WORDS, "INPUT", [Block("fine")], Scope())
    (killed,) = judge.processes
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _runs(killed):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert judge(WORDS, "INPUT", [Block("forbidden")], Scope()).blocked
    assert killed not in judge.processes


def test_a_worker_that_does_not_answer_is_replaced(judge: WorkerJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that hangs costs its request one error, and no request after it."""
    judge(WORDS, "INPUT", [Block("fine")], Scope())
    (hanging,) = judge.processes
    os.kill(hanging, signal.SIGSTOP)
    with monkeypatch.context() as patched:
        patched.setattr(workers, "PATIENCE", 0.05)
        with pytest.raises(ServiceError) as caught:
            judge(WORDS, "INPUT", [Block("fine")], Scope())
    assert caught.value.status == 500
    assert judge(WORDS, "INPUT", [Block("forbidden")], Scope()).blocked
    assert hanging not in judge.processes


def test_an_error_of_ours_says_where_and_never_what_the_text_was(
    judge: WorkerJudge, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a detector is answered with 500; the log has its place, and no user text."""
    broken = guardrail(wordPolicyConfig={"wordsConfig": [{"no text": "a secret"}]})
    with pytest.raises(ServiceError) as caught:
        judge(broken, "INPUT", [Block("a secret")], Scope())
    assert caught.value.status == 500
    assert re.search(r"KeyError at \S+/policies/words\.py:\d+", caplog.text)
    assert "secret" not in caplog.text
    assert judge(WORDS, "INPUT", [Block("forbidden")], Scope()).blocked


def test_closing_ends_the_processes(judge: WorkerJudge) -> None:
    """No process is left behind, and requests are refused afterwards."""
    judge(WORDS, "INPUT", [Block("fine")], Scope())
    (process,) = judge.processes
    judge.close()
    assert not Path(f"/proc/{process}").exists() or not Path("/proc").exists()
    with pytest.raises(ServiceError):
        judge(WORDS, "INPUT", [Block("fine")], Scope())


def test_files_of_the_current_folder_are_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker runs the same code wherever the product is started: a file named as a module is not imported."""
    for module in ("logging", "json", "local"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    worker = GuardWorker()
    try:
        worker.wait_until_ready()
    finally:
        worker.kill()


def test_workers_end_with_a_killed_parent() -> None:
    """Nothing is left running when the embedded AWS is killed with SIGKILL."""
    program = (
        "import sys, time; from embedded_aws.bedrock.judge.workers import WorkerJudge\n"
        "judge = WorkerJudge(1)\n"
        "judge.warm_up()\n"
        "while not judge.processes: time.sleep(0.01)\n"
        "print(judge.processes[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while _runs(worker):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    """Whether a process exists and has open descriptors: a zombie has none when its last thread has ended."""
    process = Path(f"/proc/{pid}")
    if not Path("/proc").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    try:
        return ") Z " not in (process / "stat").read_text() or len(list((process / "task").iterdir())) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


class FakeWorker(GuardWorker):
    """A worker without a process; `gate` holds its answers back."""

    def __init__(self, gate: threading.Event | None = None, *, ready: bool = True) -> None:
        self.gate = gate or threading.Event()
        self.ready = ready
        self.killed = False
        self.judged: list[str] = []
        if gate is None:
            self.gate.set()

    def wait_until_ready(self) -> None:
        if not self.ready:
            raise WorkerGone

    def judge(self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope) -> Evaluation:
        self.gate.wait(10)
        self.judged.append(blocks[0].text)
        return Evaluation(False, False, (), (), {}, {}, {})

    def waiting(self) -> bool:
        return True

    def interrupt(self) -> None:
        self.kill()

    def kill(self) -> None:
        self.killed = True


def test_workers_grow_with_the_load_and_never_beyond_the_limit() -> None:
    """Requests one after the other need one worker; requests at once get one each, up to the limit."""
    gate = threading.Event()
    gate.set()
    started: list[FakeWorker] = []

    def start(_vectors: int | None) -> GuardWorker:
        started.append(FakeWorker(gate))
        return started[-1]

    judge = WorkerJudge(3, start)
    for number in range(5):
        judge(WORDS, "INPUT", [Block(f"one {number}")], Scope())
    assert len(started) == 1
    gate.clear()
    callers = [
        threading.Thread(target=judge, args=(WORDS, "INPUT", [Block(f"many {number}")], Scope())) for number in range(8)
    ]
    for caller in callers:
        caller.start()
    deadline = threading.Event()
    while len(started) < 3 and not deadline.wait(0.01):
        pass
    deadline.wait(0.1)
    gate.set()
    for caller in callers:
        caller.join(10)
    assert len(started) == 3
    assert sum(len(worker.judged) for worker in started) == 13
    judge.close()
    assert all(worker.killed for worker in started)


def test_a_worker_that_cannot_start_is_an_error_not_a_wait() -> None:
    """No caller waits for processes that do not start."""
    judge = WorkerJudge(2, lambda _vectors: FakeWorker(ready=False))
    with pytest.raises(ServiceError) as caught:
        judge(WORDS, "INPUT", [Block("fine")], Scope())
    assert caught.value.status == 500


def test_a_worker_that_owes_an_answer_is_never_asked_again() -> None:
    """A request broken off while it waits does not leave its verdict for the next request."""

    class Broken(FakeWorker):
        def judge(self, *_: object) -> Evaluation:
            raise KeyboardInterrupt

    started: list[FakeWorker] = [Broken(), FakeWorker()]
    ready = iter(started)
    judge = WorkerJudge(1, lambda _vectors: next(ready))
    with pytest.raises(KeyboardInterrupt):
        judge(WORDS, "INPUT", [Block("broken off")], Scope())
    assert started[0].killed
    judge(WORDS, "INPUT", [Block("next")], Scope())
    assert started[1].judged == ["next"]
    judge.close()


def test_closing_ends_a_worker_that_is_just_starting() -> None:
    """What is being started when the judge closes is ended as well, and has its memory until then."""
    asked, gate = threading.Event(), threading.Event()
    late = FakeWorker()

    def start(vectors: int | None) -> GuardWorker:
        asked.set()
        gate.wait(10)
        assert vectors is None or os.fstat(vectors)
        return late

    judge = WorkerJudge(1, start)
    judge.warm_up()
    assert asked.wait(10)
    closing = threading.Thread(target=judge.close)
    closing.start()
    closing.join(0.05)
    gate.set()
    closing.join(10)
    assert late.killed
    assert judge.processes == ()


def test_a_waiting_request_does_not_start_workers_over_and_over() -> None:
    """When another worker cannot be started, who waits is served by those that there are."""
    gate = threading.Event()
    attempts: list[FakeWorker] = []

    def start(_vectors: int | None) -> GuardWorker:
        attempts.append(FakeWorker(gate, ready=not attempts))
        return attempts[-1]

    judge = WorkerJudge(4, start)
    callers = [
        threading.Thread(target=judge, args=(WORDS, "INPUT", [Block(f"many {number}")], Scope())) for number in range(3)
    ]
    for caller in callers:
        caller.start()
    assert until(lambda: len(attempts) >= 2)
    time.sleep(0.2)  # in which no further worker may be started
    gate.set()
    for caller in callers:
        caller.join(10)
    assert len(attempts[0].judged) == 3
    assert 2 <= len(attempts) <= 3  # once for each of the two that wait
    judge.close()
