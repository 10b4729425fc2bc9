"""app.py is the only list of routes: the embedded API Gateway serves what it declares."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import app
from embedded_aws.endpoint import Endpoint
from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account
from stepguard.session.embedded import HTTP_API

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
ADDED = """

@app.route("/added/{name}", methods=["PUT"])
def put_added(name: str) -> dict[str, str]:
    return {"added": name}
"""


@contextmanager
def served(folder: Path, more: str) -> Iterator[Endpoint]:
    """An endpoint with a copy of the application and more code at the end of its app.py."""
    for name in ("functions", "stepguard"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "app.py", folder)
    with (folder / "app.py").open("a", encoding="utf-8") as file:
        file.write(more)
    functions = Functions(Account(), folder / "logs", workers=1)
    functions.register(FunctionConfig(HTTP_API.function, "app.app", folder, timeout=29.0))
    endpoint = Endpoint({}, HTTP_API, port=0, functions=functions)
    endpoint.start()
    try:
        yield endpoint
    finally:
        endpoint.stop()
        functions.close()


def ask(endpoint: Endpoint, method: str, path: str) -> tuple[int, object]:
    """Status and document of an unsigned request."""
    request = urllib.request.Request(endpoint.url + path, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_a_route_added_to_the_application_answers(tmp_path: Path) -> None:
    """Nothing else changes; what app.py does not declare stays 403 next to a route and 404 elsewhere."""
    with served(tmp_path, ADDED) as endpoint:
        assert ask(endpoint, "PUT", "/added/x") == (200, {"added": "x"})
        assert ask(endpoint, "GET", "/added/x")[0] == 403
        assert ask(endpoint, "PUT", "/added/x/y")[0] == 403
        assert ask(endpoint, "PUT", "/missing/x")[0] == 404
        status, listed = ask(endpoint, "GET", "/")
    assert status == 200
    assert isinstance(listed, dict)
    assert listed["http api"] == sorted([*app.routes, "/added/{name}"])


def test_an_undeclared_route_is_unknown(tmp_path: Path) -> None:
    """The application as it is has no such route."""
    with served(tmp_path, "") as endpoint:
        assert ask(endpoint, "PUT", "/added/x")[0] == 404
        assert ask(endpoint, "PUT", "/chat/x")[0] == 403


def test_an_application_that_cannot_be_loaded_is_a_502(tmp_path: Path) -> None:
    """The API answers as for any function that fails; the endpoint's own help still lists the services."""
    with served(tmp_path, "\nraise RuntimeError('broken')\n") as endpoint:
        assert ask(endpoint, "GET", "/health") == (502, {"message": "Internal server error"})
        assert ask(endpoint, "GET", "/")[0] == 200
