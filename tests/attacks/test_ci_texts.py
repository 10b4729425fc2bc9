"""Names of others in the outputs for continuous integration: no markup, no element, no command of theirs."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from stepguard.cli.render import as_json, plain
from stepguard.report.markdown import escape
from tests.unit.evaluation.test_scorecard import finding, record
from tests.unit.report.test_ci_files import suites, write

HOSTILE = (
    ']]></failure><testcase name="x"/>\x00\x1b[31m\r\n::error::owned\n##[set-env name=PATH]/tmp\n'
    "|</td><script>alert(1)</script><img src=x onerror=alert(2)> [click](javascript:alert(3)) ![x](http://a.b/c) "
    "`code` **bold** @team http://evil.example www.evil.example $(id) %0A::set-output::x"
)


def hostile(number: int) -> dict[str, object]:
    """A record with such an id, an error, and a topic of such a name."""
    made = record(number, HOSTILE, {"expected": "passed"}, [finding("topic", HOSTILE)])
    given = json.loads(made["Input"])
    given["item"]["id"] = f"{HOSTILE}{number}"
    return made | {"Input": json.dumps(given)}


def test_junit_has_no_element_of_others(tmp_path: Path) -> None:
    """Ids, topics and the corpus's name stay within attributes and text; XML forbids control characters."""
    file = write(tmp_path, "correct=1", hostile(0), hostile(1), corpus=HOSTILE, run=HOSTILE).junit
    cases = suites(file)["items"]
    assert len(cases) == 2
    assert all([child.tag for child in case] == ["failure"] for case in cases.values())
    assert "\x1b" not in Path(file).read_text(encoding="utf-8")
    assert {element.tag for element in ET.parse(file).iter()} == {"testsuites", "testsuite", "testcase", "failure"}


def test_the_summary_has_no_markup_of_others(tmp_path: Path) -> None:
    """No link, image, element, mention, code or further cell."""
    file = write(tmp_path, "correct=1", hostile(0), hostile(1), corpus=HOSTILE, run=HOSTILE).summary
    text = Path(file).read_text(encoding="utf-8")
    for mark in ("<", ">", "`", "[", "]", "@", "**", "http:", "www.", "::", "\x1b", "$("):
        assert mark not in text, mark
    rows = [line for line in text.splitlines() if "owned" in line and line.startswith("|")]
    assert rows
    assert {line.count("|") for line in rows} <= {4, 7}  # three or six cells


def test_annotations_are_one_command_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line end would start a command of others; `%0A` of theirs stays a text."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(tmp_path, "correct=1", hostile(0), hostile(1))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(("::error title=stepguard%3A", "::warning title=stepguard%3A")) for line in lines)
    assert "%250A" in lines[1]
    assert "\x1b" not in "".join(lines)


def test_other_lines_are_no_commands_in_github_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner reads `::` after blanks and `##[` anywhere; JSON keeps its value."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    printed = plain("  ::add-mask::x\n::error::y\na ##[debug]z")
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    assert "##[" not in printed
    assert "##[" not in as_json({"id": "##[debug]"})
    assert json.loads(as_json({"id": "##[debug]"})) == {"id": "##[debug]"}


def test_an_escaped_name_is_bounded() -> None:
    """A summary has at most 1 MiB, whatever the names are."""
    assert len(escape("|" * 100_000)) < 2000
