"""Packages that an extra of stepguard installs, and the command that installs them."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import urlsplit

_OWN = ("stepguard", "embedded_aws", "functions", "app")
_EXTRAS = {"PIL": "images"}


def missing_package(error: ModuleNotFoundError) -> str | None:
    """The package and the command that installs it; None when the missing module is part of stepguard or Python."""
    extra = _extra_of(error)
    return None if extra is None else f"stepguard: {error.name} is not installed. {remedy(extra)}"


def _extra_of(error: ModuleNotFoundError) -> str | None:
    """The extra that brings a missing package; None when the missing module is part of stepguard or Python."""
    name = (error.name or "").partition(".")[0]
    if not name or name in _OWN or name in sys.stdlib_module_names:
        return None
    return _EXTRAS.get(name, "local")


def remedy(extra: str) -> str:
    """The command that brings an extra, from where stepguard itself was installed (PEP 610)."""
    try:
        origin = json.loads(distribution("stepguard").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    if origin.get("dir_info", {}).get("editable"):
        return f"Run: pip install -e '{urlsplit(origin['url']).path}[{extra}]'"
    source = f" @ {origin['url']}" if "url" in origin else ""
    return f"Run: pip install 'stepguard[{extra}]{source}'"
