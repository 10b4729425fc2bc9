// The page of one execution: why, the graph, the timeline, one state in detail, the raw events.

import { actionsOf } from "./actions.js";
import { getExecution, SAVED } from "./api.js";
import { announce, el, show } from "./dom.js";
import { eventsFold } from "./events.js";
import { drawGraph, markSelected } from "./graph.js";
import { zoomable } from "./zoom.js";
import { badge, facts, failure } from "./parts.js";
import { conversationFold } from "./talk.js";
import { timeline } from "./timeline.js";
import { jsonFold } from "./viewer.js";
import { visitPanel } from "./visit.js";
import { dollars, headline, milliseconds, MODEL_STAGE, moment, nameOf, plural, visitOutcome } from "./words.js";

/**
 * Show an execution; `number` is the visit to open. Returns a function that opens another visit of it.
 * An evaluation's item has another `source`: the function that reads its trace, and its address. It has no further API.
 */
export async function executionPage(main, name, number, alive, source = null) {
  const { read, base, back } = source ?? { read: () => getExecution(name), base: `#/executions/${encodeURIComponent(name)}`, back: "#/" };
  const recorded = !SAVED && source === null;
  let trace;
  try {
    trace = await read();
  } catch (error) {
    if (alive()) show(main, el("h1", {}, "Execution"), failure(error), el("p", {}, el("a", { href: "#/" }, "All executions")));
    return null;
  }
  if (!alive()) return null;
  let open = null;
  /** Draw a trace; `chosen` is the visit of the address. */
  const draw = (next, chosen, focus) => {
    trace = next;
    const held = main.contains(document.activeElement) && document.activeElement.id;
    open = drawn(main, name, trace, { base, back }, recorded, again);
    open(chosen ?? decisive(trace), focus);
    if (held) document.getElementById(held)?.focus();
    announce(headline(trace));
  };
  /** Read it anew, once now and then as long as it runs; what is the same, or is being edited, is not drawn again. */
  const again = async () => {
    const next = await getExecution(name).catch(() => null);
    if (!alive()) return;
    if (next && steps(next) !== steps(trace) && !main.querySelector("form.edit:not([hidden])")) draw(next, chosenVisit(base), false);
    if ((next ?? trace).status === "RUNNING") setTimeout(() => alive() && again(), 1000);
  };
  draw(trace, number, number !== null);
  if (trace.status === "RUNNING" && recorded) setTimeout(() => alive() && again(), 1000);
  return (index, focus) => open(index, focus);
}

/** What of a running execution changes its page. */
function steps(trace) {
  return JSON.stringify([trace.status, trace.totals.events, trace.visits.map((visit) => [visit.status, visit.attempts?.length])]);
}

/** The visit in the address; null if there is none. */
function chosenVisit(base) {
  const visit = location.hash.startsWith(`${base}/`) ? location.hash.slice(base.length + 1) : "";
  return /^\d+$/.test(visit) ? Number(visit) : null;
}

/** The visit to open first: the one that blocked or failed, else one that masked, else the first. */
function decisive(trace) {
  const model = trace.visits.find((visit) => visit.state === MODEL_STAGE);
  if (trace.outcome === "dont_know" && model) return model.index;
  // The definition's own error is named as the state that raised it: no task failed, and a later record of it may have.
  const raised = trace.visits.find((visit) => visit.state === trace.failure?.type);
  if (raised) return raised.index;
  for (const outcomes of [["blocked"], ["failed", "timed_out", "aborted", "caught"], ["masked"], ["running"]]) {
    const found = trace.visits.find((visit) => outcomes.includes(visitOutcome(visit)) && visit.type !== "Fail");
    if (found) return found.index;
  }
  return trace.visits.length ? 0 : null;
}

function drawn(main, name, trace, { base, back }, recorded, again) {
  const byState = new Map();
  for (const visit of trace.visits) {
    if (!byState.has(visit.state)) byState.set(visit.state, []);
    byState.get(visit.state).push(visit.index);
  }
  const panel = el("section", { class: "panel", "aria-label": "State" });
  const go = (index) => {
    location.hash = `${base}/${index}`;
  };
  // The arrow keys only look at a state: the focus stays where it is, and Back leaves the execution.
  const look = (index) => {
    history.replaceState(null, "", `${base}/${index}`);
    open(index, false);
  };
  const picture = trace.layout
    ? drawGraph(trace, (state) => go(byState.get(state).at(-1)), (state) => look(byState.get(state).at(-1)))
    : null;
  const frame = picture && zoomable(picture, trace.layout);
  const line = timeline(trace, base, look);
  show(
    main,
    trace.item && el("p", {}, el("a", { href: back }, back.includes("/compare/") ? "The comparison" : "The evaluation")),
    el("h1", {}, trace.item ? `Item ${trace.item.id} ` : "Execution ", badge(trace.outcome)),
    el("p", { class: "reason" }, headline(trace)),
    trace.item && facts([
      ["expected", trace.item.expected && badge(trace.item.expected)],
      ["found", badge(trace.item.action)],
    ]),
    answer(trace),
    totals(trace),
    recorded && actionsOf(name, trace, again),
    trace.cut > 0 && el("p", { class: "note" }, `${plural(trace.cut, "visit")} without input and output: too large for this page.`),
    el(
      "div",
      { class: "split" },
      frame
        ? frame.element
        : el("p", { class: "note" }, "This page cannot draw the graph."),
      panel,
    ),
    el("h2", {}, "Timeline"),
    line.element,
    recorded && trace.input?.request?.conversation && conversationFold(nameOf(trace.execution)),
    recorded && eventsFold(name),
    trace.input && jsonFold("Input of the execution", trace.input),
    trace.definition && jsonFold("Definition that it ran", trace.definition),
  );
  frame?.fit();
  return open;

  function open(index, focus = true) {
    const visit = trace.visits[index];
    if (!visit) {
      show(panel, el("p", { class: "note" }, "No state has been entered yet."));
      return;
    }
    show(panel, visitPanel(trace, visit, byState.get(visit.state), go));
    if (picture) {
      markSelected(picture, visit.state);
      frame.center(visit.state);
    }
    line.mark(index);
    if (focus) panel.querySelector("h2").focus({ preventScroll: window.innerWidth > 900 });
  }
}

function answer(trace) {
  const question = trace.item?.excerpt ?? trace.input?.request?.query ?? trace.input?.request?.text;
  return el(
    "div",
    { class: "exchange" },
    typeof question === "string" && el("blockquote", { class: "question", tabindex: "0" }, el("span", { class: "who" }, trace.item ? "Beginning of the text" : "Question"), question),
    trace.answer?.text &&
      el("blockquote", { class: "answer", tabindex: "0" }, el("span", { class: "who" }, `Answer · ${trace.answer.source ?? "no source"}`), trace.answer.text),
  );
}

function totals(trace) {
  const sums = trace.totals;
  return facts([
    ["started", trace.started && moment(trace.started)],
    ["took", milliseconds(trace.milliseconds)],
    ["in guards", milliseconds(sums.guards)],
    ["in the model", milliseconds(sums.model)],
    ["waiting to retry", sums.waiting ? milliseconds(sums.waiting) : null],
    ["orchestration", sums.orchestration === null ? null : milliseconds(sums.orchestration)],
    ["transitions", trace.item ? null : `${sums.transitions}${sums.retries ? `, ${plural(sums.retries, "retry", "retries")}` : ""}`],
    ["redrives", sums.redrives || null],
    ["estimated cost", trace.item ? null : `${dollars(sums.usd.total)} without model and Lambda`],
    ["events", trace.item ? null : sums.events.toLocaleString("en")],
    ["execution", nameOf(trace.execution)],
  ]);
}
