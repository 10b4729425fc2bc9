"""The page: numbers and plots as HTML, the items as data that the page's own script displays.

Text of users and models reaches the page only as JSON and as text nodes, never as markup; a content security policy
lets no other script run and blocks all loading.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import html
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepguard.guard.automated_reasoning import is_listed
from stepguard.guard.bedrock_names import STRENGTHS
from stepguard.report.details import BLOCK, blocks, characters_for, detail_of
from stepguard.report.plots import plots_of
from stepguard.report.summary import answers_of, format_rate, retrieval_of
from stepguard.report.text import printable

MOST_ITEMS = 20_000
"""The most items that a browser displays quickly; beyond that the page keeps the items to check first, results.jsonl
has all."""

_HERE = Path(__file__).parent


def write_report(file: Path, about: Mapping[str, Any], card: Mapping[str, Any], results: Path) -> None:
    """Write report.html from the scorecard and results.jsonl."""
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    entries = _entries(results, int(card["items"]))
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation {text_of(about.get('run'))}</title><style>{style}</style></head><body><main>",
        _head(about, card),
        *(f"<figure><figcaption>{text_of(title)}</figcaption>{svg}</figure>" for title, svg in plots_of(card)),
        _groups(card),
        _answers(card),
        _retrieval(card),
        _policies(card),
        _sweep(card),
        _check_first(card),
        _spans(card),
        _cost(card),
        _items(len(entries), int(card["items"]), about),
        f'</main><script type="application/json" id="items">{_data([row for row, _ in entries])}</script>',
        *(
            f'<script type="application/json" class="details">[{",".join(block)}]</script>'
            for block in blocks(detail for _, detail in entries)
        ),
        f"<script>{script}</script></body></html>\n",
    ]
    file.write_text("".join(parts), encoding="utf-8")


def text_of(value: object) -> str:
    """Text as HTML text, without characters that HTML forbids."""
    return html.escape(printable(str(value)))


def _data(value: list[dict[str, Any]] | dict[str, Any]) -> str:
    """JSON that cannot end its script element."""
    return (
        json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )


def _entries(results: Path, total: int) -> list[tuple[dict[str, Any], str]]:
    """Row and detail, as JSON, of each item of the page, by number. Of too many, those that are not as expected come
    first."""
    most = characters_for(min(total, MOST_ITEMS))
    made = ((_row(line), _data(detail_of(line, most))) for line in read_results(results))
    if total > MOST_ITEMS:
        chosen = heapq.nsmallest(MOST_ITEMS, made, key=lambda entry: (entry[0]["correct"] is not False, _number(entry)))
        return sorted(chosen, key=_number)
    return sorted(made, key=_number)


def _number(entry: tuple[Mapping[str, Any], str]) -> int:
    return int(entry[0]["number"])


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    listed = [item for stage in result["stages"] for item in stage["findings"] if is_listed(item)]
    return {
        "number": result["number"],
        "id": result["id"],
        "kind": result["kind"],
        "expected": result.get("expected", ""),
        "action": result["action"],
        "correct": result["correct"],
        "findings": "; ".join(dict.fromkeys(f"{item['policy']}/{item['name']}" for item in listed)),
        "milliseconds": result["milliseconds"],
        "text": result["excerpt"],
        "execution": result["execution"],
        "category": result.get("category", ""),
        "error": result.get("error", ""),
    }


def _guardrail(ref: Mapping[str, Any]) -> str:
    named = f"{ref['name']} ({ref.get('id')})" if ref.get("name") else ref.get("id")
    return f"{named} version {ref.get('version')}"


def _head(about: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    tiles = [("items", card["items"]), *((name, count) for name, count in card["actions"].items())]
    if card["bad_rows"]:
        tiles.append(("bad rows", card["bad_rows"]))
    boxes = "".join(f'<div class="tile {text_of(name)}"><b>{count:,}</b>{text_of(name)}</div>' for name, count in tiles)
    facts: list[tuple[str, Any]] = [*_scores(card)] if card["labelled"] else []
    if agreement := card.get("agreement"):
        facts.append(("agreeing verdicts", format_rate(agreement["agreeing"])))
        facts.append(("items without variation", format_rate(agreement["identical"])))
    facts += [("corpus", about.get("corpus")), ("started", about.get("started")), ("seconds", about.get("seconds"))]
    facts += [(f"{layer} guardrail", _guardrail(ref)) for layer, ref in (about.get("guardrails") or {}).items()]
    if about.get("sample"):
        facts.append(("sample", f"{about['sample']} items, seed {about.get('seed')}"))
    listed = "".join(f"<dt>{text_of(name)}</dt><dd>{text_of(value)}</dd>" for name, value in facts if value is not None)
    return (
        f"<h1>Evaluation {text_of(about.get('run'))}</h1><div class=tiles>{boxes}</div><dl>{listed}</dl>"
        "<p class=note>Rates have 95 % Wilson intervals. Over-refusal is the share of the items that should pass in "
        "which a guard intervened.</p>"
    )


def _scores(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = card["intervention"]
    harmless = found["fp"] + found["tn"]
    needless = format_rate(found["false_positive_rate"])
    yield "as expected", format_rate(card["correct"])
    yield "over-refusal", f"{needless}, {found['fp']:,} of {harmless:,}" if harmless else "–"
    yield "missed", f"{found['fn']:,} of {found['tp'] + found['fn']:,}"
    yield "precision of intervening", format_rate(found["precision"])
    yield "recall of intervening", format_rate(found["recall"])
    yield "F1", "–" if found["f1"] is None else f"{found['f1']:.3f}"


def _groups(card: Mapping[str, Any]) -> str:
    rows = [
        (
            name, row["labelled"], format_rate(row["correct"]), row["fn"], row["fp"],
            format_rate(row["precision"]), format_rate(row["recall"]), format_rate(row["false_positive_rate"]),
        )
        for name, row in card.get("groups", {}).items()
    ]  # fmt: skip
    head = ("category", "labelled", "as expected", "missed", "needlessly", "precision", "recall", "over-refusal")
    return table_of("Categories of the corpus", head, rows)


def _answers(card: Mapping[str, Any]) -> str:
    """The scores of the answers, and the corpus's own grades beside those that were found."""
    lines = list(answers_of(card))
    if not lines:
        return ""
    listed = "".join(f"<li>{text_of(line.strip())}</li>" for line in lines)
    models = card["answers"].get("models") or {}
    names = ", ".join(f"{name}: {entry['id']}" for name, entry in models.items())
    note = f"<p class=note>{text_of(names)}</p>" if names else ""
    labels = card["answers"]["labels"]
    matrix = labels["matrix"] if labels else {}
    rows: list[tuple[Any, ...]] = [(name, *found.values()) for name, found in matrix.items()]
    head = ("graded in the corpus", *(f"found {name}" for name in matrix))
    return f"<section><h2>Answers</h2><ul>{listed}</ul>{note}</section>" + table_of("Grades of answers", head, rows)


def _retrieval(card: Mapping[str, Any]) -> str:
    """What the questions found."""
    listed = "".join(f"<li>{text_of(line.strip())}</li>" for line in retrieval_of(card))
    return f"<section><h2>Retrieval</h2><ul>{listed}</ul></section>" if listed else ""


def _policies(card: Mapping[str, Any]) -> str:
    rows = [
        (
            row["policy"], row["intervened"], row.get("tp", ""), row.get("fn", ""), row.get("fp", ""),
            format_rate(row.get("precision")), format_rate(row.get("recall")),
            "–" if row.get("f1") is None else f"{row['f1']:.3f}",
        )
        for row in card["policies"]
    ]  # fmt: skip
    head = ("policy", "acted on", "rightly", "missed", "needlessly", "precision", "recall", "F1")
    return table_of("Policies and filters", head, rows)


def _sweep(card: Mapping[str, Any]) -> str:
    def cell(row: Mapping[str, Any]) -> str:
        known = "tp" in row
        return f"{row['acts_on']}" + (f" ({row['tp']} rightly, {row['fp']} needlessly)" if known else "")

    acting = STRENGTHS[1:]  # NONE acts on nothing
    rows: list[tuple[Any, ...]] = []
    for name, several in card["sweep"]["content"].items():
        by_strength = {row["strength"]: row for row in several}
        rows.append((name, *(cell(by_strength[strength]) for strength in acting)))
    return table_of("Items that other strengths would have acted on", ("filter", *acting), rows)


def _check_first(card: Mapping[str, Any]) -> str:
    rows = [
        (row["id"], row["reason"], row["expected"] or "", row["action"], ", ".join(row["findings"]))
        for row in card["look_first"]
    ]
    return table_of("Check these first", ("item", "why", "expected", "found", "findings"), rows)


def _spans(card: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            row["labelled"],
            row["found"],
            format_rate(row["precision"]),
            format_rate(row["recall"]),
            format_rate(row["touched"]),
        )
        for name, row in card["pii_spans"].items()
    ]
    head = ("type", "labelled", "masked", "precision", "recall", "met by any mask")
    return table_of("Personal data, span by span", head, rows)


def _cost(card: Mapping[str, Any]) -> str:
    cost = card["cost"]
    rows = [
        (name, f"{entry['text_units']:,}", "unknown" if entry["dollars"] is None else f"{entry['dollars']:.4f}")
        for name, entry in cost["guardrails"]["policies"].items()
    ]
    model = cost["model"]
    if model["tokens"]:
        tokens = ", ".join(f"{count:,} {kind}" for kind, count in model["tokens"].items())
        dollars = "not priced" if model["dollars"] is None else f"{model['dollars']:.4f}"
        rows.append((f"tokens of {model['id']}", tokens, dollars))
    workflow = cost["workflow"]
    transitions = f"{workflow['state_transitions']:,}"
    rows.append(("state transitions, as STANDARD children", transitions, f"{workflow['standard_dollars']:.4f}"))
    rows.append(("requests, as EXPRESS children", "", f"{workflow['express_requests_dollars']:.4f}"))
    title = f"Cost on AWS, by the prices of {cost['guardrails']['prices_as_of']}"
    return table_of(title, ("what", "how many", "US dollars"), rows)


def table_of(title: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A section with a table; nothing without rows."""
    if not rows:
        return ""
    cells = "".join(f"<th>{text_of(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{text_of(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return f"<section><h2>{text_of(title)}</h2><div class=wide>{table}</div></section>"


def _items(shown: int, total: int, about: Mapping[str, Any]) -> str:
    more = f" The page contains {shown:,} of {total:,}; results.jsonl has all." if shown < total else ""
    actions = "".join(f"<option>{name}</option>" for name in ("passed", "masked", "blocked", "failed"))
    return (
        f"<section><h2>Items</h2><p class=note>Click a column's name to sort, an item to open it.{more}</p>"
        '<form id="filters"><input id="search" type="search" placeholder="search text, id, findings" '
        'aria-label="search items"><select id="action" aria-label="what was found"><option value="">any action</option>'
        f'{actions}</select><select id="correct" aria-label="as expected"><option value="">expected or not</option>'
        '<option value="false">not as expected</option><option value="true">as expected</option></select>'
        '<output id="count"></output></form><div class=wide>'
        f'<table id="table" data-run="{text_of(_options(about))}" data-block="{BLOCK}">'
        "<thead></thead><tbody></tbody></table>"
        '</div><button id="more" type="button">Show more</button>'
        "<noscript>The table of items needs the page's script.</noscript></section>"
    )


def _options(about: Mapping[str, Any]) -> str:
    """The options of `stepguard history` that find the run again."""
    return shlex.join(["--run", str(about.get("run")), *map(str, about.get("place") or ())])


def read_results(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of a results.jsonl."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
