"""The files of the state folder."""

from __future__ import annotations

import sqlite3
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
    with pytest.raises(sqlite3.DatabaseError, match=rf"s\.sqlite3 has version {version} .* move or delete the folder"):
        store(file)
    assert file.read_bytes() == before
