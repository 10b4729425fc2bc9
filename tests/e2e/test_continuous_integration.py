"""The walk-through of docs/use/continuous-integration.md, as a new user runs it: the commands are the page's own."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from tests.e2e.product import Ran, environment, run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "use" / "continuous-integration.md").read_text(encoding="utf-8")
CORPUS = re.search(r"```\n(\{.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
COMMAND = re.search(r"^stepguard (evaluate corpus.jsonl .*)$", PAGE, re.MULTILINE)[1]  # type: ignore[index]
WORKFLOW = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]
STATE = "state"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the page's corpus and the project's guardrails."""
    (tmp_path / "corpus.jsonl").write_text(CORPUS, encoding="utf-8")
    shutil.copytree(ROOT / "guardrails", tmp_path / "guardrails")
    return tmp_path


def worsen(project: Path) -> None:
    """Switch the filter of violence off, as the page says."""
    for name in ("preprocess.yaml", "postprocess.yaml"):
        file = project / "guardrails" / name
        guardrail = yaml.safe_load(file.read_text(encoding="utf-8"))
        for entry in guardrail["contentPolicyConfig"]["filtersConfig"]:
            if entry["type"] == "VIOLENCE":
                entry |= {"inputStrength": "NONE", "outputStrength": "NONE"}
        file.write_text(yaml.safe_dump(guardrail), encoding="utf-8")


def evaluate(project: Path, words: str = COMMAND) -> Ran:
    """Run the page's command in the project."""
    return run(
        "stepguard", *shlex.split(words), env=environment(project, STEPGUARD_HOME=STATE), cwd=project, seconds=120
    )


def test_a_guardrail_made_worse_fails_with_a_readable_summary(project: Path) -> None:
    """Exit code 0 before, 3 after; the summary, the JUnit file and the output name the limit and the item."""
    good = evaluate(project)
    assert good.code == 0, good.err
    assert "✅ limits kept" in (project / "summary.md").read_text(encoding="utf-8")
    worsen(project)
    bad = evaluate(project)
    assert (bad.code, "limit not kept: recall is 0.0000, not at least 0.9" in bad.err) == (3, True), bad.err
    summary = (project / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## ❌ limits not kept: evaluation of corpus.jsonl")
    assert "| threat | 2 | expected blocked, found passed |" in summary
    failures = ET.parse(project / "results.xml").findall("testsuite/testcase/failure")
    assert len(failures) == 2
    ids = [case.name for case in (project / STATE / "evaluations").iterdir()]
    first, second = sorted(ids)
    compared = evaluate(project, f"evaluate --compare {first} {second} --fail-on newly-wrong=0 --json")
    assert (compared.code, compared.document["under"]) == (3, ["newly-wrong is 1 of 2, not at most 0"])
    words = f"evaluate corpus.jsonl --guardrails guardrails --baseline {first} --fail-on newly-wrong=0 --json"
    against = evaluate(project, words)
    assert (against.code, against.document["comparison"]["changes"]) == (3, {"blocked -> passed": 1})
    assert Path(against.document["out"], "comparison.html").is_file()


def test_the_workflow_of_the_page_runs_the_pages_command() -> None:
    """The workflow is valid YAML, and its evaluation has the command's limits."""
    (step,) = (step for step in WORKFLOW["jobs"]["evaluate"]["steps"] if step.get("name") == "Evaluate the guardrails")
    words = shlex.split(step["run"])
    assert words[:3] == ["stepguard", "evaluate", "corpus.jsonl"]
    assert set(shlex.split(COMMAND)) - {"summary.md"} <= set(words)
    assert WORKFLOW["permissions"] == {"contents": "read"}


def run_pytest(project: Path, *arguments: str, **variables: str) -> Ran:
    """Run pytest with the plugin in the project, whether or not the installation has its entry point."""
    env = environment(project, **{"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)} | variables)
    plugin = ("-p", "stepguard.pytest_plugin", "-p", "no:cacheprovider", "-q", "-rA")
    return run(Path(sys.executable).name, "-m", "pytest", *plugin, *arguments, env=env, cwd=project, seconds=120)


def test_each_row_is_a_test_next_to_a_teams_own(project: Path) -> None:
    """Passing, failing, unlabelled and unreadable rows; the message names what was found."""
    (project / "test_own.py").write_text("def test_own() -> None:\n    assert True\n")
    rows = '{"id": "wrong", "text": "The ward is open.", "expected": "blocked"}\n{"id": "free", "text": "Hello."}\n{\n'
    with (project / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(rows)
    ran = run_pytest(project, "--stepguard-corpus", "corpus.jsonl", "--stepguard-guardrails", "guardrails")
    assert ran.code == 1
    assert "2 failed, 3 passed, 1 skipped" in ran.out
    assert "expected blocked, found passed" in ran.out
    assert "bad row: corpus.jsonl, line 5: is not valid JSON" in ran.out
    assert "raise _NotAsExpected" not in ran.out


def test_each_limit_is_a_test(project: Path) -> None:
    """A guardrail made worse fails one of them; -k chooses, and --collect-only evaluates nothing."""
    options = ("--stepguard-corpus", "corpus.jsonl", "--stepguard-guardrails", "guardrails",
               "--stepguard-fail-under", "recall=0.9,correct=0.5")  # fmt: skip
    listed = run_pytest(project, *options, "--collect-only")
    assert "corpus.jsonl::recall" in listed.out
    worsen(project)
    ran = run_pytest(project, *options)
    assert (ran.code, "1 failed, 2 passed" in ran.out) == (1, True), ran.out
    assert "recall is 0.0000, not at least 0.9" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--stepguard-corpus", "none.jsonl"), "none.jsonl: there is no such file or folder"),
        (("--stepguard-corpus", "corpus.jsonl", "--stepguard-fail-under", "recal=1"), "Did you mean recall?"),
        (("--stepguard-fail-under", "recall=1"), "--stepguard-fail-under needs --stepguard-corpus FILE"),
        (("--stepguard-corpus", "free.jsonl"), "no row has a label"),
        (("--stepguard-corpus", "s3://bucket/key.jsonl"), "a corpus in S3 needs --stepguard-fail-under"),
    ],
)
def test_a_mistake_of_the_options_is_one_sentence(project: Path, arguments: tuple[str, ...], words: str) -> None:
    """pytest's exit code for bad usage, before any test runs."""
    (project / "free.jsonl").write_text('{"text": "Hello."}\n')
    ran = run_pytest(project, *arguments)
    assert (ran.code, words in ran.err) == (4, True), ran.err


def test_a_missing_package_is_one_sentence(project: Path) -> None:
    """With the base installation only; pytest without the plugin's options works."""
    blocked = project / "blocked"
    blocked.mkdir()
    (blocked / "boto3.py").write_text("raise ModuleNotFoundError(\"No module named 'boto3'\", name='boto3')\n")
    (project / "test_own.py").write_text("def test_own() -> None:\n    assert True\n")
    path = {"PYTHONPATH": f"{blocked}:{ROOT}"}
    ran = run_pytest(project, "--stepguard-corpus", "corpus.jsonl", **path)
    assert (ran.code, "boto3 is not installed. Run: pip install" in ran.err) == (4, True), ran.err
    assert run_pytest(project, **path).code == 0


def test_a_failed_evaluation_fails_once(project: Path) -> None:
    """The first test has the reason, the others are skipped."""
    options = ("--stepguard-corpus", "corpus.jsonl", "--stepguard-options", "--guardrails nowhere")
    ran = run_pytest(project, *options)
    assert (ran.code, "1 failed, 1 skipped" in ran.out, "nowhere" in ran.out) == (1, True, True), ran.out


def test_the_wheel_registers_the_plugin() -> None:
    """The entry point names a module with pytest's hooks."""
    import tomllib
    from importlib import import_module

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = import_module(project["entry-points"]["pytest11"]["stepguard"])
    assert callable(module.pytest_addoption)
