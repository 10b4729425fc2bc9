// The addresses of the page: #/, #/chat, #/chat/CONVERSATION, #/executions/NAME, #/executions/NAME/VISIT,
// #/compare/NAME/NAME, #/evaluations, #/evaluations/RUN, #/evaluations/RUN/compare/RUN,
// #/evaluations/RUN/items/NUMBER, #/evaluations/RUN/items/NUMBER/VISIT, #/guardrails, #/knowledge. Filters follow a question mark.

import { isUnguarded, SAVED } from "./api.js";
import { chatBox } from "./chat.js";
import { comparePage } from "./compare.js";
import { el, put, show } from "./dom.js";
import { comparisonPage, evaluationPage, evaluationsPage, itemPage } from "./evaluations.js";
import { executionPage } from "./execution.js";
import { guardrailsPage } from "./guardrails.js";
import { knowledgePage } from "./knowledge.js";
import { listPage } from "./list.js";

const main = document.getElementById("main");
const themes = ["auto", "light", "dark"];
let turn = 0;
let here = { name: null, open: null };
let chat = null;

async function route() {
  const hash = location.hash || "#/";
  if (!hash.startsWith("#/")) return; // a link inside of the page, such as "skip to the content"
  const [path, query = ""] = hash.slice(2).split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  const item = parts[0] === "evaluations" && parts[2] === "items" && parts[3];
  const visit = item ? parts[4] : parts[2];
  const number = /^\d+$/.test(visit ?? "") ? Number(visit) : null;
  const name = item ? `${parts[1]}/${item}` : parts[0] === "executions" && parts[1];
  if (name && here.name === name && here.open && number !== null) {
    here.open(number);
    return;
  }
  const filters = Object.fromEntries(new URLSearchParams(query));
  const view = parts[0] ?? "executions";
  viewed(view);
  if (view === "chat" && chat) {
    turn += 1;
    here = { name: null, open: null };
    title("Chat");
    chat.open(parts[1] ?? null);
    return;
  }
  turn += 1;
  const mine = turn;
  const alive = () => mine === turn;
  here = { name: null, open: null };
  if (parts[0] === "executions" && parts[1]) {
    title(parts[1]);
    show(main, el("h1", {}, "Execution"), el("p", { class: "quiet" }, "Reading the history…"));
    const open = await executionPage(main, parts[1], number, alive);
    if (alive()) here = { name: parts[1], open };
  } else if (parts[0] === "compare" && parts[1] && parts[2]) {
    title("Compare");
    show(main, el("h1", {}, "Compare"), el("p", { class: "quiet" }, "Reading both histories…"));
    await comparePage(main, parts[1], parts[2], alive);
  } else if (item && !SAVED) {
    title(`Item ${item}`);
    show(main, el("h1", {}, "Item"), el("p", { class: "quiet" }, "Reading the results…"));
    const open = await itemPage(main, parts[1], item, number, alive);
    if (alive()) here = { name, open };
  } else if (parts[0] === "evaluations" && parts[2] === "compare" && parts[3] && !SAVED) {
    title("Compare two evaluations");
    show(main, el("h1", {}, "Compare two evaluations"), el("p", { class: "quiet" }, "Reading both runs…"));
    await comparisonPage(main, parts[1], parts[3], filters, alive);
  } else if (parts[0] === "evaluations" && parts[1] && !SAVED) {
    title(`Evaluation ${parts[1]}`);
    evaluationPage(main, parts[1], filters, alive);
  } else if (parts[0] === "evaluations" && !SAVED) {
    title("Evaluations");
    evaluationsPage(main, alive);
  } else if (parts[0] === "guardrails" && !SAVED) {
    title("Guardrails");
    guardrailsPage(main, alive);
  } else if (parts[0] === "knowledge" && !SAVED) {
    title("Knowledge");
    knowledgePage(main, alive);
  } else if (parts.length === 0) {
    title("Executions");
    listPage(main, filters, alive);
  } else {
    show(main, el("h1", {}, "There is no such page"), el("p", {}, el("a", { href: "#/" }, "All executions")));
  }
}

/** The chat is beside the executions on a wide screen, and a screen by itself at its own address. */
function viewed(view) {
  if (document.body.dataset.view === view) return;
  document.body.dataset.view = view;
  for (const link of document.querySelectorAll("#pages a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!chat) return;
  const whole = view === "chat";
  const section = document.getElementById("chat");
  main.hidden = whole;
  if (whole) section.setAttribute("role", "main");
  else section.removeAttribute("role");
  chat.whole(whole);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function title(text) {
  document.title = `${text} · stepguard`;
}

function themed() {
  const button = document.getElementById("theme");
  let theme = "auto";
  try {
    theme = localStorage.getItem("theme") ?? "auto";
  } catch {
    // a page opened as a file may have no storage
  }
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // without storage, the theme lasts until the page is closed
    }
    apply();
  });
  apply();
}

const page = (view, href, words) => el("a", { href, "data-view": view }, words);
put(
  document.getElementById("pages"),
  !SAVED && page("chat", "#/chat", "Chat"),
  page("executions", "#/", "Executions"),
  !SAVED && page("evaluations", "#/evaluations", "Evaluations"),
  !SAVED && page("guardrails", "#/guardrails", "Guardrails"),
  !SAVED && page("knowledge", "#/knowledge", "Knowledge"),
);
themed();
if (SAVED) document.getElementById("chat").remove();
else {
  chat = chatBox(document.getElementById("chat"));
  isUnguarded().then((unguarded) => {
    const note = document.getElementById("unguarded");
    if (unguarded) note.textContent = "UNGUARDED=yes: no guard layer is on, and every answer is delivered unguarded.";
    note.hidden = !unguarded;
  });
}
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  (main.hidden ? document.getElementById("question") : main).focus();
});
window.addEventListener("hashchange", route);
if (SAVED && !location.hash) {
  const traces = JSON.parse(document.getElementById("traces").textContent);
  const name = (trace) => encodeURIComponent(trace.execution.split(":").pop());
  if (traces.length === 1) location.replace(`#/executions/${name(traces[0])}`);
}
route();
if (chat && document.body.dataset.view !== "chat") chat.open(null);
