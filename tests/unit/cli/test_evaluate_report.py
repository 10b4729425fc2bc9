"""Comparisons of runs, their limits, and what the report does with hostile text."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from stepguard.cli.evaluate import comparison
from stepguard.evaluation.prices import model_cost
from stepguard.evaluation.results import result_of
from stepguard.guard.errors import InvalidRequest
from stepguard.report.page import write_report
from stepguard.report.summary import lines_of
from tests.fakes.scorecards import scorecard_of
from tests.unit.evaluation.test_scorecard import VIOLENCE, failed, finding, record

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x07\u202e$x$ {{7*7}}"


def card(*records: dict[str, Any]) -> dict[str, Any]:
    """A scorecard as SummarizeCorpus writes it."""
    return {"bad_rows": 0, **scorecard_of(result_of(entry)[0] for entry in records).to_dict()}


SOME = (
    record(0, labels={"expected": "blocked", "policies": ["VIOLENCE"]}, findings=[VIOLENCE]),
    record(1, labels={"expected": "blocked"}),
    record(2, labels={"expected": "passed"}),
)


def folder(path: Path, *records: dict[str, Any]) -> Path:
    """A folder of results."""
    path.mkdir()
    lines = (json.dumps(result_of(entry)[0].to_dict()) + "\n" for entry in records)
    (path / "results.jsonl").write_text("".join(lines), encoding="utf-8")
    return path


def comparing(home: Path, first: Path, second: Path, **options: Any) -> argparse.Namespace:
    """The arguments of a comparison."""
    given = {"json": True, "home": str(home), "fail_under": None, "fail_on": None, "out": None} | options
    return argparse.Namespace(compare=[str(first), str(second)], **given)


@pytest.mark.parametrize(
    ("limits", "code", "under"),
    [
        ("newly-wrong=1", 0, []),
        ("newly-wrong=0", 3, ["newly-wrong is 1 of 3, not at most 0"]),
        ("newly_wrong=10%", 3, ["newly-wrong is 1 of 3, not at most 10%"]),
        ("newly-missed=0", 3, ["newly-missed is 1 of 3, not at most 0"]),
        ("newly-needless=0,newly-right=0,missing=0", 0, []),
        ("changed=0,missing=0", 3, ["changed is 1 of 3, not at most 0"]),
    ],
)
def test_a_comparison_keeps_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], limits: str, code: int, under: list[str]
) -> None:
    """A guardrail that no longer blocks an item makes it newly wrong: exit code 3."""
    first = folder(tmp_path / "a", *SOME)
    second = folder(tmp_path / "b", record(0, labels={"expected": "blocked"}), *SOME[1:])
    assert comparison.run(comparing(tmp_path, first, second, fail_on=limits)) == code
    assert json.loads(capsys.readouterr().out)["under"] == under


def test_an_item_that_lost_its_verdict_is_newly_wrong(tmp_path: Path) -> None:
    """A run whose items fail passes no limit."""
    first = folder(tmp_path / "a", record(0, labels={"expected": "passed"}))
    second = folder(tmp_path / "b", failed(0))
    assert comparison.run(comparing(tmp_path, first, second, fail_on="newly-wrong=0")) == 3


def test_a_comparison_without_labels_keeps_no_limit(tmp_path: Path) -> None:
    """Nothing can be newly wrong: that is no proof."""
    first, second = folder(tmp_path / "a", record(0)), folder(tmp_path / "b", record(0))
    assert comparison.run(comparing(tmp_path, first, second, fail_on="newly-wrong=0")) == 3
    assert comparison.run(comparing(tmp_path, first, second, fail_on="changed=0")) == 0


def texts(number: int, digest: str, identifier: str | None = None, **more: Any) -> dict[str, Any]:
    """A record whose item has this digest of its texts."""
    made = record(number, labels={"expected": "blocked"}, digest=digest, **more)
    given = json.loads(made["Input"])
    given["item"]["id"] = identifier or given["item"]["id"]
    return made | {"Input": json.dumps(given)}


def test_items_are_compared_by_their_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A moved row is found by its texts; an id with another text is reported and not compared."""
    first = folder(tmp_path / "a", texts(0, "x"), texts(1, "y"), texts(2, "z"))
    second = folder(tmp_path / "b", texts(0, "x"), texts(1, "other"), texts(2, "z", "moved", findings=[VIOLENCE]))
    assert comparison.run(comparing(tmp_path, first, second)) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["both"], report["other_text"], report["counts"]["newly-right"]) == (2, ["item-1"], 1)
    assert [item["id"] for item in report["items"]] == ["moved"]
    others = folder(tmp_path / "c", texts(1, "other"))
    with pytest.raises(InvalidRequest, match="1 ids have another text"):
        comparison.run(comparing(tmp_path, first, others))


def test_the_page_of_a_comparison_has_what_changed_first(tmp_path: Path) -> None:
    """Both verdicts and both scores; hostile text is text, and no script can run."""
    hostile = finding("topic", HOSTILE)
    first = folder(tmp_path / "a", record(0, HOSTILE, {"expected": "blocked"}, [hostile]), *SOME[1:])
    second = folder(tmp_path / "b", record(0, HOSTILE, {"expected": "blocked"}), *SOME[1:])
    assert comparison.run(comparing(tmp_path, first, second, out=str(tmp_path / "page"))) == 0
    page = (tmp_path / "page" / "comparison.html").read_text(encoding="utf-8")
    assert (
        page.index("<h2>Changed</h2>") < page.index("item-0") < page.index("<h2>Unchanged</h2>") < page.index("item-1")
    )
    assert "<td>blocked</td><td>blocked</td><td>passed</td>" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page


def test_runs_without_a_common_item_are_an_error(tmp_path: Path) -> None:
    """They cannot be compared; limits of a run mean nothing here."""
    first, second = folder(tmp_path / "a", record(0)), folder(tmp_path / "b", record(1))
    with pytest.raises(InvalidRequest, match="no item in common"):
        comparison.run(comparing(tmp_path, first, second))
    with pytest.raises(InvalidRequest, match="recall is a limit of a run"):
        comparison.run(comparing(tmp_path, first, second, fail_under="recall=0.5"))
    with pytest.raises(InvalidRequest, match="--junit is for a run"):
        comparison.run(comparing(tmp_path, first, second, junit="j.xml"))


def test_a_comparison_reports_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Item by item, with the filters that came and went, and McNemar's test on who was right."""
    first = folder(tmp_path / "a", *SOME)
    second = folder(tmp_path / "b", SOME[0], record(1, labels={"expected": "blocked"}, findings=[VIOLENCE]), SOME[2])
    arguments = comparing(tmp_path, first, second)
    assert comparison.run(arguments) == 0
    changed = json.loads(capsys.readouterr().out)
    assert (changed["both"], changed["changes"]) == (3, {"passed -> blocked": 1})
    assert changed["mcnemar"] == {"only_first_right": 0, "only_second_right": 1, "p": 1.0}
    assert changed["items"][0]["new"] == ["content/VIOLENCE"]
    arguments.json = False
    assert comparison.run(arguments) == 0
    assert "passed -> blocked" in capsys.readouterr().out


def test_a_comparison_needs_two_runs(tmp_path: Path) -> None:
    """A folder without results is named."""
    with pytest.raises(InvalidRequest, match="nothing-here"):
        comparison.run(comparing(tmp_path, Path("nothing-here"), Path("x")))


def test_the_report_holds_no_markup_of_others(tmp_path: Path) -> None:
    """Hostile text is data in a JSON island or escaped; nothing is loaded, no other script can run."""
    hostile = finding("topic", HOSTILE)
    entries_ = [record(0, HOSTILE, {"expected": "blocked"}, [hostile]), *SOME]
    results = folder(tmp_path / "a", *entries_) / "results.jsonl"
    write_report(tmp_path / "report.html", {"run": HOSTILE, "corpus": HOSTILE}, card(*entries_), results)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<script") == page.count('<script type="application/json"') + 1 == 3
    assert "<img" not in page
    assert "\x07" not in page
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")  # SVG's namespaces
    assert "<image" not in page  # the policy of the page lets none be shown
    island = page.split('id="items">')[1].split("</script>")[0]
    assert json.loads(island)[0]["text"].startswith("</script>")


def test_the_report_is_the_same_for_the_same_run(tmp_path: Path) -> None:
    """Plots hold no dates and no random names."""
    results = folder(tmp_path / "a", *SOME) / "results.jsonl"
    for name in ("one", "two"):
        write_report(tmp_path / name, {"run": "r"}, card(*SOME), results)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_summary_reports_the_counts() -> None:
    """In lines that a terminal can show."""
    text = "\n".join(lines_of(card(*SOME)))
    assert "3 items: 2 passed, 0 masked, 1 blocked, 0 failed; 0 bad rows" in text
    assert "content/VIOLENCE" in text


@pytest.mark.parametrize(
    ("model", "price", "cell"),
    [
        ("us.deepseek.r1-v1:0", "on AWS some $0.0135", "<td>0.0135</td>"),
        ("test.echo", "not priced", "<td>not priced</td>"),
    ],
)
def test_tokens_are_reported_with_their_price(tmp_path: Path, model: str, price: str, cell: str) -> None:
    """In the terminal and on the page; a model without a known price is said to have none."""
    scored = card(*SOME)
    scored["cost"]["model"] = model_cost({"input": 2000, "output": 2000}, model)
    assert f"2000 input and 2000 output tokens of {model}, {price}" in "\n".join(lines_of(scored))
    write_report(tmp_path / "report.html", {"run": "r"}, scored, folder(tmp_path / "a", *SOME) / "results.jsonl")
    row = f"<td>tokens of {model}</td><td>2,000 input, 2,000 output</td>{cell}"
    assert row in (tmp_path / "report.html").read_text(encoding="utf-8")
