// Names, numbers and times as people read them.

export const OUTCOMES = {
  answered: ["passed", "✓", "answered"],
  passed: ["passed", "✓", "passed"],
  succeeded: ["passed", "✓", "succeeded"],
  masked: ["masked", "▒", "masked"],
  blocked: ["blocked", "■", "blocked"],
  dont_know: ["skipped", "?", "don’t know"],
  caught: ["failed", "!", "failed, caught"],
  failed: ["failed", "!", "failed"],
  error: ["failed", "!", "failed"],
  unavailable: ["failed", "!", "unavailable"],
  timed_out: ["failed", "!", "timed out"],
  aborted: ["failed", "!", "aborted"],
  running: ["running", "…", "running"],
  skipped: ["skipped", "–", "skipped: no guardrail set"],
  unused: ["skipped", "–", "skipped"],
};

/** The guarded stages of the workflow, as stepguard/guard/stages.py lists them; a test compares both. */
export const STAGES = ["GuardInput", "InvokeModel", "GuardAnswer"];
/** The one that calls the model. */
export const MODEL_STAGE = "InvokeModel";

const BUSY = {
  GuardInput: "Checking the question",
  LoadConversation: "Reading the conversation",
  RewriteQuestion: "Reading the conversation",
  GuardRewrite: "Checking the question in its context",
  FindAnswer: "Looking for a prepared answer",
  RetrievePassages: "Searching the documents",
  GuardPassages: "Checking the documents",
  InvokeModel: "The model is writing",
  GuardAnswer: "Checking the answer",
};

/** What goes on in a state, for the person who waits; null for a state in which nobody waits. */
export function busyWords(state) {
  return Object.hasOwn(BUSY, state) ? BUSY[state] : null;
}

/** The layers by their names in settings, as people call them. */
export const LAYERS = { preprocess: "Input layer", model: "Model layer", postprocess: "Answer layer" };

const POLICIES = {
  content: "content filter",
  topic: "denied topic",
  word: "word filter",
  sensitive_information: "sensitive information",
  contextual_grounding: "grounding check",
  automated_reasoning: "automated reasoning",
};

/** [tone, sign, words] of an outcome or status; an unknown one stays unchanged. */
export function outcomeWords(outcome) {
  return (Object.hasOwn(OUTCOMES, outcome) && OUTCOMES[outcome]) || ["skipped", "·", String(outcome)];
}

/** A guardrail: its name if it is known, its identifier, its version. */
export function guardrailName(ref) {
  return `${ref.name ? `${ref.name} (${ref.id})` : ref.id} version ${ref.version}`;
}

/** Type and message of an error. */
export function failureText(failure) {
  return failure.message ? `${failure.type}: ${failure.message}` : failure.type;
}

const HEADLINE_CHARACTERS = 400;

/** Why an execution ended as it did, with the error's message where the sentence leaves it out; a long one is cut. */
export function headline(trace) {
  const message = trace.failure?.message?.replace(/\.$/, "");
  const sentence = trace.reason.replace(/\.$/, "");
  const whole = !message || sentence.endsWith(message) ? trace.reason : `${sentence}: ${message}.`;
  return whole.length > HEADLINE_CHARACTERS ? `${whole.slice(0, HEADLINE_CHARACTERS)}…` : whole;
}

export function policyWords(policy) {
  return (Object.hasOwn(POLICIES, policy) && POLICIES[policy]) || String(policy).replaceAll("_", " ");
}

/** The verdict of a guard stage, or the status of any other state. */
export function visitOutcome(visit) {
  // The parts of the box have no layer: they are skipped where the question or the deployment does not need them.
  if (visit.outcome === "skipped" && !STAGES.includes(visit.state)) return "unused";
  if (visit.outcome && !["error", "running"].includes(visit.outcome)) return visit.outcome;
  return visit.status;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "…";
  if (value < 10) return `${Math.round(value * 10) / 10} ms`;
  if (value < 10000) return `${Math.round(value).toLocaleString("en")} ms`;
  return `${(value / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s`;
}

export function dollars(value) {
  return `$${value.toFixed(6)}`;
}

export function moment(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** The policy's confidence, "confidence HIGH", "score 0.42 of 0.70"; for automated reasoning also rules and warning. */
export function sureness(finding) {
  if (finding.sure) return finding.sure;
  const rules = finding.rules?.length ? `${finding.rules.length === 1 ? "rule" : "rules"} ${finding.rules.join(", ")}` : "";
  const parts = [finding.confidence && `confidence ${finding.confidence}`, rules, finding.warning].filter(Boolean);
  if (parts.length) return parts.join(", ");
  if (typeof finding.score === "number") {
    return `score ${finding.score.toFixed(2)} of ${(finding.threshold ?? 0).toFixed(2)}`;
  }
  return "";
}

/** Whether lists name a finding: it acted, or it is of automated reasoning, which acts only by a setting. */
export function isListed(finding) {
  return finding.action !== "NONE" || finding.policy === "automated_reasoning";
}

export function findingWords(finding) {
  const sure = sureness(finding);
  const action = finding.action === "NONE" ? "seen" : finding.action;
  return `${policyWords(finding.policy)} ${finding.name} ${action}${sure ? ` (${sure})` : ""}`;
}

/** The last part of an ARN: the execution's name, which the page's addresses contain. */
export function nameOf(arn) {
  return String(arn).split(":").pop();
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
