"""The recordings of a verification on AWS, compared with the embedded AWS.

    python -m tests.recorded.returned build/verify-aws/STAGE/recordings

Prints each case that differs, and returns 1 if there is one. Cases that differ are faults of the embedded AWS: they
belong into `cases/` with the mend.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.session import Session

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import VirtualClock
from embedded_aws.wire import Account, JsonService
from stepguard.guard.bedrock_names import BLOCKED
from tests.recorded.compare import difference, matches
from tests.recorded.corpus import read
from tests.recorded.masks import apply_masks
from tests.recorded.test_answers import TEXTS, answer, expected_answer, no_function, values
from tests.recorded.test_executions import ours

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OPERATIONS = {"test_state": "TestState", "validate_definition": "ValidateStateMachineDefinition"}


def differences(folder: Path) -> dict[str, str]:
    """What differs, by the case's id."""
    found = dict(_executions(folder)) | dict(_answers(folder)) | dict(_guardrails(folder))
    return {name: what for name, what in found.items() if what}


def _cases(folder: Path, name: str) -> list[dict[str, Any]]:
    file = folder / f"{name}.jsonl"
    return read(file) if file.is_file() else []


def _executions(folder: Path) -> Iterator[tuple[str, str]]:
    for case in _cases(folder, "executions"):
        yield case["id"], difference(case, ours(case)) or ""


def _answers(folder: Path) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as home:
        account = Account("us-east-1", "111111111111")
        states = StepFunctions(Path(home) / "states.sqlite", no_function, account, clock=VirtualClock())
        try:
            api = JsonService("stepfunctions", states)
            for name, operation in OPERATIONS.items():
                for case in _cases(folder, name):
                    request = {key: json.dumps(value) if key in TEXTS else value for key, value in _members(case, name)}
                    given = _without_jitter(values(answer(api, operation, request)))
                    expected = _without_jitter(values(_masked(expected_answer(case))))
                    yield case["id"], "" if matches(expected, given) else f"{given} instead of {expected}"[:600]
        finally:
            states.close()


def _masked(response: dict[str, Any]) -> dict[str, Any]:
    """With the placeholders that `answer` writes into ours, and one for each identifier inside of a text, such as the
    ARN of a tested state's execution; tests/recorded/cases has both already."""
    text = _UUID.sub("<uuid>", json.dumps(apply_masks(copy.deepcopy(response), [], {})))
    masked: dict[str, Any] = json.loads(text)
    return masked


def _without_jitter(response: dict[str, Any]) -> dict[str, Any]:
    """Without the seconds until a retry: with JitterStrategy FULL they are random."""
    response.get("inspectionData", {}).get("errorDetails", {}).pop("retryBackoffIntervalSeconds", None)
    return response


def _members(case: dict[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """A request's members; the definition that is validated is a text already."""
    for key, value in case["request"].items():
        yield key, json.loads(value) if name == "validate_definition" and key in TEXTS else value


def _guardrails(folder: Path) -> Iterator[tuple[str, str]]:
    """Every member of a guardrail's answer is one that botocore's model has, and a block names what blocked."""
    shape = Session().get_service_model("bedrock-runtime").operation_model("ApplyGuardrail").output_shape
    for case in _cases(folder, "apply_guardrail"):
        response = case["response"]
        unknown = sorted(set(response) - set(shape.members))
        blocked = response.get("actionReason") == "Guardrail blocked." and BLOCKED not in json.dumps(response)
        what = f"unknown members {', '.join(unknown)}" if unknown else "a block without a blocking finding"
        yield case["id"], what if unknown or blocked else ""


def main(folder: Path) -> int:
    """Print the differences."""
    counts = {file.stem: len(read(file)) for file in sorted(folder.glob("*.jsonl"))}
    if not counts:
        sys.stderr.write(f"{folder} has no recordings.\n")
        return 2
    found = differences(folder)
    for name, what in found.items():
        print(f"{name}: {what}")
    print(f"{sum(counts.values())} cases ({', '.join(f'{count} {name}' for name, count in counts.items())}).")
    print(f"{len(found)} differ.")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
