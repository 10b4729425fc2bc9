"""Builds a release from a clean checkout: `python -m deploy.release [--accept ADVISORY]…`.

The folder build/release/VERSION then has the wheel, the Lambda zip and its template, requirements.lock, the section of
the CHANGELOG (NOTES.md), a CycloneDX list of what an installation holds (sbom.cdx.json), release.json and SHA256SUMS.
Only the list of components needs a package index: the wheel is installed into an empty environment and read there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from stepguard import __version__
from stepguard.deploy.package import PackagingError, build
from stepguard.project.folder import find_project

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / "build" / "uv" / "bin" / "uv"
TOOLS = ROOT / "build" / "release-tools" / "bin"
RELEASES = ROOT / "build" / "release"
TIMEOUT_SECONDS = 900


class ReleaseError(Exception):
    """The release cannot be built; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Advisories:
    """What the advisory check found: packages looked up, packages without data, and known faults as `package: id`."""

    checked: int
    unknown: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One sentence for the release notes; a check without data is not called a pass."""
        if not self.checked:
            return "Advisories: NOT CHECKED. The index gave data for no package; run again where pypi.org answers."
        missing = f" No data for: {', '.join(self.unknown)}." if self.unknown else ""
        return f"Advisories: {self.checked} packages checked, {len(self.found)} known faults.{missing}"


def release(accepted: Sequence[str] = ()) -> Path:
    """Build the release of this checkout; returns its folder. Raises ReleaseError."""
    commit, notes = _commit(), section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), __version__)
    out = RELEASES / __version__
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    # Hatchling writes this time into the wheel, and the component list takes it: two builds of a commit are the same.
    os.environ["SOURCE_DATE_EPOCH"] = _run("git", "show", "--no-patch", "--format=%ct", "HEAD").strip()
    _run(UV, "build", "--quiet", "--wheel", "--out-dir", out, ROOT)
    (out / ".gitignore").unlink(missing_ok=True)  # uv's
    try:
        build(find_project(ROOT), out)
    except PackagingError as error:
        raise ReleaseError(str(error)) from None
    shutil.copy2(ROOT / "requirements.lock", out / "requirements.lock")
    advisories = _components(out)
    (out / "NOTES.md").write_text(f"# stepguard {__version__}\n\n{notes}\n\n{advisories.summary}\n", encoding="utf-8")
    record = {
        "version": __version__,
        "commit": commit,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "advisories": asdict(advisories),
    }
    (out / "release.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (out / "SHA256SUMS").write_text(sums(out), encoding="utf-8")
    faults = [fault for fault in advisories.found if fault.partition(": ")[2] not in accepted]
    if faults:
        raise ReleaseError(
            f"Known faults in what a release installs: {', '.join(faults)}. Update with `make lock`, or accept one "
            "that does not matter here with --accept ADVISORY and say why in the CHANGELOG."
        )
    return out


def section(changelog: str, version: str) -> str:
    """The CHANGELOG's text about one version. Raises ReleaseError when the version has no dated section."""
    found = re.search(
        rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if not found or not found.group(1).strip():
        raise ReleaseError(
            f"CHANGELOG.md has no section `## {version} (YYYY-MM-DD)` with text: rename `## Unreleased`."
        )
    return found.group(1).strip()


def read_audit(report: str) -> Advisories:
    """Read what `pip-audit --format json` printed."""
    dependencies = json.loads(report)["dependencies"]
    return Advisories(
        checked=sum("vulns" in item for item in dependencies),
        unknown=tuple(item["name"] for item in dependencies if "vulns" not in item),
        found=tuple(f"{item['name']}: {fault['id']}" for item in dependencies for fault in item.get("vulns", ())),
    )


def sums(folder: Path) -> str:
    """The SHA-256 of every file of a folder, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    return "".join(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _commit() -> str:
    """The commit that is released. Raises ReleaseError when the checkout has other content."""
    if changed := _run("git", "status", "--porcelain").splitlines():
        raise ReleaseError(
            f"The checkout differs from its commit ({changed[0].strip()}, …): commit or remove that first."
        )
    return _run("git", "rev-parse", "HEAD").strip()


def _components(out: Path) -> Advisories:
    """Install the wheel into an empty environment, write what is in it as CycloneDX, and look up advisories."""
    environment = RELEASES / "environment"
    shutil.rmtree(environment, ignore_errors=True)
    _run(UV, "venv", "--quiet", "--seed", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    wheel = next(out.glob("*.whl"))
    install = (UV, "pip", "install", "--quiet", "--python", python, "--constraint", out / "requirements.lock")
    _run(*install, f"stepguard[local,documents,images] @ {wheel.as_uri()}")
    _run(environment / "bin" / "stepguard", "models", "install")
    _run(UV, "pip", "uninstall", "--quiet", "--python", python, "pip")  # seeded for the line above
    target = out / "sbom.cdx.json"
    arguments = ("--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "-o", target, python)
    _run(TOOLS / "cyclonedx-py", "environment", *arguments)
    frozen = RELEASES / "installed.txt"
    names = _run(UV, "pip", "freeze", "--quiet", "--python", python).splitlines()
    frozen.write_text("\n".join(line for line in names if not line.startswith("stepguard")) + "\n", encoding="utf-8")
    audit = (TOOLS / "pip-audit", "--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json")
    report = _run(*audit, "--requirement", frozen, accepted_codes=(0, 1))  # 1: faults found
    shutil.rmtree(environment)
    return read_audit(report)


def _run(*command: str | Path, accepted_codes: Sequence[int] = (0,)) -> str:
    """Run a command in the checkout; returns its output. Raises ReleaseError with the end of what it said."""
    words = [str(word) for word in command]
    try:
        result = subprocess.run(  # noqa: S603 - commands of this module
            words, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"{words[0]} cannot run: {error}. `make release` installs what it needs.") from None
    if result.returncode not in accepted_codes:
        raise ReleaseError(f"{' '.join(words[:3])} failed:\n{(result.stdout + result.stderr).strip()[-2000:]}")
    return result.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the release and print what is in it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description="Build a release of this checkout.")
    parser.add_argument("--accept", action="append", default=[], metavar="ADVISORY", help="a known fault to accept")
    options = parser.parse_args(arguments)
    try:
        out = release(options.accept)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    files = "".join(f"  {line}\n" for line in (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    advisories = (out / "NOTES.md").read_text(encoding="utf-8").strip().splitlines()[-1]
    sys.stdout.write(f"stepguard {__version__} is in {out.relative_to(ROOT)}:\n{files}{advisories}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
