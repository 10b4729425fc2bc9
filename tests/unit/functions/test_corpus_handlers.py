"""PrepareCorpus and SummarizeCorpus on a bucket of moto."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from functions.prepare_corpus import prepare_corpus
from functions.summarize_corpus import summarize_corpus
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.objects import Address, Objects, address_of
from stepguard.evaluation.items import PART_CHARACTERS
from stepguard.evaluation.map_items import guardrails_of
from stepguard.evaluation.runs import Run, run_of
from stepguard.guard.errors import InvalidRequest, QuotaExceeded, ServiceUnavailable
from stepguard.guard.settings import Settings, read_settings
from tests.fakes.s3 import S3
from tests.unit.evaluation.test_scorecard import failed, record

pytestmark = pytest.mark.usefixtures("moto")
REFS = {"preprocess": {"id": "g1", "version": "1"}, "postprocess": {"id": "g3", "version": "2"}}
RUN = Run("run-1", ("bucket", "corpus.jsonl"), ("bucket", "runs/run-1"), REFS)


def prepare(s3: S3, run: Run = RUN, settings: Settings | None = None) -> dict[str, Any]:
    """Run the handler."""
    return prepare_corpus({"run": run.to_document()}, settings, Objects(s3))


def test_lines_hold_the_request_and_beside_it_the_labels() -> None:
    """Nothing that people expect is in what guards read; the run's guardrails are."""
    s3 = S3(**{"corpus.jsonl": b'{"id": "a", "text": "T", "expected": "passed"}\n{\n{"text": "U"}'})
    prepared = prepare(s3)
    assert prepared == {
        "bucket": "bucket",
        "key": "runs/run-1/items.jsonl",
        "prefix": "runs/run-1/map",
        "rows": 3,
        "items": 2,
        "lines": 2,
        "bad_rows": 1,
        "max_concurrency": 6,
        "tolerated_failures": 0,
    }
    first, second = s3.lines("runs/run-1/items.jsonl")
    assert first == {
        "item": {"id": "a", "number": 0, "line": 1, "digest": "77aefb2751cd9b4d", "labels": {"expected": "passed"}},
        "request": {"kind": "document", "text": "T", "caller": "evaluation/run-1", "guardrails": REFS},
    }
    assert (second["item"]["line"], second["item"]["number"]) == (3, 1)
    assert s3.lines("runs/run-1/bad_rows.jsonl") == [{"file": "corpus.jsonl", "line": 2, "reason": "is not valid JSON"}]


def test_items_are_counted_before_the_map_reads_them() -> None:
    """By the lines, for the run's caller, under the run's id; a refused run leaves no lines to evaluate."""
    taken: list[tuple[str, int, str]] = []

    class Quota(CallerQuota):
        def take_items(self, caller: str, items: int, name: str) -> None:
            taken.append((caller, items, name))
            if items > 2:
                raise QuotaExceeded("enough")

    def counted(rows: int) -> S3:
        s3 = S3(**{"corpus.jsonl": b'{"text": "T"}\n' * rows})
        prepare_corpus({"run": replace(RUN, caller="ann").to_document()}, None, Objects(s3), Quota())
        return s3

    assert "runs/run-1/items.jsonl" in counted(2).objects
    with pytest.raises(QuotaExceeded):
        counted(3)
    assert taken == [("ann", 2, "run-1"), ("ann", 3, "run-1")]


def test_rows_that_the_command_left_out_count_as_bad() -> None:
    """It read a folder, of which only the good documents are in the corpus."""
    left = {"file": "no.docx", "line": 0, "reason": "is none of them"}
    corpus, before = b'{"text": "T"}\n{\n', json.dumps(left).encode() + b"\n"
    s3 = S3(**{"corpus.jsonl": corpus, "runs/run-1/bad_rows_local.jsonl": before})
    assert prepare(s3)["bad_rows"] == 2
    assert [row["file"] for row in s3.lines("runs/run-1/bad_rows.jsonl")] == ["no.docx", "corpus.jsonl"]


@pytest.mark.parametrize(
    ("texts", "wanted", "children"),
    [
        pytest.param(["short"] * 50, None, 6, id="by requests"),
        pytest.param(["long " * 2000] * 5, None, 1, id="by text units"),
        pytest.param(["long " * 20_000], None, 1, id="by text units of parts"),
        pytest.param(["long " * 800] + ["short"] * 3, None, 3, id="by the mean"),
        pytest.param(["long " * 2000] * 5, 40, 40, id="as the run says"),
    ],
)
def test_children_at_a_time_are_what_the_quotas_allow(texts: list[str], wanted: int | None, children: int) -> None:
    """25 requests and 25 text units a second at the worst, whatever starts the run; a run may say more."""
    rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    s3 = S3(**{"corpus.jsonl": rows.encode()})
    assert prepare(s3, replace(RUN, concurrency=wanted))["max_concurrency"] == children


@pytest.mark.parametrize(
    ("lines", "percentage", "count"),
    [(100, 5.0, 5), (119, 5.0, 5), (10, 0, 0), (3, 100, 3), (1000, 0.7, 7), (29, 5, 1)],
)
def test_tolerated_failures_are_counted(lines: int, percentage: float, count: int) -> None:
    """The most failures that are not more than the share."""
    s3 = S3(**{"corpus.jsonl": b'{"text": "T"}\n' * lines})
    prepared = prepare(s3, replace(RUN, tolerated_failures=percentage))
    assert prepared["tolerated_failures"] == count


def test_a_long_document_goes_in_parts_that_fit() -> None:
    """Each far under 256 KiB, overlapping; what people expect of its places goes with the first."""
    text = "A sentence of the long document. " * 3000
    row = {"text": text, "pii": [[0, 1, "NAME"]], "expected": "passed"}
    s3 = S3(**{"corpus.jsonl": json.dumps(row).encode()})
    prepared = prepare(s3)
    lines = s3.lines("runs/run-1/items.jsonl")
    assert (prepared["items"], prepared["lines"]) == (1, len(lines))
    assert [line["item"]["part"] for line in lines] == list(range(lines[0]["item"]["parts"]))
    assert all(len(line["request"]["text"]) <= PART_CHARACTERS for line in lines)
    rebuilt = "".join(
        line["request"]["text"][: after["item"]["start"] - line["item"]["start"]] for line, after in pairwise(lines)
    )
    assert rebuilt + lines[-1]["request"]["text"] == text
    assert ["pii" in line["item"]["labels"] for line in lines] == [True, *[False] * (len(lines) - 1)]


def test_layers_of_an_item_limit_its_guardrails() -> None:
    """The peers' INPUT tests ask the input layer alone."""
    s3 = S3(**{"corpus.jsonl": b'{"text": "T", "layers": ["preprocess"]}'})
    prepare(s3)
    (line,) = s3.lines("runs/run-1/items.jsonl")
    assert set(line["request"]["guardrails"]) == {"preprocess"}


def test_a_sample_is_the_same_every_time() -> None:
    """Ten of a hundred, by the seed; bad rows are reported once."""
    rows = b"".join(b'{"text": "%d"}\n' % number for number in range(100)) + b"{\n"
    chosen = []
    for _ in range(2):
        s3 = S3(**{"corpus.jsonl": rows})
        prepared = prepare(s3, Run("run-1", RUN.corpus, RUN.work, REFS, sample=10, seed=3))
        assert (prepared["items"], prepared["bad_rows"]) == (10, 1)
        chosen.append([line["item"]["id"] for line in s3.lines("runs/run-1/items.jsonl")])
    assert chosen[0] == chosen[1]


def test_a_folder_of_documents_is_a_corpus() -> None:
    """Each object under the key is an item; what is no document is reported."""
    s3 = S3(**{"docs/a.txt": b"A", "docs/b.html": b"<p>B</p>", "docs/c.pdf": b"%PDF", "other": b"x"})
    prepared = prepare(s3, Run("run-1", ("bucket", "docs/"), RUN.work, REFS))
    assert (prepared["items"], prepared["bad_rows"]) == (2, 1)
    assert [line["request"]["text"] for line in s3.lines("runs/run-1/items.jsonl")] == ["A", "B"]


def test_without_guardrails_of_its_own_a_run_takes_the_deployments() -> None:
    """And with none at all there is nothing to evaluate."""
    s3 = S3(**{"corpus.jsonl": b'{"text": "T"}'})
    run = Run("run-1", RUN.corpus, RUN.work)
    prepare(s3, run, read_settings({"BEDROCK_GUARDRAIL_IDENTIFIER": "g2", "BEDROCK_GUARDRAIL_VERSION": "7"}))
    (line,) = s3.lines("runs/run-1/items.jsonl")
    assert line["request"]["guardrails"] == {"model": {"id": "g2", "version": "7"}}
    with pytest.raises(InvalidRequest, match="No guard layer"):
        prepare(s3, run, read_settings({}))


@pytest.mark.parametrize(
    ("corpus", "message"),
    [(("gone", "x.jsonl"), "no bucket gone"), (("bucket", "gone.jsonl"), "no object s3://bucket/gone.jsonl")],
)
def test_what_is_missing_in_s3_is_named(corpus: tuple[str, str], message: str) -> None:
    """And nothing is written."""
    s3 = S3()
    with pytest.raises(InvalidRequest, match=message):
        prepare(s3, Run("run-1", corpus, RUN.work, REFS))
    assert s3.objects == {}


def test_a_bad_corpus_leaves_nothing_half_written() -> None:
    """The second id stops it before anything reaches S3."""
    s3 = S3(**{"corpus.jsonl": b'{"text": "T", "id": "a"}\n{"text": "U", "id": "a"}'})
    with pytest.raises(InvalidRequest, match="twice"):
        prepare(s3)
    assert set(s3.objects) == {"corpus.jsonl"}


def results(*records: dict[str, Any], more: tuple[dict[str, Any], ...] = ()) -> S3:
    """What a Map Run left."""
    folder = "runs/run-1/map/uuid"
    files = {"SUCCEEDED": records, "FAILED": more}
    manifest = {"ResultFiles": {name: [{"Key": f"{folder}/{name}_0.jsonl"}] for name in files}}
    written = {
        f"{folder}/{name}_0.jsonl": "".join(json.dumps(one) + "\n" for one in several)
        for name, several in files.items()
    }
    objects = written | {f"{folder}/manifest.json": json.dumps(manifest)}
    return S3(**{key: text.encode() for key, text in objects.items()})


def summarize(s3: S3, items: int) -> dict[str, Any]:
    """Run the handler."""
    corpus = {"bucket": "bucket", "prefix": "runs/run-1/map", "items": items, "bad_rows": 4}
    return summarize_corpus({"run": RUN.to_document(), "corpus": corpus}, Objects(s3))


def test_results_are_scored_and_listed() -> None:
    """One line an item with its child's ARN, failed ones too; the table and the scorecard say the same."""
    s3 = results(record(0, labels={"expected": "passed"}), record(1), more=(failed(2),))
    assert summarize(s3, 3) == {
        "scorecard": "runs/run-1/scorecard.json",
        "results": "runs/run-1/results.jsonl",
        "items": 3,
        "failed": 1,
        "lost": 0,
    }
    lines = s3.lines("runs/run-1/results.jsonl")
    assert [(line["id"], line["execution"]) for line in lines] == [(f"item-{n}", f"arn:{n}:0") for n in range(3)]
    card = json.loads(s3.objects["runs/run-1/scorecard.json"])
    assert (card["items"], card["bad_rows"], card["not_evaluated"]) == (3, 4, 0)
    assert s3.objects["runs/run-1/items.csv"].count(b"\n") == 4


@pytest.mark.parametrize(("records", "lost"), [((record(0),), 1), ((record(0), record(1), record(1)), 1)])
def test_lost_and_doubled_items_are_reported(records: tuple[dict[str, Any], ...], lost: int) -> None:
    """The state machine takes neither for a success."""
    assert summarize(results(*records), 2)["lost"] == lost


def test_a_run_without_a_manifest_is_retried() -> None:
    """S3 may be late; waiting does not cure an unrecognised record."""
    with pytest.raises(ServiceUnavailable):
        summarize(S3(), 1)
    with pytest.raises(InvalidRequest, match="unrecognised record"):
        summarize(results({"Input": "{}"}), 1)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../x"},
        {"id": 5},
        {"corpus": "s3://bucket/k"},
        {"work": {"bucket": "bucket"}},
        {"max_concurrency": 0},
        {"max_concurrency": True},
        {"tolerated_failure_percentage": 101},
        {"sample": 0},
        {"kind": "picture"},
        {"guardrails": {"other": {}}},
        {"guardrails": {"model": {"id": "a"}}},
    ],
)
def test_a_run_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    """With the name of what is wrong."""
    name = next(iter(change))
    with pytest.raises(InvalidRequest, match=name):
        run_of(RUN.to_document() | change)


def test_runs_and_addresses_read_back() -> None:
    """What is written is what is read."""
    run = Run("r", ("bucket", "k"), ("bucket", "w"), guardrails_of(REFS), 3, 1.5, 10, 4)
    assert run_of(run.to_document()) == run
    with pytest.raises(InvalidRequest, match="must be"):
        run_of([])
    assert address_of("s3://bucket/k/l") == Address("bucket", "k/l")
    for text in ("b/k", "s3://", "http://b/k"):
        with pytest.raises(InvalidRequest, match="s3://BUCKET/KEY"):
            address_of(text)
