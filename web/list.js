// The newest executions, filtered and refreshed.

import { listExecutions, SAVED } from "./api.js";
import { announce, el, show } from "./dom.js";
import { badge, failure, findingsLine, head, scroller } from "./parts.js";
import { milliseconds, moment, OUTCOMES, outcomeWords, plural, policyWords, STAGES } from "./words.js";

const FILTERS = {
  outcome: ["answered", "passed", "masked", "blocked", "dont_know", "unavailable", "running"],
  stage: STAGES,
  policy: ["content", "topic", "word", "sensitive_information", "contextual_grounding"],
};
const SECONDS = 3;

/** The page; `query` are the filters of the address. */
export function listPage(main, query, alive) {
  const picked = new Set();
  const body = el("div");
  const count = el("p", { class: "quiet", id: "count" });
  const compare = el(
    "button",
    {
      type: "button",
      disabled: true,
      on: { click: () => (location.hash = `#/compare/${[...picked].map(encodeURIComponent).join("/")}`) },
    },
    "Compare the two chosen",
  );
  const live = el("input", { type: "checkbox", id: "live", checked: true });
  show(
    main,
    el("h1", {}, "Executions"),
    !SAVED && filterForm(query),
    el("p", { class: "actions" }, !SAVED && [live, el("label", { for: "live" }, " Live"), " "], !SAVED && compare),
    count,
    body,
  );
  let last = "";
  const refresh = async () => {
    if (!alive()) return;
    try {
      const found = await listExecutions(query);
      const text = JSON.stringify(found);
      if (alive() && text !== last) {
        last = text;
        count.textContent =
          `${plural(found.executions.length, "execution")} of the ${found.searched} newest searched` +
          (found.more ? "; more executions match." : ".");
        show(body, table(found.executions, picked, compare));
        announce(count.textContent);
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
    const held = Object.entries({ ...query, [name]: value }).filter(([, text]) => text);
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
    el("label", {}, "Text ", search),
    el("button", { type: "submit" }, "Search"),
  );
}

function words(name, value) {
  if (name === "policy") return policyWords(value);
  return OUTCOMES[value] ? outcomeWords(value)[2] : value;
}

function table(executions, picked, compare) {
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
          compare.disabled = picked.size !== 2;
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
