"""The file of the engine's state."""

from __future__ import annotations

from pathlib import Path

from embedded_aws.states.store.store import Store


def test_a_file_is_opened_again(tmp_path: Path) -> None:
    """With what was written."""
    for number in range(2):
        store = Store(tmp_path / "s.sqlite3")
        assert len(store.read("SELECT * FROM tags")) == number
        store.write("INSERT INTO tags VALUES (?, ?, ?)", "arn", str(number), "")
        store.close()
