"""An execution as one HTML file without a script: to be kept, sent and read without a server.

Every text is escaped, and the file's Content-Security-Policy allows its one style sheet and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from stepguard.trace.diff import mapping

BYTES = 3_500_000
"""The most text of inputs and outputs on a page: it leaves room for the escapes of a Lambda's response of 6 MB."""

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}h1,h2,p,li,td,th,dd,summary{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;
border-bottom:1px solid #d0d4da}blockquote{margin:.5rem 0;padding:.4rem .8rem;border-left:4px solid #6b7380;
white-space:pre-wrap;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{color:#59616b}dd{margin:0}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f3f5f7;padding:.6rem;
margin:.4rem 0}details{margin:.4rem 0}.outcome{font-weight:600}
section{border-top:1px solid #d0d4da}
@media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#14171b}pre{background:#20252b}dt{color:#a3acb7}
th,td,section{border-color:#3a424c}}
"""


def page(document: Mapping[str, Any]) -> str:
    """The page of a trace, as `to_document` makes it, also a redacted one."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    name = str(document.get("execution") or "").rpartition(":")[2]
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(name)}: {_text(document['outcome'])}</title><style>{_STYLE}</style></head><body><main>"
    )
    return "".join(
        [
            head,
            f"<h1>Execution {_text(name)}: {_outcome(document['outcome'])}</h1>",
            f"<p>{_text(document['reason'])}</p>",
            _failure(document.get("failure")),
            _facts(_about(document)),
            _exchange(document),
            "<h2>States</h2>",
            _states(document["visits"]),
            *_visits(document["visits"]),
            "</main></body></html>\n",
        ]
    )


def _about(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    sums = mapping(document.get("totals"))
    return [
        ("execution", document.get("execution")),
        ("status", document["status"]),
        ("started", document.get("started")),
        ("ended", document.get("stopped")),
        ("took", _milliseconds(document.get("milliseconds"))),
        ("retries", sums.get("retries") or None),
        ("redrives", sums.get("redrives") or None),
        ("waiting to retry", _milliseconds(sums.get("waiting") or None)),
        ("texts", "left out" if document.get("redacted") else None),
    ]


def _exchange(document: Mapping[str, Any]) -> str:
    request, answer = mapping(mapping(document.get("input")).get("request")), mapping(document.get("answer"))
    texts = [
        ("Question", request.get("query") or request.get("text")),
        (f"Answer, {answer.get('source') or 'no source'}", answer.get("text")),
    ]
    return "".join(f"<h2>{_text(title)}</h2><blockquote>{_text(text)}</blockquote>" for title, text in texts if text)


def _states(visits: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td><a href="#visit-{visit["index"]}">{_text(visit["state"])}</a></td>'
        f"<td>{_outcome(_of_visit(visit))}</td><td>{_text(_milliseconds(visit.get('milliseconds')) or '')}</td>"
        f"<td>{_text(_findings(visit))}</td></tr>"
        for visit in visits
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("state", "outcome", "took", "what acted"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _visits(visits: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    room = BYTES
    for visit in visits:
        data = [
            _fold(title, json.dumps(visit[key], indent=2, ensure_ascii=False))
            for title, key in (("Changes", "changes"), ("Input", "input"), ("Output", "output"))
            if visit.get(key) is not None
        ]
        room -= sum(len(json.dumps(part)) for part in data)
        if room < 0 and data:
            data = ["<p>Input and output are left out: the page would be too large. The history has them.</p>"]
        yield "".join(
            [
                f'<section id="visit-{visit["index"]}"><h2>{_text(visit["state"])}: {_outcome(_of_visit(visit))}</h2>',
                _failure(visit.get("failure")),
                _facts(_of_state(visit)),
                _masked(visit.get("masked")),
                _attempts(visit.get("attempts") or ()),
                *data,
                "</section>",
            ]
        )


def _of_state(visit: Mapping[str, Any]) -> list[tuple[str, Any]]:
    guardrail = mapping(visit.get("guardrail"))
    named = f"{guardrail.get('name') or guardrail.get('id')} version {guardrail.get('version')}"
    return [
        ("type", visit.get("type")),
        ("entered after", _milliseconds(visit.get("at"))),
        ("took", _milliseconds(visit.get("milliseconds"))),
        ("guardrail", named if guardrail else None),
        ("what acted", _findings(visit) or None),
        ("not delivered", mapping(visit.get("no_answer")).get("explanation")),
    ]


def _findings(visit: Mapping[str, Any]) -> str:
    acted = [
        f"{item['policy']} {item['name']} {item['action']}" + (f", {sure}" if (sure := _sureness(item)) else "")
        for item in visit.get("findings") or ()
    ]
    return "; ".join(dict.fromkeys(acted))


def _sureness(finding: Mapping[str, Any]) -> str:
    if finding.get("confidence"):
        return f"confidence {finding['confidence']}"
    return f"score {finding['score']} of {finding.get('threshold')}" if "score" in finding else ""


def _attempts(attempts: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for attempt in attempts:
        failure = mapping(attempt.get("failure"))
        parts = [
            f"waited {_milliseconds(attempt['waited'])}" if attempt.get("waited") is not None else "",
            str(attempt.get("outcome")),
            f"after {_milliseconds(attempt['milliseconds'])}" if attempt.get("milliseconds") is not None else "",
            ": ".join(str(failure[key]) for key in ("type", "message") if failure.get(key)),
        ]
        lines.append(f"<li>{_text(', '.join(part for part in parts if part))}</li>")
    return f"<h3>Attempts</h3><ol>{''.join(lines)}</ol>" if len(lines) > 1 else ""


def _failure(failure: Mapping[str, Any] | None) -> str:
    if not failure:
        return ""
    words = ": ".join(str(failure[key]) for key in ("type", "message") if failure.get(key))
    stack = failure.get("stack") or ()
    return f'<p class="outcome">{_text(words)}</p>' + (_fold("Stack", "\n".join(map(str, stack))) if stack else "")


def _masked(segments: Iterable[tuple[str, str]] | None) -> str:
    if not segments:
        return ""
    names = {"-": "del", "+": "ins"}
    parts = "".join(
        f"<{names[op]}>{_text(text)}</{names[op]}>" if op in names else _text(text) for op, text in segments
    )
    return f"<h3>Masked text</h3><blockquote>{parts}</blockquote>"


def _facts(pairs: Iterable[tuple[str, Any]]) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in pairs if value not in (None, ""))
        + "</dl>"
    )


def _fold(title: str, text: str) -> str:
    return f"<details><summary>{_text(title)}</summary><pre>{_text(text)}</pre></details>"


def _of_visit(visit: Mapping[str, Any]) -> str:
    outcome = visit.get("outcome")
    return str(outcome if outcome and outcome not in ("error", "running") else visit["status"])


def _outcome(word: object) -> str:
    return f'<span class="outcome">{_text(str(word).replace("_", " "))}</span>'


def _milliseconds(value: Any) -> str | None:
    if not isinstance(value, int | float):
        return None
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def _text(value: object) -> str:
    """Escaped, with a mark for each control and format character, so that no text changes how its neighbours look."""
    text = "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in str(value))
    return html.escape(text)
