// A list that is refreshed from its newest page, and continued with older ones.

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
