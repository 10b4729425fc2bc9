"""Chooses the cases of this folder from the whole corpus: every facet several times, the small cases first.

    python -m tests.recorded.choose ../shared/conformance

A facet is something that a case shows: a feature that the corpus names (state type, field, intrinsic function,
operator, service, Retry, Catch, Map mode, item reader, query language), its area, a type of event, the end and its
error, a kind of task outcome, a need (S3 objects, a clock), Express, concurrency; for TestState the state's type, the
status, the level, the mock and its mode. A facet is covered when CASES of its cases are chosen, or all of them where it
has fewer. The same corpus always gives the same choice.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.recorded.corpus import EXECUTIONS, HERE, files, left_out, read

CASES = 4
"""How many cases of each facet are enough."""
MAXIMUM_BYTES = 2_000_000
"""What the chosen cases may take at most."""


def facets(name: str, case: dict[str, Any]) -> Iterator[str]:
    """What a case shows."""
    yield f"file:{name}"
    if name in EXECUTIONS:
        yield from _facets_of_execution(case)
    elif name == "test_state":
        yield from _facets_of_test(case)
    else:
        yield f"{name}:{case['id']}"  # these are few and small: all of them


def _facets_of_execution(case: dict[str, Any]) -> Iterator[str]:
    expected = case["expected"]
    yield from case["features"]
    yield f"area:{case['area']}/{case['language']}"
    yield f"end:{expected['status']}/{expected.get('error', '')}"
    yield f"type:{case['context']['type']}"
    yield f"concurrent:{case['concurrent']}"
    yield from (f"event:{event['type']}" for event in expected.get("events") or ())
    yield from (f"need:{need}" for need, value in (case.get("needs") or {}).items() if value)
    yield from (f"mask:{mask['kind']}" for mask in case["masks"])
    for outcomes in (case["task_outcomes"] or {}).values():
        yield from (f"outcome:{outcome['result']}" for outcome in outcomes)


def _facets_of_test(case: dict[str, Any]) -> Iterator[str]:
    request, response = case["request"], case["response"]
    definition = request["definition"]
    if isinstance(definition, dict):
        state = definition.get("States", {}).get(request.get("stateName"), definition)
        yield f"tested:{state.get('Type')}/{response.get('status')}"
        yield f"tested:{state.get('Resource', '')}"
        yield from (f"tested-field:{field}" for field in state)
    yield f"tested-level:{request.get('inspectionLevel')}"
    yield f"tested-error:{response.get('error') or response.get('message', '')}"
    yield from (f"tested-member:{member}" for member in request)
    mock = request.get("mock") or {}
    yield from (f"tested-mock:{member}/{mock.get('fieldValidationMode')}" for member in mock)
    yield from (f"inspected:{member}" for member in response.get("inspectionData") or ())


def choose(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The chosen cases by file, in the corpus's order."""
    found = {file.stem: [case for case in read(file) if not left_out(case)] for file in files(folder)}
    every = [(name, number, case) for name, cases in found.items() for number, case in enumerate(cases)]
    shows = {(name, number): set(facets(name, case)) for name, number, case in every}
    size = {(name, number): len(json.dumps(case)) for name, number, case in every}
    wanted = {
        facet: min(CASES, count) for facet, count in Counter(one for some in shows.values() for one in some).items()
    }
    chosen: set[tuple[str, int]] = set()
    # Rare facets first: their cases have no alternative, and cover common facets on the way.
    frequency = Counter(one for some in shows.values() for one in some)
    for facet in sorted(wanted, key=lambda one: (frequency[one], one)):
        candidates = sorted((key for key in shows if facet in shows[key]), key=lambda key: (size[key], key))
        missing = wanted[facet] - sum(key in chosen for key in candidates)
        for key in [key for key in candidates if key not in chosen][: max(missing, 0)]:
            chosen.add(key)
    return {
        name: [case for number, case in enumerate(cases) if (name, number) in chosen] for name, cases in found.items()
    }


def main(folder: Path) -> int:
    """Write the chosen cases into this folder."""
    chosen = choose(folder)
    lines = {
        name: "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases) for name, cases in chosen.items()
    }
    if (total := sum(len(text.encode()) for text in lines.values())) > MAXIMUM_BYTES:
        print(f"{total:,} bytes are too many: lower CASES", file=sys.stderr)
        return 1
    (HERE / "cases").mkdir(exist_ok=True)
    for name, text in lines.items():
        (HERE / "cases" / f"{name}.jsonl").write_text(text, encoding="utf-8")
        print(f"{len(chosen[name]):4} cases  {len(text.encode()):9,} bytes  {name}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
