"use strict";
(() => {
  const items = JSON.parse(document.getElementById("items").textContent);
  const columns = [
    ["number", "#", true], ["id", "item"], ["kind", "kind"], ["expected", "expected"], ["action", "found"],
    ["findings", "findings"], ["milliseconds", "ms", true], ["text", "text"],
  ];
  const page = 100;
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const action = document.getElementById("action");
  const correct = document.getElementById("correct");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const haystacks = items.map((item) =>
    [item.id, item.text, item.findings, item.expected, item.error, item.execution].join("\n").toLowerCase());
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
        const made = cell(row, item[key]);
        if (numeric) made.className = "number";
        if (key === "action") made.className = "action " + item.action;
        if (key === "id") made.title = item.execution;
      }
      if (item.error) body.rows[body.rows.length - 1].cells[7].append(" (" + item.error + ")");
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
