"""The examples and names in README, CONTRIBUTING and docs: what a reader copies works."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepguard.cli.main import parser_of
from tests.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "bench|corpora|deploy|docs|embedded_aws|functions|guardrails|statemachine|stepguard|tests|training|vendor|web"
TEAMS = ("deploy/stages/", "stepguard/_project")
"""Paths that a clone lacks: a team makes the first, a wheel contains the second."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _commands(page: Path) -> Iterator[str]:
    """The lines of blocks and the inline code that could be commands, without prompt and comment."""
    blocks = BLOCK.findall(_read(page))
    lines = [line for language, body in blocks if language in ("", "sh", "console") for line in body.splitlines()]
    for code in lines + INLINE.findall(BLOCK.sub("", _read(page))):
        yield re.sub(r"\s+#.*", "", code).removeprefix("$ ").strip().replace("\\|", "|")


def _found(pattern: str) -> list[tuple[str, str]]:
    """The first group of each command that matches, with its page."""
    return sorted(
        {
            (str(page.relative_to(ROOT)), match[1])
            for page in PAGES
            for command in _commands(page)
            if (match := re.match(pattern, command))
        }
    )


STEPGUARD = _found(r"(?:\.venv/bin/)?stepguard ([a-z-].*)")
TARGETS = _found(r"make ([a-z0-9-]+)")
MODULES = _found(r"(?:\.venv/bin/)?python3? -m ([\w.]+)")
PATHS = sorted(
    {
        (str(page.relative_to(ROOT)), path)
        for page in PAGES
        for code in INLINE.findall(BLOCK.sub("", _read(page)))
        for path in re.findall(rf"^(?:python )?((?:{FOLDERS})/[\w./*-]*)", code)
        if not path.startswith(TEAMS)
    }
)


@pytest.mark.parametrize(("page", "arguments"), STEPGUARD)
def test_the_command_line_takes_it(page: str, arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command, option and value is one that the parser knows; `A|B` is a choice, `…` an omission."""
    words = [word.partition("|")[0] for word in shlex.split(arguments) if "…" not in word]
    try:
        parser_of(words).parse_args(words)
    except SystemExit as end:
        if end.code:
            pytest.fail(f"{page}: {capsys.readouterr().err}")


@pytest.mark.parametrize(("page", "target"), TARGETS)
def test_the_makefile_has_the_target(page: str, target: str) -> None:
    """Each `make` target that a page names."""
    assert re.search(rf"^{target}:", _read(ROOT / "Makefile"), re.MULTILINE), page


@pytest.mark.parametrize(("page", "module"), MODULES)
def test_the_module_can_be_run(page: str, module: str) -> None:
    """Each `python -m` module can be found."""
    assert importlib.util.find_spec(module), page


@pytest.mark.parametrize(("page", "path"), PATHS)
def test_the_path_exists(page: str, path: str) -> None:
    """Each file or folder of the repository; `*` matches at least one."""
    assert list(ROOT.glob(path.rstrip("/"))), page


def test_the_patterns_find_examples() -> None:
    """A pattern that matches nothing would prove nothing."""
    assert min(map(len, (STEPGUARD, TARGETS, MODULES, PATHS))) > 10
