"""Word lists: given names, family names, cities (data/*.txt, derived by local/train/pii_gazetteer.py)."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def words(name: str) -> frozenset[str]:
    """The lower-case words of the list "first_names", "last_names" or "cities"."""
    file = resources.files("local.bedrock.detectors").joinpath(f"data/{name}.txt")
    return frozenset(file.read_text(encoding="utf-8").split())
