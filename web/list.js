// The newest executions, filtered and refreshed.

import { listExecutions, SAVED } from "./api.js";
import { announce, el, show } from "./dom.js";
import { badge, failure, findingsLine, head, scroller } from "./parts.js";
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
      show(body, table(items, marked));
      announce(count.textContent);
    },
    (error) => alive() && show(body, failure(error)),
  );
  const live = el("input", { type: "checkbox", id: "live", checked: true });
  const focused = main.contains(document.activeElement) && document.activeElement.id;
  show(
    main,
    el("h1", {}, "Executions"),
    !SAVED && filterForm(query),
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

function filterForm(query) {
  const go = (name, value) => {
    // Words that were typed but not sent yet are part of the search, too.
    const held = Object.entries({ ...query, text: search.value, [name]: value }).filter(([, text]) => text);
    location.hash = `#/?${new URLSearchParams(held)}`;
  };
  const selects = Object.entries(FILTERS).map(([name, values]) =>
    el(
      "label",
      {},
      `${name[0].toUpperCase()}${name.slice(1)} `,
      el(
        "select",
        { id: `filter-${name}`, on: { change: (event) => go(name, event.target.value) } },
        el("option", { value: "" }, "any"),
        values.map((value) => el("option", { value, selected: query[name] === value }, words(name, value))),
      ),
    ),
  );
  const times = Object.entries({ since: "From", until: "To" }).map(([name, label]) =>
    el(
      "label",
      {},
      `${label} `,
      el("input", {
        type: "datetime-local",
        id: `filter-${name}`,
        value: localTime(query[name]),
        on: { change: ({ target }) => go(name, target.value && new Date(target.value).toISOString()) },
      }),
    ),
  );
  const search = el("input", { type: "search", id: "filter-text", value: query.text ?? "" });
  return el(
    "form",
    {
      class: "filters",
      role: "search",
      on: {
        submit: (event) => {
          event.preventDefault();
          go("text", search.value);
        },
      },
    },
    selects,
    times,
    el("label", {}, "Text ", search),
    el("button", { type: "submit", id: "search" }, "Search"),
    Object.values(query).some(Boolean) && el("a", { href: "#/" }, "All"),
  );
}

/** A time as the input of a form takes it; empty for a relative one. */
function localTime(text) {
  const time = new Date(text ?? "");
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function words(name, value) {
  if (name === "policy") return policyWords(value);
  return OUTCOMES[value] ? outcomeWords(value)[2] : value;
}

function table(executions, marked) {
  if (!executions.length) return el("p", {}, "No execution matches. Ask something in the chat, or change the filters.");
  const rows = executions.map((item) => {
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
    return el(
      "tr",
      {},
      !SAVED && el("td", {}, box),
      el("td", {}, badge(item.outcome)),
      el("td", { class: "wide" }, el("a", { href: `#/executions/${encodeURIComponent(name)}` }, item.question || name)),
      el("td", {}, findingsLine(item.findings) || item.error || (item.unguarded ? "unguarded" : "–")),
      el("td", { class: "small" }, moment(item.started)),
      el("td", { class: "small" }, milliseconds(item.milliseconds)),
    );
  });
  const names = ["outcome", "question", "what acted", "started", "took"];
  return scroller("Executions", el("table", { class: "list" }, head(...(SAVED ? names : ["compare", ...names])), el("tbody", {}, rows)));
}
