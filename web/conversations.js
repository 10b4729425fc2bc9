// The list of the caller's conversations: open one, rename one, delete one.

import { deleteConversation, getConversation, listConversations, renameConversation } from "./api.js";
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
    const link = el("a", { href: `#/chat/${encodeURIComponent(talk.id)}` }, talk.title ?? titles.get(talk.id) ?? moment(talk.at));
    entries.set(talk.id, link);
    if (talk.id === chosen) link.setAttribute("aria-current", "true");
    if (!talk.title && !titles.has(talk.id)) titled(talk.id, link);
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
    const rename = el("button", { type: "button", class: "plain-button" }, "Rename");
    rename.addEventListener("click", () => {
      if (!item.querySelector("form")) item.append(renameForm(talk, link, rename));
    });
    put(item, rename, button);
    return item;
  };
  const read = async (cursor = null) => {
    try {
      const page = await listConversations(cursor);
      const ids = JSON.stringify(page.conversations.map((talk) => [talk.id, talk.title]));
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

/** A form for the title of a conversation; an empty one brings back its first question. Escape leaves it. */
function renameForm(talk, link, opener) {
  const field = el("input", { type: "text", maxlength: "200", "aria-label": "Title of the conversation" });
  field.value = talk.title ?? titles.get(talk.id) ?? "";
  const note = el("div");
  const button = el("button", { type: "submit" }, "Save");
  const leave = () => {
    form.remove();
    opener.focus();
  };
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const { title } = await renameConversation(talk.id, field.value);
      talk.title = title;
      link.textContent = title ?? titles.get(talk.id) ?? moment(talk.at);
      if (!title && !titles.has(talk.id)) titled(talk.id, link);
      announce(title ? `Renamed to ${title}` : "The title was taken away");
      leave();
    } catch (error) {
      show(note, failure(error));
      button.disabled = false;
    }
  };
  const form = el(
    "form",
    { class: "rename", on: { submit, keydown: (event) => event.key === "Escape" && leave() } },
    field,
    button,
    el("button", { type: "button", on: { click: leave } }, "Cancel"),
    note,
  );
  setTimeout(() => field.select());
  return form;
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
