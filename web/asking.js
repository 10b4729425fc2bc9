// Asks a question and waits for its answer: over a stream, or by looking again until it has ended.

import { getAnswer, getState, startChat } from "./api.js";
import { streamed } from "./streaming.js";
import { busyWords } from "./words.js";

const FIRST_PAUSE = 120;
const LONGEST_PAUSE = 1000;

/**
 * The reply of the chat API. `signal` stops the waiting; `started(reply)` gets the execution as soon as it has a name,
 * `busy(words)` what goes on,
 * `piece(text)` the answer so far, which the end may replace.
 */
export async function asked(question, conversation, token, hooks) {
  const document = { question, client_token: token, ...(conversation ? { conversation } : {}) };
  const ended = await streamed(document, hooks);
  if (ended) return ended;
  // The same token finds what a broken stream has started.
  const reply = await startChat(document, hooks.signal);
  hooks.started(reply);
  return reply.status === "RUNNING" ? awaited(reply.execution, hooks) : reply;
}

/** The reply of an execution that runs. */
export async function awaited(execution, { signal, busy }) {
  let pause = FIRST_PAUSE;
  let traced = true;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(LONGEST_PAUSE, pause * 1.4);
    const reply = await getAnswer(execution, signal);
    if (reply.status !== "RUNNING") return reply;
    const state = traced ? await getState(execution, signal) : null;
    traced = state !== null;
    signal?.throwIfAborted();
    if (busyWords(state)) busy(busyWords(state));
  }
}

export function newToken() {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
}
