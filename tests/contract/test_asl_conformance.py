"""Executions recorded on AWS, run through the API: every seventh case here, all of them with the scorer.

The cases are not part of the repository. Their folder is taken from STEPGUARD_CONFORMANCE, or is ../shared/conformance
beside the project; without it these tests are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("STEPGUARD_CONFORMANCE", ROOT.parent / "shared" / "conformance"))
pytestmark = pytest.mark.skipif(not (FOLDER / "score.py").is_file(), reason=f"no recorded cases in {FOLDER}")
HIDDEN = ("expected", "masks", "comparable", "events_comparable", "concurrent", "reasons", "source_skip_paths")


def load(path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["jsonpath", "jsonata", "choice_jsonpath"])
def test_recorded_executions_come_out_as_on_aws(name: str) -> None:
    """Status, output, error and cause; and where a history was recorded, every event with its details."""
    scorer, adapter = load(FOLDER / "score.py"), load(ROOT / "bench" / "conformance_adapter.py")
    lines = (FOLDER / "public" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    misses = []
    for line in lines[::7]:
        case: dict[str, Any] = json.loads(line)
        shown = {key: value for key, value in case.items() if key not in HIDDEN}
        result = adapter.run(case["definition"], case["input"], case["task_outcomes"], shown)
        score = scorer.score_case(case, json.loads(json.dumps(result, default=str)))
        if not score["a+"] or score["c"] is False:
            misses.append((case["id"], score.get("why") or score.get("diff")))
    assert misses == []
