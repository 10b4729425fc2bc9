// What can be done with an execution: run it again, change how it goes on, keep it, compare it.

import { getEvents, getPage, record, redrive, replay, rerun, stop } from "./api.js";
import { el, put, show } from "./dom.js";
import { download, zipped } from "./download.js";
import { nameOf, plural } from "./words.js";

const REDRIVABLE = ["FAILED", "TIMED_OUT", "ABORTED"];
const PAUSE = 1000;
const LABELS = { text: "Text", query: "Query", completion: "Given response" };

/** The actions on an execution; `again` reads it anew. */
export function actionsOf(name, trace, again) {
  const message = el("p", { role: "status", class: "done" });
  const button = (words, work, properties = {}) => {
    const element = el("button", { type: "button", ...properties }, words);
    element.addEventListener("click", () => doing(element, message, work));
    return element;
  };
  const held = trace.input?.request;
  const request = held && typeof held === "object" && !Array.isArray(held) ? held : null;
  const form = request && !trace.redacted && editForm(name, request, message);
  const runs = trace.status === "RUNNING";
  return el(
    "section",
    { class: "actions", "aria-label": "Actions" },
    el(
      "p",
      { class: "buttons" },
      request && button("Replay with the deployed guardrails", async () => {
        const started = await replay(name);
        location.hash = comparison(name, started.execution);
      }),
      form && el("button", { type: "button", "aria-expanded": "false", on: { click: (event) => toggled(event.target, form) } }, "Run again with edited input"),
      REDRIVABLE.includes(trace.status) && button("Redrive", async () => {
        await redrive(name);
        again();
      }, { id: "redrive", "aria-describedby": "redrive-note" }),
      runs && button("Stop", async () => {
        await stop(name);
        again();
      }, { id: "stop" }),
      request && !runs && button("Record as a test", () => recorded(name, message)),
      button("Export history", () => exported(name, message)),
      button("Export page", async () => {
        const file = await getPage(name);
        download(file.name, file.page, "text/html");
        show(message, `${file.name} was saved. It needs no server and no script.`);
      }),
    ),
    REDRIVABLE.includes(trace.status) && el("p", { class: "quiet", id: "redrive-note" }, redriveNote(trace)),
    form,
    message,
    compareForm(name),
    request && el("p", { class: "quiet" }, "A replay with other guardrails: ", el("code", {}, `stepguard replay ${nameOf(trace.execution)} --guardrails DIR|newest`)),
  );
}

function redriveNote(trace) {
  const last = trace.visits.at(-1);
  const where = last?.type === "Fail"
    ? `It ended in the Fail state ${last.state}, and a redrive enters that state again; a replay runs all states.`
    : "A redrive continues the same execution at the state that did not succeed; what succeeded is kept.";
  return `${where} AWS redrives for 14 days.`;
}

/** Do the work while the button is disabled, and say what went wrong. */
async function doing(button, message, work) {
  button.disabled = true;
  show(message, "Working…");
  try {
    await work();
    if (message.textContent === "Working…") show(message);
  } catch (error) {
    show(message, el("span", { class: "failure" }, error.message));
  }
  button.disabled = false;
}

function toggled(button, form) {
  form.hidden = !form.hidden;
  button.setAttribute("aria-expanded", String(!form.hidden));
  if (!form.hidden) form.querySelector("textarea").focus();
}

/** The texts of the request, to be changed. Passages are JSON, as the API takes them. */
function editForm(name, request, message) {
  const names = Object.keys(LABELS).filter((key) => typeof request[key] === "string" && (request[key] || key === "text"));
  const fields = new Map(
    names.map((key) => [key, el("textarea", { id: `edit-${key}`, rows: "3" })]),
  );
  for (const [key, field] of fields) field.value = request[key];
  const passages = request.passages && el("textarea", { id: "edit-passages", rows: "6", spellcheck: "false" });
  if (passages) passages.value = JSON.stringify(request.passages, null, 2);
  const button = el("button", { type: "submit", class: "strong" }, "Run");
  const changes = () => {
    const edited = Object.fromEntries([...fields].map(([key, field]) => [key, field.value]));
    if (!passages) return edited;
    try {
      return { ...edited, passages: passages.value.trim() ? JSON.parse(passages.value) : null };
    } catch {
      throw new Error("The passages are not valid JSON.");
    }
  };
  const submit = (event) => {
    event.preventDefault();
    doing(button, message, async () => {
      const { execution } = await rerun(name, changes());
      const link = (href, words) => el("a", { href }, words);
      show(
        message,
        "Started as a new execution: ",
        link(`#/executions/${encodeURIComponent(nameOf(execution))}`, nameOf(execution)),
        ". ",
        link(comparison(name, execution), "Compare both"),
      );
    });
  };
  return el(
    "form",
    { class: "edit", hidden: true, on: { submit } },
    el("p", { class: "quiet" }, "It is a new execution: every guard judges it, with the deployed guardrails. This execution and its conversation stay as they are."),
    [...fields].map(([key, field]) => [el("label", { for: field.id }, LABELS[key]), field]),
    passages && [el("label", { for: passages.id }, "Passages (JSON)"), passages],
    el("p", {}, button),
  );
}

function compareForm(name) {
  const field = el("input", { id: "compare-with", type: "text", required: true, maxlength: "400", placeholder: "name or ARN" });
  const submit = (event) => {
    event.preventDefault();
    if (field.value.trim()) location.hash = comparison(name, field.value.trim());
  };
  return el("form", { class: "filters", on: { submit } }, el("label", {}, "Compare with ", field), el("button", { type: "submit" }, "Compare"));
}

function comparison(first, second) {
  return `#/compare/${encodeURIComponent(first)}/${encodeURIComponent(nameOf(second))}`;
}

/** The test as a ZIP file. Where personal data was replaced, the changed request runs once more. */
async function recorded(name, message) {
  let made = await record(name);
  while (!made.files) {
    show(message, "The request runs once more, with its personal data replaced…");
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    made = await record(name);
  }
  download(`${made.name}.zip`, zipped(made.files), "application/zip");
  show(
    message,
    `${made.name}.zip was saved: extract it into tests/recorded and run pytest. `,
    `${plural(made.replaced, "value")} that a guardrail masked ${made.replaced === 1 ? "was" : "were"} replaced; read the files before you commit them. `,
    el("code", {}, `stepguard record ${name}`),
    " also replaces what the offline detectors find.",
  );
}

/** Every event, as `aws stepfunctions get-execution-history` prints them. */
async function exported(name, message) {
  const events = [];
  for (let next = 0; next !== null; ) {
    const page = await getEvents(name, next);
    for (const event of page.events) events.push(event);
    next = page.next;
    show(message, `${plural(events.length, "event")} read…`);
  }
  download(`${nameOf(name)}.history.json`, JSON.stringify({ events }, null, 1), "application/json");
  show(message);
  put(message, `${plural(events.length, "event")} saved. `, el("code", {}, "stepguard history --file FILE"), " reads the file.");
}
