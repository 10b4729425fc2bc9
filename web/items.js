// The items of a run: all of them, filtered, searched, and next to those of another run.

import { getItems } from "./api.js";
import { announce, el, show } from "./dom.js";
import { filterForm } from "./filters.js";
import { stepButtons } from "./paging.js";
import { badge, failure, rowsTable, tableRow } from "./parts.js";
import { findingWords, plural } from "./words.js";

const ACTIONS = ["passed", "masked", "blocked", "failed"];
const CHANGE_WORDS = {
  any: "any change",
  "newly wrong": "newly wrong",
  "newly right": "newly right",
  "other verdict": "other verdict",
  "other findings": "other findings or scores",
  "other text": "another text",
  "only here": "not in the other run",
  same: "no change",
};
const EXCERPT = 220;

const ITEM_PAGE = 50;
/** The last address of each run's items: the way back from an item. */
const addresses = new Map();

export function itemsAddress(run) {
  return addresses.get(run) ?? `#/evaluations/${encodeURIComponent(run)}`;
}

/**
 * The section. `query` are the filters of the address, and `start`, the place of its first item; `base` is the address
 * without them, `other` a run to compare with.
 */
export function itemsSection(run, query, base, alive, other = null) {
  const names = other ? ["item", "expected", "change", "this run", "the other run"] : ["item", "expected", "found", "what acted, and scores"];
  const body = el("div");
  const count = el("p", { class: "quiet", id: "items-count", tabindex: "-1" });
  const note = el("div");
  let wanted = { ...query };
  let turn = 0;
  let matching = 0;

  const read = async () => {
    turn += 1;
    const mine = turn;
    const { start = "0", ...filters } = wanted;
    try {
      const page = await getItems(run, { ...filters, compare: other, cursor: start, limit: ITEM_PAGE });
      if (!alive() || mine !== turn) return false;
      matching = page.matching;
      const rows = page.items.map((item) => tableRow(names, other ? pairCells(item, run, other) : itemCells(item, run), { class: isChanged(item) ? "differs" : null }));
      show(body, rows.length > 0 && rowsTable("Items", "items", names, rows));
      count.textContent = countWords(page, Number(start));
      steps.update(Number(start), matching);
      show(note, matching === 0 && el("p", {}, "No item matches. ", el("a", { href: base }, "Show all"), ", or change the filters."));
      announce(count.textContent);
      return true;
    } catch (error) {
      if (alive() && mine === turn) show(note, failure(error));
      return false;
    }
  };
  /** Filters and place are in the address: a link to them shows the same. */
  const go = (values) => {
    wanted = values;
    const held = new URLSearchParams(Object.entries(values).filter(([, text]) => text));
    const address = held.size ? `${base}?${held}` : base;
    history.replaceState(null, "", address);
    addresses.set(run, address);
    return read();
  };
  const steps = stepButtons(ITEM_PAGE, async (start) => {
    if (await go({ ...wanted, start: start ? String(start) : "" })) count.focus();
  });
  const same = (values) => values.map((value) => [value, value]);
  const { start, ...filters } = wanted;
  const form = filterForm(
    "item",
    [
      other && { name: "change", label: "Change", options: Object.entries(CHANGE_WORDS) },
      { name: "action", label: "Found", options: same(ACTIONS) },
      { name: "expected", label: "Expected", options: same(ACTIONS.slice(0, 3)) },
      { name: "correct", label: "As expected", options: same(["yes", "no", "unlabelled"]) },
      { name: "policy", label: "Policy", placeholder: "content/HATE" },
      { name: "text", label: "Id or text" },
    ],
    filters,
    go,
  );
  addresses.set(run, location.hash.startsWith(base) ? location.hash : base);
  read();
  return el("div", {}, form, count, body, note, steps.element);
}

function countWords(page, start) {
  const shown = page.items.length;
  const items = plural(page.matching, "item");
  const place = shown === page.matching ? `${shown.toLocaleString("en")} of ${items}` : `Items ${(start + 1).toLocaleString("en")} to ${(start + shown).toLocaleString("en")} of ${page.matching.toLocaleString("en")}`;
  return page.matching < page.total ? `${place}, out of ${page.total.toLocaleString("en")}` : place;
}

function isChanged(item) {
  return item.change !== undefined && !["same", "only here"].includes(item.change);
}

function itemLink(item, run) {
  return [
    el("a", { class: "lines", href: `#/evaluations/${encodeURIComponent(run)}/items/${item.number}` }, item.id ?? item.number),
    item.excerpt && el("div", { class: "quiet excerpt" }, item.excerpt.length > EXCERPT ? `${item.excerpt.slice(0, EXCERPT)}…` : item.excerpt),
  ];
}

function itemCells(item, run) {
  return [
    el("th", { scope: "row", class: "wide" }, itemLink(item, run)),
    el("td", {}, item.expected ? badge(item.expected) : "–"),
    el("td", {}, verdictOf(item)),
    el("td", {}, actedOn(item)),
  ];
}

function pairCells(item, run, other) {
  const open = item.other && el("a", { href: `#/evaluations/${encodeURIComponent(other)}/items/${item.other.number}` }, "Open");
  return [
    el("th", { scope: "row", class: "wide" }, itemLink(item, run)),
    el("td", {}, item.expected ? badge(item.expected) : "–"),
    el("td", {}, CHANGE_WORDS[item.change] ?? item.change),
    el("td", {}, verdictOf(item), actedOn(item)),
    el("td", {}, item.other ? [verdictOf(item.other), actedOn(item.other), open] : "–"),
  ];
}

function verdictOf(item) {
  const right = { true: "as expected", false: "not as expected" }[item.correct];
  return [badge(item.action), right && el("div", { class: item.correct ? "quiet" : "wrong" }, right)];
}

function actedOn(item) {
  const lines = [...(item.findings ?? []), ...(item.scores ?? [])].map(findingWords);
  if (item.error) lines.unshift(item.error);
  return lines.length ? el("ul", { class: "plain-list" }, [...new Set(lines)].map((line) => el("li", {}, line))) : el("div", { class: "quiet" }, "–");
}
