"""The file of the guardrails."""

from __future__ import annotations

from pathlib import Path

from embedded_aws.bedrock.api.store import Store


def test_a_file_of_this_version_is_opened_again(tmp_path: Path) -> None:
    """By several processes, too."""
    first, second = Store(tmp_path / "b.sqlite3"), Store(tmp_path / "b.sqlite3")
    first.close()
    assert second.count() == 0
    second.close()
