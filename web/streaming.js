// Asks over a WebSocket: each stage as it begins, guarded pieces where the deployment sends them, the answer at the end.

import { getAnswer, getTicket } from "./api.js";
import { busyWords, STAGES } from "./words.js";

const LAST_STAGE = STAGES.at(-1);

/** So long after the last frame of a socket that says nothing, its answer is read instead. */
const SILENT_MILLISECONDS = 10_000;
let streams = true;

/** The reply of the chat API as `asked` gives it; null if this deployment has no stream, or the connection broke. */
export async function streamed(document, hooks) {
  if (!streams) return null;
  const ticket = await getTicket(hooks.signal).catch(() => null);
  hooks.signal.throwIfAborted();
  // The page's policy lets it connect to its own server only.
  if (!ticket || new URL(ticket.url).host !== location.host) {
    streams = false;
    return null;
  }
  const last = await lastFrame(`${ticket.url}?ticket=${encodeURIComponent(ticket.ticket)}`, document, hooks);
  hooks.signal.throwIfAborted();
  if (last === null) return null;
  if (last.turn === null) throw Object.assign(new Error(last.error.message), { code: last.error.code });
  return last.answer ? last : getAnswer(last.turn, hooks.signal);
}

/** The frame that ends the question; null if the connection ends before it. */
function lastFrame(address, document, { signal, started, busy, piece }) {
  return new Promise((resolve) => {
    const socket = new WebSocket(address);
    const text = provisional();
    let timer = null;
    let over = false;
    const end = (frame) => {
      clearTimeout(timer);
      over = true;
      // Browsers report a connection that is closed before it is there as an error: it closes when it opens.
      if (socket.readyState !== WebSocket.CONNECTING) socket.close();
      resolve(frame);
    };
    signal.addEventListener("abort", () => end(null), { once: true });
    socket.addEventListener("open", () => {
      if (over) socket.close();
      else socket.send(JSON.stringify({ action: "chat", ...document }));
    });
    socket.addEventListener("close", () => end(null));
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "final" || frame.type === "error") {
        end(frame);
        return;
      }
      clearTimeout(timer);
      timer = null;
      if (frame.execution) started(frame);
      if (frame.type === "delta") piece(text(frame));
      else if (busyWords(frame.stage)) busy(busyWords(frame.stage));
      if (frame.stage === LAST_STAGE) timer = setTimeout(() => end({ turn: frame.turn }), SILENT_MILLISECONDS);
    });
  });
}

/** Puts pieces in the order of their numbers; those of a newer attempt replace the older ones. */
function provisional() {
  let attempt = 0;
  let pieces = new Map();
  return (frame) => {
    if (frame.attempt > attempt) {
      attempt = frame.attempt;
      pieces = new Map();
    }
    if (frame.attempt === attempt) pieces.set(frame.seq, frame.text);
    return [...pieces].sort(([one], [other]) => one - other).map(([, words]) => words).join("");
  };
}
