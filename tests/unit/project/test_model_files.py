"""A model file that is missing, cut short or changed is found by size and hash."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from stepguard.project.models import broken_files

CONTENT = b"weights" * 100


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model file of an installed package, as an installer records it."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(CONTENT).digest()).rstrip(b"=").decode()
    info = tmp_path / "some_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-model\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        f"some_model/model.gguf,sha256={digest},{len(CONTENT)}\nsome_model-1.0.dist-info/RECORD,,\n"
    )
    found = tmp_path / "some_model" / "model.gguf"
    found.parent.mkdir()
    found.write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return found


def test_an_intact_package_has_no_broken_files(file: Path) -> None:
    """RECORD's own line has no hash."""
    assert broken_files("some_model") == []


def test_a_missing_a_short_and_a_changed_file_are_named(file: Path) -> None:
    """With the path, and what is wrong."""
    file.write_bytes(CONTENT[:-1] + b"!")
    assert broken_files("some_model") == [f"{file} has another content than the published one"]
    file.write_bytes(CONTENT[:300])
    assert broken_files("some_model") == [f"{file} has 300 of 700 bytes"]
    file.unlink()
    assert broken_files("some_model") == [f"{file} cannot be read (No such file or directory)"]
