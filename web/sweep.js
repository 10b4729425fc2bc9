// What other strengths and thresholds would have done in a run: recall against over-refusal, as a chart and as a table.

import { el, show, svg } from "./dom.js";
import { rowsTable, tableRow } from "./parts.js";

const TOGETHER = "All content filters together";
const CHART = { width: 460, height: 320, left: 52, right: 24, top: 16, bottom: 46 };
const ENDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
const APART = 26;

/** The section; null for a run without scores. */
export function sweepSection(card) {
  const curves = curvesOf(card);
  if (!curves.length) return null;
  const body = el("div");
  const choice = el("select", { id: "sweep-filter", on: { change: () => draw() } }, curves.map(({ name }, place) => el("option", { value: place }, name)));
  const draw = () => show(body, curveParts(curves[Number(choice.value)], card));
  draw();
  return [
    el("h2", { id: "sweep" }, "Other strengths and thresholds"),
    el("p", { class: "quiet" }, "Computed from the scores of this run, at no cost. ",
      "A filter of strength LOW acts on HIGH confidence, MEDIUM on MEDIUM and HIGH, HIGH on all three; grounding acts below its threshold. The model layer of a question returns no scores of what it passes: higher strengths could act there on more."),
    el("p", {}, el("label", { for: "sweep-filter" }, "Filter "), choice),
    body,
  ];
}

/** The curves of a scorecard: those with labels first. */
function curvesOf(card) {
  const sweep = card.sweep ?? {};
  const curve = (name, key, rows) => ({ name, key, rows, rated: rows.some((row) => row.recall && row.false_positive_rate) });
  const content = Object.entries(sweep.content ?? {}).map(([name, rows]) => curve(name.split("/").slice(1).join("/"), "strength", rows));
  const grounding = Object.entries(sweep.contextual_grounding ?? {}).map(([name, rows]) => curve(name.split("/").slice(1).join("/"), "threshold", rows));
  const together = sweep.interventions?.length ? [curve(TOGETHER, "strength", sweep.interventions)] : [];
  return [...together, ...[...content, ...grounding].sort((one, other) => Number(other.rated) - Number(one.rated))];
}

function curveParts(curve, card) {
  const own = curve.name === TOGETHER && curve.rated ? card.intervention : null;
  const names = [curve.key, "acts on", "recall", "over-refusal", "rightly", "missed", "needlessly"];
  const row = (label, one, properties = {}) =>
    tableRow(names, [
      el("th", { scope: "row" }, label),
      el("td", {}, one.acts_on.toLocaleString("en")),
      el("td", { class: "small" }, percents(one.recall)),
      el("td", { class: "small" }, percents(one.false_positive_rate)),
      ...[one.tp, one.fn, one.fp].map((count) => el("td", {}, count === undefined ? "–" : count.toLocaleString("en"))),
    ], properties);
  const rows = namedRows(curve).map(([label, one]) => row(label, one));
  if (own) rows.push(row("this run", { ...own, acts_on: own.tp + own.fp }));
  return el(
    "div",
    { class: "chart-pair" },
    curve.rated
      ? el("figure", { class: "chart" }, chartOf(curve, own), el("figcaption", { class: "quiet" }, captionOf(curve)))
      : el("p", { class: "note" }, "No recall without labels: the corpus needs ", el("code", {}, "expected"), " for all filters together, and ", el("code", {}, "policies"), " for one filter."),
    rowsTable("What each would have done", "sweep", names, rows),
  );
}

/** The rows with their names: thresholds next to each other that do the same are one row. */
function namedRows(curve) {
  const runs = [];
  for (const one of curve.rows) {
    const same = curve.key === "threshold" && runs.at(-1)?.at(-1);
    if (same && ["acts_on", "tp", "fp"].every((name) => same[name] === one[name])) runs.at(-1).push(one);
    else runs.push([one]);
  }
  return runs.map((run) => [run.length > 1 ? `${valueOf(run[0])} to ${valueOf(run.at(-1))}` : valueOf(run[0]), run[0]]);
}

function captionOf(curve) {
  return curve.name === TOGETHER
    ? "Recall: share of the items that should be stopped in which a guard acts. Over-refusal: share of those that should pass. What other policies stopped counts at every strength."
    : "Recall: share of the items labelled with this filter on which it acts. Over-refusal: share of the others.";
}

function valueOf(row) {
  return row.strength ?? row.threshold.toFixed(2);
}

function percents(rate) {
  return rate ? `${(rate.value * 100).toFixed(1)} %` : "–";
}

function chartOf(curve, own) {
  const rows = curve.rows.filter((row) => row.recall && row.false_positive_rate);
  const most = Math.max(...[...rows, own].filter(Boolean).map((row) => row.false_positive_rate?.value ?? 0));
  const end = ENDS.find((value) => value >= most) ?? 1;
  const { width, height, left, right, top, bottom } = CHART;
  const x = (value) => left + (value / end) * (width - left - right);
  const y = (value) => top + (1 - value) * (height - top - bottom);
  const at = (row) => [x(row.false_positive_rate.value), y(row.recall.value)];
  const points = rows.map(at);
  const words = rows.map((row) => `${valueOf(row)}: recall ${percents(row.recall)}, over-refusal ${percents(row.false_positive_rate)}`);
  const ownPoint = own?.recall && own.false_positive_rate ? at(own) : null;
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${curve.name}: ${words.join("; ")}` },
    [0, 0.25, 0.5, 0.75, 1].map((share) => [
      svg("path", { class: "grid", d: `M${left} ${y(share)}H${width - right}` }),
      svg("text", { class: "tick", x: left - 8, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`),
      svg("path", { class: "grid", d: `M${x(share * end)} ${top}V${height - bottom}` }),
      svg("text", { class: "tick", x: x(share * end), y: height - bottom + 16, "text-anchor": "middle" }, `${Number((share * end * 100).toFixed(2))} %`),
    ]),
    svg("text", { class: "axis", x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, "over-refusal"),
    svg("text", { class: "axis", x: 12, y: (top + height - bottom) / 2, transform: `rotate(-90 12 ${(top + height - bottom) / 2})`, "text-anchor": "middle" }, "recall"),
    svg("path", { class: "curve", d: points.map((point, place) => `${place ? "L" : "M"}${point.join(" ")}`).join("") }),
    points.map(([px, py], place) => svg("circle", { class: "point", cx: px, cy: py, r: 4 }, svg("title", {}, words[place]))),
    ownPoint && [
      svg("circle", { class: "own", cx: ownPoint[0], cy: ownPoint[1], r: 8 }),
      svg("text", { class: "mark", x: ownPoint[0] + (ownPoint[0] > width / 2 ? -13 : 13), y: ownPoint[1] + 18, "text-anchor": ownPoint[0] > width / 2 ? "end" : "start" }, "this run"),
    ],
    marksOf(rows, points).map(([[px, py], text]) => svg("text", { class: "mark", x: px + (px > width / 2 ? -9 : 9), y: py - 7, "text-anchor": px > width / 2 ? "end" : "start" }, text)),
  );
}

/** Names of points: those at one place together, and none over another one. */
function marksOf(rows, points) {
  const places = new Map();
  points.forEach((point, place) => {
    const key = point.map(Math.round).join();
    if (!places.has(key)) places.set(key, [point, []]);
    places.get(key)[1].push(valueOf(rows[place]));
  });
  const marks = [];
  for (const [point, names] of places.values()) {
    if (marks.some(([other]) => Math.hypot(other[0] - point[0], other[1] - point[1]) < APART)) continue;
    marks.push([point, names.length > 2 ? `${names[0]} to ${names.at(-1)}` : names.join(", ")]);
  }
  return marks;
}
