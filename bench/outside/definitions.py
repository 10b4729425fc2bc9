"""Other people's definitions through the embedded Step Functions' validation.

Every JSON or YAML file is searched, and every fenced block of a Markdown file: for definitions, also inside of
templates. Resources that are placeholders (`${FunctionArn}`, `!GetAtt`) count as a Lambda function.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from embedded_aws.states.api.machines import check_definition
from embedded_aws.states.language.findings import Finding

_FENCED = re.compile(r"```(?:json|ya?ml)?\s*\n(.*?)```", re.DOTALL)
_PLACEHOLDER = re.compile(r'"Resource": "[^"]*\$\{[^"]*"')
_NUMBER = re.compile(r'("(?:Timeout|Heartbeat)?Seconds"|"MaxConcurrency"): "\$\{[^"]*\}"')
_FUNCTION = '"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"'


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's functions, each as a placeholder."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: f"${{{suffix}}}")


def definitions(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each definition below a folder, with its file."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".json", ".md", ".yaml", ".yml") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        for part in _FENCED.findall(text) if path.suffix == ".md" else [text]:
            if "StartAt" in part:
                for found in _inside(_parsed(part)):
                    yield path, found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        try:
            return yaml.load(text, _Loader)
        except (yaml.YAMLError, ValueError):
            return None


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and isinstance(value.get("States"), dict) and isinstance(value.get("StartAt"), str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _inside(_parsed(member) if key == "DefinitionString" and isinstance(member, str) else member)
    elif isinstance(value, list):
        for member in value:
            yield from _inside(member)


def findings(definition: dict[str, Any]) -> list[Finding]:
    """The findings, with placeholders filled in."""
    text = _NUMBER.sub(r"\1: 1", json.dumps(definition, default=str))
    return check_definition(_PLACEHOLDER.sub(_FUNCTION, text), "STANDARD")


def report(folder: Path, *, invalid: bool) -> str:
    """Print each definition that is refused; `invalid`: also those whose file's name says that they are invalid."""
    seen = refused = 0
    for path, definition in definitions(folder):
        if "invalid" in path.name and not invalid:
            continue
        seen += 1
        found = findings(definition)
        refused += bool(found)
        for finding in found:
            print(f"{path.relative_to(folder)}: {finding}")
    return f"{seen} definitions, {refused} refused"
