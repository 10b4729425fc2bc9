"""The text of documents."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from embedded_aws.bedrock.knowledge.reading import Unreadable, pages
from stepguard.cli.evaluate.files import word_text
from stepguard.evaluation.corpus import html_text
from stepguard.evaluation.limits import Limits, Meter

PAGE = """<html><head><title>Ward</title><style>p {color: red}</style></head><body><h1>Visiting</h1>
<p>From 2&nbsp;pm<br>to 8 pm.</p><script>alert(1)</script><img alt="a map of the ward">
<ul><li>One<li>Two</ul></body></html>"""


def word(body: str) -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{space}">{body}</w:document>')
    return target.getvalue()


def test_an_html_page_is_read_as_it_is_screened() -> None:
    """Both readers must see the same text: what only the knowledge base reads would be unscreened."""
    (page,) = pages("ward.html", PAGE.encode())
    assert page == html_text(PAGE)
    assert "a map of the ward" in page
    assert "alert" not in page


def test_a_word_file_is_its_paragraphs_and_read_as_it_is_screened(tmp_path: Path) -> None:
    body = "<w:p><w:r><w:t>First.</w:t></w:r></w:p><w:p><w:r><w:t>Second</w:t><w:tab/><w:t>part.</w:t></w:r></w:p>"
    file = tmp_path / "a.docx"
    file.write_bytes(word(body))
    assert pages("a.docx", word(body)) == ["First.\nSecond\tpart."] == [word_text(file, "a.docx", Meter(Limits()))]


def test_a_row_of_a_table_names_its_columns() -> None:
    assert pages("a.csv", b'ward,phone\nA,"1, 2"\nB,\n') == ["ward: A; phone: 1, 2\nward: B"]


@pytest.mark.parametrize("text", ["Grüße", "naïve"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_texts(text: str, encoding: str) -> None:
    assert pages("a.txt", text.encode(encoding)) == [text]


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        ("a.pptx", b"PK", "does not read files that end in '.pptx'"),
        ("README", b"text", "does not read files that end in ''"),
        ("a.docx", b"PK broken", "no Word file"),
        ("a.docx", word('<!DOCTYPE a [<!ENTITY b "c">]><w:p/>'), "no Word file"),
        ("a.pdf", b"%PDF-1.4 broken", "no PDF"),
    ],
)
def test_what_cannot_be_read_says_why(key: str, content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        pages(key, content)
