"""Write the generated pages: `python -m docs.generate`."""

from __future__ import annotations

from docs.generate.pages import FOLDER, PAGES

for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), encoding="utf-8")
