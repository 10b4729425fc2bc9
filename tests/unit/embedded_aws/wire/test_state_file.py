"""The files of the state folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from embedded_aws.bedrock.api import store as guardrails
from embedded_aws.states.store import store as executions


@pytest.mark.parametrize(
    ("store", "version"),
    [
        pytest.param(executions.Store, 0, id="executions older"),
        pytest.param(executions.Store, executions.SCHEMA_VERSION + 1, id="executions newer"),
        pytest.param(guardrails.Store, 0, id="guardrails older"),
        pytest.param(guardrails.Store, guardrails.SCHEMA_VERSION + 1, id="guardrails newer"),
    ],
)
def test_a_file_of_another_version_is_left_alone(
    tmp_path: Path, store: type[executions.Store | guardrails.Store], version: int
) -> None:
    """Older (before versions were written) or newer: the message says what to do."""
    file = tmp_path / "s.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE executions (id INTEGER)")
        database.execute(f"PRAGMA user_version = {version}")
    before = file.read_bytes()
    with pytest.raises(
        sqlite3.DatabaseError, match=rf"s\.sqlite3: the file has version {version} .* move or delete the folder"
    ):
        store(file)
    assert file.read_bytes() == before


def _open_and_fill(store: type[executions.Store | guardrails.Store], file: Path) -> None:
    opened = store(file)
    if isinstance(opened, guardrails.Store):
        with opened.transaction():
            opened.create("abcdefghijkl", "arn", {"name": "a", "description": "d" * 20_000}, {})
    opened.close()


def _halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _scatter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 200] = bytes(range(200))
    file.write_bytes(content)


def _replace_by_noise(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 40)


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _other_columns(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in tables:
            if not name.startswith("sqlite_"):
                database.execute(f'ALTER TABLE "{name}" RENAME TO "old_{name}"')
                database.execute(f'CREATE TABLE "{name}" (other TEXT)')
        database.commit()


@pytest.mark.parametrize("damage", [_halve, _scatter, _replace_by_noise, _replace_by_folder, _other_columns])
@pytest.mark.parametrize("store", [executions.Store, guardrails.Store])
def test_a_damaged_file_is_named(
    tmp_path: Path, store: type[executions.Store | guardrails.Store], damage: Callable[[Path], None]
) -> None:
    """When it is opened, so that the command prints the state folder's message."""
    file = tmp_path / "s.sqlite3"
    _open_and_fill(store, file)
    damage(file)
    with pytest.raises(sqlite3.Error, match=r"^s\.sqlite3: "):
        store(file)


def test_an_unreadable_guardrail_is_found_when_the_file_is_opened(tmp_path: Path) -> None:
    """The pages of the file are sound, but a cell is not JSON."""
    file = tmp_path / "s.sqlite3"
    _open_and_fill(guardrails.Store, file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE guardrails SET tags = '{'")
        database.commit()
    with pytest.raises(sqlite3.DatabaseError, match=r"s\.sqlite3: a guardrail in it is unreadable"):
        guardrails.Store(file)
