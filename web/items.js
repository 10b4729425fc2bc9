// The items of a run: all of them, filtered, searched, and next to those of another run.

import { getItems } from "./api.js";
import { announce, el, put, show } from "./dom.js";
import { badge, failure, head, scroller } from "./parts.js";
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

/**
 * The section. `query` are the filters of the address; `base` is the address without them, `other` a run to compare with.
 */
export function itemsSection(run, query, base, alive, other = null) {
  const wanted = { ...query };
  const body = el("tbody");
  const count = el("p", { class: "quiet", id: "items-count" });
  const more = el("button", { type: "button", id: "more-items", hidden: true, on: { click: () => read(cursor) } }, "More items");
  const note = el("div");
  let cursor = null;
  let turn = 0;
  let shown = 0;

  const read = async (from = null) => {
    turn += 1;
    const mine = turn;
    more.disabled = true;
    try {
      const page = await getItems(run, { ...wanted, compare: other, cursor: from });
      if (!alive() || mine !== turn) return;
      if (from === null) {
        body.replaceChildren();
        shown = 0;
      }
      put(body, page.items.map((item) => (other ? pairRow(item, run, other) : itemRow(item, run))));
      shown += page.items.length;
      cursor = page.cursor;
      more.hidden = cursor === null;
      count.textContent = `${shown.toLocaleString("en")} of ${plural(page.matching, "item")}${page.matching < page.total ? `, out of ${page.total.toLocaleString("en")}` : ""}`;
      show(note, page.matching === 0 && el("p", {}, "No item matches. Change the filters."));
      announce(count.textContent);
    } catch (error) {
      if (alive() && mine === turn) show(note, failure(error));
    }
    more.disabled = false;
  };

  /** The filters are in the address: a link to them shows the same. */
  const go = (name, value) => {
    wanted[name] = value;
    const held = new URLSearchParams(Object.entries(wanted).filter(([, text]) => text));
    history.replaceState(null, "", held.size ? `${base}?${held}` : base);
    read();
  };
  const choice = (name, words, values) =>
    el(
      "label",
      {},
      `${words} `,
      el(
        "select",
        { id: `item-${name}`, on: { change: (event) => go(name, event.target.value) } },
        el("option", { value: "" }, "any"),
        values.map(([value, said]) => el("option", { value, selected: wanted[name] === value }, said)),
      ),
    );
  const same = (values) => values.map((value) => [value, value]);
  const text = el("input", { type: "search", id: "item-text", value: wanted.text ?? "" });
  const policy = el("input", { type: "search", id: "item-policy", value: wanted.policy ?? "", placeholder: "content/HATE", on: { change: () => go("policy", policy.value.trim()) } });
  const form = el(
    "form",
    {
      class: "filters",
      role: "search",
      on: {
        submit: (event) => {
          event.preventDefault();
          wanted.policy = policy.value.trim();
          go("text", text.value);
        },
      },
    },
    other && choice("change", "Change", Object.entries(CHANGE_WORDS)),
    choice("action", "Found", same(ACTIONS)),
    choice("expected", "Expected", same(ACTIONS.slice(0, 3))),
    choice("correct", "As expected", same(["yes", "no", "unlabelled"])),
    el("label", {}, "Policy ", policy),
    el("label", {}, "Id or text ", text),
    el("button", { type: "submit" }, "Search"),
  );
  const names = other ? ["item", "expected", "change", "this run", "the other run"] : ["item", "expected", "found", "what acted, and scores"];
  read();
  return el("div", {}, form, count, scroller("Items", el("table", { class: "items" }, head(...names), body)), note, el("p", {}, more));
}

function itemLink(item, run) {
  return [
    el("a", { href: `#/evaluations/${encodeURIComponent(run)}/items/${item.number}` }, item.id ?? item.number),
    item.excerpt && el("div", { class: "quiet excerpt" }, item.excerpt.length > EXCERPT ? `${item.excerpt.slice(0, EXCERPT)}…` : item.excerpt),
  ];
}

function itemRow(item, run) {
  return el(
    "tr",
    {},
    el("th", { scope: "row", class: "wide" }, itemLink(item, run)),
    el("td", {}, item.expected ? badge(item.expected) : "–"),
    el("td", {}, verdictOf(item)),
    el("td", {}, actedOn(item)),
  );
}

function pairRow(item, run, other) {
  return el(
    "tr",
    { class: ["same", "only here"].includes(item.change) ? null : "differs" },
    el("th", { scope: "row", class: "wide" }, itemLink(item, run)),
    el("td", {}, item.expected ? badge(item.expected) : "–"),
    el("td", {}, CHANGE_WORDS[item.change] ?? item.change),
    el("td", {}, verdictOf(item), actedOn(item)),
    el(
      "td",
      {},
      item.other
        ? [verdictOf(item.other), actedOn(item.other), el("a", { href: `#/evaluations/${encodeURIComponent(other)}/items/${item.other.number}` }, "Open")]
        : "–",
    ),
  );
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
