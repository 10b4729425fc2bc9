"""Columns and labels by hand, strictness, encodings, limits, and packages that are missing."""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepguard.cli.evaluate.corpus import beside_of, read_options, save_beside
from stepguard.cli.evaluate.intake import Options
from stepguard.evaluation.corpus import BadRow, Entry
from stepguard.evaluation.items import Item
from stepguard.evaluation.limits import Limits, Meter
from stepguard.formats.mapping import mapped_of
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.request import Kind
from tests.unit.cli.test_formats import entries, intake_of, lines, written

TABLE = "Nr,Said,Remark,Result\n7,where do I go,fine words here,ok-ish\n8,how do I steal,bad words here,nope\n"
MAP = "text=Said,expected=Result,id=Nr,category=Remark"
LABEL = "ok-ish=passed,nope=intervened"


def items(found: list[Entry]) -> list[Item]:
    """Without the bad rows."""
    return [entry for entry in found if isinstance(entry, Item)]


def test_columns_and_labels_are_chosen_by_name(tmp_path: Path) -> None:
    """Two columns could be the text, and no word of the labels is known."""
    file = written(tmp_path, "t.csv", TABLE)
    with pytest.raises(
        InvalidRequest, match=r"2 columns could be the text.*'Nr' \(numbers\).*--map 'text=Said,expected=Result'"
    ):
        intake_of(file)
    first, second = items(entries(file, Options(mapped=mapped_of(MAP, LABEL))))
    assert [
        (item.id, item.request.text, str(item.labels.expected), item.labels.category) for item in (first, second)
    ] == [
        ("7", "where do I go", "passed", "fine words here"),
        ("8", "how do I steal", "intervened", "bad words here"),
    ]


def test_a_mapped_answer_is_judged(tmp_path: Path) -> None:
    """With its question and passages."""
    file = written(tmp_path, "t.jsonl", lines({"q": "when", "a": "at nine", "src": ["open at nine"]}))
    (item,) = items(entries(file, Options(mapped=mapped_of("query=q,completion=a,passages=src", None))))
    assert (item.request.kind, item.request.query, item.request.completion) == (Kind.RESPONSE, "when", "at nine")
    assert [passage.text for passage in item.request.passages] == ["open at nine"]


@pytest.mark.parametrize(
    ("columns", "labels", "reason"),
    [
        ("text=Sed", None, r"no column 'Sed'\. Did you mean 'Said'\?.*Nr, Said, Remark, Result"),
        ("txt=Said", None, "'txt' is not one of text, prompt"),
        ("text", None, "'text' is not NAME=VALUE"),
        ("text=Said,prompt=Said", None, "map one of them"),
        ("text=Said,text=Nr", None, "twice"),
        ("text=Said,expected=Result", None, "labels that are unknown.*nope, okish.*--label nope=intervened"),
        ("text=Said", "nope=stopped", "must be one of passed, intervened, masked, blocked"),
        ("text=Said", "never=blocked", "no column has the words"),
    ],
)
def test_a_wrong_mapping_is_refused(columns: str, labels: str | None, reason: str, tmp_path: Path) -> None:
    """With the nearest column, or the words that were found."""
    file = written(tmp_path, "t.csv", TABLE)
    with pytest.raises(InvalidRequest, match=reason):
        intake_of(file, Options(mapped=mapped_of(columns, labels)))


def test_a_mapping_is_kept_beside_the_corpus(tmp_path: Path) -> None:
    """The next run reads it; an option has priority."""
    file = written(tmp_path, "t.csv", TABLE)
    assert "saved in" in save_beside(file, mapped_of(MAP, LABEL))
    kept = yaml.safe_load(beside_of(file).read_text())
    assert (kept["map"]["text"], kept["label"]) == ("Said", {"ok-ish": "passed", "nope": "intervened"})
    options = argparse.Namespace(kind="prompt", map="category=Nr", label=None, encoding=None)
    read = read_options(options, file)
    assert (read.mapped.columns["text"], read.mapped.columns["category"]) == ("Said", "Nr")
    assert read.mapped.labels == mapped_of(None, LABEL).labels
    assert len(items(entries(file, read))) == 2


def test_what_is_not_understood_is_an_error_by_option(tmp_path: Path) -> None:
    """A column without a meaning, or a guess; a format's own columns are understood."""
    unknown = intake_of(written(tmp_path, "a.jsonl", lines({"prompt": "a", "frobnicate": "b"})))
    assert unknown.columns == {"used": ["prompt"], "ignored": ["frobnicate"]}
    with pytest.raises(InvalidRequest, match=r"--strict: columns that are not understood: frobnicate"):
        unknown.check_strict()
    guessed = intake_of(written(tmp_path, "b.csv", "prompt,expected\nJosé,passed\n".encode("cp1252")))
    with pytest.raises(InvalidRequest, match=r"--strict: .*Windows-1252"):
        guessed.check_strict()
    intake_of(written(tmp_path, "c.jsonl", lines({"input": "a", "ideal": "b"}))).check_strict()


def test_an_encoding_is_chosen_by_name(tmp_path: Path) -> None:
    """Shift JIS has no mark, so it would be read as Windows-1252."""
    file = written(tmp_path, "t.csv", "prompt\nこんにちは\n".encode("shift_jis"))
    (item,) = items(entries(file, Options(encoding="shift_jis")))
    assert item.request.text == "こんにちは"
    with pytest.raises(InvalidRequest, match="--encoding"):
        intake_of(file, Options(encoding="ascii"))


def test_values_that_are_no_objects_are_bad_rows(tmp_path: Path) -> None:
    """A text among objects, and a number."""
    found = entries(written(tmp_path, "t.json", json.dumps([{"prompt": "a"}, "b", 7])))
    assert [type(entry) for entry in found] == [Item, BadRow, BadRow]


# --- limits ----------------------------------------------------------------------------------------------------------


def bomb(name: str) -> bytes:
    """A megabyte of text, compressed."""
    text = lines(*({"prompt": "x" * 1000, "n": number} for number in range(1000)))
    if name.endswith(".gz"):
        return gzip.compress(text.encode())
    compressor: Any = importlib.import_module("zstandard").ZstdCompressor()
    packed: bytes = compressor.compress(text.encode())
    return packed


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_bytes_are_counted_after_decompression(name: str, tmp_path: Path) -> None:
    """By the recogniser already, before a row is kept."""
    with pytest.raises(InvalidRequest, match="more than 100,000 bytes after decompression"):
        intake_of(written(tmp_path, name, bomb(name)), limits=Limits(bytes=100_000))


@pytest.mark.parametrize("name", ["xl/workbook.xml", "word/document.xml"])
def test_an_archive_that_grows_is_refused(name: str, tmp_path: Path) -> None:
    """A workbook or a Word file of a few kilobytes with megabytes in it."""
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "<a>" + " " * 2_000_000 + "</a>")
    with pytest.raises(InvalidRequest, match="after decompression"):
        list(intake_of(file, limits=Limits(bytes=100_000)).read(Meter(Limits(bytes=100_000))))


def test_aliases_of_yaml_do_not_multiply(tmp_path: Path) -> None:
    """A few lines that become gigabytes are refused."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    file = written(tmp_path, "bomb.yaml", "\n".join([*levels, f"tests: [{', '.join(['*a11'] * 1000)}]"]))
    with pytest.raises(InvalidRequest, match="YAML aliases"):
        intake_of(file)


def test_an_entity_of_a_word_file_is_refused(tmp_path: Path) -> None:
    """Entities can read files and multiply; the row is bad."""
    file = tmp_path / "a.docx"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')
    (bad,) = entries(file)
    assert isinstance(bad, BadRow)
    assert "EntitiesForbidden" in bad.reason


@pytest.mark.parametrize("name", ["rows.parquet", "rows.xlsx", "rows.jsonl.zst", "letter.docx", "letter.pdf"])
def test_a_missing_package_is_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    from tests.unit.cli.test_formats import CORPORA

    def refuse(module: str) -> Any:
        raise ImportError(module)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ConfigurationError, match=r"needs the package \w+\. Run: pip install .*\[documents\]"):
        entries(CORPORA / name)
