// One turn of the chat: the question, what goes on, the answer with its sources, and why it is what it is.

import { getSource, readMarkdown } from "./api.js";
import { announce, el, put, show } from "./dom.js";
import { thumbs } from "./feedback.js";
import { blocks } from "./markdown.js";
import { badge } from "./parts.js";
import { reasonsOf } from "./reasons.js";
import { nameOf } from "./words.js";

const MARKS = /(\[\d{1,3}\]|\{[A-Z][A-Z0-9_ -]{0,60}\})/;
let turns = 0;

/** The turn's element, and functions that change it. `act` has `stop`, `again(question)`, `edit(question)`, `look()`. */
export function turnItem(question, act) {
  turns += 1;
  const id = turns;
  const asked = el("div", { class: "asked" });
  const reply = el("div", { class: "reply", "aria-busy": "true" });
  const element = el("li", { class: "turn" }, asked, reply);
  const askedAs = (text) => show(asked, text === null ? el("span", { class: "quiet" }, "This question was not kept.") : marked(text, {}));
  const ended = (...parts) => {
    reply.removeAttribute("aria-busy");
    show(reply, ...parts);
  };
  const tools = (...more) =>
    el("p", { class: "tools" }, more, question !== null && [tool("Ask again", () => act.again(question)), tool("Edit", () => act.edit(question))]);
  askedAs(question);
  return {
    element,
    busy(words) {
      const said = reply.querySelector(".stage");
      if (said) show(said, `${words}…`);
      else show(reply, el("p", { class: "quiet" }, el("span", { class: "spinner", "aria-hidden": "true" }), " ", el("span", { class: "stage" }, `${words}…`), " ", tool("Stop", act.stop)));
    },
    /** The guarded text so far: the end may replace it. */
    written(text) {
      const place = reply.querySelector(".provisional") ?? el("div", { class: "text plain provisional" });
      reply.prepend(place);
      show(place, text);
    },
    stopped(execution) {
      ended(
        el("p", { class: "quiet" }, "You stopped waiting. What has been started runs to its end."),
        tools(tool("Look for the answer", act.look), why(execution)),
      );
      announce("Stopped");
    },
    failed(error) {
      ended(el("p", { class: "failure" }, error.message), tools(tool("Try again", act.look)));
      announce(error.message);
    },
    /** A turn that was kept, before more is known about it. */
    kept(turn) {
      ended(el("div", { class: "text" }, turn.answer ?? ""), tools(turn.outcome && badge(turn.outcome), why(turn.execution)));
    },
    answered(result, { quietly = false } = {}) {
      const { answer, execution } = result;
      const sources = new Map((answer.citations ?? []).map((citation) => [citation.n, citation]));
      const text = el("div", { class: "text plain" }, marked(answer.text, sources, execution, id));
      ended(
        text,
        answer.withheld && el("p", { class: "quiet" }, "The answer cites a document that you may not read now."),
        whyList(answer),
        sourcesList(sources, execution, id),
        tools(badge(answer.outcome), why(execution), !answer.withheld && thumbs(execution)),
      );
      readMarkdown([answer.text]).then(([trees]) => {
        if (trees.length === 1 && typeof trees[0] === "string") return;
        text.classList.remove("plain");
        show(text, blocks(trees, (piece) => marked(piece, sources, execution, id)));
      });
      if (!quietly) announce(answer.text);
    },
  };
}

function tool(words, click) {
  return el("button", { type: "button", class: "plain-button", on: { click } }, words);
}

function why(execution) {
  return execution && el("a", { href: `#/executions/${encodeURIComponent(nameOf(execution))}` }, "Why?");
}

/** A text with links in place of the numbers of its sources, and its masks marked. */
function marked(text, sources, execution, id) {
  return text.split(MARKS).map((piece, number) => {
    if (number % 2 === 0) return piece;
    const citation = sources.get?.(Number(piece.slice(1, -1)));
    if (piece.startsWith("[")) return citation ? citationLink(citation, execution, id) : piece;
    return el("mark", { class: "hidden-text", title: "hidden by a guard" }, piece);
  });
}

function whyList(answer) {
  const reasons = reasonsOf(answer.outcome, answer.verdicts).map(({ action, text, matters }) =>
    el(
      "li",
      { class: `tone-${action === "stopped" ? "blocked" : "masked"}` },
      matters.some((one) => one.includes(","))
        ? [text, el("ul", {}, matters.map((one) => el("li", {}, one)))]
        : `${text} ${listed(matters)}.`,
    ),
  );
  return reasons.length > 0 && el("ul", { class: "reasons" }, reasons);
}

/** "a, b and c" */
function listed(parts) {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** The number of a source: hovered or focused it shows the passage, clicked it opens the document. */
function citationLink(citation, execution, id) {
  const shown = `passage-${id}-${citation.n}`;
  return el(
    "span",
    { class: "citation" },
    el(
      "a",
      { class: "cite", href: `#source-${id}-${citation.n}`, "aria-describedby": shown, on: { click: (event) => opened(event, citation, execution) } },
      `[${citation.n}]`,
    ),
    el("span", { class: "passage", role: "tooltip", id: shown }, el("strong", {}, place(citation)), el("br"), citation.excerpt),
  );
}

function sourcesList(sources, execution, id) {
  if (!sources.size) return null;
  return el(
    "details",
    { class: "sources" },
    el("summary", {}, sources.size === 1 ? "1 source" : `${sources.size} sources`),
    el(
      "ol",
      {},
      [...sources.values()].map((citation) =>
        el(
          "li",
          { value: citation.n, id: `source-${id}-${citation.n}` },
          el("a", { href: `#source-${id}-${citation.n}`, on: { click: (event) => opened(event, citation, execution) } }, place(citation)),
          el("blockquote", {}, citation.excerpt),
        ),
      ),
    ),
  );
}

function place(citation) {
  return `${citation.title || citation.id}${citation.page === null || citation.page === undefined ? "" : `, page ${citation.page}`}`;
}

/** Open the document of a citation: its link works for some minutes, so it is made now. */
async function opened(event, citation, execution) {
  event.preventDefault();
  const element = event.currentTarget;
  try {
    const href = await getSource(execution, citation.n);
    if (!/^https?:/i.test(href)) throw new Error("The document has no address on the web.");
    el("a", { href, target: "_blank", rel: "noopener noreferrer" }).click();
  } catch (error) {
    const note = el("span", { class: "failure", role: "alert" }, error.message);
    (element.closest("li") ?? element.parentElement).querySelector(":scope > .failure")?.remove();
    put(element.closest("li") ?? element.parentElement, note);
  }
}
