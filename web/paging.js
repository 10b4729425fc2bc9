// Long lists: one that is refreshed from its newest page and continued with older ones, and one that is read in pages.

import { el } from "./dom.js";

/**
 * `read(cursor)` gives `{found, more, cursor, searched}`; `key(item)` its name. `draw(items, page)` shows all items that
 * were read, and the newest page. The button reads the next page.
 */
export function pagedList(read, key, draw, failed) {
  const known = new Map();
  let cursor = null;
  let older = false;
  let searched = 0;
  const button = el("button", { type: "button", id: "more", hidden: true, on: { click: () => next() } }, "Older");

  function put(page, first) {
    if (first) {
      // The newest page replaces what it covers; older entries stay.
      const oldest = page.found.at(-1)?.started;
      for (const [name, item] of known) if (!older || !page.more || (oldest && item.started >= oldest)) known.delete(name);
    }
    for (const item of page.found) known.set(key(item), item);
    if (!first || !older) {
      cursor = page.cursor ?? null;
      searched = first ? page.searched : searched + page.searched;
    }
    button.hidden = cursor === null;
    const items = [...known.values()].sort((one, other) => new Date(other.started) - new Date(one.started));
    draw(items, { searched, more: cursor !== null });
  }

  async function next() {
    button.disabled = true;
    try {
      const page = await read(cursor);
      older = true;
      put(page, false);
    } catch (error) {
      failed(error);
    }
    button.disabled = false;
  }

  return { button, read: () => read(null), put: (page) => put(page, true) };
}

/** Buttons that step through a list whose length is known; `go(start)` shows the page from a place on. */
export function stepButtons(size, go) {
  const button = (words) => el("button", { type: "button" }, words);
  const [first, before, next, last] = ["First", "Previous", "Next", "Last"].map(button);
  const element = el("p", { class: "actions", role: "group", "aria-label": "Pages of the list", hidden: true }, first, before, next, last);
  const to = (target, start) => (target.onclick = () => go(start));
  const update = (start, length) => {
    const end = Math.max(0, Math.ceil(length / size) - 1) * size;
    element.hidden = length <= size;
    to(first, 0);
    to(before, Math.max(0, start - size));
    to(next, start + size);
    to(last, end);
    first.disabled = before.disabled = start <= 0;
    last.disabled = next.disabled = start >= end;
  };
  return { element, update };
}
