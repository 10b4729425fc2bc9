"""The pytest plugin: `pytest --stepguard-corpus FILE` evaluates a corpus next to a team's own tests.

Without limits, each row of the corpus is a test; with `--stepguard-fail-under` or `--stepguard-fail-on`, each limit is.
pytest loads this module in every run, so it imports the product only when a corpus is given.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

LIMITS = ("fail_under", "fail_on")
SCORED = (0, 3)
"""Exit codes of `stepguard evaluate` that come with results."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("stepguard", "evaluation of guardrails")
    group.addoption("--stepguard-corpus", metavar="FILE", help="evaluate this corpus: a test for each row or limit")
    group.addoption("--stepguard-guardrails", metavar="DIR", help="guardrails to evaluate: a folder, or a file")
    group.addoption("--stepguard-fail-under", metavar="METRIC=LIMIT,…", help="a test for each limit, not each row")
    group.addoption("--stepguard-fail-on", metavar="METRIC=LIMIT,…", help="a test for each limit, not each row")
    group.addoption(
        "--stepguard-options", metavar="WORDS", default="", help="more options of stepguard evaluate, e.g. '--aws'"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the evaluation. Raises pytest.UsageError for options that mean nothing, and for missing packages."""
    options = {name: config.getoption(f"stepguard_{name}") for name in ("corpus", "guardrails", *LIMITS, "options")}
    if not options["corpus"]:
        if given := [name for name, value in options.items() if value]:
            raise pytest.UsageError(f"--stepguard-{given[0].replace('_', '-')} needs --stepguard-corpus FILE.")
        return
    from stepguard.cli.packages import missing_package
    from stepguard.guard.errors import StepguardError

    try:
        config.pluginmanager.register(_Plugin(_Evaluation(**options)), "stepguard-evaluation")
    except ModuleNotFoundError as error:
        message = missing_package(error)
        if message is None:
            raise
        raise pytest.UsageError(message) from None
    except StepguardError as error:
        raise pytest.UsageError(f"stepguard: {error}") from None


@dataclass
class _Evaluation:
    """One run of `stepguard evaluate`, made when its first test needs it."""

    corpus: str
    guardrails: str | None
    fail_under: str | None
    fail_on: str | None
    options: str
    gates: list[Any] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        from stepguard.cli.evaluate.corpus import find
        from stepguard.guard.errors import InvalidRequest
        from stepguard.report.gates import change_gates, gates_of, run_gates

        place = find(self.corpus)
        if self.fail_under or self.fail_on:
            given = gates_of(self.fail_under, self.fail_on)
            self.gates = [*run_gates(given), *change_gates(given)]
            return
        if not isinstance(place, Path):
            raise InvalidRequest(f"{self.corpus}: a corpus in S3 needs --stepguard-fail-under or --stepguard-fail-on.")
        self.rows = self._read(place)
        if not any(getattr(row, "labels", None) and row.labels.expected for row in self.rows):
            raise InvalidRequest(f"{self.corpus}: no row has a label (expected), so no test could fail.")

    def _read(self, place: Path) -> list[Any]:
        """The rows as the command reads them with the same options, those that cannot be read included."""
        from stepguard.aws.objects import Objects
        from stepguard.cli.evaluate.corpus import read_options, recognise
        from stepguard.cli.main import parser_of
        from stepguard.evaluation.corpus import all_items
        from stepguard.evaluation.limits import Limits, Meter

        words = ["evaluate", self.corpus, *shlex.split(self.options)]
        options = read_options(parser_of(words).parse_args(words), place)
        limits = Limits()
        rows: list[Any] = []
        meter = Meter(limits)
        for item in all_items(
            recognise(place, options, limits, Objects()).read(meter), self.corpus, rows.append, meter
        ):
            rows.append(item)
        return rows

    @cached_property
    def results(self) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]] | str:
        """The command's JSON and the results by id; or why there are none."""
        with tempfile.TemporaryDirectory(prefix="stepguard-pytest-") as folder:
            out = Path(folder, "out")
            # A separate state folder: the tests neither read nor change the one of the project.
            words = ["evaluate", self.corpus, "--home", str(Path(folder, "state")), *shlex.split(self.options)]
            for name in ("guardrails", *LIMITS):
                if value := getattr(self, name):
                    words += [f"--{name.replace('_', '-')}", value]
            command = [sys.executable, "-m", "stepguard", *words, "--json", "--out", str(out)]
            ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)  # noqa: S603
            if ran.returncode not in SCORED:
                return ran.stderr.strip() or f"stepguard evaluate ended with exit code {ran.returncode}"
            lines = map(json.loads, (out / "results.jsonl").read_text(encoding="utf-8").splitlines())
            return json.loads(ran.stdout), {line["id"]: line for line in lines}

    def of_test(self) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
        """The results; without them the first test fails, and the others are skipped."""
        first = "results" not in self.__dict__
        if isinstance(self.results, str):
            if first:
                raise _NotAsExpected(f"the evaluation failed: {self.results}")
            pytest.skip("the evaluation failed; see the first of its tests")
        return self.results


class _NotAsExpected(Exception):
    """A test that failed; its message is all that people need."""


class _Plugin:
    """Adds the tests of an evaluation after those that pytest has collected."""

    def __init__(self, evaluation: _Evaluation) -> None:
        self._evaluation = evaluation

    @pytest.hookimpl(tryfirst=True)  # before -k and -m choose
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the tests."""
        name = Path(self._evaluation.corpus).name
        parent = _Corpus.from_parent(session, name=name, nodeid=name, evaluation=self._evaluation)
        items.extend(parent.collect())


class _Corpus(pytest.Collector):
    """The tests of a corpus."""

    def __init__(self, *, evaluation: _Evaluation, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.evaluation = evaluation

    def collect(self) -> Iterator[_Test]:
        """A test for each limit; else for each row."""
        for gate in self.evaluation.gates:
            yield _Limit.from_parent(self, name=gate.name)
        for row in self.evaluation.rows:
            if hasattr(row, "reason"):
                yield _BadRow.from_parent(self, name=f"line {row.line}", row=row)
            else:
                yield _Row.from_parent(self, name=row.id, row=row)


class _Test(pytest.Item):
    """A test of an evaluation."""

    def __init__(self, *, row: Any = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.row = row

    @property
    def evaluation(self) -> _Evaluation:
        """The evaluation that the test belongs to."""
        parent = self.parent
        assert isinstance(parent, _Corpus)
        return parent.evaluation

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone, without the plugin's own code."""
        if isinstance(excinfo.value, _NotAsExpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """The corpus, the line of the row, and the test's name."""
        line = self.row.line - 1 if self.row is not None and self.row.line else None
        return self.evaluation.corpus, line, f"{Path(self.evaluation.corpus).name}: {self.name}"


class _Limit(_Test):
    def runtest(self) -> None:
        """Fails if the run does not keep the limit."""
        document, _ = self.evaluation.of_test()
        broken = [limit["text"] for limit in document["limits"] if limit["name"] == self.name and not limit["passed"]]
        if broken:
            raise _NotAsExpected("\n".join(broken))


class _BadRow(_Test):
    def runtest(self) -> None:
        """Fails: the row cannot be read."""
        raise _NotAsExpected(f"bad row: {self.row}")


class _Row(_Test):
    def runtest(self) -> None:
        """Fails if the item is not as expected, or has no verdict."""
        from stepguard.report.items import check_line

        _, results = self.evaluation.of_test()
        line = results.get(self.row.id)
        if line is None:
            raise _NotAsExpected("the run did not evaluate this row: its layers are off, or it failed early")
        found = check_line(line)
        if found.problem:
            raise _NotAsExpected(f"{found.problem}\n{found.details}")
        if line["correct"] is None:
            pytest.skip("the row has no label")
