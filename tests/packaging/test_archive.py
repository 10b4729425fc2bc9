"""What is in the Lambda zip."""

from __future__ import annotations

import ast
import shutil
import zipfile
from pathlib import Path

import pytest

from stepguard.cli.main import main
from stepguard.deploy import archive
from stepguard.deploy.package import PackagingError
from tests.packaging.conftest import Built, package

FILES = [
    "app.py",
    "chalice/__init__.py",
    "chalice/app.py",
    "functions/__init__.py",
    "functions/after/__init__.py",
    "functions/after/export_trace.py",
    "functions/after/judge_shadow.py",
    "functions/after/select_review.py",
    "functions/chat_answers.py",
    "functions/chat_api.py",
    "functions/conversations_api.py",
    "functions/evaluations_api.py",
    "functions/executions_api.py",
    "functions/feedback_api.py",
    "functions/find_answer.py",
    "functions/guard_answer.py",
    "functions/guard_input.py",
    "functions/guard_passages.py",
    "functions/guard_rewrite.py",
    "functions/invoke_model.py",
    "functions/notify_listener.py",
    "functions/operators/__init__.py",
    "functions/operators/actions.py",
    "functions/operators/exports.py",
    "functions/paging.py",
    "functions/prepare_corpus.py",
    "functions/retrieve_passages.py",
    "functions/rewrite_question.py",
    "functions/routes.py",
    "functions/stream.py",
    "functions/summarize_corpus.py",
    "stepguard/__init__.py",
    "stepguard/aws/__init__.py",
    "stepguard/aws/answer_table.py",
    "stepguard/aws/bank/__init__.py",
    "stepguard/aws/bank/versions.py",
    "stepguard/aws/caller_quota.py",
    "stepguard/aws/clients.py",
    "stepguard/aws/corpora.py",
    "stepguard/aws/embedding.py",
    "stepguard/aws/environment.py",
    "stepguard/aws/evaluations.py",
    "stepguard/aws/executions.py",
    "stepguard/aws/express.py",
    "stepguard/aws/grounding.py",
    "stepguard/aws/guardrails.py",
    "stepguard/aws/knowledge.py",
    "stepguard/aws/listing.py",
    "stepguard/aws/models/__init__.py",
    "stepguard/aws/models/completion.py",
    "stepguard/aws/models/converse.py",
    "stepguard/aws/models/endpoint.py",
    "stepguard/aws/models/invoke.py",
    "stepguard/aws/models/retrieve_and_generate.py",
    "stepguard/aws/models/streams.py",
    "stepguard/aws/objects.py",
    "stepguard/aws/retries.py",
    "stepguard/aws/rows.py",
    "stepguard/aws/run_results.py",
    "stepguard/aws/runtime/__init__.py",
    "stepguard/aws/runtime/review.py",
    "stepguard/aws/runtime/settings.py",
    "stepguard/aws/runtime/shadow.py",
    "stepguard/aws/spans.py",
    "stepguard/aws/stream/__init__.py",
    "stepguard/aws/stream/answer.py",
    "stepguard/aws/stream/connections.py",
    "stepguard/aws/stream/progress.py",
    "stepguard/aws/talk/__init__.py",
    "stepguard/aws/talk/conversations.py",
    "stepguard/aws/talk/feedback.py",
    "stepguard/aws/talk/turns.py",
    "stepguard/aws/telemetry.py",
    "stepguard/aws/traces.py",
    "stepguard/evaluation/__init__.py",
    "stepguard/evaluation/answers/__init__.py",
    "stepguard/evaluation/answers/agreement.py",
    "stepguard/evaluation/answers/grades.py",
    "stepguard/evaluation/answers/judging.py",
    "stepguard/evaluation/answers/retrieval.py",
    "stepguard/evaluation/answers/scores.py",
    "stepguard/evaluation/aws_samples.py",
    "stepguard/evaluation/browsing.py",
    "stepguard/evaluation/concurrency.py",
    "stepguard/evaluation/corpus.py",
    "stepguard/evaluation/csv_text.py",
    "stepguard/evaluation/detail.py",
    "stepguard/evaluation/estimate.py",
    "stepguard/evaluation/items.py",
    "stepguard/evaluation/json_array.py",
    "stepguard/evaluation/limits.py",
    "stepguard/evaluation/map_items.py",
    "stepguard/evaluation/metrics.py",
    "stepguard/evaluation/prices.py",
    "stepguard/evaluation/quotas.py",
    "stepguard/evaluation/results.py",
    "stepguard/evaluation/runs.py",
    "stepguard/evaluation/scorecard.py",
    "stepguard/evaluation/selection.py",
    "stepguard/evaluation/shadow.py",
    "stepguard/evaluation/sweep.py",
    "stepguard/guard/__init__.py",
    "stepguard/guard/answer.py",
    "stepguard/guard/automated_reasoning.py",
    "stepguard/guard/bank/__init__.py",
    "stepguard/guard/bank/language.py",
    "stepguard/guard/bank/matching.py",
    "stepguard/guard/bank/model.py",
    "stepguard/guard/bank/vectors.py",
    "stepguard/guard/bedrock_names.py",
    "stepguard/guard/callers.py",
    "stepguard/guard/conversation.py",
    "stepguard/guard/cursors.py",
    "stepguard/guard/errors.py",
    "stepguard/guard/grounding.py",
    "stepguard/guard/knowledge.py",
    "stepguard/guard/no_answer.py",
    "stepguard/guard/passages.py",
    "stepguard/guard/prompts.py",
    "stepguard/guard/request.py",
    "stepguard/guard/review/__init__.py",
    "stepguard/guard/review/item.py",
    "stepguard/guard/review/rule.py",
    "stepguard/guard/runtime/__init__.py",
    "stepguard/guard/runtime/language.py",
    "stepguard/guard/runtime/refusal.py",
    "stepguard/guard/runtime/settings.py",
    "stepguard/guard/settings.py",
    "stepguard/guard/stages.py",
    "stepguard/guard/stream/__init__.py",
    "stepguard/guard/stream/frames.py",
    "stepguard/guard/stream/listeners.py",
    "stepguard/guard/stream/pieces.py",
    "stepguard/guard/talk/__init__.py",
    "stepguard/guard/talk/feedback.py",
    "stepguard/guard/telemetry.py",
    "stepguard/guard/texts/__init__.py",
    "stepguard/guard/texts/chunking.py",
    "stepguard/guard/texts/citations.py",
    "stepguard/guard/texts/control_tokens.py",
    "stepguard/guard/texts/language.py",
    "stepguard/guard/texts/messages.py",
    "stepguard/guard/texts/reasoning.py",
    "stepguard/guard/turns.py",
    "stepguard/guard/verdict.py",
    "stepguard/guard/vocabularies.py",
    "stepguard/guard/waiting.py",
    "stepguard/trace/__init__.py",
    "stepguard/trace/compare.py",
    "stepguard/trace/diff.py",
    "stepguard/trace/document.py",
    "stepguard/trace/drafts.py",
    "stepguard/trace/events.py",
    "stepguard/trace/evidence.py",
    "stepguard/trace/exports/__init__.py",
    "stepguard/trace/exports/case.py",
    "stepguard/trace/exports/page.py",
    "stepguard/trace/exports/placeholders.py",
    "stepguard/trace/exports/testcase.py",
    "stepguard/trace/failure.py",
    "stepguard/trace/graph.py",
    "stepguard/trace/listing.py",
    "stepguard/trace/model.py",
    "stepguard/trace/open_states.py",
    "stepguard/trace/otlp.py",
    "stepguard/trace/protobuf.py",
    "stepguard/trace/reader.py",
    "stepguard/trace/reason.py",
    "stepguard/trace/redact.py",
    "stepguard/trace/replay.py",
    "stepguard/trace/result.py",
    "stepguard/trace/sources.py",
    "stepguard/trace/totals.py",
]
"""Pinned: a file that is new here was meant to run in Lambda."""


def test_the_zip_holds_exactly_these_files(built: Built) -> None:
    """app.py, Chalice's runtime and functions/, and nothing else."""
    assert built.names == FILES


def test_every_module_in_the_zip_is_reached_from_app(built: Built) -> None:
    """What only the command uses is elsewhere: an import leads from app.py to each module."""
    with zipfile.ZipFile(built.root / built.package.archive) as packed:
        sources = {
            name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): packed.read(name)
            for name in packed.namelist()
            if not name.startswith("chalice/")
        }
    reached, found = set[str](), {"app"}
    while found:
        name = found.pop()
        reached.add(name)
        found |= (_imported(sources[name]) & set(sources)) - reached
    assert set(sources) - reached == set()


def _imported(source: bytes) -> set[str]:
    """The modules that a source may import, at its top or within functions, with the packages around them."""
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {".".join(name.split(".")[:length]) for name in names for length in range(1, name.count(".") + 2)}


def test_the_zip_is_under_one_megabyte(built: Built) -> None:
    """A small zip starts fast and is read by people; boto3 alone would be 17 MB."""
    assert built.package.size == (built.root / built.package.archive).stat().st_size < 1_000_000


def test_two_builds_are_the_same_bytes(built: Built, rebuilt: Built) -> None:
    """Another folder, other file times and stray compiled files change nothing in what is deployed."""
    assert built.package.sha256 == rebuilt.package.sha256
    assert built.folder != rebuilt.folder
    for name in ("deployment.zip", "sam.yaml"):
        assert (built.folder / name).read_bytes() == (rebuilt.folder / name).read_bytes()


def test_the_folder_holds_all_that_is_deployed(built: Built) -> None:
    """The template names its one companion and nothing outside the folder."""
    assert sorted(file.name for file in built.folder.iterdir()) == ["deployment.zip", "sam.yaml"]


def test_normalising_forgets_order_time_and_compression(tmp_path: Path) -> None:
    """The same contents, packed in another order, at another time, compressed or not, are the same zip."""
    contents = {"b.py": b"b", "a/x.py": b"x" * 500, "a/__pycache__/x.pyc": b"no", "c.pyc": b"no"}
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    with zipfile.ZipFile(first, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in contents.items():
            target.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), content)
    with zipfile.ZipFile(second, "w") as target:
        for name in reversed(contents):
            target.writestr(zipfile.ZipInfo(name, (1999, 1, 2, 3, 4, 6)), contents[name])
    assert archive.normalise(first) == archive.normalise(second) == ["a/x.py", "b.py"]
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        assert packed.read("a/x.py") == contents["a/x.py"]
        assert {entry.external_attr >> 16 for entry in packed.infolist()} == {0o100644}


def test_a_project_without_its_functions_is_refused(project: Path) -> None:
    """What cannot be packaged is named before anything is built."""
    shutil.rmtree(project / "functions")
    with pytest.raises(PackagingError, match="functions"):
        package(project, "build/package")


def test_a_broken_application_is_reported_with_chalices_words(project: Path) -> None:
    """When app.py cannot be imported, packaging fails with the reason."""
    (project / "app.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(PackagingError, match="nothing_of_this_name"):
        package(project, "build/package")


def test_a_definition_that_cannot_be_read_is_named(project: Path) -> None:
    """A state machine without its definition is not packaged."""
    (project / "statemachine" / "chat.asl.json").write_text("{")
    with pytest.raises(PackagingError, match=r"definition \w+\.asl\.json cannot be read"):
        package(project, "build/package")


def test_an_evaluation_that_drifted_from_the_chat_is_refused(project: Path) -> None:
    """An evaluation of other states than those deployed would measure nothing; the message says what to run."""
    chat = project / "statemachine" / "chat.asl.json"
    chat.write_text(chat.read_text(encoding="utf-8").replace('TimeoutSeconds": 300', 'TimeoutSeconds": 299'))
    with pytest.raises(PackagingError, match=r"does not hold the states of chat\.asl\.json and gather\.asl\.json: run"):
        package(project, "build/package")


@pytest.mark.parametrize("text", ["- a list", "name: [", ""], ids=["list", "broken", "empty"])
def test_a_guardrail_file_that_is_none_is_named(project: Path, text: str) -> None:
    """Packaging stops at the file and does not deploy two layers out of three."""
    (project / "guardrails" / "model.yaml").write_text(text)
    with pytest.raises(PackagingError, match=r"guardrails/model\.yaml"):
        package(project, "build/package")


def test_other_files_in_the_folder_are_left_alone(project: Path) -> None:
    """A mistaken folder loses nothing: only the package's own files are replaced."""
    folder = project / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "deployment.zip").write_text("of an earlier build")
    assert package(project, "out").size > 100_000
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_second_folder_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The command takes one folder."""
    with pytest.raises(SystemExit, match="2"):
        main(["package", "a", "b"])
    assert "usage:" in capsys.readouterr().err
