"""The project's CloudFormation, one file per concern, as one template.

The rule of the merge: the files of statemachine/cloudformation/ are read in the order of their names, and each section
(Parameters, Rules, Conditions, Globals, Resources, Outputs) of the result holds the entries of that section from all
files. An entry belongs to one file: the same key in two files, or twice in one, is an error that names the files. A
section that is a plain value (Description) is an entry too. YAML anchors are valid within a file only. Chalice then
merges the result deeply into its own template; there the result wins, and a list replaces Chalice's list.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class ResourcesError(Exception):
    """A file of the template cannot be read, or two files define the same key."""


def load_resources(folder: Path) -> dict[str, Any]:
    """Read and merge the .yaml files of a folder. Raises ResourcesError."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ResourcesError(f"{_short(folder)} holds no .yaml file.")
    merged: dict[str, Any] = {}
    origin: dict[tuple[str, ...], Path] = {}
    for file in files:
        for section, content in _read(file).items():
            entries = content if isinstance(content, Mapping) else None
            for key in [(section,)] if entries is None else [(section, name) for name in entries]:
                if key in origin or (section,) in origin:
                    first = origin.get(key) or origin[(section,)]
                    raise ResourcesError(f"{_short(first)} and {_short(file)} both define {'.'.join(key)}.")
                origin[key] = file
            if entries is None:
                merged[section] = content
            else:
                merged.setdefault(section, {}).update(entries)
    return merged


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ResourcesError(f"{_short(file)} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ResourcesError(f"{_short(file)} must be a mapping of sections, as a CloudFormation template is.")
    return content


def _short(path: Path) -> str:
    return "/".join(path.parts[-3:])


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!GetAtt`, `!Sub`…), and without repeated keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse repeated keys, before merge keys (`<<`) add the keys of others."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is defined twice", key.start_mark)
                seen.add(key.value)
        super().flatten_mapping(node)


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
