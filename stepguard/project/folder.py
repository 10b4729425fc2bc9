"""The project's own files: definitions, guardrails, Lambda configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stepguard.guard.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
"""The project folder: app.py, statemachine/, guardrails/, .chalice/."""

LAYER_FILES = {"preprocess": "preprocess.yaml", "model": "model.yaml", "postprocess": "postprocess.yaml"}


@dataclass(frozen=True, slots=True)
class LambdaSettings:
    """One Lambda of .chalice/config.json: its handler in app.py, time-out in seconds, memory in MB."""

    name: str
    handler: str
    timeout: float
    memory: int


def chat_definition(function_arns: Mapping[str, str]) -> str:
    """statemachine/chat.asl.json with each `${GuardInputFunctionArn}` replaced, as CloudFormation does it.

    `function_arns` maps a Lambda's name (guard_input) to its ARN. Raises ConfigurationError for one without an ARN.
    """
    return _substituted(_definition("chat"), "chat", function_arns)


def evaluation_definition(function_arns: Mapping[str, str]) -> str:
    """statemachine/evaluate.asl.json with the Lambdas' ARNs. Raises ConfigurationError."""
    return _substituted(_definition("evaluate"), "evaluate", function_arns)


def _definition(name: str) -> str:
    return (ROOT / "statemachine" / f"{name}.asl.json").read_text(encoding="utf-8")


def _substituted(text: str, name: str, function_arns: Mapping[str, str]) -> str:
    substitutions = {f"{_camel(name)}FunctionArn": arn for name, arn in function_arns.items()}

    def replace(placeholder: re.Match[str]) -> str:
        try:
            return substitutions[placeholder.group(1)]
        except KeyError:
            raise ConfigurationError(f"statemachine/{name}.asl.json: no Lambda stands for {placeholder[0]}.") from None

    return re.sub(r"\$\{(\w+)\}", replace, text)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def lambdas(stage: str = "dev") -> list[LambdaSettings]:
    """The Lambdas that .chalice/config.json describes for a stage; app.py names a handler `<name>_lambda`."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    memory = int(config.get("lambda_memory_size", 128))
    found = []
    for name, entry in config["stages"][stage]["lambda_functions"].items():
        handler = "app.app" if name == "api_handler" else f"app.{name}_lambda"
        size = int(entry.get("lambda_memory_size", memory))
        found.append(LambdaSettings(name, handler, float(entry["lambda_timeout"]), size))
    return found


def guardrail_files(paths: list[Path]) -> dict[Path, dict[str, Any]]:
    """The guardrail configurations of YAML files, or of the folders that hold them.

    Raises ConfigurationError naming the file that cannot be read.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    if not files:
        raise ConfigurationError(f"No .yaml file in {', '.join(map(str, paths))}.")
    return {file: _guardrail(file) for file in files}


def _guardrail(file: Path) -> dict[str, Any]:
    try:
        configuration = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__}).") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise ConfigurationError(f"{file}{line}: is not valid YAML.") from None
    if not isinstance(configuration, dict) or not isinstance(configuration.get("name"), str):
        raise ConfigurationError(f"{file}: a guardrail is a mapping with a 'name', as CreateGuardrail takes it.")
    return configuration
