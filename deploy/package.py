"""Builds the package: `chalice package`, the guardrails, a reproducible zip, the state machine's definition.

Offline and without credentials: Chalice only needs a region. The result is a folder that
`aws cloudformation package` takes as it is: sam.yaml, deployment.zip, chat.asl.json.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy import archive, guardrails

STAGE = "dev"
RESOURCES = Path("statemachine/resources.yaml")
DEFINITION = Path("statemachine/chat.asl.json")
GUARDRAILS = Path("guardrails")
MUST_HOLD = ("app.py", "chalice/app.py", "functions/__init__.py")

# `python -m chalice` does not exist, and the `chalice` script may not be on the path.
_CHALICE = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]


class PackagingError(Exception):
    """The package could not be built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """What was built: paths, the zip's number of files, its size in bytes, its digest."""

    archive: Path
    template: Path
    files: int
    size: int
    sha256: str


def build(root: Path, folder: Path) -> Package:
    """Package the project in `root` into `folder` (relative to `root`).

    Raises PackagingError.
    """
    out = root / folder
    layers = configurations(root)
    for name in ("deployment.zip", "sam.yaml", DEFINITION.name):
        (out / name).unlink(missing_ok=True)  # what an earlier build left must not pass for this one's
    # Chalice would reuse a zip of the same sources that holds another version of its own runtime.
    shutil.rmtree(root / ".chalice" / "deployments", ignore_errors=True)
    _chalice(root, out)
    names = archive.normalise(out / "deployment.zip")
    missing = [name for name in MUST_HOLD if name not in names]
    if missing:
        raise PackagingError(
            f"The zip lacks {', '.join(missing)}. Chalice packs functions/ through the symbolic link vendor/functions: "
            "check that it is a link and not a file (git config core.symlinks true, then check it out again)."
        )
    _finish_template(out / "sam.yaml", layers)
    shutil.copyfile(root / DEFINITION, out / DEFINITION.name)
    content = (out / "deployment.zip").read_bytes()
    return Package(
        folder / "deployment.zip", folder / "sam.yaml", len(names), len(content), hashlib.sha256(content).hexdigest()
    )


def configurations(root: Path) -> dict[str, Mapping[str, Any]]:
    """The CreateGuardrail request of each layer, by the file's name: preprocess, model, postprocess.

    Raises PackagingError naming the file that cannot be read.
    """
    requests: dict[str, Mapping[str, Any]] = {}
    for file in sorted((root / GUARDRAILS).glob("*.yaml")):
        try:
            request = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise PackagingError(f"{GUARDRAILS / file.name} cannot be read: {error}") from None
        if not isinstance(request, dict):
            raise PackagingError(f"{GUARDRAILS / file.name} must be a mapping, as CreateGuardrail takes it.")
        requests[file.stem] = request
    return requests


def _chalice(root: Path, out: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
        # Any region: the template has none in it. The person's AWS configuration must not matter, nor be needed.
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*_CHALICE, "package", "--stage", STAGE, "--merge-template", str(RESOURCES), str(out)]
    result = subprocess.run(  # noqa: S603 - a fixed command
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise PackagingError(f"chalice package failed:\n{(result.stdout + result.stderr).strip()}")


def _finish_template(template: Path, layers: Mapping[str, Mapping[str, Any]]) -> None:
    document = guardrails.point_at_versions(yaml.safe_load(template.read_text(encoding="utf-8")), layers)
    document["Resources"] |= guardrails.resources(layers)
    template.write_text(yaml.dump(document, Dumper=_Plain, allow_unicode=True, width=120), encoding="utf-8")


class _Plain(yaml.SafeDumper):
    """YAML without anchors and aliases, which not every reader of templates follows."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
