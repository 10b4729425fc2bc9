"""The cases beside this file: what they must show, how large they are."""

from __future__ import annotations

from embedded_aws.states.language.intrinsics import FUNCTIONS
from tests.recorded.choose import MAXIMUM_BYTES, facets
from tests.recorded.corpus import HERE, files, read

STATES = ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
SHOWN = {
    *(f"state:{name}" for name in STATES),
    *(f"intrinsic:States.{name}" for name in FUNCTIONS),
    *("lang:JSONPath", "lang:JSONata", "lang:mixed", "variables", "context-object", "nested"),
    *("Retry", "Retry.BackoffRate", "Retry.JitterStrategy", "Retry.MaxDelaySeconds", "Catch"),
    *("Map:INLINE", "Map:DISTRIBUTED", "Map:legacy-Iterator", "ItemReader:getObject/CSV", "ItemReader:getObject/JSON"),
    *("pattern:sync", "pattern:waitForTaskToken", "task:activity", "task:lambda-arn", "task:aws-sdk"),
    *("outcome:succeeded", "outcome:failed", "outcome:timed_out", "event:MapRunFailed", "event:TaskTimedOut"),
    *(f"tested:{name}/SUCCEEDED" for name in ("Pass", "Task", "Choice", "Succeed", "Parallel", "Map")),
    *("tested:Fail/FAILED", "tested:Task/CAUGHT_ERROR", "tested:Task/RETRIABLE"),
}
"""What must never be lost from the choice."""


def test_the_chosen_cases_show_every_part_of_the_language() -> None:
    """State types, query languages, intrinsic functions, errors, Map modes, service patterns, TestState."""
    found = {facet for file in files(HERE) for case in read(file) for facet in facets(file.stem, case)}
    assert SHOWN - found == set()


def test_the_chosen_cases_are_small_and_carry_their_licence() -> None:
    """Each case names its source; the licence is beside them."""
    assert sum(file.stat().st_size for file in files(HERE)) <= MAXIMUM_BYTES
    assert "Apache License, Version 2.0" in (HERE / "LICENSE-APACHE-2.0-localstack.txt").read_text(encoding="utf-8")
    for file in files(HERE):
        assert all(case["source"]["license"] == "Apache-2.0" for case in read(file))
