"""The folder of results: nobody's files are replaced, and a run does not start where its results cannot go."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stepguard.cli.evaluate.output import check_target
from stepguard.guard.errors import InvalidRequest


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Also one that holds the results of another run; those of the same run are replaced."""
    check_target(tmp_path / "new" / "deep", "run-1")
    check_target(tmp_path, "run-1")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidRequest, match="is not empty"):
        check_target(tmp_path, "run-1")
    (tmp_path / "run.json").write_text(json.dumps({"run": "run-2"}))
    with pytest.raises(InvalidRequest, match="is not empty"):
        check_target(tmp_path, "run-1")
    check_target(tmp_path, "run-2")


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    """A file, or a folder inside of one."""
    file = tmp_path / "file"
    file.write_text("x")
    for place in (file, file / "inside"):
        with pytest.raises(InvalidRequest, match="file: is not a folder"):
            check_target(place, "run-1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    """Before the run, not after it."""
    (tmp_path / "there").mkdir()
    tmp_path.chmod(0o500)
    for name in ("new", "there"):
        with pytest.raises(InvalidRequest, match=f"{tmp_path} cannot be written to"):
            check_target(tmp_path / name, "run-1")
    tmp_path.chmod(0o700)
