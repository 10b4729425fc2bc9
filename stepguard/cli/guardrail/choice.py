"""Guardrails that a command uses instead of the deployed ones: `--guardrails`."""

from __future__ import annotations

from pathlib import Path

from stepguard.admin.guardrails import apply_files
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.verdict import Layer
from stepguard.project.guardrail_files import read_guardrail_files


def layers_of(path: Path) -> dict[Layer, GuardrailRef]:
    """The published guardrails of a folder whose files are named after layers, or of one file for every layer.

    Raises InvalidRequest, StepguardError.
    """
    files = read_guardrail_files([path])
    if len(files) > 1 and not {file.stem for file in files} <= set(Layer):
        raise InvalidRequest(f"{path}: the files must be named {', '.join(Layer)}, or be one file.")
    applied = {file.stem: item.ref for file, item in apply_files(files).items()}
    if set(applied) <= set(Layer):
        return {Layer(stem): ref for stem, ref in applied.items()}
    return dict.fromkeys(Layer, next(iter(applied.values())))  # as in comparable projects' samples
