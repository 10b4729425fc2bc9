"""The table of stages, and the copies of it that are not Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

from stepguard.guard.stages import ALL, INVOKE_MODEL, LAYERS, STAGE_OF, STAGES

ROOT = Path(__file__).parents[3]


def test_each_layer_has_one_stage() -> None:
    """The stages run the layers in order, and no two share a key, a state or a label."""
    assert [stage.layer for stage in STAGES] == list(LAYERS)
    assert len({stage.key for stage in STAGES}) == len({stage.label for stage in STAGES}) == len(STAGES) == 3
    assert len({stage.key for stage in ALL}) == len({stage.label for stage in ALL}) == len(STAGE_OF) == 8


def test_the_page_lists_the_same_states() -> None:
    """web/words.js cannot import the table; its other modules name no state."""
    modules = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "web").glob("*.js")}
    words = modules.pop("words.js")
    (listed,) = re.findall(r"export const STAGES = (\[.*?\]);", words)
    assert json.loads(listed) == [stage.state for stage in STAGES]
    assert f'export const MODEL_STAGE = "{INVOKE_MODEL.state}";' in words
    assert not {name for name, text in modules.items() if any(stage.state in text for stage in STAGES)}


def test_python_modules_name_no_state_beside_the_table() -> None:
    """Python code reads states from the table: a quoted name is a copy of it."""
    files = [
        ROOT / "app.py",
        *(file for folder in ("functions", "stepguard") for file in sorted((ROOT / folder).rglob("*.py"))),
    ]
    quoted = [f'"{stage.state}"' for stage in STAGES]
    named = [
        file.relative_to(ROOT).as_posix()
        for file in files
        if any(name in file.read_text(encoding="utf-8") for name in quoted)
    ]
    # The first two name Bedrock's call.
    assert named == ["stepguard/aws/embedding.py", "stepguard/aws/models/invoke.py", "stepguard/guard/stages.py"]
