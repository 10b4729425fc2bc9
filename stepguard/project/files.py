"""Reads the text files of a project, with errors that say what, where and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepguard.guard.errors import ConfigurationError


def read_text(file: Path) -> str:
    """A file's text. Raises ConfigurationError."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"{file}: there is no such file.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: is not UTF-8 text.") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror or 'unknown error'}).") from None


def read_yaml(file: Path) -> Any:
    """A file's YAML document. Raises ConfigurationError with the line and the parser's reason."""
    import yaml  # an extra: `init` and `diff` read no YAML and need the standard library only

    try:
        return yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        reason = f" ({error.problem})" if isinstance(error, yaml.MarkedYAMLError) and error.problem else ""
        raise ConfigurationError(f"{file}{line}: is not valid YAML{reason}.") from None
