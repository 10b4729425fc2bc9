"""The guardrails of a session's deployment, beside the project's files: what is in use, and how to use the files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepguard.admin.deployed import LayerInUse, differences, layers_in_use
from stepguard.guard.errors import ConfigurationError, StepguardError
from stepguard.guard.settings import VARIABLES, GuardrailRef, read_guardrails
from stepguard.guard.stages import Layer
from stepguard.project.folder import find_project
from stepguard.project.guardrail_files import read_guardrail_files
from stepguard.session.model import Session


def project_files() -> dict[Path, dict[str, Any]]:
    """The project's guardrail file of each layer. Raises ConfigurationError."""
    return read_guardrail_files(find_project().guardrails)


def compare_layers(session: Session, files: Mapping[Path, Mapping[str, Any]] | None = None) -> list[LayerInUse]:
    """Every layer in use, compared with the project's files. Raises StepguardError."""
    return layers_in_use(session.executions, project_files() if files is None else files)


def notes(session: Session) -> list[str]:
    """What a user who edited a guardrail must know: which files are not in use, and how to use them.

    Empty if all are in use, and if the account's deployment cannot be read; `stepguard doctor` reports that.
    """
    if session.cloud is not None and not read_guardrails(os.environ):
        return []  # this process has just deployed the files
    try:
        files = project_files()
    except ConfigurationError as error:
        return [str(error)]
    try:
        found = differences(compare_layers(session, files), short)
    except StepguardError:
        return []
    return [*found, remedy(session)] if found else []


def remedy(session: Session, layers: Mapping[Layer, GuardrailRef] | None = None) -> str:
    """How to put the project's guardrail files, or published versions, in use."""
    if session.cloud is not None:
        if given := read_guardrails(os.environ):
            return (
                f"To use the project's files, unset {' '.join(name for layer in given for name in VARIABLES[layer])}."
            )
        return "The next command uses the project's files; guardrails of other files are used by setting the variables."
    if session.served:
        return f"To use the project's files, restart the `stepguard serve` at {session.url}."
    pairs = [
        f"{prefix}Identifier={ref.id} {prefix}Version={ref.version}"
        for layer, ref in (layers or {}).items()
        for prefix in (f"{PARAMETER_PREFIXES[layer]}Guardrail",)
    ]
    parameters = " ".join(pairs) or "PreprocessGuardrailIdentifier and PreprocessGuardrailVersion, for example"
    return (
        "To put them in use, run `stepguard deploy STAGE`: it publishes the project's files in the stack, or, with "
        f"Guardrails=given, takes the parameters {parameters}."
    )


PARAMETER_PREFIXES = {Layer.PREPROCESS: "Preprocess", Layer.MODEL: "Bedrock", Layer.POSTPROCESS: "Postprocess"}
"""The beginning of the template's parameters for each layer's guardrail."""


def short(file: Path) -> str:
    """A file's path from the current folder, if it lies in it."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)
