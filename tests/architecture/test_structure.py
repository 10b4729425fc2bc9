"""The shape of the code: small modules, folders that a reader can survey, packages in layers, no import circle."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("stepguard", "embedded_aws", "functions", "training", "deploy", "bench", "tests")
MODULES = [ROOT / "app.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
LONGEST = 400
MOST_MODULES = 20
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
LAYERED = ("stepguard", "embedded_aws")
"""Packages whose sub-packages must be named in a layer."""


def dotted(path: Path) -> str:
    """The name under which a module or package is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_no_module_is_long() -> None:
    """At most 400 lines, tests included."""
    lines = {dotted(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def test_no_folder_is_crowded() -> None:
    """At most 20 modules side by side."""
    counts = Counter(dotted(path.parent) for path in MODULES if path.name != "__init__.py" and path.parent != ROOT)
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def layers() -> dict[str, set[str]]:
    """The members of each container of an exhaustive layers contract."""
    members: dict[str, set[str]] = {}
    for contract in LINTER["contracts"]:
        if contract["type"] == "layers" and contract.get("exhaustive"):
            names = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
            members |= dict.fromkeys(contract["containers"], names)
    return members


@pytest.mark.parametrize("package", LAYERED)
def test_every_package_is_in_a_layer(package: str) -> None:
    """A new folder must be placed: import-linter refuses modules that an exhaustive contract does not name."""
    folders = {dotted(path.parent) for path in (ROOT / package).glob("*/__init__.py")}
    assert folders == {f"{package}.{name}" for name in layers()[package] if (ROOT / package / name).is_dir()}


def test_every_product_package_is_checked_for_circles() -> None:
    """One contract forbids circles between siblings, everywhere in these packages."""
    (contract,) = (contract for contract in LINTER["contracts"] if contract["type"] == "acyclic_siblings")
    assert set(contract["ancestors"]) >= {"stepguard", "embedded_aws", "functions", "training"}


def imports() -> dict[str, set[str]]:
    """The modules of this repository that each module imports, in any scope."""
    names = {dotted(path) for path in MODULES}
    graph = {}
    for path in MODULES:
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                parts = {f"{node.module}.{alias.name}" for alias in node.names} & names
                found |= parts or {node.module}
        graph[dotted(path)] = found & names
    return graph


def circle(graph: dict[str, set[str]]) -> set[str]:
    """The modules that are left when those without open imports are taken away again and again: empty if acyclic."""
    left = {name: set(targets) for name, targets in graph.items()}
    while free := {name for name, targets in left.items() if not targets}:
        left = {name: targets - free for name, targets in left.items() if name not in free}
    return set(left)


def test_no_module_imports_itself_through_others() -> None:
    """Also tests and bench, which import-linter does not read."""
    assert circle(imports()) == set()


def test_a_circle_is_found() -> None:
    """The check fails for what it exists for."""
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}
