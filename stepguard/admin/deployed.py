"""The guardrails that the deployed workflow uses, and how the newest versions and the project's files differ from them.

The workflow's Lambdas read their guardrails from their environment variables, so those variables are what is in use,
whatever the files, this process's environment or the newest published versions contain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.admin.guardrails import GuardrailAdmin, digest_of, published_from
from stepguard.aws.clients import aws_errors, client
from stepguard.aws.executions import Executions
from stepguard.guard.errors import ConfigurationError, InvalidRequest, StepguardError
from stepguard.guard.settings import GuardrailRef, read_guardrails
from stepguard.guard.stages import STAGES, Layer


@dataclass(frozen=True, slots=True)
class LayerInUse:
    """A layer of the deployed workflow.

    `ref` is None when the layer is off. `newest` is the guardrail's newest version. `file` is the project's file of the
    layer and `same` whether the version in use was published from its content; None if that is unknown. `problem` says
    why the guardrail could not be read.
    """

    layer: Layer
    function: str
    ref: GuardrailRef | None = None
    name: str | None = None
    newest: str | None = None
    file: Path | None = None
    same: bool | None = None
    problem: str | None = None

    @property
    def label(self) -> str:
        """E.g. `healthcare-preprocess (abc123def456) version 2`."""
        return "off" if self.ref is None else label_of(self.ref, self.name)


def label_of(ref: GuardrailRef, name: str | None) -> str:
    """A guardrail for people: its name if it is known, its identifier, its version."""
    return f"{name} ({ref.id}) version {ref.version}" if name else f"{ref.id} version {ref.version}"


def stage_functions(definition: Mapping[str, Any]) -> dict[Layer, str]:
    """The Lambda of each layer's state in a definition, by name or ARN. Raises ConfigurationError."""
    found = {}
    for stage in STAGES:
        state = definition.get("States", {}).get(stage.state, {})
        function = state.get("Parameters", {}).get("FunctionName")
        if not isinstance(function, str):
            raise ConfigurationError(
                f"The state machine has no Lambda in a state {stage.state}: is it stepguard's chat?"
            )
        found[stage.layer] = function
    return found


@dataclass(frozen=True, slots=True)
class StageFunction:
    """The Lambda of a layer's state: as the definition names it, its role, and its environment variables."""

    function: str
    role: str
    variables: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name without the rest of the ARN."""
        return self.function.rpartition(":")[2]


def functions_of(executions: Executions, functions: Any = None) -> dict[Layer, StageFunction]:
    """The Lambda of each layer. Raises StepguardError."""
    found: dict[Layer, StageFunction] = {}
    for layer, function in stage_functions(executions.machine_definition()).items():
        with aws_errors("GetFunctionConfiguration"):
            response = (functions or client("lambda")).get_function_configuration(FunctionName=function)
        variables = response.get("Environment", {}).get("Variables", {})
        found[layer] = StageFunction(function, str(response.get("Role", "")), variables)
    return found


def deployed_layers(executions: Executions, functions: Any = None) -> dict[Layer, GuardrailRef]:
    """The guardrails that the deployed Lambdas use. Raises StepguardError."""
    found = {}
    for layer, function in functions_of(executions, functions).items():
        if ref := read_guardrails(function.variables).get(layer):
            found[layer] = ref
    return found


def layers_in_use(
    executions: Executions,
    files: Mapping[Path, Mapping[str, Any]],
    admin: GuardrailAdmin | None = None,
    functions: Any = None,
) -> list[LayerInUse]:
    """Every layer of the deployed workflow, compared with the newest version and the layer's file.

    Raises StepguardError if the deployment cannot be read; a guardrail that cannot be read is the layer's `problem`.
    """
    admin = admin or GuardrailAdmin()
    by_stem = {file.stem: file for file in files}
    rows = []
    for layer, function in functions_of(executions, functions).items():
        ref, file = read_guardrails(function.variables).get(layer), by_stem.get(layer)
        if ref is None:
            rows.append(LayerInUse(layer, function.name, file=file))
            continue
        try:
            versions = admin.versions(ref.id)
            current = admin.show(ref.id, ref.version)
        except StepguardError as error:
            rows.append(LayerInUse(layer, function.name, ref, file=file, problem=str(error)))
            continue
        numbers = [int(item["version"]) for item in versions if str(item["version"]).isdecimal()]
        origin = published_from(current)
        rows.append(
            LayerInUse(
                layer,
                function.name,
                ref,
                str(current["name"]),
                str(max(numbers)) if numbers else None,
                file,
                None if file is None or origin is None else digest_of(files[file]).startswith(origin),
            )
        )
    return rows


def newest_layers(rows: list[LayerInUse]) -> dict[Layer, GuardrailRef]:
    """The newest version of each layer that is on. Raises InvalidRequest for a guardrail that cannot be read."""
    found = {}
    for row in rows:
        if row.problem:
            raise InvalidRequest(f"The guardrail of the {row.layer} layer cannot be read: {row.problem}")
        if row.ref is not None:
            found[row.layer] = GuardrailRef(row.ref.id, row.newest or row.ref.version)
    return found


def differences(rows: list[LayerInUse], locate: Callable[[Path], str] = str) -> list[str]:
    """One sentence for each layer whose file or newest version is not in use; empty when all are."""
    found = []
    for row in rows:
        if row.ref is None or row.problem:
            continue
        if row.same is False and row.file is not None:
            found.append(f"{locate(row.file)} differs from the version in use: {row.label}.")
        elif row.newest is not None and row.ref.version not in (row.newest, "DRAFT"):
            found.append(f"The {row.layer} layer uses {row.label}; version {row.newest} is newer.")
    return found
