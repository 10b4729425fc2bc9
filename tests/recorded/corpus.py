"""The recorded cases: those in this folder, or the whole corpus in the folder that STEPGUARD_CONFORMANCE names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EXECUTIONS = ("jsonpath", "jsonata", "choice_jsonpath")
ANSWERS = ("test_state", "validate_definition", "rejected_definitions")
HIDDEN = ("expected", "masks", "comparable", "events_comparable", "concurrent", "reasons", "source_skip_paths")
"""What the engine must not see of a case."""

_LEFT_OUT = {
    "test_base_lambda_task_state": "calls a Lambda function whose code is not recorded",
    "test_base_lambda_service_task_state": "calls a Lambda function whose code is not recorded",
    "get_function_task[integer_more_than_maximum_allowed]": "AWS has raised this limit since",
    "validation_failures[empty]": "boto3 refuses this request before it is sent",
    "TestStateMockScenarios::test_sfn_start_execution_success": "the recorder replaced a time in the answer alone",
}
"""Cases of TestState that cannot be compared, by a part of their identifier, and why."""


def left_out(case: dict[str, Any]) -> str | None:
    """Why a case cannot be compared, or None."""
    return next((reason for part, reason in _LEFT_OUT.items() if part in case["id"]), None)


def files(folder: Path) -> Iterator[Path]:
    """The files of cases in a folder, of the corpus's layout or of this one's."""
    for name in (*EXECUTIONS, *ANSWERS):
        part = "public" if name in EXECUTIONS else "extras"
        yield next(
            (file for file in (folder / part / f"{name}.jsonl", folder / "cases" / f"{name}.jsonl") if file.is_file()),
            folder / "cases" / f"{name}.jsonl",
        )


@cache
def cases(*names: str) -> tuple[dict[str, Any], ...]:
    """The cases of these files."""
    folder = Path(os.environ.get("STEPGUARD_CONFORMANCE") or HERE)
    return tuple(case for file in files(folder) if file.stem in names for case in read(file))


def read(file: Path) -> list[dict[str, Any]]:
    """The cases of one file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
