// Markdown: the trees that the server reads from a text, as elements. Only the elements of these lists exist.

import { el } from "./dom.js";

const ELEMENTS = new Set(["p", "ul", "li", "blockquote", "em", "strong", "s", "br", "hr", "code", "tbody", "thead", "tr", "td"]);
const LINK = /^(https?|mailto):/i;

/** The elements of blocks. `mark(text)` may put others in place of a text, such as links of citations. */
export function blocks(trees, mark = (text) => text) {
  return trees.map((tree) => block(tree, mark));
}

function block(tree, mark) {
  if (typeof tree === "string") return mark(tree);
  const [name, { href, start }, ...inner] = tree;
  // A text inside of code or of a link stays as it is.
  const inside = inner.map((child) => block(child, name === "code" || name === "a" ? (text) => text : mark));
  if (ELEMENTS.has(name)) return el(name, {}, inside);
  if (name === "ol") return el("ol", { start: Number.isInteger(start) ? start : null }, inside);
  if (name === "h") return el("p", { class: "heading" }, inside);
  if (name === "th") return el("th", { scope: "col" }, inside);
  if (name === "pre" || name === "table") return wide(name, inside);
  if (name === "a" && LINK.test(href)) {
    return el("a", { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow" }, inside);
  }
  return inside;
}

function wide(name, inside) {
  const label = name === "pre" ? "Code" : "Table";
  return el("div", { class: "scroller", role: "group", "aria-label": label, tabindex: "0" }, el(name, {}, inside));
}
