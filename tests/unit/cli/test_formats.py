"""Corpora in the formats of other tools: recognised by content, with labels, answers and passages."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stepguard.aws.objects import Objects
from stepguard.cli.evaluate.corpus import recognise
from stepguard.cli.evaluate.intake import Intake, Options
from stepguard.evaluation.answers.grades import Grade
from stepguard.evaluation.corpus import BadRow, Entry, all_items
from stepguard.evaluation.items import Item
from stepguard.evaluation.limits import Limits, Meter
from stepguard.formats.mapping import mapped_of
from stepguard.guard.errors import InvalidRequest

CORPORA = Path(__file__).parents[2] / "data" / "corpora"
NAMES = sorted(file.name.removesuffix(".expect.json") for file in CORPORA.glob("*.expect.json"))


def intake_of(place: Path, options: Options | None = None, limits: Limits | None = None) -> Intake:
    """What the command finds out about a corpus."""
    return recognise(place, options or Options(), limits or Limits(), Objects(object()))


def entries(place: Path, options: Options | None = None) -> list[Entry]:
    """All items and bad rows, in order."""
    return list(intake_of(place, options).read(Meter(Limits())))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A file of this content."""
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def lines(*rows: dict[str, Any]) -> str:
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def sibling(name: str, content: str | bytes, **expect: Any) -> Any:
    """Parameters of a test: a file with what a careful user expects of it."""
    return pytest.param(name, content, expect, id=name)


def check(file: Path, expect: dict[str, Any]) -> None:
    """Read the file, and compare it with its description; `refused` is what its refusal says."""
    if "refused" in expect:
        with pytest.raises(InvalidRequest, match="|".join(expect["refused"])):
            intake_of(file)
        return
    bad: list[BadRow] = []
    items = list(all_items(entries(file), file.name, bad.append))
    choices = [expect, *({**expect, **other} for other in expect.get("alternatives", []))]
    found = [differences(choice, items, bad) for choice in choices]
    assert [] in found, found[0]


def folded(text: str | None) -> str:
    """Without the line breaks of a document."""
    return " ".join((text or "").split())


def differences(expect: dict[str, Any], items: list[Item], bad: list[BadRow]) -> list[str]:
    """Where the items are not those of the file's description."""
    labels = [item.labels.expected for item in items if item.labels.expected is not None]
    passed = sum(str(label) == "passed" for label in labels)
    first = items[0].request
    passages = sum(bool(item.request.passages) for item in items)
    found = {
        "items": len(items),
        "bad_rows": len(bad),
        "kinds": dict(Counter(str(item.request.kind) for item in items)),
        "with_expectation": len(labels),
        "expected_passed": passed,
        "expected_intervened": len(labels) - passed,
        "with_passages": passages,
        "first_query": folded(first.query),
    }
    wrong = [f"{name}: {value}" for name, value in found.items() if name in expect and expect[name] != value]
    text, begin = folded(first.completion or first.text), folded(expect.get("first_text"))
    if not (begin in text if expect.get("match") == "contains" else not begin or text == begin):
        wrong.append(f"first text: {text}")
    if not items[0].id.startswith(expect.get("first_id", "")):
        wrong.append(f"first id: {items[0].id}")
    return wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_each_format_is_read_as_its_description_says(name: str) -> None:
    """57 files; a refusal names what the file is."""
    expect = json.loads((CORPORA / f"{name}.expect.json").read_text(encoding="utf-8"))
    check(CORPORA / name, expect)


def test_a_folder_of_documents_is_read_by_name(tmp_path: Path) -> None:
    """Text, Markdown and HTML; what is none of them is reported, hidden files are left alone."""
    (tmp_path / "sub").mkdir()
    for name, text in {"b.md": "# B", "a.txt": "A", "sub/c.html": "<p>C</p>", "d.xlsx": "?", ".git": "x"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "e.pdf").write_bytes(b"%PDF-1.4 broken")
    found = entries(tmp_path)
    assert [(item.id, item.request.text) for item in found if isinstance(item, Item)] == [
        ("a.txt", "A"),
        ("b.md", "# B"),
        ("sub/c.html", "C"),
    ]
    assert [bad.file for bad in found if isinstance(bad, BadRow)] == ["d.xlsx", "e.pdf"]


def test_a_pdf_is_read_as_its_text(tmp_path: Path) -> None:
    """By a maintained library; matplotlib makes one here."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasPdf(figure)
    figure.text(0.1, 0.5, "Discharge letter of the ward")
    figure.savefig(tmp_path / "letter.pdf")
    (item,) = entries(tmp_path / "letter.pdf")
    assert isinstance(item, Item)
    assert "Discharge letter" in item.request.text


@pytest.mark.parametrize(
    ("name", "row", "reference"),
    [
        ("a.jsonl", {"prompt": "When?", "referenceResponse": "At 8."}, ("At 8.",)),
        ("b.jsonl", {"question": "When?", "ground_truths": ["At 8.", "8"], "contexts": ["c"]}, ("At 8.", "8")),
        ("c.jsonl", {"input": "When is it?", "ideal": ["At 8."]}, ("At 8.",)),
        ("d.jsonl", {"inputs": {"q": "When?"}, "outputs": {"answer": "At 8."}, "metadata": {}}, ("At 8.",)),
        ("e.jsonl", {"input": {"q": "When?"}, "expectedOutput": {"answer": "At 8."}, "datasetId": "d"}, ("At 8.",)),
        ("f.jsonl", {"input": "When is it open?", "expected": "It opens at 8.", "tags": []}, ("It opens at 8.",)),
        (
            "g.jsonl",
            {"conversationTurns": [{"prompt": {"content": [{"text": "When?"}]},
                                    "referenceResponses": [{"content": [{"text": "At 8."}]}]}]},
            ("At 8.",),
        ),
        ("h.json", [{"vars": {"question": "When?"}, "assert": [{"type": "similar", "value": "At 8."}]}], ("At 8.",)),
        ("i.csv", "question,__expected\nWhen?,equals: At 8.\n", ("At 8.",)),
        ("j.jsonl", {"question": "When is it?", "context": "c", "answers": {"text": ["At 8."], "answer_start": [0]}},
         ("At 8.",)),
        ("k.csv", "question,gold\nWhen is it?,1\n", ()),
        ("l.csv", "question,target\nWhen is it?,safe\nWho are you?,unsafe\n", ()),
    ],
)  # fmt: skip
def test_reference_answers_are_read(name: str, row: Any, reference: tuple[str, ...], tmp_path: Path) -> None:
    """In the place that each tool has for them; numbers and labels in vague columns are none."""
    content = lines(row) if isinstance(row, dict) else json.dumps(row)
    file = written(tmp_path, name, row if isinstance(row, str) else content)
    item = entries(file)[0]
    assert isinstance(item, Item)
    assert item.labels.reference == reference


def test_a_reference_and_a_grade_are_mapped(tmp_path: Path) -> None:
    """By hand; the columns count as used."""
    file = written(tmp_path, "m.csv", "Ask,Said,Right,Human\nWhen is it open?,It is at 9.,It is at 8.,incorrect\n")
    chosen = mapped_of("query=Ask,completion=Said,reference=Right,grade=Human", None)
    (item,) = entries(file, Options(mapped=chosen))
    assert isinstance(item, Item)
    assert (item.labels.reference, item.labels.grade) == (("It is at 8.",), Grade.WRONG)
    assert intake_of(file, Options(mapped=chosen)).columns["ignored"] == []
