// Why a layer blocked or masked, in words for the person who asked.

import { isListed } from "./words.js";

const CONTENT = {
  SEXUAL: "sexual content",
  VIOLENCE: "violence or threats",
  HATE: "hatred against people",
  INSULTS: "insults",
  MISCONDUCT: "help with something forbidden or dangerous",
  PROMPT_ATTACK: "an attempt to change the rules of the assistant",
};

const PRIVATE = {
  ADDRESS: "an address",
  AGE: "an age",
  AWS_ACCESS_KEY: "an AWS access key",
  AWS_SECRET_KEY: "an AWS secret key",
  CREDIT_DEBIT_CARD_CVV: "a card’s security code",
  CREDIT_DEBIT_CARD_EXPIRY: "a card’s expiry date",
  CREDIT_DEBIT_CARD_NUMBER: "a card number",
  DRIVER_ID: "a driving licence number",
  EMAIL: "an e-mail address",
  INTERNATIONAL_BANK_ACCOUNT_NUMBER: "a bank account number",
  IP_ADDRESS: "an IP address",
  LICENSE_PLATE: "a licence plate",
  MAC_ADDRESS: "a device’s network address",
  NAME: "a name",
  PASSWORD: "a password",
  PHONE: "a telephone number",
  PIN: "a PIN",
  SWIFT_CODE: "a bank’s SWIFT code",
  URL: "a web address",
  USERNAME: "a user name",
  US_BANK_ACCOUNT_NUMBER: "a bank account number",
  US_BANK_ROUTING_NUMBER: "a bank’s routing number",
  US_SOCIAL_SECURITY_NUMBER: "a social security number",
  VEHICLE_IDENTIFICATION_NUMBER: "a vehicle’s number",
};

const GROUNDING = {
  GROUNDING: "a statement that the documents do not support",
  RELEVANCE: "a text that does not answer the question",
};

/** What a finding is about, as the object of "contains". */
export function matter(finding) {
  const { policy, name } = finding;
  const named = (words) => Object.hasOwn(words, name) && words[name];
  const plain = String(name).replaceAll("_", " ");
  if (policy === "content") return named(CONTENT) || plain.toLowerCase();
  if (policy === "topic") return `the subject “${plain}”, which this service does not discuss`;
  if (policy === "word") return name === "PROFANITY" ? "a swear word" : "a word that this service does not permit";
  if (policy === "sensitive_information") return named(PRIVATE) || `private data (${plain})`;
  if (policy === "contextual_grounding") return named(GROUNDING) || plain.toLowerCase();
  if (policy === "automated_reasoning") return "a statement that contradicts the rules of this service";
  return plain;
}

/** What acted: `{action, text, matters}` for the question and for the answer. Empty when nothing did. */
export function reasonsOf(outcome, verdicts) {
  const found = (verdicts ?? []).flatMap((verdict) => verdict.findings ?? []).filter(isListed);
  const blocked = found.filter((finding) => finding.action === "BLOCKED");
  const masked = found.filter((finding) => finding.action === "ANONYMIZED");
  if (outcome === "blocked") {
    return bySide(blocked, "stopped", { INPUT: "Your question was stopped: it contains", OUTPUT: "The answer was stopped: it contains" });
  }
  return bySide(masked, "masked", { INPUT: "Hidden in your question:", OUTPUT: "Hidden in the answer:" });
}

function bySide(findings, action, words) {
  const side = (finding) => (finding.direction === "OUTPUT" ? "OUTPUT" : "INPUT");
  return Object.entries(words)
    .map(([direction, text]) => ({ action, text, matters: [...new Set(findings.filter((one) => side(one) === direction).map(matter))] }))
    .filter(({ matters }) => matters.length);
}
