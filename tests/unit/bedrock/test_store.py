"""The file of the guardrails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.bedrock.store import SCHEMA_VERSION, Store


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_a_file_of_another_version_is_left_alone(tmp_path: Path, version: int) -> None:
    """Older (before versions were written) or newer: the message says what to do."""
    file = tmp_path / "b.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE guardrails (id INTEGER)")
        database.execute(f"PRAGMA user_version = {version}")
    before = file.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match=rf"b\.sqlite3 has version {version} .* move or delete the folder"):
        Store(file)
    assert file.read_bytes() == before


def test_a_file_of_this_version_is_opened_again(tmp_path: Path) -> None:
    """By several processes, too."""
    first, second = Store(tmp_path / "b.sqlite3"), Store(tmp_path / "b.sqlite3")
    first.close()
    assert second.count() == 0
    second.close()
