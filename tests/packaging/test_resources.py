"""statemachine/cloudformation/: one file per concern, merged into one template."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepguard.deploy.package import PackagingError
from stepguard.deploy.resources import ResourcesError, load_resources
from tests.packaging.conftest import ROOT, package

FOLDER = ROOT / "statemachine" / "cloudformation"
LINES = 300


def test_no_file_is_long() -> None:
    """A concern is read at one sitting."""
    assert {file.name for file in FOLDER.iterdir() if len(file.read_text().splitlines()) > LINES} == set()


def test_the_short_forms_are_read_as_cloudformation_reads_them(tmp_path: Path) -> None:
    """And anchors within a file."""
    (tmp_path / "a.yaml").write_text(
        "Description: d\n"
        "Parameters:\n  First: &first {Type: String, Default: x}\n  Second: {<<: *first, Default: y}\n"
        "Resources:\n"
        "  R: [!Ref A, !GetAtt B.C.D, !GetAtt [B, C], !Sub '${A}', !Not [!Condition E], !Split [',', !Ref A]]\n"
    )
    (tmp_path / "b.yaml").write_text("Resources:\n  S: {Type: T}\n")
    assert load_resources(tmp_path) == {
        "Description": "d",
        "Parameters": {"First": {"Type": "String", "Default": "x"}, "Second": {"Type": "String", "Default": "y"}},
        "Resources": {
            "R": [
                {"Ref": "A"},
                {"Fn::GetAtt": ["B", "C.D"]},
                {"Fn::GetAtt": ["B", "C"]},
                {"Fn::Sub": "${A}"},
                {"Fn::Not": [{"Condition": "E"}]},
                {"Fn::Split": [",", {"Ref": "A"}]},
            ],
            "S": {"Type": "T"},
        },
    }


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("Resources: {A: {Type: T}}", "Resources: {A: {Properties: {}}}", "Resources.A"),
        ("Description: a", "Description: a", "Description"),
        ("Resources: a", "Resources: {A: {}}", "Resources.A"),
    ],
)
def test_a_key_in_two_files_is_an_error_that_names_both(tmp_path: Path, first: str, second: str, key: str) -> None:
    """Even where the contents would go together."""
    (tmp_path / "a.yaml").write_text(first)
    (tmp_path / "b.yaml").write_text(second)
    with pytest.raises(ResourcesError, match=rf"a\.yaml and \S+b\.yaml both define {key}\."):
        load_resources(tmp_path)


@pytest.mark.parametrize("text", ["Resources: {A: {B: 1, B: 2}}", "Resources: [", "- a", "", "A: !Ref [}"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    """A key that is twice in one file too: YAML's own readers keep the last in silence."""
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ResourcesError, match=r"a\.yaml"):
        load_resources(tmp_path)


def test_packaging_stops_at_the_mistake(project: Path) -> None:
    """Before anything is built."""
    (project / "statemachine" / "cloudformation" / "more.yaml").write_text("Parameters: {ModelId: {Type: String}}")
    with pytest.raises(PackagingError, match=r"model\.yaml and \S+more\.yaml both define Parameters\.ModelId"):
        package(project, "build/package")
    for file in (project / "statemachine" / "cloudformation").iterdir():
        file.unlink()
    with pytest.raises(PackagingError, match=r"cloudformation holds no \.yaml file"):
        package(project, "build/package")
