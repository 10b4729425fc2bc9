// The list of the caller's conversations: open one, delete one.

import { deleteConversation, getConversation, listConversations } from "./api.js";
import { announce, el, put, show } from "./dom.js";
import { failure } from "./parts.js";
import { moment } from "./words.js";

const TITLE_CHARACTERS = 60;
const titles = new Map();

/** The list. `deleted(id)` is called after a conversation has gone. Returns its element, and functions that change it. */
export function conversationList(deleted) {
  const list = el("ul", { class: "talks-list" });
  const more = el("button", { type: "button", hidden: true }, "Older");
  const note = el("div");
  let chosen = null;
  let shown = null;
  const entries = new Map();
  const mark = (id) => {
    entries.get(chosen)?.removeAttribute("aria-current");
    chosen = id;
    entries.get(id)?.setAttribute("aria-current", "true");
  };
  const row = (talk) => {
    const link = el("a", { href: `#/chat/${encodeURIComponent(talk.id)}` }, titles.get(talk.id) ?? moment(talk.at));
    entries.set(talk.id, link);
    if (talk.id === chosen) link.setAttribute("aria-current", "true");
    if (!titles.has(talk.id)) titled(talk.id, link);
    const item = el("li", {}, link, el("span", { class: "quiet when" }, moment(talk.at)));
    const button = el("button", { type: "button", class: "plain-button" }, "Delete");
    button.addEventListener("click", async () => {
      if (!button.dataset.sure) {
        button.dataset.sure = "yes";
        button.textContent = "Really delete?";
        return;
      }
      try {
        await deleteConversation(talk.id);
        item.remove();
        shown = null;
        announce("Conversation deleted");
        deleted(talk.id);
      } catch (error) {
        put(item, failure(error));
      }
    });
    button.addEventListener("blur", () => {
      delete button.dataset.sure;
      button.textContent = "Delete";
    });
    put(item, button);
    return item;
  };
  const read = async (cursor = null) => {
    try {
      const page = await listConversations(cursor);
      const ids = page.conversations.map((talk) => talk.id).join(" ");
      // The same list stays: a person may be about to press one of its buttons.
      if (cursor || ids !== shown) {
        if (!cursor) list.replaceChildren();
        put(list, page.conversations.map(row));
      }
      if (!cursor) shown = ids;
      show(note, !list.children.length && el("p", { class: "quiet" }, "No conversation yet."));
      more.hidden = !page.more;
      more.onclick = () => read(page.cursor);
    } catch (error) {
      show(note, failure(error));
    }
  };
  return { element: el("div", {}, note, list, more), read, mark };
}

/** Its first question is what a person knows a conversation by. */
async function titled(id, link) {
  try {
    const { turns } = await getConversation(id);
    const first = turns.find((turn) => turn.question)?.question;
    if (!first) return;
    titles.set(id, first.length > TITLE_CHARACTERS ? `${first.slice(0, TITLE_CHARACTERS - 1)}…` : first);
    link.textContent = titles.get(id);
  } catch {
    // the conversation was deleted meanwhile: its time stays
  }
}
