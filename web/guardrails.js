// Guardrails: each layer's policies and versions, and a box that judges a text under every layer.

import { getView } from "./api.js";
import { announce, el, show } from "./dom.js";
import { badge, facts, failure, findingsTable } from "./parts.js";
import { jsonFold } from "./viewer.js";
import { LAYERS, moment, plural } from "./words.js";

/** From which confidence on a content filter of a strength acts. */
const ACTS_FROM = { LOW: "HIGH", MEDIUM: "MEDIUM", HIGH: "LOW" };
/** The policies of each layer. */
const policiesInUse = new Map();

/** A finding with the confidence or the score from which its filter acts. */
function limited(finding, layer) {
  const policies = policiesInUse.get(layer) ?? {};
  if (finding.policy === "topic" && typeof finding.score === "number") {
    return { ...finding, sure: `score ${finding.score.toFixed(2)}, found from ${finding.threshold.toFixed(2)} on` };
  }
  if (typeof finding.score === "number") return { ...finding, sure: `score ${finding.score.toFixed(2)}, acts below ${(finding.threshold ?? 0).toFixed(2)}` };
  const filter = (policies.contentPolicy?.filters ?? []).find((one) => finding.policy === "content" && one.type === finding.name);
  const from = filter && ACTS_FROM[finding.direction === "OUTPUT" ? filter.outputStrength : filter.inputStrength];
  return filter ? { ...finding, confidence: `${finding.confidence}, ${from ? `acts from ${from} on` : "switched off"}` } : finding;
}

export function guardrailsPage(main, alive) {
  const list = el("div", {}, el("p", { class: "quiet" }, "Reading the guardrails…"));
  show(main, el("h1", {}, "Guardrails"), judgeForm(alive), el("h2", {}, "In use"), list);
  getView("guardrails").then(
    ({ layers }) => {
      for (const { layer, policies } of layers) policiesInUse.set(layer, policies ?? {});
      if (alive()) show(list, el("div", { class: "layers" }, layers.map(layerCard)));
    },
    (error) => alive() && show(list, failure(error)),
  );
}

function layerCard(layer) {
  const name = LAYERS[layer.layer] ?? layer.layer;
  if (!layer.id) {
    return el("section", { class: "card", "aria-label": name }, el("h3", {}, name), badge("skipped"), el("p", {}, "Set its two variables to switch it on; stepguard doctor names them."));
  }
  const versions = (layer.versions ?? []).filter((one) => one.version !== "DRAFT");
  const newest = versions.map((one) => Number(one.version)).sort((a, b) => b - a)[0];
  return el(
    "section",
    { class: "card", "aria-label": name },
    el("h3", {}, name),
    layer.problem && el("p", { class: "failure" }, layer.problem),
    facts([
      ["guardrail", layer.name],
      ["id", layer.id],
      ["version in use", layer.version],
      ["newest version", newest ?? null],
    ]),
    newest > Number(layer.version) && el("p", { class: "note" }, `Version ${newest} is newer than the one in use.`),
    layer.description && el("p", { class: "quiet" }, layer.description),
    Object.entries(layer.policies ?? {}).map(([policy, held]) => policyPart(policy, held)),
    versions.length > 0 &&
      el("details", {}, el("summary", {}, plural(versions.length, "version")),
        el("ul", {}, versions.map((one) => el("li", {}, `${one.version}${one.version === layer.version ? " (in use)" : ""}, ${moment(one.updated)}`)))),
    layer.policies && jsonFold("Configuration", layer.policies),
  );
}

const PARTS = {
  contentPolicy: ["Content filters", (held) => held.filters.map((one) => `${one.type}: question ${one.inputStrength}, answer ${one.outputStrength}`)],
  topicPolicy: ["Denied topics", (held) => held.topics.map((one) => `${one.name}: ${one.definition}`)],
  wordPolicy: [
    "Words",
    (held) => [
      held.words?.length && plural(held.words.length, "custom word"),
      ...(held.managedWordLists ?? []).map((one) => `list ${one.type}`),
    ],
  ],
  sensitiveInformationPolicy: [
    "Sensitive information",
    (held) => [
      ...(held.piiEntities ?? []).map((one) => `${one.type}: ${one.action.toLowerCase()}`),
      ...(held.regexes ?? []).map((one) => `pattern ${one.name}: ${one.action.toLowerCase()}`),
    ],
  ],
  contextualGroundingPolicy: ["Grounding", (held) => held.filters.map((one) => `${one.type}: at least ${one.threshold}`)],
};

function policyPart(policy, held) {
  const [title, words] = (Object.hasOwn(PARTS, policy) && PARTS[policy]) || [policy, () => []];
  let lines = [];
  try {
    lines = words(held).filter(Boolean);
  } catch {
    // a shape that this page does not know: the configuration below shows it
  }
  return el("details", { open: lines.length < 8 }, el("summary", {}, lines.length ? `${title} (${lines.length})` : title), el("ul", {}, lines.map((line) => el("li", {}, line))));
}

function judgeForm(alive) {
  const text = el("textarea", { id: "judge-text", rows: "3", required: true, maxlength: "20000" });
  const side = el("select", { id: "judge-side" }, el("option", { value: "INPUT" }, "a question"), el("option", { value: "OUTPUT" }, "an answer"));
  const source = el("textarea", { id: "judge-source", rows: "2", maxlength: "20000" });
  const query = el("input", { id: "judge-query", type: "text", maxlength: "1000" });
  const grounds = el(
    "details",
    { hidden: true },
    el("summary", {}, "What the answer must rest on"),
    el("label", { for: "judge-source" }, "Source"),
    source,
    el("label", { for: "judge-query" }, "Question "),
    query,
  );
  side.addEventListener("change", () => (grounds.hidden = side.value !== "OUTPUT"));
  const button = el("button", { type: "submit", class: "strong" }, "Judge");
  const result = el("div", { id: "judged" });
  const judge = async (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    button.disabled = true;
    show(result, el("p", { class: "quiet" }, "The layers are judging…"));
    try {
      const answer = side.value === "OUTPUT" ? { source: source.value, query: query.value } : {};
      const { layers } = await getView("judge", { text: text.value, direction: side.value, ...answer });
      if (alive()) {
        show(result, el("div", { class: "layers" }, layers.map(judgedCard)));
        announce(layers.map((layer) => `${LAYERS[layer.layer]}: ${layer.outcome ?? "failed"}`).join(", "));
      }
    } catch (error) {
      if (alive()) show(result, failure(error));
    }
    button.disabled = false;
  };
  return el(
    "form",
    { class: "judge", on: { submit: judge } },
    el("h2", {}, "Try a text"),
    el("label", { for: "judge-text" }, "Text"),
    text,
    el("p", { class: "filters" }, el("label", {}, "Judge it as ", side), button),
    grounds,
    result,
  );
}

function judgedCard(layer) {
  const name = LAYERS[layer.layer] ?? layer.layer;
  if (layer.problem) return el("section", { class: "card", "aria-label": `${name}: verdict` }, el("h3", {}, name), el("p", { class: "failure" }, layer.problem));
  return el(
    "section",
    { class: "card", "aria-label": `${name}: verdict` },
    el("h3", {}, name, " ", badge(layer.outcome)),
    layer.outcome === "blocked" && layer.message && el("blockquote", { tabindex: "0" }, layer.message),
    layer.outcome === "masked" && el("blockquote", { tabindex: "0" }, layer.text),
    layer.outcome !== "skipped" && findingsTable([...layer.findings, ...layer.scores].map((finding) => limited(finding, layer.layer))),
    layer.outcome !== "skipped" && layer.topic_scores === false && policiesInUse.get(layer.layer)?.topicPolicy?.topics?.length > 0 &&
      el("p", { class: "quiet" }, "Bedrock gives no score of a denied topic, only whether it was found."),
  );
}
