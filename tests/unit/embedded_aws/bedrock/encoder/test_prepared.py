"""What the encoder keeps on disk between processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded_aws.bedrock.encoder import prepared


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache folder that does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stepguard"


def refused() -> bytes:
    """What must not be called."""
    pytest.fail("made again")


def test_the_next_process_reads_what_the_first_made(cache: Path) -> None:
    """From one file that only the user can read."""
    assert bytes(prepared.prepared("graph", lambda: b"made once")) == b"made once"
    assert bytes(prepared.prepared("graph", refused)) == b"made once"
    (file,) = cache.iterdir()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 17])
def test_a_damaged_file_is_made_again(cache: Path, damage: bytes) -> None:
    """Empty, cut or changed."""
    prepared.prepared("graph", lambda: b"content")
    (file,) = cache.iterdir()
    file.write_bytes(damage)
    assert bytes(prepared.prepared("graph", lambda: b"content")) == b"content"
    assert bytes(prepared.prepared("graph", refused)) == b"content"


def test_without_a_folder_everything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that is a file, and a user without one."""
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert bytes(prepared.prepared("graph", lambda: b"again")) == b"again"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", _homeless)
    assert prepared.folder() is None
    assert bytes(prepared.prepared("graph", lambda: b"again")) == b"again"


def _homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_another_package_or_code_has_another_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name has a hash of the package's file; files of old versions go after a month."""
    prepared.prepared("graph", lambda: b"old")
    (old,) = cache.iterdir()
    other = cache.parent / "weights.bin"
    other.write_bytes(b"x")
    monkeypatch.setattr(prepared, "packaged_file", lambda *_: other)
    assert bytes(prepared.prepared("graph", lambda: b"new")) == b"new"
    assert len(list(cache.iterdir())) == 2
    later = old.stat().st_mtime + 31 * 86400
    monkeypatch.setattr("time.time", lambda: later)
    other.write_bytes(b"xy")
    prepared.prepared("graph", lambda: b"newer")
    assert [file.read_bytes()[8:] for file in cache.iterdir()] == [b"newer"]
