"""Finds what a pure module must not use: I/O, clocks, randomness, the environment, AWS clients, dynamic imports.

The syntax tree names every module and function that code uses by its import, whatever its alias or scope. Modules are
on an allowed list: every other module is refused. A value whose type the tree does
not show is judged by the method's name: `anything.read_text()` is file access.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

PURE_PACKAGES = ("stepguard.guard", "stepguard.evaluation", "stepguard.formats", "stepguard.trace")
MODULES = frozenset(
    """
    __future__ abc array ast base64 binascii bisect codecs collections contextlib copy csv dataclasses datetime decimal
    difflib enum fractions functools gzip hashlib heapq hmac html itertools json math numbers operator pathlib re
    statistics string struct textwrap types typing unicodedata zlib
    """.split()  # noqa: SIM905 - words are easier to read in lines
)
"""Modules of the standard library that a pure module may import."""
NAMES = frozenset(
    """
    open input print exec eval compile breakpoint __import__ __builtins__ __loader__ __spec__ globals vars
    """.split()  # noqa: SIM905 - words are easier to read in lines
)
FUNCTIONS = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "codecs.open",
        "gzip.open",
        "hashlib.file_digest",
    }
)
PURE_PATHS = frozenset({"PurePath", "PurePosixPath", "PureWindowsPath"})
METHODS = frozenset(
    """
    now utcnow today open read_text write_text read_bytes write_bytes unlink mkdir rmdir touch iterdir glob rglob exists
    is_file is_dir stat resolve getenv putenv urandom environ fromfile tofile
    """.split()  # noqa: SIM905 - words are easier to read in lines
)


def impurities(source: str) -> list[str]:
    """One line for each impure use in a module's source."""
    tree = ast.parse(source)
    imported: dict[str, str] = {}
    found = []
    for node in ast.walk(tree):
        for module, name, alias in _imports(node):
            # `import a.b` binds `a`; `import a.b as c` binds `a.b`.
            imported[alias] = f"{module}.{name}" if name else alias if module.startswith(f"{alias}.") else module
            if not _is_pure(module, name):
                found.append(f"line {getattr(node, 'lineno', 0)}: import of {module}{'.' + name if name else ''}")
    for node in ast.walk(tree):
        if used := _impure_use(node, imported):
            found.append(f"line {getattr(node, 'lineno', 0)}: {used}")
    return found


def _imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Module, name in the module or an empty text, and the name in this module, of each import in a statement."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, "", alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield "." * node.level + (node.module or ""), alias.name, alias.asname or alias.name


def _is_pure(module: str, name: str) -> bool:
    root = module.partition(".")[0]
    if root == "stepguard":
        full = f"{module}.{name}" if module == "stepguard" else module
        return any(f"{full}.".startswith(f"{package}.") for package in PURE_PACKAGES)
    if root == "pathlib":
        return name in PURE_PATHS
    if root == "urllib":
        return module == "urllib.parse" and name != "*"  # text alone
    return root in MODULES and name != "*" and f"{module}.{name}" not in FUNCTIONS


def _impure_use(node: ast.AST, imported: dict[str, str]) -> str:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and imported.get(node.id, node.id) in NAMES:
        return node.id
    if isinstance(node, ast.Name | ast.Attribute) and (used := _dotted(node, imported)) in FUNCTIONS:
        return used
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        return f"method {node.func.attr}"
    return ""


def _dotted(node: ast.AST, imported: dict[str, str]) -> str:
    """`datetime.datetime.now` for `datetime.now` after `from datetime import datetime`."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, imported)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
