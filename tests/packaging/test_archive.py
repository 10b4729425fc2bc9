"""What is in the Lambda zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from deploy import archive
from deploy.__main__ import main
from deploy.package import PackagingError, build
from tests.packaging.conftest import Built

FILES = [
    "app.py",
    "chalice/__init__.py",
    "chalice/app.py",
    "functions/__init__.py",
    "functions/adapters/__init__.py",
    "functions/adapters/aws.py",
    "functions/adapters/deployment.py",
    "functions/adapters/environment.py",
    "functions/adapters/evaluations.py",
    "functions/adapters/executions.py",
    "functions/adapters/express.py",
    "functions/adapters/guardrail_admin.py",
    "functions/adapters/guardrails.py",
    "functions/adapters/listing.py",
    "functions/adapters/models/__init__.py",
    "functions/adapters/models/completion.py",
    "functions/adapters/models/converse.py",
    "functions/adapters/models/endpoint.py",
    "functions/adapters/models/invoke.py",
    "functions/adapters/objects.py",
    "functions/adapters/quota.py",
    "functions/adapters/telemetry.py",
    "functions/core/__init__.py",
    "functions/core/answer.py",
    "functions/core/callers.py",
    "functions/core/chunking.py",
    "functions/core/corpus.py",
    "functions/core/csvtext.py",
    "functions/core/definition.py",
    "functions/core/errors.py",
    "functions/core/items.py",
    "functions/core/mapitems.py",
    "functions/core/metrics.py",
    "functions/core/prices.py",
    "functions/core/prompts.py",
    "functions/core/quotas.py",
    "functions/core/request.py",
    "functions/core/results.py",
    "functions/core/runs.py",
    "functions/core/scorecard.py",
    "functions/core/settings.py",
    "functions/core/sweep.py",
    "functions/core/telemetry.py",
    "functions/core/trace/__init__.py",
    "functions/core/trace/compare.py",
    "functions/core/trace/diff.py",
    "functions/core/trace/document.py",
    "functions/core/trace/drafts.py",
    "functions/core/trace/events.py",
    "functions/core/trace/graph.py",
    "functions/core/trace/listing.py",
    "functions/core/trace/model.py",
    "functions/core/trace/openstates.py",
    "functions/core/trace/reader.py",
    "functions/core/trace/reason.py",
    "functions/core/trace/record.py",
    "functions/core/trace/redact.py",
    "functions/core/trace/replace.py",
    "functions/core/trace/replay.py",
    "functions/core/trace/result.py",
    "functions/core/trace/totals.py",
    "functions/core/verdict.py",
    "functions/core/vocabularies.py",
    "functions/handlers/__init__.py",
    "functions/handlers/chat_api.py",
    "functions/handlers/evaluations_api.py",
    "functions/handlers/executions_api.py",
    "functions/handlers/guard_answer.py",
    "functions/handlers/guard_input.py",
    "functions/handlers/invoke_model.py",
    "functions/handlers/prepare_corpus.py",
    "functions/handlers/routes.py",
    "functions/handlers/summarize_corpus.py",
]
"""Pinned: a file that is new here was meant to run in Lambda."""


def test_the_zip_holds_exactly_these_files(built: Built) -> None:
    """app.py, Chalice's runtime and functions/, and nothing else."""
    assert built.names == FILES


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


def test_a_checkout_without_symbolic_links_is_refused(project: Path) -> None:
    """Where Git wrote vendor/functions as a file the zip would lack the handlers: the error says how to mend it."""
    link = project / "vendor" / "functions"
    link.unlink()
    link.write_text("../functions")
    with pytest.raises(PackagingError, match=r"lacks functions/__init__\.py.*core\.symlinks"):
        build(project, Path("build/package"))


def test_a_broken_application_is_reported_with_chalices_words(project: Path) -> None:
    """When app.py cannot be imported, packaging fails and tells why."""
    (project / "app.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(PackagingError, match="nothing_of_this_name"):
        build(project, Path("build/package"))


def test_a_definition_that_cannot_be_read_is_named(project: Path) -> None:
    """A state machine without its definition is not packaged."""
    (project / "statemachine" / "chat.asl.json").write_text("{")
    with pytest.raises(PackagingError, match=r"definition \w+\.asl\.json cannot be read"):
        build(project, Path("build/package"))


@pytest.mark.parametrize("text", ["- a list", "name: [", ""], ids=["list", "broken", "empty"])
def test_a_guardrail_file_that_is_none_is_named(project: Path, text: str) -> None:
    """Packaging stops at the file and does not deploy two layers out of three."""
    (project / "guardrails" / "model.yaml").write_text(text)
    with pytest.raises(PackagingError, match=r"guardrails/model\.yaml"):
        build(project, Path("build/package"))


def test_other_files_in_the_folder_are_left_alone(project: Path) -> None:
    """A mistaken folder loses nothing: only the package's own files are replaced."""
    folder = project / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "deployment.zip").write_text("of an earlier build")
    assert build(project, Path("out")).size > 100_000
    assert (folder / "mine.txt").read_text() == "mine"


def test_more_than_one_folder_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The command takes one folder."""
    assert main(["a", "b"]) == 2
    assert "usage:" in capsys.readouterr().err
