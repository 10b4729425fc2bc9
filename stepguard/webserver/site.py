"""The web page: its files, the layout of its graph, Markdown, reports of evaluations, and the page as one file.

The page gets everything else from the executions API of the same origin.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

from embedded_aws.wire import HttpRequest, HttpResponse
from stepguard.evaluation.runs import RUN_ID
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.project.folder import builtin_project
from stepguard.webserver.layout import layout
from stepguard.webserver.markdown import trees
from stepguard.webserver.views import Views

FOLDER = builtin_project().builtin / "web"
PREFIX = "/ui"
REPORTS = "evaluations"
"""The folder of reports in the state folder, and their path on the page."""

POSTED_BYTES = 1_000_000
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
MODULES = (
    "dom",
    "words",
    "api",
    "graph",
    "zoom",
    "viewer",
    "parts",
    "download",
    "actions",
    "talk",
    "paging",
    "filters",
    "visit",
    "timeline",
    "events",
    "execution",
    "compare",
    "list",
    "items",
    "sweep",
    "evaluations",
    "guardrails",
    "knowledge",
    "markdown",
    "reasons",
    "feedback",
    "turn",
    "streaming",
    "asking",
    "conversations",
    "chat",
    "app",
)
"""The page's modules, each after those that it imports."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Site:
    """Serves `/ui/`. Every name is looked up in a list of existing files: no path of a request reaches the file system.

    `reports` is the folder with the results of evaluations: `RUN/report.html`. `views` show guardrails and knowledge.
    """

    def __init__(self, folder: Path = FOLDER, reports: Path | None = None, views: Views | None = None) -> None:
        self._reports = reports
        self._makers = {**_MAKERS, **(views.by_name if views else {})}
        self._files = {file.name: file for file in sorted(folder.iterdir()) if file.suffix in _TYPES}

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is for the page."""
        return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")

    def handle(self, request: HttpRequest) -> HttpResponse:
        """A file of the page, or the layout of a graph."""
        name = request.path.removeprefix(PREFIX).removeprefix("/")
        if request.path == PREFIX:
            return HttpResponse(308, {"Location": f"{PREFIX}/"}, b"")
        if name in self._makers:
            return _made(request, *self._makers[name])
        if name == REPORTS or name.startswith(f"{REPORTS}/"):
            return self._report(request, name.removeprefix(REPORTS).removeprefix("/"))
        file = self._files.get(name or "index.html")
        if file is None:
            return _error(404, "UnknownPage", "The page has no such file.")
        if request.method not in ("GET", "HEAD"):
            return _error(405, "MethodNotAllowed", "The page's files can only be read.")
        return HttpResponse(200, {**_HEADERS, "Content-Type": _TYPES[file.suffix]}, file.read_bytes())

    def _report(self, request: HttpRequest, name: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _error(405, "MethodNotAllowed", "Reports can only be read.")
        there = _reports(self._reports)
        if not name:
            body = json.dumps({"reports": sorted(there)}).encode()
            return HttpResponse(200, {**_HEADERS, "Content-Type": "application/json"}, body)
        run, _, rest = name.partition("/")
        if rest == "report.html" and run in there:
            with suppress(OSError):  # fetching a run again replaces the folder
                page = there[run].read_bytes()
                return HttpResponse(200, {**_report_headers(), "Content-Type": _TYPES[".html"]}, page)
        return _error(404, "UnknownReport", "There is no such report here. Evaluate without --out, or --resume it.")


def _reports(folder: Path | None) -> dict[str, Path]:
    """The reports by their run's id: only regular files in regular folders, since a link could point anywhere."""
    if folder is None or not folder.is_dir():
        return {}
    files = {run.name: run / "report.html" for run in folder.iterdir() if RUN_ID.fullmatch(run.name)}
    return {
        run: file
        for run, file in files.items()
        if file.is_file() and not file.is_symlink() and not file.parent.is_symlink()
    }


def _report_headers() -> dict[str, str]:
    """A report runs its one script, without an origin and without connections: even a hostile one could not call the
    API.

    Its plots have style attributes, which only 'unsafe-inline' allows.
    """
    script = _hash((resources.files("stepguard.report") / "report.js").read_text(encoding="utf-8"))
    policy = (
        f"sandbox allow-scripts; default-src 'none'; script-src {script}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {**_HEADERS, "Content-Security-Policy": policy}


def _made(request: HttpRequest, what: str, make: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> HttpResponse:
    """What the server works out of a posted document, because the page needs no library of others."""
    if request.method != "POST":
        return _error(405, "MethodNotAllowed", f"Post {what}.")
    if len(request.body) > POSTED_BYTES:
        return _error(413, "TooLarge", f"This is too large; post {what}.")
    try:
        posted = json.loads(request.body)
        if not isinstance(posted, Mapping):
            raise InvalidRequest(f"The body must be a JSON object; post {what}.")
        body = json.dumps(make(posted)).encode()
    except InvalidRequest as error:
        return _error(400, "InvalidRequest", str(error))
    except StepguardError as error:
        return _error(503, type(error).__name__, str(error))
    except (ValueError, RecursionError):
        return _error(400, "InvalidRequest", "The body is not valid JSON.")
    return HttpResponse(200, {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}, body)


_MAKERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "layout": ("a graph to have it laid out", layout),
    "markdown": ("texts to have their Markdown read", trees),
}
"""What can be posted to the page's folder: what it is, and the function that makes the response."""


def _error(status: int, code: str, message: str) -> HttpResponse:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return HttpResponse(status, {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}, body)


def single_file(documents: list[Mapping[str, Any]], folder: Path = FOLDER) -> str:
    """The page as one HTML file that shows these traces, for a browser without a server.

    Its Content-Security-Policy allows the one script and the one style sheet in it, by their hashes, and no connection.
    """
    style = (folder / "style.css").read_text(encoding="utf-8")
    script = "\n".join(_inlined((folder / f"{name}.js").read_text(encoding="utf-8")) for name in MODULES)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    laid_out = [{**document, "layout": layout(document["graph"])} for document in documents]
    # The data never contains "<", so that no text can end its element.
    data = json.dumps(laid_out).replace("<", "\\u003c")
    page = (folder / "index.html").read_text(encoding="utf-8")
    page = page.replace('<link rel="stylesheet" href="style.css">', f"<style>{style}</style>")
    page = page.replace('<link rel="icon" href="icon.svg">', '<link rel="icon" href="data:,">')
    page = page.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
    return page.replace(
        '<script type="module" src="app.js"></script>',
        f'<script type="application/json" id="traces">{data}</script>\n<script type="module">{script}</script>',
    )


def _inlined(module: str) -> str:
    """A module's text without its imports and exports: all modules share one scope in the single file."""
    return re.sub(r"^export ", "", re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE), flags=re.MULTILINE)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
