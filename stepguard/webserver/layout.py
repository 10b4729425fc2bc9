"""The position of each state and arrow on the page: a layered layout from top to bottom, by graphlay.

https://aarkue.github.io/graphlay/: Rust, prebuilt wheels, deterministic. It runs on the user's machine; the Lambda zip
does not contain it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepguard.guard.errors import InvalidRequest

NODES = 1_000
EDGES = 4_000
HEIGHT = 48.0
CIRCLE = 30.0
MARGIN = 10.0
CHARACTER = 7.6
"""The page's font is no wider than this on average; the page cuts a wider name."""

_OPTIONS: dict[str, Any] = {
    "direction": "topbottom",
    "spacing": {"layer_gap": 56.0, "node_gap": 34.0, "compound_padding": 24.0, "compound_header": 22.0},
}


def layout(graph: Mapping[str, Any]) -> dict[str, Any]:
    """`{width, height, nodes: {id: [x, y, width, height]}, edges: [{points, label}]}` of a graph of
    `stepguard.trace.graph`.

    `x`, `y` are the middle of a node; an edge's points run from border to border, its `label` is the position of its
    text, or None. Raises InvalidRequest if it is not a graph.
    """
    nodes, edges = graph.get("nodes"), graph.get("edges")
    if not isinstance(nodes, list) or not isinstance(edges, list):
        raise InvalidRequest("A graph has a list of nodes and a list of edges.")
    if len(nodes) > NODES or len(edges) > EDGES:
        raise InvalidRequest(f"A graph may have {NODES} nodes and {EDGES} edges at most.")
    try:
        return _layout(nodes, edges)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError):
        raise InvalidRequest(
            "The graph's nodes need an 'id' and its edges a 'source' and a 'target' among them."
        ) from None


def _layout(nodes: list[Any], edges: list[Any]) -> dict[str, Any]:
    import graphlay

    drawn = graphlay.Graph()
    position = {node["id"]: number for number, node in enumerate(nodes)}
    for node in nodes:
        circle = node["type"] in ("Start", "End")
        width = CIRCLE if circle else max(110.0, min(260.0, 44 + CHARACTER * len(node["id"])))
        parent = node.get("parent")
        inside: dict[str, Any] = {} if parent is None else {"parent": position[parent]}
        drawn.node(node["id"], width=width, height=CIRCLE if circle else HEIGHT, **inside)
    for edge in edges:
        words = edge.get("label")
        size: dict[str, Any] = {"label_size": {"width": _label_width(words), "height": 14.0}} if words else {}
        drawn.edge(edge["source"], edge["target"], weight=0.2 if edge["kind"] == "catch" else 1.0, **size)
    raw = json.loads(graphlay.layout(drawn, options=_OPTIONS).to_json())
    return _document(raw, nodes, edges)


def _label_width(label: str) -> float:
    return 6.2 * min(len(label), 34)


def _document(raw: Mapping[str, Any], nodes: list[Any], wanted_edges: list[Any]) -> dict[str, Any]:
    least, most = raw["bounds"]["min"], raw["bounds"]["max"]
    # The bounds do not include the labels of the arrows.
    words = [
        (edge["label_anchor"]["x"], _label_width(wanted.get("label") or "") / 2)
        for edge, wanted in zip(raw["edges"], wanted_edges, strict=True)
        if edge.get("label_anchor")
    ]
    left = min([least["x"], *(middle - half for middle, half in words)]) - MARGIN
    right = max([most["x"], *(middle + half for middle, half in words)]) + MARGIN
    top = least["y"] - MARGIN

    def moved(point: Mapping[str, float]) -> list[float]:
        return [round(point["x"] - left, 1), round(point["y"] - top, 1)]

    boxes = [[*moved(box["center"]), box["size"]["width"], box["size"]["height"]] for box in raw["nodes"]]
    edges = [
        {
            "points": [moved(point) for point in edge["points"]],
            "label": moved(edge["label_anchor"]) if edge.get("label_anchor") else None,
        }
        for edge in raw["edges"]
    ]
    return {
        "width": round(right - left, 1),
        "height": round(most["y"] - top + MARGIN, 1),
        "nodes": {node["id"]: box for node, box in zip(nodes, boxes, strict=True)},
        "edges": edges,
    }
