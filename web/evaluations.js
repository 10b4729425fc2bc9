// Evaluations: the list of runs, and a run with its progress, scorecard and report.

import { getEvaluation, getItem, getReports, getResultFiles, listEvaluations } from "./api.js";
import { announce, el, show } from "./dom.js";
import { executionPage } from "./execution.js";
import { itemsAddress, itemsSection } from "./items.js";
import { badge, facts, failure, head, rowsTable, scroller, tableRow } from "./parts.js";
import { pagedList } from "./paging.js";
import { sweepSection } from "./sweep.js";
import { LAYERS, milliseconds, moment, plural, policyWords } from "./words.js";

const RUN_SECONDS = 2;
const RUNS_SECONDS = 5;
const REASON_CHARACTERS = 300;
const RUN_COLUMNS = ["compare", "status", "run", "items", "failed", "scores", "started", "took"];

/** The newest runs, refreshed. */
export function evaluationsPage(main, alive) {
  const body = el("div", {}, el("p", { class: "quiet" }, "Reading the list…"));
  const picked = new Set();
  const compare = el(
    "button",
    {
      type: "button",
      disabled: true,
      on: {
        click: () => {
          // The ids begin with their times: the newer run is shown first.
          const [older, newer] = [...picked].sort().map(encodeURIComponent);
          location.hash = `#/evaluations/${newer}/compare/${older}`;
        },
      },
    },
    "Compare the two chosen",
  );
  const failed = (error) => alive() && show(body, failure(error));
  const list = pagedList(
    async (cursor) => {
      const { evaluations, ...page } = await listEvaluations(cursor);
      return { found: evaluations, ...page };
    },
    (run) => run.id,
    (runs) => {
      if (!alive()) return;
      show(body, runs.length ? runsTable(runs, picked, compare) : noRuns());
      announce(plural(runs.length, "evaluation"));
    },
    failed,
  );
  show(main, el("h1", {}, "Evaluations"), el("p", { class: "actions" }, compare), body, el("p", {}, list.button));
  keptUp(alive, RUNS_SECONDS, list.read, (page) => {
    list.put(page);
    return true;
  }, failed);
}

/** One run, followed until it has ended. */
export function evaluationPage(main, id, query, alive) {
  const body = el("div", {}, el("p", { class: "quiet" }, "Reading the evaluation…"));
  show(main, el("p", {}, el("a", { href: "#/evaluations" }, "All evaluations")), el("h1", {}, "Evaluation ", el("code", {}, id)), body);
  const read = async () => {
    const run = await getEvaluation(id);
    if (hasEnded(run)) {
      // A run's files may be deleted, and its report may not exist: the page also works without them.
      const [reports, files] = await Promise.all([getReports().catch(() => []), getResultFiles(id).catch(() => ({}))]);
      run.report = reports.includes(id);
      run.files = files;
    }
    return run;
  };
  keptUp(alive, RUN_SECONDS, read, (run) => {
    show(body, runProgress(run), resultLinks(run), run.scorecard ? scorecardParts(run) : null,
      hasEnded(run) && [el("h2", {}, "All items"), itemsSection(id, query, `#/evaluations/${encodeURIComponent(id)}`, alive)]);
    announce(`${run.status.toLowerCase()}, ${run.done} of ${run.total ?? "?"}`);
    return !hasEnded(run);
  }, (error) => show(body, failure(error)));
}

/** The item's line of the results; `visit` is the stage to open. Returns a function that opens another one. */
export function itemPage(main, run, number, visit, alive) {
  const base = `#/evaluations/${encodeURIComponent(run)}/items/${encodeURIComponent(number)}`;
  return executionPage(main, number, visit, alive, { read: () => getItem(run, number), base, back: itemsAddress(run) });
}

/** Read every few seconds while `draw` returns true, and redraw when the data differs. */
async function keptUp(alive, seconds, read, draw, failed) {
  let last = "";
  let more = true;
  while (alive() && more) {
    if (!document.hidden) {
      try {
        const found = await read();
        const text = JSON.stringify(found);
        if (alive() && text !== last) more = draw(found);
        last = text;
      } catch (error) {
        if (alive() && last !== error.message) failed(error);
        last = error.message;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

function hasEnded(run) {
  return !["RUNNING", "PENDING_REDRIVE"].includes(run.status);
}

function runBadge(status) {
  return badge(status.toLowerCase());
}

function noRuns() {
  return el("p", {}, "No evaluation yet. Start one with: ", el("code", {}, "stepguard evaluate corpora/healthcare.jsonl"));
}

function runsTable(runs, picked, compare) {
  const rows = runs.map((run) => {
    const box = el("input", {
      type: "checkbox",
      "aria-label": `Choose ${run.id} to compare`,
      checked: picked.has(run.id),
      disabled: !hasEnded(run),
      on: {
        change: () => {
          if (box.checked) picked.add(run.id);
          else picked.delete(run.id);
          compare.disabled = picked.size !== 2;
        },
      },
    });
    const score = el("td", { class: "small" }, "–");
    if (hasEnded(run)) scored(run.id, score);
    return tableRow(RUN_COLUMNS, [
      el("td", {}, box),
      el("td", {}, runBadge(run.status)),
      el(
        "td",
        { class: "wide" },
        el("a", { href: `#/evaluations/${encodeURIComponent(run.id)}` }, run.id),
        el("div", { class: "quiet" }, corpusOf(run)),
        el("div", { class: "quiet" }, guardrailsOf(run)),
      ),
      el("td", {}, run.items === null ? "–" : run.items.toLocaleString("en")),
      el("td", {}, run.failed === null ? (run.error ?? "–") : run.failed.toLocaleString("en")),
      score,
      el("td", { class: "small" }, moment(run.started)),
      el("td", { class: "small" }, run.stopped ? milliseconds(new Date(run.stopped) - new Date(run.started)) : "…"),
    ]);
  });
  return rowsTable("Evaluations", "list", RUN_COLUMNS, rows);
}

function guardrailsOf(run) {
  const given = run.guardrails ?? {};
  const words = Object.keys(LAYERS).filter((layer) => given[layer]).map((layer) => `${LAYERS[layer]} ${given[layer].id} version ${given[layer].version}`);
  return words.length ? words.join(", ") : "the deployed guardrails";
}

function corpusOf(run) {
  return run.corpus?.split("/").filter(Boolean).pop();
}

const scores = new Map();

/** The scores of a run: the scorecard of an ended run does not change. */
async function scored(id, cell) {
  if (!scores.has(id)) scores.set(id, getEvaluation(id).then((run) => run.scorecard ?? null, () => null));
  const card = await scores.get(id);
  if (!card?.correct) return;
  const rates = { "as expected": card.correct, recall: card.intervention.recall, "over-refusal": card.intervention.false_positive_rate };
  const lines = Object.entries(rates).filter(([, rate]) => rate).map(([name, rate]) => el("div", {}, `${name} ${(rate.value * 100).toFixed(1)} %`));
  show(cell, lines);
}

/** Two runs side by side: their scores, then each item of the first with its namesake, changed ones first. */
export async function comparisonPage(main, id, other, query, alive) {
  const base = `#/evaluations/${encodeURIComponent(id)}/compare/${encodeURIComponent(other)}`;
  try {
    const runs = await Promise.all([getEvaluation(id), getEvaluation(other)]);
    if (!alive()) return;
    show(
      main,
      el("p", {}, el("a", { href: "#/evaluations" }, "All evaluations")),
      el("h1", {}, "Compare two evaluations"),
      el(
        "div",
        { class: "pair" },
        runs.map((run, place) =>
          el(
            "section",
            { "aria-label": place ? "The other run" : "This run" },
            el("h2", {}, place ? "The other run: " : "This run: ", el("a", { href: `#/evaluations/${encodeURIComponent(run.id)}` }, run.id)),
            facts(sourceFacts(run)),
            run.scorecard ? facts(scoreFacts(run.scorecard)) : el("p", { class: "quiet" }, "It has no scorecard."),
          ),
        ),
      ),
      el("h2", {}, "Items, changed ones first"),
      itemsSection(id, query, base, alive, other),
    );
  } catch (error) {
    if (alive()) show(main, el("h1", {}, "Compare two evaluations"), failure(error));
  }
}

function sourceFacts(run) {
  return [["corpus", corpusOf(run)], ["guardrails", guardrailsOf(run)]];
}

function runProgress(run) {
  const pending = run.total === null ? null : Math.max(0, run.total - run.done - run.running);
  const counts = { pending, running: run.running, succeeded: run.succeeded, failed: run.failed };
  return [
    el("p", {}, runBadge(run.status), run.total === null && !hasEnded(run) ? " Reading the corpus…" : ""),
    run.total !== null && el("progress", { max: run.total, value: run.done, "aria-label": "Items done" }),
    facts([
      ...Object.entries(counts).map(([name, count]) => [name, count === null ? null : count.toLocaleString("en")]),
      ["started", moment(run.started)],
      ["took", run.stopped ? milliseconds(new Date(run.stopped) - new Date(run.started)) : null],
      ["lost", run.summary?.lost || null],
      ...sourceFacts(run),
    ]),
    run.error && el("p", { class: "failure" }, run.error),
  ];
}

function resultLinks(run) {
  const files = Object.entries(run.files ?? {}).filter(([, address]) => /^https?:\/\//.test(address));
  if (!hasEnded(run)) return null;
  return el(
    "p",
    { class: "actions results" },
    run.report && el("a", { href: `evaluations/${encodeURIComponent(run.id)}/report.html` }, "Open the report"),
    !run.report && !("report.html" in (run.files ?? {})) &&
      el("span", { class: "quiet" }, "This run has no report. ", el("code", {}, `stepguard evaluate --resume ${run.id}`), " writes it. "),
    files.map(([name, address]) => el("a", { href: address, download: true }, `Download ${name}`)),
  );
}

function scorecardParts(run) {
  const card = run.scorecard;
  return [
    el("h2", {}, "Items"),
    facts(scoreFacts(card)),
    el("h2", {}, "Outcomes by stage"),
    funnelTable(card.funnel),
    el("h2", {}, "Policies and filters"),
    policiesTable(card.policies),
    sweepSection(card),
    card.look_first.length > 0 && [el("h2", {}, "Check these first"), lookTable(card.look_first, run.id)],
  ];
}

function scoreFacts(card) {
  return [
    ["items", card.items.toLocaleString("en")],
    ...Object.entries(card.actions).map(([name, count]) => [name, count.toLocaleString("en")]),
    ["bad rows", card.bad_rows || null],
    ["as expected", card.correct && rateText(card.correct)],
    ["precision of intervening", card.labelled ? rateText(card.intervention.precision) : null],
    ["recall of intervening", card.labelled ? rateText(card.intervention.recall) : null],
    ["over-refusal", card.labelled ? rateText(card.intervention.false_positive_rate) : null],
  ];
}

/** A share with its 95 % Wilson interval. */
function rateText(rate) {
  const percent = (value) => `${(value * 100).toFixed(1)} %`;
  return rate ? `${percent(rate.value)} (${percent(rate.low)} to ${percent(rate.high)})` : "–";
}

function funnelTable(funnel) {
  const rows = funnel.map(({ state, reached, ...outcomes }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, state),
      el("td", {}, reached.toLocaleString("en")),
      el("td", { class: "wide" }, Object.entries(outcomes).map(([name, count]) => [badge(name), ` ${count.toLocaleString("en")} `])),
    ),
  );
  return scroller("Outcomes by stage", el("table", {}, head("stage", "reached", "outcomes"), el("tbody", {}, rows)));
}

function policiesTable(policies) {
  if (!policies.length) return el("p", { class: "quiet" }, "No policy acted, as expected.");
  const rows = policies.map((row) => {
    const cut = row.policy.indexOf("/");
    const filter = cut < 0 ? null : row.policy.slice(cut + 1);
    return el(
      "tr",
      {},
      el("th", { scope: "row", class: filter === null ? null : "filter" }, filter ?? policyWords(row.policy)),
      [row.intervened, row.tp, row.fn, row.fp].map((count) => el("td", {}, count ?? "–")),
      el("td", { class: "small" }, rateText(row.precision)),
      el("td", { class: "small" }, rateText(row.recall)),
    );
  });
  const names = ["policy", "acted on", "rightly", "missed", "needlessly", "precision", "recall"];
  return scroller("Policies and filters", el("table", { class: "policies" }, head(...names), el("tbody", {}, rows)));
}

function lookTable(items, run) {
  const names = ["item", "why", "expected", "found", "findings"];
  const rows = items.map((item) =>
    tableRow(names, [
      el("th", { scope: "row", class: "wide" }, el("a", { class: "lines", href: `#/evaluations/${encodeURIComponent(run)}/items/${item.number}` }, item.id)),
      el("td", { class: "wide" }, item.reason.slice(0, REASON_CHARACTERS)),
      el("td", {}, item.expected ? badge(item.expected) : "–"),
      el("td", {}, badge(item.action)),
      el("td", {}, item.findings.join(", ") || "–"),
    ]),
  );
  return rowsTable("Check these first", "look", names, rows);
}
