"""The limits of a corpus, and the estimate of its cost."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from stepguard.evaluation.corpus import Entry, all_items, read_file
from stepguard.evaluation.estimate import EVERY_POLICY, Estimator
from stepguard.evaluation.json_array import JsonArrayError, elements
from stepguard.evaluation.limits import Limits, Meter, limits_of, read_limits
from stepguard.evaluation.prices import policies_of
from stepguard.evaluation.runs import run_of
from stepguard.evaluation.selection import Selection
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.settings import ModelApi, ModelSettings

MEGABYTE = 1024 * 1024
MODEL = ModelSettings(ModelApi.CONVERSE, "us.deepseek.r1-v1:0")
ROW = json.dumps({"text": "a" * 990}) + "\n"


def packed(text: str, count: int) -> io.BytesIO:
    """A text so often, compressed, without ever holding all of it."""
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb") as file:
        for _ in range(count // 1000):
            file.write((text * 1000).encode())
    return io.BytesIO(target.getvalue())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl.gz", ROW),
        ("a.csv.gz", "text" + " " * 900 + "\n"),
        ("a.json.gz", "[" + "{}," * 300),
        ("a.txt.gz", "word " * 200),
        ("a.html.gz", "<p>word" * 100),
    ],
)
def test_a_compressed_corpus_is_read_up_to_the_limit(name: str, text: str) -> None:
    """Megabytes in some kilobytes: the reader stops at the limit, with little in memory."""
    stream = packed(text, 5_000)
    meter = Meter(Limits(bytes=2 * MEGABYTE, items=10**9))
    tracemalloc.start()
    with pytest.raises(InvalidRequest, match="more than 2,097,152 bytes after decompression") as refused:
        deque(all_items(read_file(name, stream, meter=meter), name, lambda _: None, meter), maxlen=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(refused.value).startswith(name)
    assert "--max-bytes" in str(refused.value)
    assert peak < 60 * MEGABYTE


def test_files_of_a_folder_count_together() -> None:
    """The meter belongs to the corpus, not to a file."""
    meter = Meter(Limits(bytes=100))
    list(read_file("a.txt", io.BytesIO(b"a" * 60), meter=meter))
    with pytest.raises(InvalidRequest, match=r"b\.txt.*100 bytes"):
        list(read_file("b.txt", io.BytesIO(b"a" * 60), meter=meter))


def test_rows_count_whether_readable_or_not() -> None:
    """A file of bad rows is as long as one of good rows."""
    meter = Meter(Limits(items=10))
    with pytest.raises(InvalidRequest, match="more than 10 rows"):
        list(all_items(read_file("a.jsonl", io.BytesIO(b"?\n" * 11), meter=meter), "a", lambda _: None, meter))


def test_the_defaults_hold_without_a_meter() -> None:
    """A caller that forgets the meter still has limits."""
    with pytest.raises(InvalidRequest, match="rows"):
        list(all_items(read_file("a.jsonl.gz", packed("?\n", 101_000)), "a", lambda _: None))


def test_an_array_is_decoded_by_element() -> None:
    """Millions of objects of two characters need gigabytes as a whole."""
    text = "[" + "{}," * 50_000 + "{}]"
    tracemalloc.start()
    count = sum(1 for _ in elements(text, 1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, peak < MEGABYTE) == (50_001, True)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[]", []),
        (" [ 1 , 2 ]\n", [1, 2]),
        (f"[{' ' * 70_000}12]", [12]),
        (json.dumps([{"a": "b" * 70_000}, [1], "x", None]), [{"a": "b" * 70_000}, [1], "x", None]),
    ],
)
def test_arrays_are_read_as_json_does(text: str, values: list[Any]) -> None:
    """Also where an element is longer than the first slice."""
    assert list(elements(text, 100_000)) == values


@pytest.mark.parametrize(
    "text", ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1] x", "{}", "null", "]", "x"]
)
def test_other_texts_are_no_arrays(text: str) -> None:
    """As json.loads decides, plus values that are no arrays."""
    with pytest.raises(JsonArrayError):
        list(elements(text, 1000))


def test_an_element_has_a_longest_length() -> None:
    """One element of a whole file is not read."""
    with pytest.raises(JsonArrayError, match="more than 100,000 characters"):
        list(elements(json.dumps(["a" * 200_000, 1]), 100_000))


# --- settings and documents ------------------------------------------------------------------------------------------


def test_the_environment_sets_the_limits() -> None:
    """Empty is the default."""
    environment = {"EVALUATION_MAX_COST": "2.5", "EVALUATION_MAX_ITEMS": "7", "EVALUATION_MAX_BYTES": " "}
    assert read_limits(environment) == Limits(items=7, cost=2.5)


@pytest.mark.parametrize("value", ["-1", "many", "nan", "inf"])
def test_a_wrong_variable_is_named(value: str) -> None:
    """A limit that is not understood is never no limit."""
    with pytest.raises(ConfigurationError, match="EVALUATION_MAX_COST"):
        read_limits({"EVALUATION_MAX_COST": value})


@pytest.mark.parametrize(
    "document", [[], {"price": 1}, {"cost": "1"}, {"cost": True}, {"items": 1.5}, {"bytes": -1}, {"cost": float("inf")}]
)
def test_a_wrong_limit_of_a_run_is_refused(document: object) -> None:
    """It would let everything through."""
    with pytest.raises(InvalidRequest, match="limits"):
        limits_of(document, Limits())


def test_a_run_carries_its_limits() -> None:
    """What is missing is the deployment's."""
    document = {"id": "r", "corpus": {"bucket": "b", "key": "k"}, "work": {"bucket": "b", "key": "runs/r"}}
    run = run_of(document | {"limits": {"cost": 3}}, Limits(items=5))
    assert run.limits == Limits(items=5, cost=3.0)
    assert run_of(run.to_document()) == run
    with pytest.raises(InvalidRequest, match="policies"):
        run_of(document | {"policies": {"model": {"topicPolicyUnits": -1}}})
    with pytest.raises(InvalidRequest, match="retry_of"):
        run_of(document | {"retry_of": "another"})


# --- the estimate ----------------------------------------------------------------------------------------------------

LAYERS = {layer: {"id": "g", "version": "1"} for layer in ("preprocess", "model", "postprocess")}


def estimated(request: dict[str, Any], **policies: Any) -> Estimator:
    """An estimator after one line."""
    estimator = Estimator(MODEL, policies)
    estimator.add({"guardrails": LAYERS, **request})
    return estimator


def test_a_document_is_read_by_two_layers() -> None:
    """Each charged policy for each text unit: 2 layers, 3 units."""
    estimator = estimated({"kind": "document", "text": "a" * 2500}, preprocess={"topicPolicyUnits": 1})
    assert estimator.units == {
        "topicPolicyUnits": 6,
        "contentPolicyUnits": 3,
        "sensitiveInformationPolicyUnits": 3,
    }
    assert estimator.tokens == {}
    assert estimator.estimate.guardrails == pytest.approx((6 * 0.15 + 3 * 0.15 + 3 * 0.10) / 1000)


def test_a_prompt_pays_for_the_longest_answer() -> None:
    """300 tokens of an answer, which two layers read."""
    estimate = estimated({"kind": "prompt", "text": "a" * 300}).estimate
    assert estimate.model == pytest.approx((100 * 0.00135 + 300 * 0.0054) / 1000)
    assert estimate.guardrails == pytest.approx((1 + 3 + 2) * 0.40 / 1000)
    assert estimate.dollars == pytest.approx(estimate.guardrails + estimate.model + estimate.workflow, abs=1e-6)


def test_a_response_is_grounded() -> None:
    """Grounding counts the answer, the question and the passages."""
    request = {"kind": "response", "text": "", "query": "q", "completion": "c", "passages": [{"id": "1", "text": "p"}]}
    assert estimated(request).units["contextualGroundingPolicyUnits"] == 3
    del request["passages"]
    assert estimated(request).units["contextualGroundingPolicyUnits"] == 3  # the answer is its own source


def test_layers_that_are_off_cost_nothing() -> None:
    """Nor do a guardrail's free policies."""
    estimator = Estimator(MODEL)
    estimator.add({"kind": "document", "text": "a"})
    assert estimator.units == {}
    assert estimated({"kind": "document", "text": "a"}, preprocess={}, postprocess={}).units == {}


def test_a_model_without_a_price_is_said_to_have_none() -> None:
    """Its cost is not in the sum."""
    estimator = Estimator(ModelSettings(ModelApi.CONVERSE, "unknown"))
    estimator.add({"kind": "prompt", "text": "a"})
    assert estimator.estimate.unpriced == "unknown"
    assert "whose price is unknown" in str(estimator.estimate)


@pytest.mark.parametrize("suffix", ["", "Config"])
def test_the_charged_policies_of_a_guardrail(suffix: str) -> None:
    """In the shape that is written and the one that is read; words and expressions are free."""
    guardrail = {
        f"topicPolicy{suffix}": {f"topics{suffix}": [{}]},
        f"contentPolicy{suffix}": {f"filters{suffix}": []},
        f"wordPolicy{suffix}": {f"words{suffix}": [{}]},
        f"sensitiveInformationPolicy{suffix}": {f"regexes{suffix}": [{}]},
        f"automatedReasoningPolicy{suffix}": {"policies": ["a", "b"]},
    }
    assert policies_of(guardrail) == {"topicPolicyUnits": 1, "automatedReasoningPolicyUnits": 2}
    assert "contextualGroundingPolicyUnits" in EVERY_POLICY


# --- what is evaluated -----------------------------------------------------------------------------------------------


def selection(read: Callable[[Meter], Any], **options: Any) -> Selection:
    """A corpus with every layer on."""
    return Selection("corpus", read, options.pop("limits", Limits()), Estimator(MODEL), LAYERS, "run", **options)


def rows(count: int, characters: int = 10) -> Callable[[Meter], Any]:
    """A CSV file of documents."""
    target = io.StringIO()
    csv.writer(target).writerows([["text"], *(["a" * characters] for _ in range(count))])

    def read(meter: Meter) -> list[Entry]:
        return list(read_file("c.csv", io.BytesIO(target.getvalue().encode()), meter=meter))

    return read


def test_a_sample_counts_what_it_evaluates() -> None:
    """Text units are those of the sample, rows and bytes those of the file."""
    chosen = selection(rows(50, 1000), sample=5, limits=Limits(text_units=5))
    assert len(list(chosen.map_lines())) == 5
    assert (chosen.items, chosen.text_units) == (5, 5)
    with pytest.raises(InvalidRequest, match="more than 5 text units"):
        list(selection(rows(50, 1000), sample=6, limits=Limits(text_units=5)).map_lines())
    with pytest.raises(InvalidRequest, match="rows"):
        list(selection(rows(50), sample=1, limits=Limits(items=49)).map_lines())


def test_a_cost_above_the_limit_is_refused() -> None:
    """With the sum, the limit and the option."""
    with pytest.raises(InvalidRequest, match=r"about \$12\.50 .* limit of \$10\.00.*--max-cost"):
        Limits().check_cost(12.5)
    Limits(cost=13).check_cost(12.5)
