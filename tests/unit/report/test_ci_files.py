"""JUnit XML, the Markdown summary and annotations of a run, and lines of progress."""

from __future__ import annotations

import argparse
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from stepguard.cli.evaluate import ci, output
from stepguard.cli.evaluate.progress import LINE_SECONDS, Lines
from stepguard.evaluation.results import result_of
from stepguard.guard.errors import InvalidRequest
from stepguard.report.gates import gates_of, run_gates
from tests.unit.evaluation.test_scorecard import failed, record
from tests.unit.report.test_gates import SOME, card

ABOUT = {"run": "run-1", "corpus": "letters.jsonl", "seconds": 2.5}
RECORDS = (*SOME, failed(4), record(5))


def results(folder: Path, *records: dict[str, Any]) -> Path:
    """A folder with results.jsonl."""
    lines = (json.dumps(result_of(entry)[0].to_dict()) + "\n" for entry in records)
    (folder / output.RESULTS).write_text("".join(lines), encoding="utf-8")
    return folder


def write(folder: Path, limits: str | None, *records: dict[str, Any], **about: Any) -> argparse.Namespace:
    """Write both files for these results."""
    arguments = argparse.Namespace(corpus=None, junit=str(folder / "j.xml"), summary=str(folder / "s.md"))
    gates = gates_of(limits)
    found = card(*records)
    checked = [gate.check(found) for gate in run_gates(gates)]
    ci.write(arguments, ABOUT | about, found, results(folder, *records), checked, tolerate=bool(gates))
    return arguments


def suites(file: str) -> dict[str, dict[str, ET.Element]]:
    """The test cases by suite and name; the counts of each suite are those of its cases."""
    root = ET.parse(file).getroot()
    found = {}
    for suite in root:
        cases = {case.attrib["name"]: case for case in suite}
        assert int(suite.attrib["tests"]) == len(cases)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))
        found[suite.attrib["name"]] = cases
    for name in ("tests", "failures", "errors"):
        assert int(root.attrib[name]) == sum(int(suite.attrib[name]) for suite in root)
    return found


def states(cases: dict[str, ET.Element]) -> dict[str, str]:
    """`failure`, `error`, `skipped` or nothing, for each case."""
    return {name: "".join(child.tag for child in case) for name, case in cases.items()}


def test_junit_has_a_case_for_each_limit_and_each_item_with_a_label(tmp_path: Path) -> None:
    """An item without a label is neither right nor wrong; one without a verdict is an error."""
    found = suites(write(tmp_path, "recall=0.9,failed=1", *RECORDS).junit)
    assert states(found["limits"]) == {"recall": "failure", "failed": "", "bad-rows": ""}
    assert states(found["items"]) == {
        "item-0": "",
        "item-1": "failure",
        "item-2": "",
        "item-3": "failure",
        "item-4": "error",
    }
    message = found["items"]["item-1"][0]
    assert (message.attrib["message"], message.attrib["type"]) == ("expected blocked, found passed", "missed")
    assert "execution: arn:1:0" in (message.text or "")


def test_kept_limits_permit_wrong_items(tmp_path: Path) -> None:
    """A reader of the file then shows the colour of the exit code; without limits a wrong item is a failure."""
    kept = suites(write(tmp_path, "recall=0.5", *SOME).junit)
    assert states(kept["items"]) == {"item-0": "", "item-1": "skipped", "item-2": "", "item-3": "skipped"}
    assert states(suites(write(tmp_path, None, *SOME).junit)["items"])["item-1"] == "failure"


def test_a_library_reads_the_file(tmp_path: Path) -> None:
    """junitparser, which tools on GitHub and Jenkins' clients use."""
    xml = JUnitXml.fromfile(write(tmp_path, "recall=0.9", *RECORDS).junit)
    assert [(suite.name, suite.tests, suite.failures, suite.errors) for suite in xml] == [
        ("limits", 2, 1, 0),
        ("items", 5, 2, 1),
    ]


def test_the_summary_has_limits_metrics_and_items(tmp_path: Path) -> None:
    """What people read on the page of a pull request."""
    text = Path(write(tmp_path, "recall=0.9", *RECORDS).summary).read_text(encoding="utf-8")
    assert text.startswith("## ❌ limits not kept: evaluation of letters.jsonl\n")
    assert "| recall | ❌ | recall is 0.5000, not at least 0.9 |" in text
    assert "| item-1 | 2 | expected blocked, found passed |" in text
    assert "| content/VIOLENCE | 2 | 0 | 1 |" in text
    assert text.count("\n\n\n") == 0
    kept = Path(write(tmp_path, "recall=0.5", *SOME).summary).read_text(encoding="utf-8")
    assert "✅ limits kept" in kept


def test_githubs_summary_grows_and_another_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several commands of one step write to the same file."""
    write(tmp_path, None, *SOME)
    summary = Path(write(tmp_path, None, *SOME).summary)
    assert summary.read_text(encoding="utf-8").count("evaluation of") == 1
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write(tmp_path, None, *SOME)
    assert summary.read_text(encoding="utf-8").count("evaluation of") == 2


def test_annotations_come_in_github_actions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error for a limit, a warning for an item; nothing on the standard output."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    write(tmp_path, "recall=0.9", *SOME)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(tmp_path, "recall=0.9", *SOME)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == ("::error title=stepguard%3A limit not kept::recall is 0.5000, not at least 0.9")
    assert "::warning title=stepguard%3A item to check::item-1: expected blocked, found passed" in err


def test_annotations_name_the_line_of_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GitHub displays them next to the row, if the file is in the repository."""
    corpus = tmp_path / "a,b.jsonl"
    corpus.write_text("{}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    arguments = argparse.Namespace(corpus=str(corpus), junit=None, summary=None)
    ci.write(arguments, ABOUT, card(*SOME), results(tmp_path, *SOME), [], tolerate=False)
    assert "::warning file=a%2Cb.jsonl,line=2,title=" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    """A run may cost money."""
    for name in (str(tmp_path), str(tmp_path / "none" / "j.xml"), ""):
        with pytest.raises(InvalidRequest, match="--junit"):
            ci.check_files(argparse.Namespace(junit=name, summary=None))
    ci.check_files(argparse.Namespace(junit=str(tmp_path / "j.xml"), summary=None))


class Ticking:
    """A run that is half done, and a clock."""

    now = 0.0
    total: int | None = 8
    done = 4
    failed = 1

    def progress(self, _: object) -> Ticking:
        """The counts."""
        return self


def test_progress_is_a_line_from_time_to_time(capsys: pytest.CaptureFixture[str]) -> None:
    """For logs, where no bar can be drawn."""
    watch: Any = Ticking()
    lines = Lines(watch, lambda: watch.now)
    for watch.now in (1.0, LINE_SECONDS + 1, LINE_SECONDS + 2, 2 * LINE_SECONDS + 1):
        lines(None)  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines() == [
        "11 s: 4 of 8 evaluated, 1 failed",
        "21 s: 4 of 8 evaluated, 1 failed",
    ]
