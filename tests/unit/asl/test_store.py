"""The file of the engine's state."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.asl.store import SCHEMA_VERSION, Store


def test_a_file_is_opened_again(tmp_path: Path) -> None:
    """With what was written."""
    for number in range(2):
        store = Store(tmp_path / "s.sqlite3")
        assert len(store.read("SELECT * FROM tags")) == number
        store.write("INSERT INTO tags VALUES (?, ?, ?)", "arn", str(number), "")
        store.close()


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_a_file_of_another_version_is_left_alone(tmp_path: Path, version: int) -> None:
    """Older (before versions were written) or newer: the message says what to do."""
    file = tmp_path / "s.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE executions (id INTEGER)")
        database.execute(f"PRAGMA user_version = {version}")
    before = file.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match=rf"s\.sqlite3 has version {version} .* move or delete the folder"):
        Store(file)
    assert file.read_bytes() == before
