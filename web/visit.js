// One visit of a state: its decision, findings, masks and changes; its input and output.

import { el } from "./dom.js";
import { badge, changesList, facts, findingsTable, segmentsText } from "./parts.js";
import { copyButton, jsonFold, stackFold } from "./viewer.js";
import { failureText, guardrailName, milliseconds, STAGES, visitOutcome } from "./words.js";

/** The panel. `others` are the indexes of all visits of the same state; `open` opens another one. */
export function visitPanel(trace, visit, others, open) {
  const place = others.indexOf(visit.index);
  const guarded = STAGES.includes(visit.state) && visit.outcome;
  return [
    el("h2", { tabindex: "-1", id: "visit" }, visit.state, " ", badge(visitOutcome(visit))),
    others.length > 1 &&
      el(
        "p",
        { class: "steps" },
        step("Previous", others[place - 1], open),
        ` visit ${place + 1} of ${others.length} `,
        step("Next", others[place + 1], open),
      ),
    facts([
      ["type", visit.type],
      ["entered after", milliseconds(visit.at)],
      ["took", milliseconds(visit.milliseconds)],
      ["attempts", visit.attempts?.length || null],
      ["guardrail", visit.guardrail && guardrailName(visit.guardrail)],
      ["error", visit.failure && failureText(visit.failure)],
      ["in", visit.parent === undefined ? null : `${trace.visits[visit.parent].state}, item or branch ${visit.branch ?? "?"}`],
      ["items", visit.items && Object.entries(visit.items).map(([name, count]) => `${count} ${name}`).join(", ")],
      ["Map Run", visit.map_run],
      ["events", trace.item ? null : `${visit.events[0]} to ${visit.events[1]}`],
    ]),
    visit.failure?.stack && stackFold(visit.failure.stack),
    visit.truncated && el("p", { class: "note" }, "The history contains only the beginning of this visit’s data."),
    guarded && [el("h3", {}, "Findings"), findingsTable(visit.findings)],
    visit.no_answer && notDelivered(visit.no_answer, trace.redacted),
    visit.masked?.length && [el("h3", {}, "Masked text"), segmentsText(visit.masked)],
    !trace.item && visit.attempts?.length && [el("h3", {}, "Attempts"), attemptsList(visit.attempts)],
    trace.item && el("p", { class: "note" }, "An item’s execution has no history: these values are from its line of the results."),
    !trace.item && visit.output !== undefined && [
      el("h3", {}, "Changes ", visit.changes?.length ? copyButton(JSON.stringify(visit.changes, null, 2), "beside") : ""),
      changesList(visit.changes),
    ],
    !trace.item && visit.input === undefined && visit.output === undefined && visit.status !== "running" &&
      el("p", { class: "note" }, "This page leaves out input and output: the raw events contain them."),
    visit.input !== undefined && jsonFold("Input", visit.input),
    !trace.item && visit.output !== undefined && jsonFold("Output", visit.output),
    visit.variables && jsonFold("Variables", visit.variables),
    trace.definition && stateOf(trace.definition, visit.state) && jsonFold("Definition of the state", stateOf(trace.definition, visit.state)),
  ];
}

/** A state of a definition by its name, also inside of a Map or a Parallel; null if there is none. */
function stateOf(machine, name) {
  const states = machine?.States ?? {};
  if (Object.hasOwn(states, name)) return states[name];
  for (const state of Object.values(states)) {
    for (const inner of [...(state?.Branches ?? []), state?.ItemProcessor, state?.Iterator]) {
      const found = inner && stateOf(inner, name);
      if (found) return found;
    }
  }
  return null;
}

/** What the model layer returned instead of an answer, the place marked where the pattern matches. */
function notDelivered(evidence, redacted) {
  const { said, start, end } = evidence;
  const marked = !redacted && start !== undefined;
  const characters = Array.from(said);
  const part = (from, to) => characters.slice(from, to).join("");
  const words = marked ? [part(0, start), el("mark", {}, part(start, end)), part(end)] : said;
  return [
    el("h3", {}, "Not delivered"),
    el("p", {}, `${evidence.explanation[0].toUpperCase()}${evidence.explanation.slice(1)}.`),
    said && el("p", { class: "text" }, words),
  ];
}

function step(words, index, open) {
  return el("button", { type: "button", disabled: index === undefined, on: { click: () => open(index) } }, words);
}

/** One line an attempt: what came of it, and how long the retry before it waited. */
function attemptsList(attempts) {
  return el(
    "ol",
    { class: "attempts" },
    attempts.map((attempt) =>
      el(
        "li",
        {},
        attempt.waited !== undefined && el("div", { class: "waited" }, `waited ${milliseconds(attempt.waited)}`),
        badge(attempt.outcome),
        attempt.milliseconds === undefined ? " runs" : ` after ${milliseconds(attempt.milliseconds)}`,
        attempt.failure && el("div", { class: "cause" }, failureText(attempt.failure)),
        (attempt.resource || attempt.request_id) &&
          el("div", { class: "quiet detail" }, [attempt.resource, attempt.request_id && `request ${attempt.request_id}`].filter(Boolean).join(", ")),
      ),
    ),
  );
}
