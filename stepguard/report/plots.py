"""The report's plots: SVG text made by matplotlib, the same bytes for the same numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepguard.guard.bedrock_names import STRENGTHS

COLOURS = {
    "skipped": "#c9ced6",
    "passed": "#4c78a8",
    "masked": "#eeb44f",
    "blocked": "#d1495b",
    "failed": "#59395f",
}
_UNWANTED = re.compile(r"\A.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
"""The parts that only a separate file needs: the XML declaration, and metadata."""


def plots_of(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Title and SVG of each plot that the scorecard has numbers for."""
    drawn: list[tuple[str, str]] = [("What each stage did", _svg(_funnel, card["funnel"], 2.4))]
    if card["labelled"]:
        drawn.append(("Expected and found", _svg(_confusion, card["confusion"], 2.6)))
    sweep = card["sweep"]
    for name, rows in sweep["contextual_grounding"].items():
        drawn.append((f"{name}: what other thresholds would have done", _svg(_thresholds, rows, 2.8)))
    if sweep["content"]:
        title = "Content filters: items that each strength would have acted on"
        drawn.append((title, _svg(_strengths, sweep["content"], 2.8)))
    timings = {name: spent for name, spent in card["timings"].items() if spent}
    if timings:
        drawn.append(("Milliseconds by stage", _svg(_latency, timings, 2.6)))
    return drawn


def _svg(draw: Callable[[Any, Any], None], numbers: Any, height: float) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "stepguard",
        "font.size": 9,
        "font.family": "sans-serif",
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(7.2, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes, numbers)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return _UNWANTED.sub("", out.getvalue())


def _funnel(axes: Any, stages: Sequence[Mapping[str, Any]]) -> None:
    names = [stage["state"] for stage in stages]
    left = [0] * len(stages)
    for outcome in ("skipped", "passed", "masked", "blocked"):
        widths = [int(stage.get(outcome, 0)) for stage in stages]
        bars = axes.barh(names, widths, left=left, color=COLOURS[outcome], label=outcome, height=0.62)
        axes.bar_label(bars, [str(width) if width else "" for width in widths], label_type="center", fontsize=8)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("items")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), ncols=4, frameon=False)


def _confusion(axes: Any, matrix: Mapping[str, Mapping[str, int]]) -> None:
    rows, columns = list(matrix), list(next(iter(matrix.values())))
    counts = [[matrix[row][column] for column in columns] for row in rows]
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    # Not imshow: it would put a bitmap into the SVG, and the page loads no images.
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    axes.invert_yaxis()
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            shade = "white" if shares[y][x] > 0.6 else "black"
            axes.text(x + 0.5, y + 0.5, str(count), ha="center", va="center", color=shade)
    axes.set_xticks([place + 0.5 for place in range(len(columns))], columns)
    axes.set_yticks([place + 0.5 for place in range(len(rows))], rows)
    axes.tick_params(length=0)
    axes.set_xlabel("found")
    axes.set_ylabel("expected")


def _thresholds(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    steps = [row["threshold"] for row in rows]
    judged = any(row.get("precision") for row in rows)
    if judged:
        for metric, colour in (("precision", "#4c78a8"), ("recall", "#d1495b")):
            values = [row[metric]["value"] if row.get(metric) else float("nan") for row in rows]
            axes.plot(steps, values, marker=".", color=colour, label=metric)
        axes.set_ylim(-0.03, 1.03)
    else:
        axes.plot(steps, [row["acts_on"] for row in rows], marker=".", color="#4c78a8", label="items acted on")
    axes.set_xlabel("threshold")
    axes.legend(frameon=False)


def _strengths(axes: Any, filters: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    names = list(filters)
    shades = dict(zip(STRENGTHS[1:], ("#c6d4e6", "#7f9fc6", "#2f5b93"), strict=True))
    for index, (strength, colour) in enumerate(shades.items()):
        counts = [next(row["acts_on"] for row in filters[name] if row["strength"] == strength) for name in names]
        places = [place + (index - 1) * 0.27 for place in range(len(names))]
        bars = axes.bar(places, counts, width=0.25, color=colour, label=strength)
        axes.bar_label(bars, fontsize=7)
    axes.set_xticks(range(len(names)), [_plain(name.rpartition("/")[2]) for name in names], rotation=15)
    axes.set_ylabel("items")
    axes.legend(frameon=False, title="strength")


def _latency(axes: Any, timings: Mapping[str, Mapping[str, int]]) -> None:
    names = list(timings)
    for index, (name, colour) in enumerate({"p50": "#4c78a8", "p95": "#eeb44f", "p99": "#d1495b"}.items()):
        places = [place + (index - 1) * 0.27 for place in range(len(names))]
        bars = axes.barh(places, [timings[stage][name] for stage in names], height=0.25, color=colour, label=name)
        axes.bar_label(bars, fontsize=7, padding=2)
    axes.set_yticks(range(len(names)), ["whole item" if name == "item" else name for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds")
    axes.legend(frameon=False)


def _plain(text: str) -> str:
    """A name as text: matplotlib would read dollar signs as mathematics."""
    return "".join(char for char in text if char.isprintable()).replace("$", r"\$")
