// A form of filters, whose values are in the address of the page.

import { el } from "./dom.js";

/**
 * The form. `fields` are `{name, label, options}` with `[value, words]` pairs, `{name, label, type}` (text or time) and
 * null; `values` what they hold. `go(values)` gets the values of all fields, also words that were typed but not sent yet,
 * after a choice and after "Search". `prefix` begins the ids, `more` follows the button.
 */
export function filterForm(prefix, fields, values, go, more = null) {
  const controls = new Map();
  const read = () => {
    const held = { ...values };
    for (const [name, control] of controls) held[name] = control.type === "datetime-local" ? isoTime(control.value, values[name]) : control.value.trim();
    go(Object.fromEntries(Object.entries(held).filter(([, value]) => value)));
  };
  const labels = fields.filter(Boolean).map((field) => {
    const control = fieldControl(`${prefix}-${field.name}`, field, values[field.name] ?? "", read);
    controls.set(field.name, control);
    return el("label", { class: field.type === "datetime-local" ? "long" : null }, el("span", {}, field.label), control);
  });
  const submit = (event) => {
    event.preventDefault();
    read();
  };
  return el("form", { class: "filters fields", role: "search", on: { submit } }, labels, el("button", { type: "submit", id: `${prefix}-search` }, "Search"), more);
}

function fieldControl(id, field, value, read) {
  if (field.options) {
    const options = field.options.map(([name, words]) => el("option", { value: name, selected: value === name }, words));
    return el("select", { id, on: { change: read } }, el("option", { value: "" }, "any"), options);
  }
  const timed = field.type === "datetime-local";
  return el("input", {
    id,
    type: field.type ?? "search",
    value: timed ? localTime(value) : value,
    placeholder: field.placeholder,
    on: timed || field.placeholder ? { change: read } : {},
  });
}

/** A time as the input of a form takes it; empty for a relative one. */
function localTime(text) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

/** The time of an input; a relative time, which the input cannot show, stays until another one is chosen. */
function isoTime(value, before) {
  if (value) return new Date(value).toISOString();
  return before && Number.isNaN(new Date(before).getTime()) ? before : "";
}
