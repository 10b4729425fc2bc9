"""The functions' log files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from embedded_aws.lambda_ import logs
from embedded_aws.lambda_.logs import InvocationLog, LogFolder


def read(folder: Path, name: str = "f.log") -> list[str]:
    """The lines without their times."""
    return [line.split(" ", 1)[1] for line in (folder / name).read_text("utf-8").splitlines()]


def test_lines_are_put_together_from_pieces(tmp_path: Path) -> None:
    """A line cut anywhere is one line; one without an end is ended before the platform's next."""
    log = InvocationLog(LogFolder(tmp_path), "f", "stream")
    log.output(b"fir")
    log.output(b"st\nsecond\nthi")
    log.lines("END")
    assert read(tmp_path) == ["stream first", "stream second", "stream thi", "stream END"]
    assert log.tail == b"first\nsecond\nthi\nEND\n"


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    """What is longer than CloudWatch's event is cut."""
    log = InvocationLog(LogFolder(tmp_path), "f", "stream")
    for _ in range(10):
        log.output(b"x" * 100_000)
    assert len(read(tmp_path)) >= 3
    assert len(log.tail) == 4096


def test_the_log_is_its_owners(tmp_path: Path) -> None:
    """Other users of the machine cannot read the output of handlers."""
    LogFolder(tmp_path).append("f", "stream", [b"x"])
    assert stat.S_IMODE((tmp_path / "f.log").stat().st_mode) == 0o600


def test_a_full_log_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the limit is kept once under another name."""
    monkeypatch.setattr(logs, "ROTATE_AT", 100)
    folder = LogFolder(tmp_path)
    for number in range(12):
        folder.append("f", "stream", [str(number).encode() * 40])
    folder.close()
    assert {path.name for path in tmp_path.iterdir()} == {"f.log", "f.log.1"}
    assert (tmp_path / "f.log").stat().st_size < 250
