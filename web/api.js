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
  } catch {
    throw new Error("The server does not answer. Is stepguard serve still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error?.message ?? body.message ?? `The server answered with ${response.status}.`);
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

export function listEvaluations(cursor) {
  return ask(`../evaluations${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`);
}

export function getEvaluation(run) {
  return ask(`../evaluations/${part(run)}`);
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

export async function chat(question) {
  const token = crypto.randomUUID?.() ?? String(Math.random());
  let reply = await ask("../chat", { method: "POST", body: JSON.stringify({ question, client_token: token }) })
    .catch((error) => ({ failed: error }));
  while (reply.status === "RUNNING") {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    reply = await ask(`../chat/${part(nameOf(reply.execution))}`).catch((error) => ({ failed: error }));
  }
  if (reply.failed) throw reply.failed;
  return reply;
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
