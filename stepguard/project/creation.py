"""Creates a project: only the files that a team owns. Everything else comes from the installed package."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from stepguard import __version__
from stepguard.guard.errors import InvalidRequest
from stepguard.project.folder import CONFIG, builtin_project

README = """# {name}

A stepguard project: the guardrails, corpora and settings of this team. The application (functions, state machines,
page) comes from the installed package, version {version} when this project was created.

    stepguard demo        run the demo's questions through these guardrails
    stepguard chat "…"    ask one question
    stepguard serve       the chat API and the debugging page on this machine
    stepguard evaluate corpora/healthcare.jsonl
    stepguard package     build the Lambda zip and the CloudFormation template

| what | where |
|---|---|
| what each guard layer blocks and masks | guardrails/*.yaml |
| every message that a person gets instead of an answer | settings.yaml |
| time-outs and memory of the Lambdas | .chalice/config.json |
| parameters of a deployment | deploy/stages/STAGE.yaml |
| Python packages for the Lambda zip | requirements.txt |

To change the state machines, the functions or the Lambdas' policies, copy them into this project first:
`stepguard eject statemachine|functions|policies`. `stepguard diff` then shows what a newer package changed.
"""

STAGE = """# Parameters of the stack of stage dev; the template describes each one.
# ModelId: us.deepseek.r1-v1:0
"""

IGNORED = ".stepguard/\nbuild/\n.chalice/deployments/\n.chalice/deployed/\n__pycache__/\n"


def create_project(folder: Path) -> list[str]:
    """Write a new project; returns the names of its files. Raises InvalidRequest, OSError.

    The folder may exist, but must be empty: nothing is ever overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidRequest(f"{folder} exists and is not empty: choose another folder.")
    source = builtin_project().builtin
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("guardrails", "corpora"):
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "settings.yaml"):
        shutil.copyfile(source / name, folder / name)
    config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    _write(folder / CONFIG, json.dumps({**config, "app_name": _name(folder)}, indent=2) + "\n")
    _write(folder / "README.md", README.format(name=folder.resolve().name, version=__version__))
    _write(folder / "deploy" / "stages" / "dev.yaml", STAGE)
    _write(folder / ".gitignore", IGNORED)
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _name(folder: Path) -> str:
    """The folder's name as Chalice accepts it for an application: letters, digits, dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return name or "stepguard"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
