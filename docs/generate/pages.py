"""The table of generated pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.generate import capacity, cli, cost, openapi, settings

FOLDER = Path(__file__).parents[1] / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "cli.md": cli.page,
    "openapi.yaml": openapi.page,
    "../operate/cost.md": cost.page,
    "../operate/capacity.md": capacity.page,
}
