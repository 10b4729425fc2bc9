// Reads the data: from the executions API of this origin, or from the traces inside a single-file page.

import { nameOf } from "./words.js";

const held = document.getElementById("traces");
const traces = held ? JSON.parse(held.textContent) : null;

/** Whether this page was saved with its traces: it has no server and no chat. */
export const SAVED = traces !== null;

const layouts = new Map();

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { headers: { "Content-Type": "application/json" }, ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Error("The server does not answer. Is stepguard serve still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok && !body.answer) {
    const words = body.error?.message ?? body.message ?? `The server answered with ${response.status}.`;
    throw Object.assign(new Error(words), { code: body.error?.code });
  }
  return body;
}

/** Whether the deployment has no guard layer at all; false if it does not say so. */
export async function isUnguarded() {
  return ask("../health").then((health) => health.unguarded === true, () => false);
}

const part = encodeURIComponent;

export async function listExecutions(filters) {
  if (SAVED) {
    const all = traces.map((trace) => ({ ...trace, name: nameOf(trace.execution), findings: [], stages: [] }));
    return { executions: all, searched: all.length, more: false, cursor: null };
  }
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return ask(`../executions?${query}`);
}

/** The trace with its graph, laid out. */
export async function getExecution(name, other = null) {
  if (SAVED) {
    const trace = traces.find((item) => nameOf(item.execution) === name);
    if (!trace) throw new Error("This file does not contain that execution.");
    if (other && !trace.comparison) throw new Error("This file does not contain that comparison.");
    return trace;
  }
  const trace = await ask(`../executions/${part(name)}${other ? `?compare=${part(other)}` : ""}`);
  trace.layout = await layoutOf(trace.graph);
  return trace;
}

async function layoutOf(graph) {
  const key = JSON.stringify(graph);
  if (!layouts.has(key)) layouts.set(key, await ask("layout", { method: "POST", body: key }).catch(() => null));
  return layouts.get(key);
}

export function getEvents(name, after = 0) {
  return ask(`../executions/${part(name)}/events?after=${after}`);
}

export function replay(name) {
  return ask(`../executions/${part(name)}/replay`, { method: "POST" });
}

/** The request with other members, as a new execution. */
export function rerun(name, changes) {
  return ask(`../executions/${part(name)}/rerun`, { method: "POST", body: JSON.stringify(changes) });
}

export function redrive(name) {
  return ask(`../executions/${part(name)}/redrive`, { method: "POST" });
}

export function stop(name) {
  return ask(`../executions/${part(name)}/stop`, { method: "POST" });
}

/** The files of a test: `{name, files, replaced}`; `{execution, status}` while its request runs once more. */
export function record(name) {
  return ask(`../executions/${part(name)}/record`, { method: "POST" });
}

/** The execution as one HTML file: `{name, page}`. */
export function getPage(name) {
  return ask(`../executions/${part(name)}/page`);
}

/** The conversation that an execution is a turn of: `{id, title, turns}`. */
export function getTurns(name) {
  return ask(`../executions/${part(name)}/conversation`);
}

export function listEvaluations(cursor) {
  return ask(`../evaluations${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`);
}

export function getEvaluation(run) {
  return ask(`../evaluations/${part(run)}`);
}

/** A page of a run's items. */
export function getItems(run, filters) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return ask(`../evaluations/${part(run)}/items?${query}`);
}

/** The trace of an item with its graph, laid out. */
export async function getItem(run, number) {
  const trace = await ask(`../evaluations/${part(run)}/items/${part(number)}`);
  trace.layout = await layoutOf(trace.graph);
  return trace;
}

/** The links to a run's files, by name. */
export async function getResultFiles(run) {
  const { files } = await ask(`../evaluations/${part(run)}/report`);
  return files && Object.fromEntries(Object.entries(files).map(([name, address]) => [name, ofThisOrigin(address)]));
}

/** The runs whose reports this server can show. */
export async function getReports() {
  return (await ask("evaluations")).reports;
}

/** Start a question; at once `{execution, conversation, status}`, or the reply if there is one already. */
export function startChat(document, signal) {
  return ask("../chat", { method: "POST", body: JSON.stringify({ ...document, wait_seconds: 0 }), signal });
}

/** `{url, ticket}` for one connection; an error where the deployment has no stream. */
export function getTicket(signal) {
  return ask("../stream", { method: "POST", body: "{}", signal });
}

/** The reply of an execution: `{status, answer}`, RUNNING without an answer. */
export function getAnswer(execution, signal) {
  return ask(`../chat/${part(nameOf(execution))}`, { signal });
}

/** The state in which an execution is; null for callers who may not read traces. */
export async function getState(execution, signal) {
  const trace = await ask(`../executions/${part(nameOf(execution))}?redact=true`, { signal }).catch(() => null);
  return trace && (trace.visits.at(-1)?.state ?? "");
}

/** Rate an answer: `{thumb, reason}`; the same again is the same. */
export function sendFeedback(execution, feedback) {
  return ask(`../chat/${part(nameOf(execution))}/feedback`, { method: "POST", body: JSON.stringify(feedback) });
}

/** A link to the document of an answer's citation, which works for some minutes. */
export async function getSource(execution, number) {
  return ofThisOrigin((await ask(`../chat/${part(nameOf(execution))}/citations/${number}/link`)).link);
}

export function listConversations(cursor) {
  return ask(`../conversations?${new URLSearchParams({ limit: 20, ...(cursor ? { cursor } : {}) })}`);
}

export function getConversation(id) {
  return ask(`../conversations/${part(id)}`);
}

/** Give a conversation a title; what is kept of it comes back. */
export function renameConversation(id, title) {
  return ask(`../conversations/${part(id)}`, { method: "PUT", body: JSON.stringify({ title }) });
}

export function deleteConversation(id) {
  return ask(`../conversations/${part(id)}`, { method: "DELETE" });
}

/** What the server of the page knows of guardrails and knowledge: `guardrails`, `judge`, `documents`, `search`. */
export function getView(name, document = {}) {
  return ask(name, { method: "POST", body: JSON.stringify(document) }).catch((error) => {
    throw error.code === "UnknownPage" ? new Error("The server of this page does not show this.") : error;
  });
}

/** The blocks of Markdown texts, read by the server of the page; each text as it is where there is none. */
export async function readMarkdown(texts) {
  const made = await ask("markdown", { method: "POST", body: JSON.stringify({ texts }) }).catch(() => null);
  return made?.trees ?? texts.map((text) => [text]);
}

/** The same address with this page's host, if it leads to this server: it refuses links of another origin. */
function ofThisOrigin(address) {
  const url = URL.parse?.(address);
  const here = window.location;
  const loopback = (host) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);
  if (url?.port !== here.port || !loopback(url.hostname) || !loopback(here.hostname)) return address;
  url.hostname = here.hostname;
  return url.href;
}
