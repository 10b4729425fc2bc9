// Parts that several pages use: badges, findings, JSON, differences.

import { el } from "./dom.js";
import { jsonFold } from "./viewer.js";
import { findingWords, isListed, outcomeWords, policyWords, sureness } from "./words.js";

export function badge(outcome) {
  const [tone, sign, words] = outcomeWords(outcome);
  return el("span", { class: `badge tone-${tone}` }, el("span", { "aria-hidden": "true" }, `${sign} `), words);
}

export function findingsTable(findings) {
  if (!findings?.length) return el("p", { class: "quiet" }, "No findings.");
  const rows = findings.map((finding) =>
    el(
      "tr",
      {},
      el("td", {}, badgeOfAction(finding.action)),
      el(
        "td",
        {},
        el("strong", {}, finding.name),
        sureness(finding) && ` · ${sureness(finding)}`,
        el("div", { class: "quiet" }, `${policyWords(finding.policy)}, in the ${finding.direction === "OUTPUT" ? "answer" : "question"}`),
      ),
    ),
  );
  return scroller(
    "Findings",
    el("table", {}, head("action", "what and how sure"), el("tbody", {}, rows)),
  );
}

function badgeOfAction(action) {
  const outcome = { BLOCKED: "blocked", ANONYMIZED: "masked" }[action];
  return outcome ? badge(outcome) : el("span", { class: "badge tone-skipped" }, action === "NONE" ? "seen" : action);
}

export function head(...names) {
  return el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name))));
}

/**
 * A table of many rows; on a phone each row is a block of its cells under their names. Styles take away what tables are
 * for screen readers, so the roles are written.
 */
export function rowsTable(label, className, names, rows) {
  const body = el("tbody", { role: "rowgroup" }, rows);
  const header = el("tr", { role: "row" }, names.map((name) => el("th", { scope: "col", role: "columnheader" }, name)));
  return scroller(label, el("table", { class: `rows ${className}`, role: "table" }, el("thead", { role: "rowgroup" }, header), body));
}

/** A row of such a table. */
export function tableRow(names, cells, properties = {}) {
  cells.forEach((cell, place) => {
    cell.dataset.label = names[place];
    cell.setAttribute("role", cell.localName === "th" ? "rowheader" : "cell");
  });
  return el("tr", { role: "row", ...properties }, cells);
}

/** A region for wide content that scrolls separately, also with the keyboard. */
export function scroller(label, ...children) {
  return el("div", { class: "scroller", role: "group", "aria-label": label, tabindex: "0" }, children);
}

/** The changes of a state, one line per change. */
export function changesList(changes) {
  if (!changes?.length) return el("p", { class: "quiet" }, "The document is unchanged.");
  const signs = { add: ["+", "added"], remove: ["−", "removed"], replace: ["±", "changed"] };
  return el(
    "ul",
    { class: "changes" },
    changes.map((change) => {
      const [sign, words] = signs[change.op];
      return el(
        "li",
        {},
        el("span", { class: `sign ${change.op}`, title: words }, sign, el("span", { class: "unseen" }, ` ${words} `)),
        " ",
        el("code", {}, change.path || "the whole document"),
        " ",
        change.op === "replace" && ["before" in change ? inline(change.before, "del") : null, " → "],
        change.op === "remove" ? inline(change.before, "del") : inline(change.value, "ins"),
      );
    }),
  );
}

function inline(value, name) {
  const text = JSON.stringify(value);
  if (text.length <= 160) return el(name, {}, text);
  const members = value !== null && typeof value === "object" && !Array.isArray(value) ? Object.keys(value).join(", ") : text;
  return jsonFold(`${members.slice(0, 40)}…`, value);
}

/** A text with its removed and added parts. */
export function segmentsText(segments) {
  return el(
    "p",
    { class: "text" },
    segments.map(([op, text]) => (op === "=" ? text : el(op === "-" ? "del" : "ins", {}, text))),
  );
}

export function findingsLine(findings) {
  return [...new Set((findings ?? []).filter(isListed).map(findingWords))].join("; ");
}

const LISTED_FINDINGS = 3;

/** The same as a list of a few lines; null if nothing acted. */
export function findingsList(findings) {
  const lines = [...new Set((findings ?? []).filter(isListed).map(findingWords))];
  const left = lines.length - LISTED_FINDINGS;
  const shown = left > 1 ? [...lines.slice(0, LISTED_FINDINGS), `and ${left} more`] : lines;
  return lines.length ? el("ul", { class: "plain-list" }, shown.map((line) => el("li", {}, line))) : null;
}

export function facts(pairs) {
  return el(
    "dl",
    { class: "facts" },
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

export function failure(error) {
  return el("p", { class: "failure", role: "alert" }, error.message);
}
