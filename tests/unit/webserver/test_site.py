"""The page's files, the layout of its graph, and the page as a single file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.wire import HttpRequest
from stepguard.guard.errors import InvalidRequest
from stepguard.trace import read_history, to_document
from stepguard.trace.graph import graph
from stepguard.webserver.layout import layout
from stepguard.webserver.site import FOLDER, MODULES, Site, single_file
from tests.paths import ROOT

CHAT = graph(json.loads((ROOT / "statemachine" / "chat.asl.json").read_text()))
HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"


def get(path: str, method: str = "GET", body: bytes = b"") -> Any:
    """The site's answer."""
    return Site().handle(HttpRequest(method, path, body=body))


@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.iterdir()))
def test_every_file_is_served_under_a_strict_policy(name: str) -> None:
    """No inline script or style, nothing of another origin, no frame around it."""
    response = get(f"/ui/{name}")

    assert response.status == 200
    assert response.body == (FOLDER / name).read_bytes()
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_itself_stands_at_the_folder() -> None:
    """And the folder without its slash leads there, so that relative names work."""
    assert get("/ui/").body == (FOLDER / "index.html").read_bytes()
    assert get("/ui").headers["Location"] == "/ui/"


@pytest.mark.parametrize("path", ["/ui/../app.py", "/ui/%2e%2e/app.py", "/ui//etc/passwd", "/ui/nosuch", "/ui/site.py"])
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    """Names are looked up in a list."""
    assert get(path).status == 404


def test_only_the_page_s_paths_are_the_site_s() -> None:
    """Buckets and services may begin with the same letters."""
    owned = {path: Site().owns(HttpRequest("GET", path)) for path in ("/ui", "/ui/x", "/uix", "/", "/executions")}

    assert owned == {"/ui": True, "/ui/x": True, "/uix": False, "/": False, "/executions": False}
    assert get("/ui/app.js", "POST").status == 405


def test_reports_are_shown_from_their_folder_only(tmp_path: Path) -> None:
    """Regular files of runs; no link, no other name, nothing above: a requested name is looked up, never joined."""
    (tmp_path / "report.html").write_text("outside")
    folder = tmp_path / "evaluations"
    for run in ("run-1", ".run-2-x", "empty", "linked"):
        (folder / run).mkdir(parents=True)
    for run in ("run-1", ".run-2-x"):
        (folder / run / "report.html").write_text(f"<p>{run}")
    (folder / "run-1" / "results.jsonl").write_text("{}")
    (folder / "linked" / "report.html").symlink_to(tmp_path / "report.html")
    (folder / "away").symlink_to(tmp_path)
    site = Site(reports=folder)

    def asked(path: str, method: str = "GET") -> Any:
        return site.handle(HttpRequest(method, f"/ui/evaluations{path}", body=b""))

    assert json.loads(asked("").body) == {"reports": ["run-1"]}
    assert asked("/run-1/report.html").body == b"<p>run-1"
    assert asked("/run-1/report.html", "POST").status == 405
    for path in (
        "/run-1", "/run-1/", "/run-1/results.jsonl", "/.run-2-x/report.html", "/linked/report.html",
        "/empty/report.html", "/away/report.html", "/../report.html", "/run-1/../../report.html",
        "/%2e%2e/report.html", "//report.html", "/run-1/report.html/", "/run-1%00/report.html",
    ):  # fmt: skip
        assert asked(path).status == 404, path


def test_a_report_is_a_sandbox_that_runs_its_one_script(tmp_path: Path) -> None:
    """It has no origin, so it could not ask the API even if a corpus had got markup into it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").write_text("<p>")
    response = Site(reports=tmp_path).handle(HttpRequest("GET", "/ui/evaluations/run/report.html", body=b""))
    policy = dict(rule.strip().split(" ", 1) for rule in response.headers["Content-Security-Policy"].split(";"))

    digest = hashlib.sha256((ROOT / "stepguard" / "report" / "report.js").read_bytes()).digest()
    assert policy["script-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert (policy["sandbox"], policy["default-src"]) == ("allow-scripts", "'none'")
    assert "connect-src" not in policy


def test_without_a_folder_there_are_no_reports(tmp_path: Path) -> None:
    """On an AWS account, and before the first evaluation."""
    for site in (Site(), Site(reports=tmp_path / "nothing")):
        request = HttpRequest("GET", "/ui/evaluations", body=b"")
        assert json.loads(site.handle(request).body) == {"reports": []}


def test_a_graph_is_laid_out_from_top_to_bottom() -> None:
    """Each state has its place inside of the picture, none on another, and the path leads downwards."""
    drawn = layout(CHAT)
    boxes = drawn["nodes"]

    assert set(boxes) == {node["id"] for node in CHAT["nodes"]}
    assert len(drawn["edges"]) == len(CHAT["edges"])
    assert boxes["GuardInput"][1] < boxes["InvokeModel"][1] < boxes["GuardAnswer"][1] < boxes["AnswerDelivered"][1]
    for x, y, width, height in boxes.values():
        assert width / 2 <= x <= drawn["width"] - width / 2
        assert height / 2 <= y <= drawn["height"] - height / 2
    places = list(boxes.values())
    for number, (x, y, width, height) in enumerate(places):
        for left, top, wide, high in places[number + 1 :]:
            assert abs(x - left) * 2 >= width + wide or abs(y - top) * 2 >= height + high
    assert drawn == layout(CHAT)


def test_states_inside_of_a_map_are_drawn_inside_of_it() -> None:
    """The box of a Map or Parallel is around its states."""
    inner = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "End": True}}}
    machine = {"StartAt": "All", "States": {"All": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    boxes = layout(graph(machine))["nodes"]
    x, y, width, height = boxes["All"]
    for name in ("A", "B"):
        assert abs(boxes[name][0] - x) < width / 2
        assert abs(boxes[name][1] - y) < height / 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"{}", b'{"nodes": 1, "edges": []}', b'{"nodes": [{}], "edges": []}', b"[" * 100_000,
        b'{"nodes": [], "edges": [{"source": "a", "target": "b", "kind": "next"}]}',
        json.dumps({"nodes": [{"id": str(n), "type": "Pass"} for n in range(1001)], "edges": []}).encode(),
        json.dumps({"nodes": [{"id": "a", "type": "Map", "parent": "a"}], "edges": []}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_a_400(body: bytes) -> None:
    """Never a traceback; anybody who reaches the port can request the layout."""
    assert get("/ui/layout", "POST", body).status == 400


def test_a_layout_is_posted_and_bounded() -> None:
    """Other methods and huge graphs are refused."""
    assert get("/ui/layout").status == 405
    assert get("/ui/layout", "POST", b" " * 1_000_001).status == 413
    assert json.loads(get("/ui/layout", "POST", json.dumps(CHAT).encode()).body) == layout(CHAT)


def test_a_cyclic_graph_is_laid_out() -> None:
    """Workflows may go back."""
    nodes = [{"id": name, "type": "Pass"} for name in "ab"]
    edges = [{"source": a, "target": b, "kind": "next"} for a, b in ("ab", "ba", "aa")]
    assert len(layout({"nodes": nodes, "edges": edges})["edges"]) == 3


def _document(text: str) -> dict[str, Any]:
    events = [
        {"id": 1, "type": "ExecutionStarted", "executionStartedEventDetails": {"input": json.dumps({"request": text})}},
        {"id": 2, "type": "PassStateEntered", "stateEnteredEventDetails": {"name": text, "input": json.dumps(text)}},
    ]
    return {**to_document(read_history(events), text), "graph": CHAT}


def test_a_single_file_holds_its_data_as_data() -> None:
    """No text of an execution ends the element that holds it, and it comes back as it was."""
    page = single_file([_document(HOSTILE)])

    assert HOSTILE not in page
    assert page.count("<script") == 2
    (data,) = re.findall(r'<script type="application/json" id="traces">(.*?)</script>', page, re.DOTALL)
    assert json.loads(data)[0]["visits"][0]["state"] == HOSTILE


def test_the_policy_of_a_single_file_allows_its_own_script_and_style_only() -> None:
    """By hash; nothing may be fetched."""
    page = single_file([_document("x")])
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0]

    for tag in ('script type="module"', "style"):
        text = re.findall(rf"<{tag}>(.*?)</{tag.split()[0]}>", page, re.DOTALL)[-1]
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    assert not re.search(r'(?:src|href)="(?!#|data:)', page.partition("<script")[0].replace('href="#', ""))


def test_the_single_file_s_script_is_all_modules_without_imports() -> None:
    """Each module once, after those that it needs, and no name twice at the top."""
    assert sorted(f"{name}.js" for name in MODULES) == sorted(file.name for file in FOLDER.glob("*.js"))
    seen: list[str] = []
    for name in MODULES:
        text = (FOLDER / f"{name}.js").read_text()
        assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= set(seen)
        seen.append(name)
    script = single_file([_document("x")])
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})


def test_the_page_never_makes_markup_of_text() -> None:
    """No way from text to HTML or code is in any module."""
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function|\.style\b|srcdoc"
    for file in FOLDER.glob("*.js"):
        assert not re.search(forbidden, file.read_text()), file.name


def test_an_unknown_graph_is_refused_in_words() -> None:
    """The message says what a graph has."""
    with pytest.raises(InvalidRequest, match="nodes"):
        layout({})
