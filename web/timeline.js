// The states of an execution in the order of their times, each with its bar; of many, a window of them.

import { el, show, svg } from "./dom.js";
import { badge, findingsLine } from "./parts.js";
import { stepButtons } from "./paging.js";
import { milliseconds, plural, visitOutcome } from "./words.js";

const TIMELINE_ROWS = 200;

/** `base` is the address of the execution; `look(index)` opens a visit that the arrow keys reach. */
export function timeline(trace, base, look) {
  const visits = trace.visits;
  const whole = trace.milliseconds || Math.max(1, ...visits.slice(-1).map((visit) => visit.at + (visit.milliseconds ?? 0)));
  const list = el("ol", { class: "timeline" });
  const place = el("p", { class: "quiet", hidden: visits.length <= TIMELINE_ROWS });
  let rows = new Map();
  let chosen = null;
  const fillFrom = (start) => {
    const shown = visits.slice(start, start + TIMELINE_ROWS);
    rows = new Map(shown.map((visit, number) => [start + number, visitRow(visit, whole, base)]));
    show(list, [...rows.values()].map((link) => el("li", {}, link)));
    list.start = start + 1;
    place.textContent = `States ${(start + 1).toLocaleString("en")} to ${(start + shown.length).toLocaleString("en")} of ${visits.length.toLocaleString("en")}`;
    steps.update(start, visits.length);
    rows.get(chosen)?.setAttribute("aria-current", "true");
  };
  const steps = stepButtons(TIMELINE_ROWS, fillFrom);
  const reach = (index) => {
    if (!rows.has(index)) fillFrom(Math.floor(index / TIMELINE_ROWS) * TIMELINE_ROWS);
    return rows.get(index);
  };
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = [...rows].find(([, link]) => link === event.target)?.[0];
    if (!step || at === undefined || !visits[at + step]) return;
    event.preventDefault();
    reach(at + step).focus();
    look(at + step);
  });
  fillFrom(0);
  return {
    element: el("div", {}, place, list, steps.element),
    mark: (index) => {
      rows.get(chosen)?.removeAttribute("aria-current");
      chosen = index;
      reach(index).setAttribute("aria-current", "true");
    },
  };
}

function visitRow(visit, whole, base) {
  const from = Math.min(100, (visit.at / whole) * 100);
  const length = Math.max(0.5, Math.min(100 - from, ((visit.milliseconds ?? 0) / whole) * 100));
  const retried = visit.attempts?.length > 1 ? `↻ ${plural(visit.attempts.length, "attempt")}. ` : "";
  return el(
    "a",
    { class: `row${visit.parent === undefined ? "" : " inside"}`, href: `${base}/${visit.index}` },
    el("span", { class: "row-name" }, visit.state),
    el("span", { class: "row-time" }, milliseconds(visit.milliseconds)),
    svg(
      "svg",
      { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { x: from, y: 0, width: length, height: 8 }),
    ),
    el(
      "span",
      { class: "row-what" },
      visit.outcome || visit.status !== "succeeded" ? badge(visitOutcome(visit)) : null,
      " ",
      retried,
      findingsLine(visit.findings),
      visit.error ? ` ${visit.error}` : "",
    ),
  );
}
