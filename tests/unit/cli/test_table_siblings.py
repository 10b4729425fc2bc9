"""Siblings of the samples: tables, arrays, documents, scenarios and traces in other shapes, encodings, compressions."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.cli.test_formats import check, lines, sibling, written

P, R = "prompt", "response"


def packed(name: str, text: str) -> bytes:
    """A zip file of one file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, text)
    return target.getvalue()


def parquet(**columns: Any) -> bytes:
    """A Parquet file."""
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


FILES = [
    sibling(
        "jigsaw.csv",
        "id,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate\n"
        "1,you are bad,1,0,0,0,1,0\n2,you are good,0,0,0,0,0,0\n",
        items=2,
        kinds={"document": 2},
        expected_passed=1,
        expected_intervened=1,
    ),
    sibling(
        "toxic_chat.csv",
        "user_input,model_output,toxicity,jailbreaking\nhow do I x,no way,0,0\nbad thing here,no,1,0\n",
        items=2,
        kinds={R: 2},
        with_expectation=2,
    ),
    sibling(
        "issafe.jsonl",
        lines(
            {"prompt": "a b", "response": "c d", "is_safe": False},
            {"prompt": "e f", "response": "g h", "is_safe": True},
        ),
        items=2,
        kinds={R: 2},
        expected_passed=1,
    ),
    sibling(
        "scale.csv",
        "text,label\nfine words here,0\nfine words there,3\nother words there,4\nmore,2\n",
        items=4,
        with_expectation=0,
    ),
    sibling(
        "topics.csv",
        "question,label\nwhere is it,hours\nwho is it,people\nwhat is it,things\n",
        items=3,
        kinds={P: 3},
        with_expectation=0,
    ),
    sibling("halfknown.csv", "text,label\nwhere is it,safe\nwho is it,spammy\n", refused=["spammy"]),
    sibling("expected_bad.csv", "text,expected\nwhere is it,passed\nwho is it,wobble\n", refused=["wobble"]),
    sibling(
        "two_texts.csv",
        "Remark of A,Remark of B\nthis is a long text,that is a long text\n"
        "another long text here,and more text there\n",
        refused=["Remark of A"],
    ),
    sibling("nothing.csv", "a,b\n1,2\n3,4\n", refused=["Columns found"]),
    sibling(
        "noheader.csv",
        "Where do I hand in a letter?,safe\nTell me how to forge a cheque.,unsafe\n",
        items=2,
        with_expectation=2,
    ),
    sibling("sep.csv", "sep=;\r\nprompt;expected\r\nhi there;passed\r\n", items=1, kinds={P: 1}, with_expectation=1),
    sibling("cr.csv", "prompt,expected\rhi there,passed\rwho there,blocked\r", items=2, kinds={P: 2}),
    sibling("quoted_nl.csv", 'Prompt,Label\n"a\nb c",safe\n"x, y",unsafe\n', items=2, with_expectation=2, kinds={P: 2}),
    sibling(
        "pandas.json",
        json.dumps({"text": {"0": "a b", "1": "c d"}, "label": {"0": 1, "1": 0}}),
        items=2,
        with_expectation=2,
    ),
    sibling(
        "columns.json", json.dumps({"text": ["a b", "c d"], "label": ["safe", "unsafe"]}), items=2, with_expectation=2
    ),
    sibling(
        "hf_api.json",
        json.dumps(
            {
                "features": [{"name": "text"}],
                "rows": [{"row_idx": 0, "row": {"text": "a b c", "label": 1}, "truncated_cells": []}],
            }
        ),
        items=1,
        with_expectation=1,
    ),
    sibling("two_lists.json", json.dumps({"train": [{"text": "a"}], "test": [{"text": "b"}]}), refused=["train"]),
    sibling("lines.json", lines({"prompt": "a"}, {"prompt": "b"}), items=2, kinds={P: 2}),
    sibling("array.jsonl", json.dumps([{"prompt": "a"}, {"prompt": "b"}], indent=1), items=2, kinds={P: 2}),
    sibling("oneline_array.jsonl", json.dumps([{"prompt": "a"}, {"prompt": "b"}]), items=2, kinds={P: 2}),
    sibling(
        "pretty.jsonl",
        json.dumps({"prompt": "a"}, indent=1) + "\n" + json.dumps({"prompt": "b"}, indent=1) + "\n",
        items=2,
        kinds={P: 2},
    ),
    sibling("strings.jsonl", '"a b"\n"c d"\n', items=2, kinds={"document": 2}),
    sibling("one.json", json.dumps({"prompt": "a", "expected": "passed"}), items=1, kinds={P: 1}, with_expectation=1),
    sibling("broken_first.jsonl", '{"prompt": "a\n{"prompt": "b"}\n', items=1, bad_rows=1),
    sibling(
        "halu.json",
        lines({"knowledge": "k k k", "question": "what is", "right_answer": "r", "hallucinated_answer": "h"}),
        items=1,
    ),
    sibling(
        "utf16be.csv",
        "prompt,expected\nJosé you,passed\n".encode("utf-16-be").join([b"\xfe\xff", b""]),
        items=1,
        kinds={P: 1},
        first_text="José you",
    ),
    sibling("utf16.jsonl", lines({"prompt": "José"}).encode("utf-16"), items=1, kinds={P: 1}),
    sibling("rows.jsonl.bz2", bz2.compress(lines({"prompt": "x"}).encode()), items=1, kinds={P: 1}),
    sibling("rows.csv.xz", lzma.compress(b"prompt,expected\nx,passed\n"), items=1, kinds={P: 1}),
    sibling("rows.csv.zip", packed("rows.csv", "prompt,expected\nx,passed\n"), items=1, kinds={P: 1}),
    sibling("gz_noname.jsonl", gzip.compress(lines({"prompt": "x"}).encode(), mtime=0), items=1, kinds={P: 1}),
    sibling("lfs.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:x\nsize 1\n", refused=["Git LFS"]),
    sibling("old.doc", b"\xd0\xcf\x11\xe0abc", refused=["docx"]),
    sibling(
        "manifest.json",
        json.dumps(
            {
                "sourceBucket": "clinic-letters",
                "destinationBucket": "x",
                "fileFormat": "CSV",
                "fileSchema": "Bucket, Key",
                "files": [{"key": "a", "size": 1}],
            }
        ),
        refused=["inventory"],
    ),
    sibling(
        "inv.csv",
        '"b-one","a%20b/c.txt","v1","true","false","812"\n"b-one","a/d.txt","v2","true","false","813"\n',
        refused=["inventory"],
    ),
    sibling("orcid.csv", "ORCID,prompt\n1,hi there\n", items=1, kinds={P: 1}),
    sibling("name.csv", "BZhang,prompt\n1,hi there\n", items=1, kinds={P: 1}),
    sibling("rows.orc", b"ORC\x11\x00\x00\x0a\x06ORC\x17", refused=["ORC file"]),
    sibling("empty.csv", "", refused=["empty.csv"]),
    sibling("empty.jsonl", "\n\n", refused=["empty.jsonl"]),
    sibling("latin.txt", "Grüße José".encode("cp1252"), items=1, kinds={"document": 1}, first_text="Grüße José"),
    sibling(
        "dict.parquet",
        parquet(Text=pa.array(["a b", "c d"]).dictionary_encode(), label=[1, 0], n=[{"a": 1}, None]),
        items=2,
        with_expectation=2,
    ),
    sibling(
        "msgs.parquet",
        parquet(messages=[[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]]),
        items=1,
        kinds={R: 1},
        first_query="q",
    ),
    sibling("bad.parquet", b"PAR1garbagePAR1", refused=["Parquet"]),
    sibling(
        "pretty_ragas.json",
        json.dumps({"question": "q?", "contexts": ["a", "b"], "answer": "x"}, indent=1),
        items=1,
        kinds={R: 1},
        with_passages=1,
    ),
    sibling(
        "pretty_turns.json",
        json.dumps({"conversationTurns": [{"prompt": {"content": [{"text": "q"}]}}]}, indent=1),
        items=1,
        kinds={P: 1},
    ),
    sibling(
        "scenarios.yaml",
        "prompts: ['{{q}}']\nscenarios:\n- config: [{vars: {q: a}}, {vars: {q: b}}]\n"
        "  tests: [{assert: [{type: guardrails}]}]\n",
        items=2,
        kinds={P: 2},
        expected_passed=2,
    ),
    sibling("other_files.yaml", "tests:\n- file://a.yaml\n", refused=["other files"]),
    sibling(
        "trace.jsonl",
        lines({"id": "e1", "input": {"messages": [{"role": "user", "content": "q"}]}, "output": "a"}),
        items=1,
        kinds={R: 1},
        first_query="q",
        first_text="a",
    ),
    sibling(
        "transcripts.jsonl",
        lines({"chosen": "\n\nHuman: hi\n\nAssistant: yo", "rejected": "x"}),
        items=1,
        kinds={R: 1},
        first_query="hi",
        first_text="yo",
    ),
]


@pytest.mark.parametrize(("name", "content", "expect"), FILES)
def test_a_sibling_is_read(name: str, content: str | bytes, expect: dict[str, Any], tmp_path: Path) -> None:
    """By content; a refusal says what was found."""
    check(written(tmp_path, name, content), expect)
