// A JSON value that folds and copies; the stack of an error.

import { announce, el } from "./dom.js";

const OPEN_CHARACTERS = 600;
const SHORT_CHARACTERS = 80;
const MEMBERS = 200;
/** What turns a line around or cannot be seen: it is shown as JSON escapes it, and copied as it is. */
const UNSEEN = /[\u0080-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const OWN_FRAME = /^(functions|stepguard|chalicelib|app\.py)\b/;

/** A value, folded; opening it creates its tree. */
export function jsonFold(title, value, open = false) {
  const body = el("div", { class: "viewer" });
  const fold = el("details", {}, el("summary", {}, title), body);
  const fill = () => {
    if (!fold.open || body.firstChild) return;
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    const inner = value !== null && typeof value === "object" ? tree(value) : el("pre", {}, seen(text));
    body.append(copyButton(text), el("div", { class: "scroller json", role: "group", "aria-label": title, tabindex: "0" }, inner));
  };
  fold.addEventListener("toggle", fill);
  fold.open = open;
  fill();
  return fold;
}

/** A button that copies a text; nothing where the browser has no clipboard. */
export function copyButton(text, place = "copy") {
  // Browsers give pages that were opened as files no clipboard.
  if (!navigator.clipboard) return "";
  const button = el("button", { type: "button", class: `plain-button ${place}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    button.textContent = done ? "Copied" : "The browser does not permit it";
    announce(button.textContent);
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

function seen(text) {
  return text.replace(UNSEEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The members of an object or list, each foldable; small ones are open, and many come in parts. */
function tree(value) {
  const members = Array.isArray(value) ? value.map((item, place) => [place, item]) : Object.entries(value);
  const list = el("ul", { class: "tree" });
  const fill = () => {
    const from = list.children.length;
    list.append(...members.slice(from, from + MEMBERS).map(([name, item]) => el("li", {}, member(String(name), item))));
    const left = members.length - list.children.length;
    if (left > 0) {
      const more = el("button", { type: "button", on: { click: () => { more.parentElement.remove(); fill(); } } }, `Show more of ${left}`);
      list.append(el("li", {}, more));
    }
  };
  fill();
  return list;
}

function member(name, value) {
  const key = el("span", { class: "key" }, seen(name));
  if (value === null || typeof value !== "object") return [key, ": ", scalar(value)];
  const text = JSON.stringify(value);
  if (text.length <= SHORT_CHARACTERS) return [key, ": ", el("code", {}, seen(text))];
  const size = Array.isArray(value) ? `[${value.length}]` : `{${Object.keys(value).length}}`;
  const fold = el("details", {}, el("summary", {}, key, " ", el("span", { class: "quiet" }, size)));
  const fill = () => fold.open && fold.children.length === 1 && fold.append(tree(value));
  fold.addEventListener("toggle", fill);
  fold.open = text.length <= OPEN_CHARACTERS;
  fill();
  return fold;
}

function scalar(value) {
  return el("span", { class: `value ${typeof value}` }, typeof value === "string" ? seen(JSON.stringify(value)) : String(value));
}

/** The frames of a stack, as `file:line in function: code`; the application's stand out, repeated ones are counted. */
export function stackFold(lines) {
  const frames = [];
  for (const line of lines) {
    if (frames.at(-1)?.line === line) frames.at(-1).times += 1;
    else frames.push({ line, times: 1 });
  }
  const items = frames.map(({ line, times }) => {
    const [, where, code] = line.match(/^(\S+:\d+ in [^:]+): (.*)$/s) ?? [null, line, ""];
    return el("li", { class: OWN_FRAME.test(line) ? "own" : "quiet" }, seen(where), times > 1 && ` × ${times}`, code && el("code", {}, code));
  });
  const title = "Stack, the application’s frames last";
  const list = el("div", { class: "scroller", role: "group", "aria-label": title, tabindex: "0" }, el("ol", { class: "stack" }, items));
  return el("details", { open: true }, el("summary", {}, title), el("div", { class: "viewer" }, copyButton(lines.join("\n")), list));
}
