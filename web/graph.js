// The state machine as a picture: the path taken, coloured by each state's outcome.

import { svg } from "./dom.js";
import { milliseconds, outcomeWords, plural, visitOutcome } from "./words.js";

const CIRCLES = { Start: "Start", End: "End" };

/** The picture. `select` is called with the name of a state to open, `look` with that of one that the arrow keys reach. */
export function drawGraph(trace, select, look) {
  const { graph, layout, visits } = trace;
  const byState = grouped(visits);
  const taken = takenEdges(graph, visits);
  const order = [...byState.keys()];
  const picture = svg(
    "svg",
    {
      viewBox: `0 0 ${layout.width} ${layout.height}`,
      width: layout.width,
      height: layout.height,
      class: "graph",
      role: "group",
      "aria-label": "State machine: select a state on the path",
    },
    svg("defs", {}, arrow("arrow", "edge-head"), arrow("arrow-taken", "edge-head taken")),
  );
  const labels = [];
  const boxes = [];
  graph.nodes.forEach((node) => {
    const box = drawNode(node, layout.nodes[node.id], byState.get(node.id) ?? [], order, select, look);
    // A Parallel or Map is drawn behind its inner states and their arrows.
    if (graph.nodes.some((other) => other.parent === node.id)) picture.append(box);
    else boxes.push(box);
  });
  graph.edges.forEach((edge, number) => {
    const { points, label } = layout.edges[number];
    const used = taken.has(number);
    picture.append(
      svg("path", {
        d: rounded(points),
        class: `edge ${edge.kind}${used ? " taken" : ""}`,
        "marker-end": `url(#${used ? "arrow-taken" : "arrow"})`,
      }),
    );
    if (edge.label && label) {
      labels.push(
        svg(
          "text",
          { x: label[0], y: label[1] + 4, class: `edge-label${used ? " taken" : ""}` },
          svg("title", {}, edge.label),
          edge.label.length > 34 ? `${edge.label.slice(0, 33)}…` : edge.label,
        ),
      );
    }
  });
  picture.append(...boxes, ...labels);
  return picture;
}

/** Mark the open state. */
export function markSelected(picture, state) {
  for (const node of picture.querySelectorAll(".node")) {
    const chosen = node.dataset.state === state;
    node.classList.toggle("selected", chosen);
    if (node.getAttribute("role") === "button") node.setAttribute("aria-pressed", String(chosen));
  }
}

function grouped(visits) {
  const groups = new Map();
  for (const visit of visits) {
    if (!groups.has(visit.state)) groups.set(visit.state, []);
    groups.get(visit.state).push(visit);
  }
  return groups;
}

function drawNode(node, [x, y, width, height], visits, order, select, look) {
  if (CIRCLES[node.type]) {
    return svg(
      "g",
      { class: "end" },
      svg("circle", { cx: x, cy: y, r: height / 2 }),
      svg("text", { x, y: y + 4 }, CIRCLES[node.type]),
    );
  }
  const container = height > 60;
  const last = visits.at(-1);
  const [tone, sign, words] = last ? outcomeWords(worst(visits)) : ["idle", "", "not passed"];
  const tries = Math.max(0, ...visits.map((visit) => visit.attempts?.length ?? 0));
  const left = x - width / 2;
  const top = y - height / 2;
  const line = last
    ? `${sign} ${words.split(/[:,]/)[0]} · ${milliseconds(last.milliseconds)}${visits.length > 1 ? ` · ×${visits.length}` : ""}`
    : node.type;
  const spoken = [node.id, node.type, words, last && milliseconds(last.milliseconds), tries > 1 && `${tries} attempts`,
    visits.length > 1 && plural(visits.length, "visit")].filter(Boolean).join(", ");
  const choose = () => select(node.id);
  const box = svg(
    "g",
    {
      class: `node tone-${tone} type-${node.type.toLowerCase().replace(/[^a-z]/g, "")}${container ? " container" : ""}`,
      "data-state": node.id,
      role: last ? "button" : "img",
      tabindex: last ? 0 : null,
      "aria-label": spoken,
      on: last
        ? {
            click: choose,
            keydown: (event) => {
              if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                choose();
              }
              const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
              if (step) {
                event.preventDefault();
                const next = order[order.indexOf(node.id) + step];
                const nodes = [...box.ownerSVGElement.querySelectorAll(".node")];
                nodes.find((item) => item.dataset.state === next)?.focus({ preventScroll: true });
                if (next) look(next);
              }
            },
          }
        : {},
    },
    svg("title", {}, `${spoken}${node.comment ? `\n${node.comment}` : ""}`),
    svg("rect", { x: left, y: top, width, height, rx: node.type === "Choice" ? height / 2 : 8 }),
    container
      ? svg("text", { x: left + 12, y: top + 17, class: "name of-box" }, short(`${node.id} (${line})`, width))
      : svg("text", { x, y: y - 4, class: "name" }, short(node.id, width)),
    !container && svg("text", { x, y: y + 13, class: "line" }, line),
  );
  if (tries > 1) {
    box.append(
      svg(
        "g",
        { class: "tries" },
        svg("rect", { x: left + width - 30, y: top - 9, width: 38, height: 18, rx: 9 }),
        svg("text", { x: left + width - 11, y: top + 4 }, `↻ ${tries}`),
      ),
    );
  }
  return box;
}

const ORDER = ["blocked", "failed", "timed_out", "aborted", "caught", "running", "masked", "skipped", "unused"];

/** The most important visit of a state. */
function worst(visits) {
  const outcomes = new Set(visits.map(visitOutcome));
  return ORDER.find((outcome) => outcomes.has(outcome)) ?? visitOutcome(visits.at(-1));
}

function short(text, width) {
  const most = Math.max(6, Math.floor((width - 16) / 7));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** The numbers of the edges on the path. */
function takenEdges(graph, visits) {
  const taken = new Set();
  const find = (source, target, caught) => {
    const fitting = graph.edges.map((edge, number) => [edge, number])
      .filter(([edge]) => edge.source === source && edge.target === target);
    const exact = fitting.find(([edge]) => (edge.kind === "catch") === caught);
    if (fitting.length) taken.add((exact ?? fitting[0])[1]);
  };
  const last = new Map();
  for (const visit of visits) {
    const place = `${visit.parent ?? ""}/${visit.branch ?? ""}`;
    const before = last.get(place);
    if (before) find(before.state, visit.state, before.status === "caught");
    last.set(place, visit);
  }
  if (visits.length) find("\u0001start", visits[0].state, false);
  const end = last.get("/");
  if (end && end.status !== "running") find(end.state, "\u0001end", false);
  return taken;
}

function arrow(id, look) {
  return svg(
    "marker",
    { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" },
    svg("path", { d: "M0 0 8 4 0 8z", class: look }),
  );
}

/** A line through the points, its corners rounded. */
function rounded(points) {
  const radius = 8;
  let path = `M${points[0]}`;
  for (let i = 1; i < points.length - 1; i += 1) {
    const [before, here, after] = [points[i - 1], points[i], points[i + 1]];
    path += `L${towards(here, before, radius)}Q${here} ${towards(here, after, radius)}`;
  }
  return `${path}L${points.at(-1)}`;
}

function towards(from, to, most) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy) || 1;
  const part = Math.min(most, length / 2) / length;
  return [from[0] + dx * part, from[1] + dy * part];
}
