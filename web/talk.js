// The conversation around an execution, for operators: its turns in order, each with its execution.

import { getTurns } from "./api.js";
import { el, show } from "./dom.js";
import { badge, failure } from "./parts.js";
import { moment, plural } from "./words.js";

/** The fold of an execution's page; its turns are read when it is opened. */
export function conversationFold(name) {
  const body = el("div");
  const fold = el("details", { class: "conversation" }, el("summary", {}, "Conversation"), body);
  fold.addEventListener("toggle", async () => {
    if (!fold.open || body.firstChild) return;
    show(body, el("p", { class: "quiet" }, "Reading the turns…"));
    try {
      const { id, title, turns } = await getTurns(name);
      show(
        body,
        el("p", { class: "quiet" }, [title && `“${title}”, `, plural(turns.length, "turn"), ". ", el("a", { href: `#/chat/${encodeURIComponent(id)}` }, "Open it in the chat"), ", if it is yours."]),
        el("ol", { class: "turns" }, turns.map((turn) => turnRow(turn, name))),
      );
    } catch (error) {
      show(body, failure(error));
    }
  });
  return fold;
}

function turnRow(turn, name) {
  const here = turn.execution === name;
  const question = turn.question ?? (turn.outcome === null ? "It still runs." : "Its question is not kept.");
  const answer = turn.withheld ? "Its answer cites a document that you may not read." : turn.answer;
  return el(
    "li",
    { "aria-current": here ? "true" : null },
    el("div", {}, badge(turn.outcome ?? "running"), " ", el("span", { class: "quiet" }, moment(turn.at))),
    el("a", { href: `#/executions/${encodeURIComponent(turn.execution)}` }, question),
    here && el("span", { class: "quiet" }, " (this execution)"),
    answer && el("blockquote", { tabindex: "0" }, answer),
  );
}
