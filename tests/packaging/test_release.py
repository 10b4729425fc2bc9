"""What `make release` decides: from which text, with which advisories, and the hashes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy import release
from deploy.release import Advisories, ReleaseError

CHANGELOG = """# Changelog

## Unreleased

- Soon.

## 1.2.0 (2026-03-04)

### Upgrade
- Rename the setting.

## 1.1.0 (2026-01-02)

- Old.
"""


def test_the_notes_are_the_section_of_the_version() -> None:
    """Up to the next version, without the heading."""
    assert release.section(CHANGELOG, "1.2.0") == "### Upgrade\n- Rename the setting."
    assert release.section(CHANGELOG, "1.1.0") == "- Old."


@pytest.mark.parametrize("version", ["1.3.0", "1.2", "1x2.0", "Unreleased"])
def test_a_version_without_a_dated_section_is_not_released(version: str) -> None:
    """The message names the heading that is missing."""
    with pytest.raises(ReleaseError, match=re.escape(f"## {version} (YYYY-MM-DD)")):
        release.section(CHANGELOG, version)


def test_an_audit_without_data_is_not_a_pass() -> None:
    """pip-audit says "No known vulnerabilities found" when its service knows no package; the notes do not."""
    skipped = {"dependencies": [{"name": "moto", "skip_reason": "Dependency not found on PyPI"}], "fixes": []}
    advisories = release.read_audit(json.dumps(skipped))
    assert advisories == Advisories(0, ("moto",), ())
    assert "NOT CHECKED" in advisories.summary


def test_known_faults_and_packages_without_data_are_named() -> None:
    """One line for the notes."""
    report = {
        "dependencies": [
            {"name": "numpy", "version": "2.1", "vulns": []},
            {"name": "jinja2", "version": "2.0", "vulns": [{"id": "PYSEC-2021-66", "fix_versions": ["2.11.3"]}]},
            {"name": "mine", "skip_reason": "Dependency not found on PyPI"},
        ]
    }
    advisories = release.read_audit(json.dumps(report))
    assert advisories == Advisories(2, ("mine",), ("jinja2: PYSEC-2021-66",))
    assert advisories.summary == "Advisories: 2 packages checked, 1 known faults. No data for: mine."


def test_sha256sum_accepts_the_sums(tmp_path: Path) -> None:
    """The file is in the format of coreutils."""
    for name, content in (("b.zip", b"\0\1"), ("a.yaml", b"a: 1\n")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "SHA256SUMS").write_text(release.sums(tmp_path), encoding="utf-8")
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "a.yaml: OK\nb.zip: OK\n")


def test_a_changed_checkout_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names a changed file."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "new.txt").write_text("x", encoding="utf-8")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    with pytest.raises(ReleaseError, match=r"new\.txt"):
        release.release()
