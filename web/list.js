// The newest executions, filtered and refreshed.

import { listExecutions, SAVED } from "./api.js";
import { announce, el, show } from "./dom.js";
import { filterForm } from "./filters.js";
import { badge, failure, findingsList, rowsTable, tableRow } from "./parts.js";
import { pagedList } from "./paging.js";
import { milliseconds, moment, OUTCOMES, outcomeWords, plural, policyWords, STAGES } from "./words.js";

const FILTERS = {
  outcome: ["answered", "passed", "masked", "blocked", "dont_know", "unavailable", "running"],
  stage: STAGES,
  policy: ["content", "topic", "word", "sensitive_information", "contextual_grounding", "automated_reasoning"],
};
const SECONDS = 3;

/** The executions chosen to be compared, also while filters change. */
const picked = new Set();

/** The page; `query` are the filters of the address. */
export function listPage(main, query, alive) {
  const body = el("div");
  const count = el("p", { class: "quiet", id: "count" });
  const compare = el(
    "button",
    {
      type: "button",
      disabled: picked.size !== 2,
      on: { click: () => (location.hash = `#/compare/${[...picked].map(encodeURIComponent).join("/")}`) },
    },
    "Compare the two chosen",
  );
  const chosen = el("span", { class: "quiet" });
  const clear = el("button", { type: "button", class: "plain-button" }, "Choose none");
  clear.addEventListener("click", () => {
    picked.clear();
    for (const box of body.querySelectorAll("input:checked")) box.checked = false;
    marked();
  });
  const marked = () => {
    compare.disabled = picked.size !== 2;
    clear.hidden = picked.size === 0;
    chosen.textContent = picked.size ? ` ${picked.size} chosen, also on other pages. ` : " Choose two, also with other filters. ";
  };
  marked();
  const table = executionsTable(marked);
  const list = pagedList(
    async (cursor) => {
      const { executions, ...page } = await listExecutions({ ...query, cursor });
      return { found: executions, ...page };
    },
    (item) => item.name,
    (items, page) => {
      if (!alive()) return;
      count.textContent =
        `${plural(items.length, "execution")} of the ${page.searched} newest searched` +
        (page.more ? "; there are older ones." : ".");
      const shown = items.length ? table(items) : nothingFound(query);
      if (body.firstChild !== shown) show(body, shown);
      announce(count.textContent);
    },
    (error) => alive() && show(body, failure(error)),
  );
  const live = el("input", { type: "checkbox", id: "live", checked: true });
  const focused = main.contains(document.activeElement) && document.activeElement.id;
  show(
    main,
    el("h1", {}, "Executions"),
    !SAVED && executionFilters(query),
    el("p", { class: "actions" }, !SAVED && [live, el("label", { for: "live" }, " Live"), " "], !SAVED && [compare, chosen, clear]),
    count,
    body,
    !SAVED && el("p", {}, list.button),
  );
  // Choosing a filter draws the form anew: the keyboard stays at the filter.
  if (focused) document.getElementById(focused)?.focus();
  let last = "";
  const refresh = async () => {
    if (!alive()) return;
    try {
      const page = await list.read();
      const text = JSON.stringify({ ...page, cursor: null });
      if (alive() && text !== last) {
        last = text;
        list.put(page);
      }
    } catch (error) {
      if (alive()) show(body, failure(error));
      last = "";
    }
  };
  const tick = async () => {
    if (!alive()) return;
    if (live.checked && !document.hidden) await refresh();
    setTimeout(tick, SECONDS * 1000);
  };
  refresh();
  if (!SAVED) setTimeout(tick, SECONDS * 1000);
}

function executionFilters(query) {
  const choices = Object.entries(FILTERS).map(([name, values]) => ({
    name,
    label: `${name[0].toUpperCase()}${name.slice(1)}`,
    options: values.map((value) => [value, words(name, value)]),
  }));
  const times = [["since", "From"], ["until", "To"]].map(([name, label]) => ({ name, label, type: "datetime-local" }));
  const go = (held) => (location.hash = `#/?${new URLSearchParams(held)}`);
  const all = Object.values(query).some(Boolean) && el("a", { href: "#/" }, "All");
  return filterForm("filter", [...choices, ...times, { name: "text", label: "Text" }], query, go, all);
}

function words(name, value) {
  if (name === "policy") return policyWords(value);
  return OUTCOMES[value] ? outcomeWords(value)[2] : value;
}

function nothingFound(query) {
  const filtered = Object.values(query).some(Boolean);
  return filtered
    ? el("p", {}, "No execution matches. ", el("a", { href: "#/" }, "Show all"), ", or change the filters.")
    : el("p", {}, "No execution yet. Ask something in the ", el("a", { href: "#/chat" }, "chat"), ".");
}

const EXECUTION_COLUMNS = ["outcome", "question", "what acted", "started", "took"];

/** The table, drawn again with `update`: the row of an execution that has not changed stays, and what is focused in it. */
function executionsTable(marked) {
  const drawn = new Map();
  const element = rowsTable("Executions", "list", columns(), []);
  const body = element.querySelector("tbody");
  const update = (executions) => {
    executions.forEach((item, place) => {
      const text = JSON.stringify(item);
      const known = drawn.get(item.name);
      const row = known?.text === text ? known.row : executionRow(item, marked);
      if (known && known.row !== row) known.row.replaceWith(row);
      drawn.set(item.name, { text, row });
      if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
    });
    while (body.children.length > executions.length) body.lastChild.remove();
    return element;
  };
  return update;
}

function columns() {
  return SAVED ? EXECUTION_COLUMNS : ["compare", ...EXECUTION_COLUMNS];
}

function executionRow(item, marked) {
  const name = item.name;
  const box = el("input", {
    type: "checkbox",
    "aria-label": `Choose ${item.question ?? name} to compare`,
    checked: picked.has(name),
    on: {
      change: () => {
        if (box.checked) picked.add(name);
        else picked.delete(name);
        marked();
      },
    },
  });
  const question = el("a", { class: "lines", href: `#/executions/${encodeURIComponent(name)}` }, item.question || name);
  return tableRow(columns(), [
    ...(SAVED ? [] : [el("td", {}, box)]),
    el("td", {}, badge(item.outcome)),
    el("td", { class: "wide" }, question),
    el("td", { class: "acted" }, findingsList(item.findings) || item.error || (item.unguarded ? "unguarded" : "–")),
    el("td", { class: "small" }, moment(item.started)),
    el("td", { class: "small" }, milliseconds(item.milliseconds)),
  ]);
}
