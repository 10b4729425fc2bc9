// Knowledge: the documents with their screening and ingestion, and a search box.

import { getView } from "./api.js";
import { announce, el, show } from "./dom.js";
import { badge, facts, failure, rowsTable, tableRow } from "./parts.js";
import { plural } from "./words.js";

const DOCUMENT_COLUMNS = ["document", "screening", "ingestion", "who may read it"];
const INGESTED = { INDEXED: "passed", FAILED: "failed", PENDING: "running" };

export function knowledgePage(main, alive) {
  const body = el("div", {}, el("p", { class: "quiet" }, "Reading the documents…"));
  show(main, el("h1", {}, "Knowledge"), searchForm(alive), el("h2", {}, "Documents"), body);
  getView("documents").then(
    (found) => alive() && show(body, documentsPart(found)),
    (error) => alive() && show(body, failure(error)),
  );
}

function documentsPart(found) {
  if (!found.knowledge_base) return el("p", {}, "There is no knowledge base: set KNOWLEDGE_BASE_ID for this command.");
  const { ingestion, documents, flagged } = found;
  if (!documents.length && !flagged.length) {
    return el("p", {}, "No document yet. Add a folder with: ", el("code", {}, "stepguard knowledge add FOLDER"));
  }
  const filter = el("input", { type: "search", id: "document-filter" });
  const row = (name, screening, state, groups) =>
    tableRow(DOCUMENT_COLUMNS, [el("th", { scope: "row", class: "wide" }, name), el("td", {}, screening), el("td", {}, state), el("td", {}, groups)], { "data-name": name.toLowerCase() });
  const rows = [
    ...flagged.map((name) => row(name, badge("blocked"), "left out: the guards refused it", "–")),
    ...documents.map((one) => row(one.name, one.screening ? badge(one.screening) : "not screened", [badge(INGESTED[one.status] ?? "skipped"), ` ${one.status.toLowerCase()}`], one.groups.join(", ") || "–")),
  ];
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const item of rows) item.hidden = !item.dataset.name.includes(wanted);
  });
  return [
    facts([
      ["knowledge base", found.knowledge_base],
      ["documents", documents.length],
      ["left out", flagged.length || null],
      ["last ingestion", ingestion && ingestion.status.toLowerCase()],
      ...Object.entries(ingestion?.statistics ?? {}).filter(([, count]) => count)
        .map(([name, count]) => [name.replace(/^numberOf/, "").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase(), count]),
    ]),
    ingestion?.failures.length > 0 && el("ul", { class: "failure" }, ingestion.failures.map((reason) => el("li", {}, reason))),
    flagged.length > 0 && el("p", { class: "quiet" }, "A document that was left out by mistake: ", el("code", {}, "stepguard knowledge release NAME")),
    el("p", { class: "filters" }, el("label", { for: "document-filter" }, "Name contains "), filter),
    rowsTable("Documents", "documents", DOCUMENT_COLUMNS, rows),
  ];
}

const PASSAGE_CHARACTERS = 400;

/** A passage; a long one is folded behind its beginning. */
function passage(one) {
  const name = [el("strong", {}, one.uri.split("/").pop()), el("span", { class: "quiet" }, ` score ${one.score.toFixed(3)}`)];
  if (one.text.length <= PASSAGE_CHARACTERS) return el("li", {}, name, el("div", { class: "text" }, one.text));
  const whole = el("details", {}, el("summary", {}, "The whole passage"), el("div", { class: "text" }, one.text));
  return el("li", {}, name, el("div", {}, `${one.text.slice(0, PASSAGE_CHARACTERS).replace(/\s+/g, " ")}…`), whole);
}

function searchForm(alive) {
  const text = el("input", { type: "search", id: "search-text", required: true, maxlength: "1000" });
  const groups = el("input", { type: "text", id: "search-groups", placeholder: "group, group" });
  const result = el("div");
  const search = async (event) => {
    event.preventDefault();
    show(result, el("p", { class: "quiet" }, "Searching…"));
    try {
      const { results } = await getView("search", { text: text.value, groups: groups.value });
      if (!alive()) return;
      show(
        result,
        results.length
          ? el("ol", { class: "found" }, results.map(passage))
          : el("p", {}, "Nothing was found."),
      );
      announce(plural(results.length, "passage"));
    } catch (error) {
      if (alive()) show(result, failure(error));
    }
  };
  return el(
    "form",
    { role: "search", on: { submit: search } },
    el(
      "div",
      { class: "filters fields" },
      el("label", { class: "search" }, el("span", {}, "Search the documents"), text),
      el("label", {}, el("span", {}, "As members of"), groups),
      el("button", { type: "submit" }, "Search"),
    ),
    result,
  );
}
