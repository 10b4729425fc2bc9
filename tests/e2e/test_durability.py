"""The state after a killed process, and how the next process continues."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.product import EXECUTIONS, HAS_PROC, SCRIPTS, START_SECONDS, alive, children, environment, run, serve

QUESTION = "Which vitamins are in an orange?"
PROMPTLY = 20


def _eventually(happened: Callable[[], bool], seconds: float = PROMPTLY) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def _running(command: list[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the background, ended with the test if not before."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(env)
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_killed_process_loses_no_execution(tmp_path: Path) -> None:
    """kill -9 in the middle of a chat: finished answers stay, the next start is prompt, the interrupted chat continues.

    The model is never ready, so that the chat is in the middle of a retry when its process is killed.
    """
    home = tmp_path / "state"
    echo = environment(tmp_path)
    finished = run("stepguard", "chat", QUESTION, "--json", "--home", str(home), env=echo).document
    with serve(tmp_path / "first", home=home, LLM_MODEL_ID="test.not-ready") as first:
        status, body = first.chat("Which vitamins are in an apple?", wait_seconds=0)
        assert (status, body["status"]) == (202, "RUNNING")
        name = body["execution"].rpartition(":")[2]
        assert first.request(f"/chat/{name}") == (202, body)
        blocked = first.chat("My card is 4111 1111 1111 1111.")
        assert blocked[1]["answer"]["outcome"] == "blocked"

        def retrying() -> bool:
            story = first.aws_json("stepfunctions", "get-execution-history", "--execution-arn", body["execution"])
            return "ModelNotReady" in json.dumps(story)

        assert _eventually(retrying)
        workers = children(first.process.pid)
        assert workers or not HAS_PROC
        first.process.kill()
        first.process.wait()
        assert _eventually(lambda: not any(alive(worker) for worker in workers), 5)
    began = time.monotonic()
    again = run("stepguard", "history", finished["execution"], "--json", "--home", str(home), env=echo).document
    assert time.monotonic() - began < PROMPTLY
    assert (again["status"], again["answer"]) == ("SUCCEEDED", {**finished["answer"], "citations": []})
    with serve(tmp_path / "second", home=home) as second:
        assert _eventually(lambda: second.request(f"/chat/{name}")[0] == 200)
        assert second.request(f"/chat/{name}")[1]["answer"]["text"] == "Which vitamins are in an apple?"
        assert second.request(f"/chat/{blocked[1]['execution'].rpartition(':')[2]}") == blocked
        assert second.chat(QUESTION)[0] == 200
        workers = children(second.process.pid)
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(10) == 0
        assert _eventually(lambda: not any(alive(worker) for worker in workers), 5)
    assert not (home / "endpoint.json").exists()


def test_interrupted_chat_ends_at_once(tmp_path: Path) -> None:
    """Ctrl-C: exit code 130 without a traceback, no process left, and the execution can be looked at."""
    home = tmp_path / "state"
    command = [str(SCRIPTS / "stepguard"), "chat", QUESTION, "--home", str(home)]
    env = environment(tmp_path, LLM_MODEL_ID="test.not-ready")
    log = home / "logs" / "stepguard-local-invoke_model.log"
    with _running(command, env) as process:
        assert _eventually(lambda: log.exists() and "ModelNotReady" in log.read_text(), START_SECONDS)
        workers = children(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PROMPTLY)
    assert process.returncode == 130
    assert b"Traceback" not in out + err
    assert _eventually(lambda: not any(alive(worker) for worker in workers))


def test_chats_at_the_same_time_share_a_folder(tmp_path: Path) -> None:
    """Two commands on one folder without a server: one waits for the other, both answer, both stay readable."""
    command = [str(SCRIPTS / "stepguard"), "chat", QUESTION, "--json", "--home", str(tmp_path / "state")]
    env = environment(tmp_path)
    with _running(command, env) as one, _running(command, env) as other:
        started = (one, other)
        documents = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert [document["answer"]["outcome"] for document in documents] == ["answered", "answered"]
    assert len({document["execution"] for document in documents}) == 2
    for document in documents:
        assert document["execution"].startswith(EXECUTIONS)
