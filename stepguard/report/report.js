"use strict";
(() => {
  const items = JSON.parse(document.getElementById("items").textContent);
  const columns = [
    ["number", "#", true], ["id", "item"], ["kind", "kind"], ["expected", "expected"], ["action", "found"],
    ["findings", "findings"], ["milliseconds", "ms", true], ["text", "text"],
  ];
  const page = 100;
  const blocks = [...document.querySelectorAll("script.details")];
  const parsed = new Map();
  const table = document.getElementById("table");
  const perBlock = Number(table.dataset.block);
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const action = document.getElementById("action");
  const correct = document.getElementById("correct");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const haystacks = items.map((item) =>
    [item.id, item.text, item.findings, item.expected, item.category, item.error, item.execution].join("\n").toLowerCase());
  let order = items.map((_, index) => index);
  let sortedBy = "number";
  let descending = false;
  let limit = page;

  // Text only ever becomes a text node: a corpus may hold markup on purpose.
  const cell = (row, text, name) => {
    const made = document.createElement(name || "td");
    made.textContent = text;
    row.append(made);
    return made;
  };

  const header = table.tHead.insertRow();
  for (const [key, label] of columns) {
    const head = cell(header, "", "th");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.dataset.key = key;
    button.addEventListener("click", () => {
      descending = sortedBy === key && !descending;
      sortedBy = key;
      limit = page;
      draw();
    });
    head.append(button);
  }

  const make = (parent, name, text, className) => {
    const made = cell(parent, text ?? "", name);
    if (className) made.className = className;
    return made;
  };

  // Blocks are parsed when a row of them is opened: thousands of items would delay the page.
  const detail = (index) => {
    const block = Math.floor(index / perBlock);
    if (!parsed.has(block)) parsed.set(block, JSON.parse(blocks[block].textContent));
    return parsed.get(block)[index % perBlock];
  };

  // A piece of the text with its marks. Offsets count characters, not UTF-16 units.
  const marked = (parent, start, text, found, expected) => {
    const characters = Array.from(text);
    const end = start + characters.length;
    const spans = [...found.map((span) => [...span, "found"]), ...expected.map((span) => [...span, "expected"])]
      .filter((span) => span[0] < end && span[1] > start);
    const edges = new Set([start, end]);
    for (const span of spans) edges.add(Math.max(start, span[0])).add(Math.min(end, span[1]));
    const places = [...edges].sort((a, b) => a - b);
    for (let place = 0; place + 1 < places.length; place += 1) {
      const [from, to] = [places[place], places[place + 1]];
      const part = characters.slice(from - start, to - start).join("");
      const here = spans.filter((span) => span[0] <= from && span[1] >= to);
      if (!here.length) {
        parent.append(part);
        continue;
      }
      const kinds = [...new Set(here.map((span) => span[3]))].sort().reverse();
      const mark = make(parent, "mark", part, kinds.join(" "));
      mark.title = here.map((span) => span[3] + ": " + span[2]).join(", ");
      for (const span of here) {
        if (Math.min(end, span[1]) === to) make(parent, "small", span[2] + " " + span[3], "tag " + span[3]);
      }
    }
  };

  const numbered = (value) => value.toLocaleString("en");

  const texts = (box, about) => {
    const last = about.texts[about.texts.length - 1];
    let shown = 0;
    for (const [start, text] of about.texts) {
      if (start > shown) make(box, "p", numbered(start - shown) + " characters left out", "gap");
      const element = make(box, "div", "", "text");
      marked(element, start, text, about.found ?? [], about.pii ?? []);
      shown = start + Array.from(text).length;
    }
    const left = about.characters ? about.characters - shown : 0;
    if (last && left > 0) make(box, "p", numbered(left) + " characters left out", "gap");
  };

  const open = (row, index) => {
    const item = items[index], about = detail(index);
    const shown = document.createElement("tr");
    shown.className = "detail";
    const box = make(make(shown, "td"), "div", "", "inside");
    shown.firstChild.colSpan = columns.length;
    if (about.query) make(make(box, "p", "Question: "), "bdi", about.query);
    texts(box, about);
    if (about.answer) {
      make(box, "h3", "Answer");
      make(box, "div", about.answer, "text");
    }
    if (about.error) make(box, "p", "Error: " + about.error, "error");
    const list = make(box, "ul", "", "stages");
    for (const [state, outcome, milliseconds, findings] of about.stages) {
      const entry = make(list, "li");
      make(entry, "b", state);
      entry.append(" ");
      make(entry, "span", outcome, "action " + outcome);
      entry.append(", " + numbered(milliseconds) + " ms");
      if (!findings.length) continue;
      const inner = make(entry, "ul");
      for (const [name, done, measure, direction] of findings) {
        make(inner, "li", [name + " " + done, measure, direction].filter(Boolean).join(", "));
      }
    }
    if (about.verdicts) {
      const counts = new Map();
      for (const { action } of about.verdicts) counts.set(action, (counts.get(action) ?? 0) + 1);
      const words = [...counts].map(([action, count]) => count + " " + action).join(", ");
      make(box, "p", about.verdicts.length + " times: " + words);
    }
    if (about.acting) {
      make(box, "h3", "Parts in which a guard acted, of " + about.parts);
      const parts = make(box, "ul");
      for (const part of about.acting) {
        const entry = make(parts, "li");
        make(entry, "b", "part " + part.part);
        entry.append(", characters " + numbered(part.start + 1) + " to " + numbered(part.end) + ": ");
        make(entry, "span", part.action, "action " + part.action);
        if (part.filters.length) entry.append(", " + part.filters.join(", "));
      }
    }
    const facts = [
      item.expected && "expected " + item.expected,
      about.policies && "by " + about.policies.join(", "),
      about.category && "category " + about.category,
    ].filter(Boolean);
    if (facts.length) make(box, "p", facts.join(", "), "note");
    if (/^[\w:\/.-]+$/.test(item.execution)) {
      make(box, "pre", "stepguard history " + item.execution + " " + table.dataset.run);
    }
    row.after(shown);
  };

  const toggle = (row, index) => {
    const button = row.cells[1].firstChild;
    const opened = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!opened));
    if (opened) row.nextSibling.remove();
    else open(row, index);
  };

  const wanted = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return order.filter((index) => {
      const item = items[index];
      return (!action.value || item.action === action.value)
        && (!correct.value || String(item.correct) === correct.value)
        && words.every((word) => haystacks[index].includes(word));
    });
  };

  const draw = () => {
    const sign = descending ? -1 : 1;
    order.sort((left, right) => {
      const a = items[left][sortedBy], b = items[right][sortedBy];
      return (a < b ? -sign : a > b ? sign : left - right);
    });
    for (const head of header.cells) {
      const own = head.firstChild.dataset.key === sortedBy;
      head.setAttribute("aria-sort", own ? (descending ? "descending" : "ascending") : "none");
    }
    const found = wanted();
    body.replaceChildren();
    for (const index of found.slice(0, limit)) {
      const item = items[index];
      const row = body.insertRow();
      row.className = item.correct === false ? "wrong" : "";
      for (const [key, , numeric] of columns) {
        const made = cell(row, key === "id" || key === "findings" ? "" : item[key]);
        if (numeric) made.className = "number";
        if (key === "action") made.className = "action " + item.action;
        if (key === "id") {
          const button = make(made, "button", item.id);
          button.type = "button";
          button.setAttribute("aria-expanded", "false");
        }
      }
      // A name may break after its slash, nowhere else.
      const names = item.findings ? item.findings.split("; ") : [];
      names.forEach((name, place) => {
        const [policy, ...rest] = name.split("/");
        row.cells[5].append(place ? "; " : "", policy + "/", document.createElement("wbr"), rest.join("/"));
      });
      row.addEventListener("click", () => {
        if (!String(window.getSelection())) toggle(row, index);
      });
      if (item.error) row.cells[7].append(" (" + item.error + ")");
    }
    count.textContent = found.length.toLocaleString("en") + " of " + items.length.toLocaleString("en") + " items";
    more.hidden = found.length <= limit;
  };

  const changed = () => { limit = page; draw(); };
  search.addEventListener("input", changed);
  action.addEventListener("change", changed);
  correct.addEventListener("change", changed);
  more.addEventListener("click", () => { limit += page; draw(); });
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  draw();
})();
