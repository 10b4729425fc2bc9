// Thumbs under an answer, and the reason for them.

import { sendFeedback } from "./api.js";
import { announce, el, show, svg } from "./dom.js";

const LONGEST_REASON = 1000;
let forms = 0;

/** The thumbs of an answer. The first one counts at once; a reason may follow. */
export function thumbs(execution) {
  const place = el("span", { class: "thumbs" });
  const choice = (thumb, words) =>
    el("button", { type: "button", class: "thumb", "aria-label": words, title: words, on: { click: () => rated(thumb) } }, picture(thumb));
  const asked = () => show(place, choice("up", "Good answer"), choice("down", "Bad answer"));

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

/** Not every machine has a font with thumbs. */
function picture(thumb) {
  const hand = "M2 9h3v9H2zM7 9l3.5-7c1.2 0 2 .8 2 2v4H17a2 2 0 0 1 2 2.3l-1 6A2 2 0 0 1 16 18H7z";
  return svg(
    "svg",
    { viewBox: "0 0 20 20", width: 18, height: 18, "aria-hidden": "true" },
    svg("path", { d: hand, transform: thumb === "down" ? "rotate(180 10 10)" : null }),
  );
}
