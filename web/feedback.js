// Thumbs under an answer, and the reason for them.

import { sendFeedback } from "./api.js";
import { announce, el, show } from "./dom.js";

const LONGEST_REASON = 1000;
let forms = 0;

/** The thumbs of an answer. The first one counts at once; a reason may follow. */
export function thumbs(execution) {
  const place = el("span", { class: "thumbs" });
  const choice = (thumb, sign, words) =>
    el("button", { type: "button", class: "thumb", "aria-label": words, title: words, on: { click: () => rated(thumb) } }, sign);
  const asked = () => show(place, choice("up", "👍", "Good answer"), choice("down", "👎", "Bad answer"));

  const rated = async (thumb) => {
    try {
      await sendFeedback(execution, { thumb });
      why(thumb);
    } catch (error) {
      show(place, el("span", { class: "failure", role: "alert" }, error.message));
    }
  };
  const why = (thumb) => {
    forms += 1;
    const id = `reason-${forms}`;
    const field = el("input", { id, type: "text", maxlength: LONGEST_REASON, autocomplete: "off" });
    const send = async (event) => {
      event.preventDefault();
      if (!field.value.trim()) return thanks();
      try {
        const kept = await sendFeedback(execution, { thumb, reason: field.value });
        thanks(kept.reason_kept === false ? "Thank you. The reason was not kept: a guard stopped it." : "Thank you.");
      } catch (error) {
        show(place, el("span", { class: "failure", role: "alert" }, error.message));
      }
    };
    show(
      place,
      el(
        "form",
        { class: "reason-form", on: { submit: send } },
        el("label", { for: id }, thumb === "up" ? "What was good? " : "What was wrong? "),
        field,
        el("button", { type: "submit" }, "Send"),
      ),
    );
    field.focus();
  };
  const thanks = (words = "Thank you.") => {
    show(place, el("span", { class: "quiet" }, words));
    announce(words);
  };
  asked();
  return place;
}
