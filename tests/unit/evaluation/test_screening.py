"""`--layers` and `--kind`: items through the chosen layers only, as another kind than the corpus says."""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

import pytest

from stepguard.cli.evaluate.corpus import read_layers
from stepguard.evaluation.corpus import read_file
from stepguard.evaluation.estimate import Estimator
from stepguard.evaluation.items import Item, id_of, item_of
from stepguard.evaluation.limits import Limits
from stepguard.evaluation.map_items import only
from stepguard.evaluation.runs import run_of
from stepguard.evaluation.selection import Selection
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind
from stepguard.guard.settings import ModelSettings
from stepguard.guard.stages import LAYERS, Layer

REFS = {str(layer): {"id": f"g{number}", "version": "1"} for number, layer in enumerate(LAYERS)}
ANSWERED = {"query": "Is the ward open?", "completion": "Until eight.", "passages": ["The ward closes at eight."]}
ROWS: list[dict[str, Any]] = [
    {"prompt": "Is the ward open?", "passages": ["A"], "reference": "Yes."},
    ANSWERED,
    {"text": "A letter."},
]


def lines(layers: tuple[Layer, ...] | None, kind: Kind | None = None) -> tuple[list[dict[str, Any]], Selection]:
    """The lines of the Map for ROWS."""
    text = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    chosen = Selection(
        "c", lambda meter: read_file("c.jsonl", io.BytesIO(text), kind, meter), Limits(), Estimator(ModelSettings()),
        REFS, "r", layers=layers,
    )  # fmt: skip
    return list(chosen.map_lines()), chosen


def test_without_the_model_layer_no_model_is_called() -> None:
    """A question is read by the chosen layers as a document is; a response keeps its question, so both are read."""
    screened, chosen = lines((Layer.PREPROCESS, Layer.POSTPROCESS))
    assert [line["request"]["kind"] for line in screened] == ["document", "response", "document"]
    assert chosen.unused_references == 1
    assert {tuple(line["request"]["guardrails"]) for line in screened} == {("preprocess", "postprocess")}
    assert chosen.estimator.estimate.model == 0 < chosen.estimator.estimate.guardrails
    assert "passages" not in screened[0]["request"]


def test_with_the_model_layer_a_question_is_asked() -> None:
    """Only the other layers are left out."""
    found, chosen = lines((Layer.MODEL,))
    assert [line["request"]["kind"] for line in found[:1]] == ["prompt"]
    assert found[0]["request"]["guardrails"] == {"model": REFS["model"]}
    assert len(chosen.bad_rows) == chosen.unused_references == 0
    assert chosen.estimator.estimate.model > 0


def test_a_screened_item_is_compared_with_the_asked_one() -> None:
    """Its digest is that of the question, so that --compare finds both."""
    assert [line["item"]["digest"] for line in lines((Layer.PREPROCESS,))[0]] == [
        line["item"]["digest"] for line in lines(None)[0]
    ]


def test_a_row_for_other_layers_is_bad() -> None:
    """Every layer would skip it."""
    text = b'{"text": "a", "layers": ["model"]}\n{"text": "b"}\n'
    chosen = Selection(
        "c", lambda meter: read_file("c.jsonl", io.BytesIO(text), None, meter), Limits(), Estimator(ModelSettings()),
        REFS, "r", layers=(Layer.PREPROCESS,),
    )  # fmt: skip
    assert len(list(chosen.map_lines())) == 1
    assert "off in this run: model" in str(chosen.bad_rows[0])


def test_a_chosen_layer_needs_a_guardrail() -> None:
    """A layer that is off would pass everything."""
    with pytest.raises(InvalidRequest, match="model has no guardrail in this run; layers with one: preprocess"):
        only({"preprocess": REFS["preprocess"]}, (Layer.PREPROCESS, Layer.MODEL))


@pytest.mark.parametrize(
    ("row", "kind", "text"),
    [
        (ANSWERED, Kind.DOCUMENT, "Until eight."),
        (ANSWERED, Kind.PROMPT, "Is the ward open?"),
        ({"prompt": "Is it open?"}, Kind.DOCUMENT, "Is it open?"),
        ({"text": "Is it open?", "kind": "document"}, Kind.PROMPT, "Is it open?"),
        ({"kind": "response", "text": "Is it open?", "completion": "Yes."}, Kind.PROMPT, "Is it open?"),
    ],
)
def test_a_kind_overrides_what_the_corpus_says(row: dict[str, Any], kind: Kind, text: str) -> None:
    """A response is screened as its answer, and asked again as its question."""
    request = item_of(row, 1, kind).request
    assert (request.kind, request.text, request.completion, request.query) == (kind, text, None, None)
    assert bool(request.passages) == (kind is Kind.PROMPT and "passages" in row)


def test_a_response_needs_an_answer_whatever_the_option_says() -> None:
    """No answer is invented."""
    with pytest.raises(InvalidRequest, match="completion"):
        item_of({"prompt": "Is it open?"}, 1, Kind.RESPONSE)


def test_an_item_is_the_same_in_its_converted_file() -> None:
    """The copy in S3 is read with the same override."""
    item = item_of(ANSWERED | {"pii": [], "expected": "passed"}, 1, Kind.PROMPT)
    copied = item_of(item.to_row(), 1, Kind.PROMPT)
    assert isinstance(item, Item)
    assert (copied, id_of(copied.request)) == (Item(**{**_members(item), "named": True}), id_of(item.request))


def _members(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in ("id", "request", "labels", "layers", "line")}


@pytest.mark.parametrize("layers", [["all"], [], "model", [1]])
def test_unknown_layers_of_a_run_are_refused(layers: object) -> None:
    """The API passes what callers say."""
    place = {"bucket": "b", "key": "k"}
    with pytest.raises(InvalidRequest, match=r"run\.layers"):
        run_of({"id": "r", "corpus": place, "work": place, "layers": layers})


def test_layers_are_read_in_the_order_of_the_workflow() -> None:
    """Blanks and case do not matter."""
    assert read_layers("postprocess, Preprocess") == (Layer.PREPROCESS, Layer.POSTPROCESS)
    for text in ("", "all", "preprocess,pre"):
        with pytest.raises(argparse.ArgumentTypeError, match="preprocess, model, postprocess"):
            read_layers(text)


def test_the_time_is_that_of_the_slowest_quota() -> None:
    """2,000 questions wait for the model: 200 calls a minute."""
    estimator = Estimator(ModelSettings(), concurrency=1000)
    for _ in range(2000):
        estimator.add({"kind": "prompt", "text": "a", "guardrails": {}})
    assert estimator.estimate.seconds == 600
    assert estimator.estimate.duration == "about 10 minutes with 1000 items at a time"


def test_a_response_is_read_by_every_layer() -> None:
    """Its question by the input layer, its answer by the two others."""
    estimator = Estimator(ModelSettings(), {str(layer): {"topicPolicyUnits": 1} for layer in LAYERS})
    request = {"kind": "response", "text": "", "query": "a" * 1500, "completion": "b" * 2500, "guardrails": REFS}
    estimator.add(request)
    assert estimator.units["topicPolicyUnits"] == 2 + 3 + 3


def test_a_few_items_take_as_long_as_one() -> None:
    """No more items run at a time than there are."""
    estimator = Estimator(ModelSettings())
    estimator.add({"kind": "document", "text": "a", "guardrails": {"preprocess": {}}})
    assert estimator.estimate.duration == "about 1 seconds with 6 items at a time"
