"""Guardrails that a command uses instead of the deployed ones: `--guardrails`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from stepguard.admin.guardrails import apply_files
from stepguard.guard.errors import AccessDenied, InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import LAYERS, Layer
from stepguard.project.guardrail_files import read_guardrail_files


def layers_of(path: Path) -> dict[Layer, GuardrailRef]:
    """The published guardrails of a folder whose files are named after layers, or of one file for every layer.

    Raises InvalidRequest, StepguardError.
    """
    files = read_guardrail_files([path])
    if path.is_dir():  # the guard of passages is no layer of a question
        files = {file: body for file, body in files.items() if file.stem != Layer.PASSAGES}
    if len(files) > 1 and not {file.stem for file in files} <= set(LAYERS):
        raise InvalidRequest(f"{path}: the files must be named {', '.join(LAYERS)}, or be one file.")
    applied = {file.stem: item.ref for file, item in apply_files(files).items()}
    if set(applied) <= set(LAYERS):
        return {Layer(stem): ref for stem, ref in applied.items()}
    return dict.fromkeys(LAYERS, next(iter(applied.values())))  # as in comparable projects' samples


def layers_with(path: Path, deployed: Callable[[], Mapping[Layer, GuardrailRef]]) -> dict[Layer, GuardrailRef]:
    """`layers_of`, and the deployed guardrail of each layer without a file.

    Reports on standard error which layers keep the deployed guardrail and which are off. Raises InvalidRequest,
    StepguardError.
    """
    chosen = layers_of(path)
    missing = [layer for layer in LAYERS if layer not in chosen]
    if not missing:
        return chosen
    try:
        found, why = deployed(), "the deployment has none"
    except AccessDenied:
        found, why = {}, "these credentials may not read the deployment's"
    kept = [layer for layer in missing if layer in found]
    off = [layer for layer in missing if layer not in found]
    if kept:
        _report(path, kept, "on with the deployed guardrail")
    if off:
        _report(path, off, f"OFF: {why}")
    return {**{layer: found[layer] for layer in kept}, **chosen}


def _report(path: Path, layers: list[Layer], how: str) -> None:
    which = "this layer is" if len(layers) == 1 else "these layers are"
    sys.stderr.write(f"stepguard: {path} has no file for {', '.join(layers)}: {which} {how}.\n")
