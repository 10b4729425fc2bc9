"""The project that a command works on: what a team owns, and the application of the installed package for the rest.

A project holds guardrails/, corpora/ and .chalice/config.json. The rest (app.py, functions/, statemachine/, the
Lambdas' policies) comes from the installed package unless `stepguard eject` copied it into the project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.stages import LAYERS
from stepguard.project.files import read_text

PACKAGE = Path(__file__).resolve().parents[1]
"""The installed stepguard package."""

PACKED = PACKAGE / "_project"
"""The application inside a wheel; a clone has it at the repository's root instead."""

CONFIG = ".chalice/config.json"

ANSWERS = "stepguard-local-answers"
"""The table of answers of the embedded AWS."""

_TABLE = "AnswerTableName"
_REVIEWS = "ReviewStateMachineArn"


@dataclass(frozen=True, slots=True)
class LambdaSettings:
    """One Lambda of .chalice/config.json: its handler in app.py, time-out in seconds, memory in MB.

    `concurrency` is its reserved concurrency, if it has one.
    """

    name: str
    handler: str
    timeout: float
    memory: int
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """`root` is the folder that a team owns; `builtin` the folder with the installed package's application.

    They are the same folder in a clone, and outside any project.
    """

    root: Path
    builtin: Path

    def path(self, name: str) -> Path:
        """A file or folder of the project, or else the package's, e.g. `path("statemachine/chat.asl.json")`."""
        own = self.root / name
        return own if own.exists() else self.builtin / name

    @property
    def application(self) -> Path:
        """The folder with app.py and functions/, which the Lambdas run."""
        return self.root if (self.root / "app.py").exists() else self.builtin

    @property
    def workspace(self) -> Path:
        """Where commands write by default (.stepguard/, build/): the project, never the installed package."""
        return self.root if self.root != PACKED else Path.cwd()

    @property
    def guardrails(self) -> list[Path]:
        """The guardrail file of each layer."""
        return [self.path(f"guardrails/{layer}.yaml") for layer in LAYERS]

    @property
    def passage_guardrail(self) -> Path:
        """The file of the guardrail that judges passages."""
        return self.path("guardrails/passages.yaml")

    def lambdas(self, stage: str = "dev") -> list[LambdaSettings]:
        """The Lambdas that .chalice/config.json describes for a stage; app.py names a handler `<name>_lambda`.

        Raises ConfigurationError.
        """
        file = self.path(CONFIG)
        text = read_text(file)
        try:
            config = json.loads(text)
            memory = int(config.get("lambda_memory_size", 128))
            return [_lambda(name, entry, memory) for name, entry in config["stages"][stage]["lambda_functions"].items()]
        except json.JSONDecodeError as error:
            raise ConfigurationError(f"{file}, line {error.lineno}: is not valid JSON ({error.msg}).") from None
        except KeyError as error:
            raise ConfigurationError(
                f"{file}: has no member {error} of stages.{stage}.lambda_functions; compare it with the file of a new "
                "project (stepguard init DIR)."
            ) from None
        except (ValueError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{file}: stages.{stage}.lambda_functions must map each Lambda to its lambda_timeout and, if "
                "needed, its lambda_memory_size, both numbers."
            ) from None

    def chat_definition(
        self, function_arns: Mapping[str, str], table: str = ANSWERS, *, assistant: bool = False
    ) -> str:
        """statemachine/chat.asl.json with each `${GuardInputFunctionArn}` replaced, as CloudFormation does it.

        `function_arns` maps a Lambda's name (guard_input) to its ARN; `table` is the name of the table of answers.
        The `assistant` is the same with the box of gather.asl.json. Raises ConfigurationError for a missing Lambda.
        """
        return self._definition("assistant" if assistant else "chat", function_arns, table)

    @property
    def records_answers(self) -> bool:
        """Whether the chat's definition writes answers to the table; an ejected one of an older version does not."""
        return answers_recorded(self._text("chat"))

    def evaluation_definition(self, function_arns: Mapping[str, str], *, assistant: bool = False) -> str:
        """statemachine/evaluate.asl.json, or that of the assistant, with the Lambdas' ARNs. Raises
        ConfigurationError."""
        return self._definition("evaluate_assistant" if assistant else "evaluate", function_arns)

    def after_definition(self, function_arns: Mapping[str, str], review_arn: str, table: str = ANSWERS) -> str:
        """statemachine/after.asl.json, with the ARNs of the Lambdas and of the reviews' state machine. Raises
        ConfigurationError."""
        return self._definition("after", function_arns, table, {_REVIEWS: review_arn})

    def review_definition(self, table: str = ANSWERS) -> str:
        """statemachine/review.asl.json, with the name of the table of answers. Raises ConfigurationError."""
        return self._definition("review", {}, table)

    def _definition(
        self,
        name: str,
        function_arns: Mapping[str, str],
        table: str = ANSWERS,
        others: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        text = self._text(name)
        arns = {f"{_camel(name)}FunctionArn": arn for name, arn in function_arns.items()}
        substitutions = {**arns, _TABLE: table, **others}

        def replace(placeholder: re.Match[str]) -> str:
            try:
                return substitutions[placeholder.group(1)]
            except KeyError:
                raise ConfigurationError(f"{self._file(name)}: there is no Lambda for {placeholder[0]}.") from None

        return re.sub(r"\$\{(\w+)\}", replace, text)

    def _text(self, name: str) -> str:
        return read_text(self._file(name))

    def _file(self, name: str) -> Path:
        return self.path(f"statemachine/{name}.asl.json")


def answers_recorded(definition: str) -> bool:
    """Whether a definition of the chat writes its answers to the table of the API."""
    return f"${{{_TABLE}}}" in definition


def _lambda(name: str, entry: Mapping[str, Any], memory: int) -> LambdaSettings:
    handler = "app.app" if name == "api_handler" else f"app.{name}_lambda"
    timeout, reserved = float(entry["lambda_timeout"]), entry.get("reserved_concurrency")
    concurrency = None if reserved is None else int(reserved)
    return LambdaSettings(name, handler, timeout, int(entry.get("lambda_memory_size", memory)), concurrency)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def builtin_project() -> Project:
    """The project of the installed package: `stepguard demo` runs it outside any other project."""
    folder = PACKED if PACKED.is_dir() else PACKAGE.parent
    return Project(folder, folder)


def find_project(start: Path | None = None) -> Project:
    """The project around a folder (the current one by default), or else the package's own."""
    builtin = builtin_project()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / CONFIG).is_file() and (folder / "guardrails").is_dir():
            return Project(folder, builtin.builtin)
    return builtin
