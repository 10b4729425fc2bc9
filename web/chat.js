// The chat: every answer links to its execution.

import { chat } from "./api.js";
import { announce, el, put } from "./dom.js";
import { badge } from "./parts.js";
import { nameOf } from "./words.js";

export function chatBox(section) {
  const log = el("ol", { class: "log", "aria-label": "Conversation" });
  const field = el("textarea", { id: "question", rows: "3", required: true, maxlength: "20000" });
  const button = el("button", { type: "submit" }, "Ask");
  const send = async (event) => {
    event.preventDefault();
    const question = field.value;
    if (!question.trim() || button.disabled) return;
    button.disabled = true;
    field.value = "";
    const reply = el("div", { class: "reply" }, el("p", { class: "quiet" }, "The guards and the model are running…"));
    const item = el("li", {}, el("p", { class: "asked" }, question), reply);
    log.append(item);
    item.scrollIntoView({ block: "nearest" });
    try {
      const result = await chat(question);
      reply.replaceChildren();
      put(
        reply,
        el("p", { class: "text" }, result.answer.text),
        el(
          "p",
          {},
          badge(result.answer.outcome),
          " ",
          el("a", { href: `#/executions/${encodeURIComponent(nameOf(result.execution))}` }, "Why?"),
        ),
      );
      announce(result.answer.text);
    } catch (error) {
      reply.replaceChildren();
      put(reply, el("p", { class: "failure" }, error.message));
      announce(error.message);
    }
    button.disabled = false;
    item.scrollIntoView({ block: "nearest" });
  };
  const form = el(
    "form",
    { on: { submit: send } },
    el("label", { for: "question" }, "Ask a question"),
    field,
    button,
  );
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  put(section, el("h2", {}, "Chat"), log, form);
}
