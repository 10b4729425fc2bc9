"""Ctrl-C while the local language model writes: the answer ends, the process does not crash."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.product import HAS_PROC, SCRIPTS, START_SECONDS, children, environment, run, serve

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not HAS_PROC, reason="needs /proc to see the model's process"),
]
LONG = "Write a long story about diabetes, insulin and food."
REAL = "test.local"
"""A model id of the local language model."""


def _model(process: int) -> int | None:
    """The process of the language model below a stepguard process."""
    for child in children(process):
        if b"bedrock.models.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return None


def _writes(process: int) -> bool:
    """Whether the language model is at work: its process has used processor time for more than loading."""
    child = _model(process)
    if child is None:
        return False
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK") > 1.0


def _wait(condition: Callable[[], object], seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("arguments", [("chat", LONG), ("demo",)], ids=["chat", "demo"])
def test_ctrl_c_stops_the_model(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 130, not a segmentation fault; the execution is ABORTED and no process is left."""
    home = ("--home", str(tmp_path / "state"))
    env = environment(tmp_path, LLM_MODEL_ID=REAL)
    process = subprocess.Popen(
        [str(SCRIPTS / "stepguard"), *arguments, *home], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _wait(lambda: _writes(process.pid))
    model = _model(process.pid)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=10)
    assert process.returncode == 130, error
    stopped = re.fullmatch(r"stepguard: Interrupted. The execution was stopped: (\S+)\n", error.decode())
    assert stopped, error
    _wait(lambda: not Path(f"/proc/{model}").exists())
    history = run("stepguard", "history", stopped[1], "--json", *home, env=env)
    assert history.document["status"] == "ABORTED"


def test_ctrl_c_stops_a_server_whose_model_writes(tmp_path: Path) -> None:
    """`serve` ends with 0 while it answers a question."""
    with serve(tmp_path, LLM_MODEL_ID=REAL) as server:
        server.chat(LONG, wait_seconds=0)
        _wait(lambda: _writes(server.process.pid))
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0


def test_ctrl_c_ends_the_answer_and_not_the_chat(tmp_path: Path) -> None:
    """In an interactive chat: the next question is answered, lines come back from the history, and Ctrl-C at the prompt
    ends the chat with 130; its conversation can be continued."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(SCRIPTS / "stepguard"), "chat", "--home", str(tmp_path / "state")],
        env=environment(tmp_path, LLM_MODEL_ID=REAL), stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True, preexec_fn=_control,
    )  # fmt: skip
    os.close(terminal)
    screen = _Screen(controller)
    try:
        _wait(lambda: screen.text.endswith("> "))
        os.write(controller, f"{LONG}\n".encode())
        _wait(lambda: _writes(process.pid))
        os.write(controller, b"\x03")
        _wait(lambda: "The execution was stopped" in screen.text and screen.text.endswith("> "), 5)
        os.write(controller, b"My card number is 4111 1111 1111 1111.\n")
        _wait(lambda: "blocked, from" in screen.text and screen.text.endswith("> "))
        os.write(controller, b"\x1b[A\n")  # the line before, from the history
        _wait(lambda: screen.text.count("blocked, from") == 2 and screen.text.endswith("> "))
        os.write(controller, b"\x03")
        assert process.wait(10) == 130
        assert "Continue with: stepguard chat --conversation conv-" in screen.text
        assert (tmp_path / "state" / "chat_history").stat().st_mode & 0o077 == 0
    finally:
        process.kill()
        process.wait()
        screen.close()
    assert "Traceback" not in screen.text


def _control() -> None:
    """Make the standard input the controlling terminal, so that Ctrl-C sends a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class _Screen:
    """What a program writes to its terminal."""

    def __init__(self, descriptor: int) -> None:
        self.text = ""
        self._descriptor = descriptor
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._descriptor, 65536):
                self.text += piece.decode("utf-8", "replace")
        except OSError:  # the program has ended
            return

    def close(self) -> None:
        """Wait for the last output."""
        self._thread.join(5)
        os.close(self._descriptor)
