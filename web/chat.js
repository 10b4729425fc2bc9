// The chat: a conversation with its turns and the box for the next question.

import { getAnswer, getConversation } from "./api.js";
import { asked, awaited, newToken } from "./asking.js";
import { conversationList } from "./conversations.js";
import { el, put, show } from "./dom.js";
import { turnItem } from "./turn.js";

const KEPT = "conversation";
/** So many of the newest turns of a conversation are shown with their sources and reasons. */
const DETAILED = 30;

/** The chat in its section. Returns `open(id)` for the page's addresses: of a conversation, or null for the last one. */
export function chatBox(section) {
  const log = el("ol", { class: "log", "aria-label": "Conversation", tabindex: "0" });
  const note = el("div", { class: "notes" });
  const field = el("textarea", { id: "question", rows: "2", required: true, maxlength: "20000" });
  const button = el("button", { type: "submit", class: "strong" }, "Ask");
  const heading = el("p", { class: "title", role: "heading", "aria-level": "2" }, "Chat");
  const talks = el("nav", { class: "talks", "aria-label": "Conversations", id: "talks" });
  const toggle = el("button", { type: "button", class: "talks-toggle", "aria-expanded": "false", "aria-controls": "talks" }, "Conversations");
  const list = conversationList((id) => id === current.id && begin());
  let current = { id: null, waiting: null };
  let alone = false;

  const remember = (id) => {
    current.id = id;
    keep(id);
    list.mark(id);
    if (location.hash.startsWith("#/chat")) history.replaceState(null, "", id ? `#/chat/${encodeURIComponent(id)}` : "#/chat");
  };

  /** An empty conversation; what was being waited for is left to itself. */
  const begin = () => {
    current.waiting?.abort();
    current = { id: null, waiting: null };
    remember(null);
    show(note);
    show(log, invitation());
    ready();
  };

  const ready = () => {
    button.disabled = current.waiting !== null;
  };

  const down = () => {
    log.scrollTop = log.scrollHeight;
  };

  /** Wait for a reply in a turn. `work` gets what a waiting function needs. */
  const follow = async (item, work) => {
    if (current.waiting) return;
    const mine = current;
    item.work = work;
    const control = new AbortController();
    mine.waiting = control;
    item.control = control;
    ready();
    item.turn.busy("Starting");
    down();
    const hooks = {
      signal: control.signal,
      busy: (words) => item.turn.busy(words),
      piece: (text) => {
        item.turn.written(text);
        down();
      },
      started: (reply) => {
        item.execution = reply.execution;
        if (reply.conversation && mine === current && mine.id !== reply.conversation) {
          remember(reply.conversation);
          item.first = true;
        }
      },
    };
    try {
      item.turn.answered(await work(hooks));
      if (item.first) list.read(); // its title is its first question, which is kept with the answer
    } catch (error) {
      if (control.signal.aborted) item.turn.stopped(item.execution);
      else item.turn.failed(error);
    }
    if (mine.waiting === control) mine.waiting = null;
    ready();
    down();
  };

  const added = (question) => {
    const item = { turn: null, control: null, execution: null, work: null };
    item.turn = turnItem(question, {
      stop: () => item.control?.abort(),
      again: (text) => send(text),
      edit: (text) => {
        field.value = text;
        field.focus();
      },
      // The same client_token finds the same execution: nothing is asked twice.
      look: () => follow(item, item.work),
    });
    log.querySelector(".empty")?.remove();
    log.append(item.turn.element);
    return item;
  };

  const send = (question) => {
    if (current.waiting) return;
    const token = newToken();
    const inside = () => (alone ? null : (current.id ?? "new"));
    follow(added(question), async (hooks) => {
      try {
        return await asked(question, inside(), token, hooks);
      } catch (error) {
        if (/has no (table for )?conversations/.test(error.message)) {
          alone = true;
          show(note, el("p", { class: "note" }, "This deployment has no conversations: each question is answered by itself."));
        } else if (error.code === "UnknownConversation" && current.id) {
          remember(null);
        } else throw error;
        return asked(question, inside(), token, hooks);
      }
    });
  };

  /** Show the turns of a conversation that is kept. */
  const open = async (id) => {
    const wanted = id ?? (current.id === null && !current.waiting ? kept() : null);
    if (!wanted || (wanted === current.id && !log.querySelector(".empty"))) {
      if (current.id) remember(current.id);
      return;
    }
    begin();
    const mine = current;
    try {
      const { turns } = await getConversation(wanted);
      if (mine !== current || mine.waiting) return;
      if (!turns.length) throw Object.assign(new Error("This conversation is empty."), { code: "UnknownConversation" });
      remember(wanted);
      const items = turns.map((turn) => [turn, added(turn.question)]);
      items.forEach(([turn, item], number) => {
        item.execution = turn.execution;
        item.turn.kept(turn);
        if (number >= items.length - DETAILED) detailed(turn, item, number === items.length - 1);
      });
      down();
    } catch (error) {
      if (mine !== current) return;
      remember(null);
      // The last conversation may have expired or been deleted in another tab: the chat then begins anew.
      if (id) show(note, el("p", { class: "failure", role: "alert" }, error.message));
    }
  };

  /** What the conversation does not keep: sources, reasons, the whole text; and the end of a turn that still runs. */
  const detailed = async (turn, item, last) => {
    const reply = await getAnswer(turn.execution).catch(() => null);
    if (reply?.status === "RUNNING" && last) follow(item, (hooks) => awaited(turn.execution, hooks));
    else if (reply?.answer) item.turn.answered(reply, { quietly: true });
    if (last) down();
  };

  const form = el(
    "form",
    {
      class: "ask",
      on: {
        submit: (event) => {
          event.preventDefault();
          const question = field.value;
          if (!question.trim() || button.disabled) return;
          field.value = "";
          send(question);
        },
      },
    },
    el("label", { for: "question" }, "Ask a question"),
    el("div", { class: "box" }, field, button),
  );
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  toggle.addEventListener("click", () => {
    const shown = section.classList.toggle("with-talks");
    toggle.setAttribute("aria-expanded", String(shown));
    if (shown) list.read();
  });
  const fresh = el("button", { type: "button", on: { click: () => { begin(); field.focus(); } } }, "New");
  put(talks, list.element);
  put(section, el("div", { class: "chat-head" }, heading, toggle, fresh), talks, el("div", { class: "talk" }, note, log, form));
  put(log, invitation());
  return {
    open,
    /** The chat as the page's only content, or beside it. */
    whole(yes) {
      heading.setAttribute("aria-level", yes ? "1" : "2");
      section.classList.remove("with-talks");
      toggle.setAttribute("aria-expanded", "false");
      if (yes) list.read();
    },
  };
}

function invitation() {
  return el("li", { class: "quiet empty" }, "Ask a question. Each answer says which guard acted, and why.");
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Only the id: the texts stay on the server. */
function keep(id) {
  try {
    if (id) localStorage.setItem(KEPT, id);
    else localStorage.removeItem(KEPT);
  } catch {
    // without storage, the address of the conversation still leads to it
  }
}
