"""A Lambda zip that depends only on the files in it."""

from __future__ import annotations

import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""

_FILE_MODE = 0o100644


def normalise(archive: Path) -> list[str]:
    """Rewrite a zip so that the same files always give the same bytes; returns the names in it.

    Names sorted, one time and mode for all, compiled Python left out: it holds times and paths, and belongs to the
    Python that wrote it. Nothing is compressed, because deflate's output differs between zlib versions; Lambda
    unpacks the zip before it runs.
    """
    with zipfile.ZipFile(archive) as source:
        contents = {name: source.read(name) for name in sorted(source.namelist()) if not _compiled(name)}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on every machine, so that unzip uses the mode
            entry.external_attr = _FILE_MODE << 16
            target.writestr(entry, content)
    return list(contents)


def _compiled(name: str) -> bool:
    return name.endswith((".pyc", ".pyo")) or "__pycache__" in name.split("/")
