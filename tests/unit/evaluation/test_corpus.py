"""Corpora: every format, what is reported, what stops the run."""

from __future__ import annotations

import gzip
import io
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepguard.evaluation import corpus
from stepguard.evaluation.corpus import BadRow, Entry, all_items, html_text, read_file, sampled
from stepguard.evaluation.items import KNOWN, Expected, Item, Span, UnknownLabel, item_of, policy_name
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind
from stepguard.guard.stages import Layer

SAMPLES = Path(__file__).parents[2] / "data" / "aws_samples"


def read(name: str, text: str | bytes) -> list[Entry]:
    """The entries of a file of this content."""
    return list(read_file(name, io.BytesIO(text.encode() if isinstance(text, str) else text)))


def items(name: str, text: str | bytes) -> list[Item]:
    """The same when no row is bad."""
    entries = read(name, text)
    assert not [entry for entry in entries if isinstance(entry, BadRow)]
    return [entry for entry in entries if isinstance(entry, Item)]


ROW = {"id": "a", "text": "Call 555-0100", "expected": "masked", "policies": ["PHONE"], "pii": [[5, 13, "PHONE"]]}


@pytest.mark.parametrize("name", ["c.jsonl", "c.ndjson", "c.json", "c.csv", "c.jsonl.gz", "C.JSON.GZ"])
def test_every_format_reads_the_same_item(name: str) -> None:
    """JSON lines, a JSON array, CSV and gzip say the same thing in other clothes."""
    if ".json" in name.lower() and "jsonl" not in name.lower():
        text = json.dumps([ROW])
    elif name.endswith(".csv"):
        text = 'id,text,expected,policies,pii\na,Call 555-0100,masked,PHONE,"[[5, 13, ""PHONE""]]"\n'
    else:
        text = json.dumps(ROW) + "\n\n"
    content = gzip.compress(text.encode()) if name.lower().endswith(".gz") else text.encode()

    (item,) = items(name, content)

    assert (item.id, item.request.kind, item.request.text) == ("a", Kind.DOCUMENT, "Call 555-0100")
    assert item.labels.expected is Expected.MASKED
    assert item.labels.policies == frozenset({"sensitive_information/PHONE"})
    assert item.labels.pii == (Span(5, 13, "PHONE"),)


def test_labels_are_no_part_of_the_request() -> None:
    """What guards read holds nothing of what people expect."""
    (item,) = items("c.jsonl", json.dumps(ROW))
    assert set(item.request.to_document()) == {"kind", "text", "caller"}


@given(st.text(min_size=1).filter(str.strip), st.sampled_from(list(Expected)))
def test_an_item_reads_back_what_it_writes(text: str, expected: Expected) -> None:
    """The command writes folders as rows for the Lambda to read."""
    try:
        item = item_of({"id": "x", "text": text, "expected": str(expected)}, 1)
    except InvalidRequest:
        return  # half a surrogate pair
    assert item_of(item.to_row(), 1) == item


def test_kinds_follow_the_members() -> None:
    """A completion makes a response, a prompt a prompt, and `kind` decides over both."""
    rows = [
        {"prompt": "Hi"},
        {"completion": "Yes", "query": "Hi?"},
        {"prompt": "Hi", "kind": "document"},
        {"document": "D"},
    ]
    kinds = [item.request.kind for item in items("c.jsonl", "\n".join(map(json.dumps, rows)))]
    assert kinds == [Kind.PROMPT, Kind.RESPONSE, Kind.DOCUMENT, Kind.DOCUMENT]


def test_the_tdd_sample_runs_as_it_is() -> None:
    """INPUT tests go to the input layer alone, OUTPUT tests with source and query to the model layer alone."""
    name = "tdd_guardrail_tests.csv"
    found = items(name, (SAMPLES / name).read_bytes())
    assert len(found) == 54
    assert (found[0].id, found[0].layers, found[0].labels.expected) == ("1", (Layer.PREPROCESS,), Expected.PASSED)
    assert found[1].layers == (Layer.MODEL,)
    assert found[1].request.passages[0].text == "We offer math tutoring for grades 6-12."
    assert found[2].labels.expected is Expected.INTERVENED


def test_the_optimizer_sample_runs_as_it_is() -> None:
    """Its rows have no id, and cells with line ends; `reject` is an intervention."""
    name = "optimizer_sample_test_inputs.csv"
    found = items(name, (SAMPLES / name).read_bytes())
    assert len(found) == 50
    assert found[0].request.text.startswith("SystemMessage:\n")
    assert {item.labels.expected for item in found} == {Expected.PASSED, Expected.INTERVENED}
    assert len({item.id for item in found}) == 50


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "JSON"),
        ("[1]", "object"),
        ('{"text": " "}', "no text"),
        ('{"text": 5}', "string"),
        ('{"text": "a", "kind": "picture"}', "kind"),
        ('{"text": "a", "id": true}', "id"),
        ('{"text": "a", "id": "\\ud800"}', "'id' is not valid Unicode"),
        ('{"text": "a", "layers": []}', "layers"),
        ('{"text": "a", "layers": [["model"]]}', "layers"),
        ('{"kind": "response", "query": "a"}', "completion"),
        ('{"text": "a", "passages": "?", "kind": "prompt", "layers": ["all"]}', "layers"),
        ('{"text": "a", "passages": {"a": 1}}', "passages"),
        ('{"text": "\\ud800"}', "Unicode"),
        (json.dumps({"prompt": "a" * 130_000}), "too long"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_bad_row_is_reported_and_the_rest_goes_on(line: str, reason: str) -> None:
    """With its file, its line and why; never with its text."""
    bad, good = read("c.jsonl", f'{line}\n{{"text": "fine"}}\n')
    assert isinstance(bad, BadRow)
    assert (bad.file, bad.line) == ("c.jsonl", 1)
    assert reason in bad.reason
    assert isinstance(good, Item)


LETTERS = st.text(st.characters(categories=("Cs", "Lu")), max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=6,
)


@example("id", "\ud800", "document")
@example("layers", [["model"]], "document")
@given(st.sampled_from(sorted(KNOWN)), JSON, st.sampled_from(["prompt", "document", "response"]))
def test_no_row_is_a_crash(name: str, value: object, kind: str) -> None:
    """It is an item, a bad row or a label that means nothing; an item can be written down."""
    with suppress(UnknownLabel):
        (entry,) = read("c.jsonl", json.dumps({"text": "T", "kind": kind, "completion": "C"} | {name: value}))
        if isinstance(entry, Item):
            assert json.dumps(entry.to_row(), ensure_ascii=False).encode()


def test_a_corpus_of_bad_rows_says_what_is_wrong_with_the_first() -> None:
    """Nothing else shows it: the run does not start."""
    words = r"no readable item\. The first row left out: c\.jsonl, line 2: is not a JSON object\."
    with pytest.raises(InvalidRequest, match=words):
        list(all_items(read("c.jsonl", "\n[]\n{"), "c", lambda row: None))


def test_cells_hold_lists() -> None:
    """Separated by semicolons or as JSON: an empty list is not the same as an empty cell."""
    rows = 'text,policies,layers\na,EMAIL;PHONE,model\nb,"[""EMAIL""]","[""model""]"\nc,[],\nd,,\n'
    found = items("c.csv", rows)
    mail = frozenset({"sensitive_information/EMAIL"})
    both = mail | {"sensitive_information/PHONE"}
    assert [item.labels.policies for item in found] == [both, mail, frozenset(), None]
    assert [item.layers for item in found] == [(Layer.MODEL,), (Layer.MODEL,), None, None]


def test_a_file_whose_name_is_no_text_is_read() -> None:
    """On Unix a name is bytes."""
    name = os.fsdecode(b"caf\xe9")
    (row,) = items(f"{name}.jsonl", '{"text": "a"}')
    (document,) = items(f"{name}.txt", "a")
    assert (row.request.text, document.id) == ("a", "caf?.txt")


def test_an_id_is_made_from_the_texts() -> None:
    """The same text has the same id in every file, in any order; a repeated text has a suffix."""
    first = items("a.jsonl", '{"text": "a"}\n{"text": "b"}\n')
    second = items("b.csv", "expected,text\npassed,b\npassed,c\n")
    assert first[1].id == second[0].id
    assert len({first[0].id, first[1].id, second[1].id}) == 3
    repeated = list(all_items(items("c.jsonl", '{"text": "a"}\n' * 3), "c", lambda row: None))
    assert [item.id for item in repeated] == [first[0].id, f"{first[0].id}-2", f"{first[0].id}-3"]


def test_the_question_of_a_response_is_its_query() -> None:
    """Whatever its column is called; before, a prompt next to a completion was looked at by no layer."""
    (item,) = items("a.jsonl", '{"prompt": "When?", "completion": "At nine."}\n')
    assert (item.request.kind, item.request.query, item.request.completion) == (Kind.RESPONSE, "When?", "At nine.")
    assert item.request.text == ""


def test_a_row_of_another_length_is_reported() -> None:
    """Its cells would stand under the wrong names; a cell with a line end is one row all the same."""
    first, second, third = read("c.csv", 'id,text\n1,"a\nb"\n2,c,d\n3,e\n')
    assert isinstance(first, Item)
    assert isinstance(second, BadRow)
    assert second.line == 4
    assert isinstance(third, Item)


@pytest.mark.parametrize(
    "labels",
    [
        {"expected": "maybe"},
        {"expected": 1},
        {"policies": ["VIOLENT"]},
        {"policies": ["content/VIOLENT"]},
        {"policies": 5},
        {"policies": ["topic/"]},
        {"pii": [[0, 99, "EMAIL"]]},
        {"pii": [[0, 1, "MAIL"]]},
        {"pii": "EMAIL"},
    ],
)
def test_an_unknown_label_stops_the_corpus(labels: dict[str, object]) -> None:
    """A misspelt label would silently make every score wrong."""
    with pytest.raises(UnknownLabel, match=r"c\.jsonl, line 2"):
        read("c.jsonl", '{"text": "a"}\n' + json.dumps({"text": "b", **labels}))


def test_an_answers_outcome_as_a_label_is_explained() -> None:
    """`answered` is the action passed; `dont_know` is no action of a guard, whichever release reported it."""
    (item,) = items("c.jsonl", json.dumps(ROW | {"expected": "answered"}))
    assert item.labels.expected is Expected.PASSED
    with pytest.raises(UnknownLabel, match="a block of the model layer is 'blocked', and a model that does not know"):
        items("c.jsonl", json.dumps(ROW | {"expected": "dont_know"}))


@pytest.mark.parametrize("name", ["VIOLENCE", "EMAIL", "GROUNDING", "topic", "topic/Medical advice", "word/PROFANITY"])
def test_policies_are_known_by_the_names_of_findings(name: str) -> None:
    """Bedrock's own names may stand alone."""
    assert policy_name(name).rpartition("/")[2] == name.rpartition("/")[2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.jsonl", b"", "no readable item"),
        ("c.jsonl", b"{\n", "no readable item"),
        ("c.jsonl", '{"text": "h\u00e9"}'.encode("latin-1"), "line 1: is not UTF-8"),
        ("c.jsonl", "\ufeff{}".encode("utf-16"), "is not UTF-8"),
        ("c.jsonl", b'{"text": "a", "id": "x"}\n{"text": "b", "id": "x"}', "line 2.*twice"),
        ("c.jsonl", b" " * 5000, "line 1: is longer"),
        ("c.json", b"{}", "not a JSON array"),
        ("c.json", b"[", "not valid JSON"),
        ("c.csv", b"id,label\n1,2\n", "names no column with a text"),
        ("c.csv", b"text,text\na,b\n", "a column twice"),
        ("c.csv", b'text\n"a\n', "not valid CSV"),
        ("c.jsonl.gz", b"not gzip", "cannot be read"),
        ("c.jsonl.gz", gzip.compress(b"x" * 1000, mtime=0)[:20], "cannot be read"),
        ("c.docx", b"", "by its name"),
    ],
)
def test_what_makes_a_corpus_doubtful_stops_it(
    name: str, content: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error that names the file, and the line where there is one."""
    monkeypatch.setattr(corpus, "LINE_BYTES", 4096)
    with pytest.raises(InvalidRequest, match=message) as caught:
        list(all_items(read_file(name, io.BytesIO(content)), name, lambda _: None))
    assert name in str(caught.value)


def test_pages_are_read_as_people_see_them() -> None:
    """Scripts are left out, entities and alternative texts are not."""
    page = "<head><title>t</title></head><p>a &amp; <b>b</b><script>alert(1)</script><img alt='hidden words'></p>c"
    assert html_text(page) == "a & b hidden words\nc"
    (item,) = items("x.html", page)
    assert item.id == "x.html"


def test_a_sample_does_not_depend_on_the_order() -> None:
    """The same seed chooses the same items of a shuffled corpus; another seed others."""
    ids = [f"i{number}" for number in range(200)]
    chosen = sampled(ids, 20, seed=1)
    assert chosen == sampled(reversed(ids), 20, seed=1)
    assert len(chosen) == 20
    assert chosen != sampled(ids, 20, seed=2)
    assert sampled(ids[:3], 20, seed=1) == set(ids[:3])
