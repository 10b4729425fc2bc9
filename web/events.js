// The raw events of an execution: read on demand, narrowed by their type, a part of them in the page at a time.

import { getEvents } from "./api.js";
import { announce, el, put, show } from "./dom.js";
import { failure } from "./parts.js";
import { jsonFold } from "./viewer.js";

const EVENT_ROWS = 200;

/** The events, folded; they are read when the fold is opened. */
export function eventsFold(name) {
  const body = el("div");
  const fold = el("details", {}, el("summary", {}, "Raw events"), body);
  const filter = el("input", { type: "search", id: "event-filter", on: { input: () => fill(EVENT_ROWS) } });
  const count = el("p", { class: "quiet", id: "events-count" });
  const list = el("ul", { class: "events" });
  const more = el("button", { type: "button", hidden: true, on: { click: () => fill(wanted + EVENT_ROWS) } }, "More events");
  const note = el("div");
  const held = [];
  let next = 0;
  let wanted = 0;
  let turn = 0;

  /** Show that many matching events: read as many pages as that needs. */
  const fill = async (most) => {
    turn += 1;
    const mine = turn;
    wanted = most;
    more.disabled = true;
    try {
      let found = matching();
      while (found.length < wanted && next !== null) {
        count.textContent = `Reading the events, ${held.length.toLocaleString("en")} until now…`;
        const after = next;
        const page = await getEvents(name, after);
        // A second reader of the same page would add it twice.
        if (next === after) {
          held.push(...page.events);
          next = page.next;
        }
        if (mine !== turn) return;
        found = matching();
      }
      draw(found);
    } catch (error) {
      if (mine === turn) show(note, failure(error));
    }
    more.disabled = false;
  };
  const matching = () => {
    const type = filter.value.trim().toLowerCase();
    return held.filter((event) => event.type.toLowerCase().includes(type));
  };
  const draw = (found) => {
    const shown = found.slice(0, wanted);
    // The rows that are there already stay: they may be open.
    const same = shown.findIndex((event, place) => list.children[place]?.dataset.id !== String(event.id));
    const kept = same < 0 ? shown.length : same;
    while (list.children.length > kept) list.lastChild.remove();
    put(list, shown.slice(kept).map((event) => el("li", { "data-id": event.id }, jsonFold(`${event.id} ${event.type}`, event))));
    const rest = found.length > shown.length || next !== null;
    count.textContent = `${shown.length.toLocaleString("en")} of ${rest && next !== null ? "at least " : ""}${found.length.toLocaleString("en")} events`;
    more.hidden = !rest;
    announce(count.textContent);
  };
  fold.addEventListener("toggle", () => {
    if (!fold.open || body.firstChild) return;
    put(body, el("label", { for: "event-filter" }, "Type contains "), filter, count, list, note, more);
    fill(EVENT_ROWS);
  });
  return fold;
}
