// Compares two executions.

import { getExecution } from "./api.js";
import { announce, el, show } from "./dom.js";
import { badge, changesList, facts, failure, findingsList, rowsTable, segmentsText, tableRow } from "./parts.js";
import { dollars, guardrailName, milliseconds, nameOf } from "./words.js";

const PATH_COLUMNS = ["state", "first", "second", "only the first found", "only the second found"];
const USED_COLUMNS = ["layer", "first", "second"];

export async function comparePage(main, first, second, alive) {
  let trace;
  try {
    trace = await getExecution(first, second);
    if (trace.comparison.outcome.includes("running")) setTimeout(() => alive() && comparePage(main, first, second, alive), 1000);
  } catch (error) {
    if (alive()) show(main, el("h1", {}, "Compare"), failure(error));
    return;
  }
  if (!alive()) return;
  const both = trace.comparison;
  show(
    main,
    el("h1", {}, "Compare"),
    el("p", { class: "reason" }, both.same ? "Both took the same path to the same answer." : "They differ."),
    el(
      "div",
      { class: "pair" },
      [0, 1].map((side) =>
        el(
          "section",
          { "aria-label": side ? "Second" : "First" },
          el("h2", {}, link(both.executions[side]), " ", badge(both.outcome[side])),
          el("p", {}, both.reason[side]),
          facts([["took", milliseconds(both.milliseconds[side])], ["estimated cost", dollars(both.usd[side])]]),
        ),
      ),
    ),
    comparedParts(both),
  );
  announce("Comparison shown");
}

/** The parts of the comparison: what differs first, then what is the same, folded. */
function comparedParts(both) {
  const [differing, same] = [both.path.filter((row) => row.differs), both.path.filter((row) => !row.differs)];
  const all = [
    ["Question", both.input.length > 0, both.input.length ? changesList(both.input) : el("p", { class: "quiet" }, "The inputs are the same.")],
    ["Guardrails", both.guardrails.some((row) => !row.same), guardrails(both.guardrails)],
    differing.length ? ["Path", true, pathTable("Path", differing, both)] : null,
    [
      "Answer",
      both.answer.some(([op]) => op !== "="),
      both.answer.length ? segmentsText(both.answer) : el("p", { class: "quiet" }, "Neither has an answer."),
    ],
    same.length ? ["States that are the same", false, pathTable("States that are the same", same, both)] : null,
  ].filter(Boolean);
  return [
    all.filter(([, differs]) => differs).map(([title, , body]) => [el("h2", {}, title), body]),
    el("h2", {}, "The same in both"),
    all.filter(([, differs]) => !differs).map(([title, , body]) => el("details", { open: both.same }, el("summary", {}, title), body)),
  ];
}

function pathTable(label, rows, both) {
  return rowsTable(label, "paths", PATH_COLUMNS, rows.map((row) => pathRow(row, both)));
}

/** The guardrails that each used: a replay proves nothing about a guardrail that it did not use. */
function guardrails(rows) {
  if (!rows.length) return el("p", { class: "quiet" }, "The histories name none.");
  return el(
    "div",
    {},
    rows.every((row) => row.same && row.used[0] && row.used[1]) ? el("p", {}, "Both used the same versions.") : null,
    rowsTable(
      "Guardrails",
      "used",
      USED_COLUMNS,
      rows.map((row) =>
        tableRow(
          USED_COLUMNS,
          [
            el("th", { scope: "row" }, row.same ? "" : "≠ ", row.layer),
            ...row.used.map((ref) => el("td", { class: ref ? null : "quiet" }, ref ? guardrailName(ref) : "–")),
          ],
          { class: row.same ? null : "differs" },
        ),
      ),
    ),
  );
}

function link(arn) {
  return el("a", { href: `#/executions/${encodeURIComponent(nameOf(arn))}` }, nameOf(arn));
}

function pathRow(row, both) {
  const cell = (side, index) => {
    if (index === null) return el("td", { class: "quiet" }, "not passed");
    const name = encodeURIComponent(nameOf(both.executions[side]));
    const outcome = row.error?.[side] ? "error" : row.outcome?.[side];
    return el(
      "td",
      {},
      el("a", { href: `#/executions/${name}/${index}` }, milliseconds(row.milliseconds[side])),
      " ",
      outcome ? badge(outcome) : null,
      row.attempts?.[side] > 1 ? ` ↻ ${row.attempts[side]}` : "",
    );
  };
  const cells = [
    el("th", { scope: "row" }, row.differs ? "≠ " : "", row.state),
    cell(0, row.first),
    cell(1, row.second),
    el("td", {}, findingsList(row.findings?.only_first) || "–"),
    el("td", {}, findingsList(row.findings?.only_second) || "–"),
  ];
  return tableRow(PATH_COLUMNS, cells, { class: row.differs ? "differs" : null });
}
