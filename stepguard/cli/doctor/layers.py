"""The guard layers: each is resolved and asked to judge lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepguard.admin.deployed import LayerInUse
from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.admin.probe import probe
from stepguard.aws.guardrails import Guardrails
from stepguard.cli.doctor.checks import Cost, LayerRow
from stepguard.guard.errors import AccessDenied, StepguardError
from stepguard.guard.settings import VARIABLES, read_guardrails
from stepguard.session.guardrails import short
from stepguard.session.model import Session


def layer_row(session: Session, used: LayerInUse, files: Mapping[Path, Mapping[str, Any]], cost: Cost) -> LayerRow:
    """A row of the table; `files` are the project's guardrail files."""
    variables = " and ".join(VARIABLES[used.layer])
    if used.ref is None:
        source = f"Lambda {used.function}"
        return LayerRow(str(used.layer), False, "-", "-", source, None, f"not set: {variables}")
    named = f"{used.name} ({used.ref.id})" if used.name else used.ref.id
    newest = "" if used.newest is None else " (newest)" if used.newest == used.ref.version else f" of {used.newest}"
    row = (str(used.layer), True, named, used.ref.version + newest, configured_in(session, used, files))
    if used.problem:
        return LayerRow(*row, False, f"cannot be read: {used.problem} Set by {variables}.")
    try:
        proof = probe(used.ref, GuardrailAdmin().show(used.ref.id, used.ref.version), used.layer, Guardrails())
    except AccessDenied as error:
        return LayerRow(*row, None, f"not tried: your credentials, which the Lambda does not use: {error}")
    except StepguardError as error:
        return LayerRow(*row, False, str(error))
    cost.add(proof.calls, proof.units)
    return LayerRow(*row, proof.ok, str(proof))


def configured_in(session: Session, used: LayerInUse, files: Mapping[Path, Mapping[str, Any]]) -> str:
    """The file, the environment or the template that names a layer's guardrail."""
    if session.cloud is not None and used.layer in read_guardrails(os.environ):
        return f"environment: {VARIABLES[used.layer][0]}"
    file = used.file
    if session.cloud is not None or session.served:
        if used.same and file is not None:
            return short(file)
        ours = file is not None and files[file].get("name") == used.name
        return f"{short(file)}, before it changed" if ours and file is not None else "environment of the server"
    published = f", from {short(file)}" if used.same and file is not None else ""
    return f"variables of Lambda {used.function}{published}"
