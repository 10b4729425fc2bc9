// A picture in a frame: zoom by buttons, keys and the wheel; pan by dragging, scrolling and keys; fit.

import { el } from "./dom.js";

const STEP = 1.25;
const LEAST = 0.2;
const MOST = 3;
/** Names of states are read without effort from this size on. */
const READABLE = 0.8;

/** The frame. `fit()` shows the whole width if that can be read; `center(state)` brings a state into view. */
export function zoomable(picture, { width, height }) {
  const pane = el("div", { class: "picture", role: "region", tabindex: "0", "aria-label": "Graph" }, picture);
  let scale = 1;

  /** Zoom; the middle of what is seen stays where it is. */
  const zoom = (wanted) => {
    const middle = [(pane.scrollLeft + pane.clientWidth / 2) / scale, (pane.scrollTop + pane.clientHeight / 2) / scale];
    scale = Math.min(MOST, Math.max(LEAST, wanted));
    picture.setAttribute("width", Math.round(width * scale));
    picture.setAttribute("height", Math.round(height * scale));
    pane.scrollLeft = middle[0] * scale - pane.clientWidth / 2;
    pane.scrollTop = middle[1] * scale - pane.clientHeight / 2;
  };
  const wide = () => (pane.clientWidth || width) / width;
  const whole = () => zoom(Math.min(wide(), pane.clientHeight / height));
  const actions = { "+": () => zoom(scale * STEP), "=": () => zoom(scale * STEP), "-": () => zoom(scale / STEP), 0: whole };

  pane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
  pane.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      zoom(scale * (event.deltaY < 0 ? STEP : 1 / STEP));
    },
    { passive: false },
  );
  pane.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0 || event.target.closest(".node[role=button]")) return;
    event.preventDefault();
    pane.focus({ preventScroll: true });
    const from = [event.clientX + pane.scrollLeft, event.clientY + pane.scrollTop];
    const move = (now) => pane.scrollTo(from[0] - now.clientX, from[1] - now.clientY);
    pane.setPointerCapture(event.pointerId);
    pane.classList.add("dragged");
    pane.addEventListener("pointermove", move);
    const done = () => {
      pane.removeEventListener("pointermove", move);
      pane.classList.remove("dragged");
    };
    pane.addEventListener("pointerup", done, { once: true });
    pane.addEventListener("pointercancel", done, { once: true });
  });

  const tool = (words, label, click) => el("button", { type: "button", "aria-label": label, title: label, on: { click } }, words);
  const large = tool("Larger", "Larger frame", () => {
    const grown = frame.parentElement.classList.toggle("wide");
    large.textContent = grown ? "Smaller" : "Larger";
    large.setAttribute("aria-label", `${large.textContent} frame`);
    large.title = `${large.textContent} frame`;
    zoom(Math.max(READABLE, Math.min(1.2, wide())));
  });
  const frame = el(
    "div",
    { class: "frame" },
    el(
      "div",
      { class: "zoom", role: "group", "aria-label": "Zoom" },
      tool("−", "Zoom out (-)", actions["-"]),
      tool("+", "Zoom in (+)", actions["+"]),
      tool("Fit", "Show the whole graph (0)", whole),
      large,
    ),
    pane,
  );
  return {
    element: frame,
    fit: () => zoom(Math.max(READABLE, Math.min(1.2, wide()))),
    center(state) {
      const node = [...picture.querySelectorAll(".node")].find((item) => item.dataset.state === state);
      if (!node) return;
      const box = node.getBoundingClientRect();
      const around = pane.getBoundingClientRect();
      const inside = box.left >= around.left && box.right <= around.right && box.top >= around.top && box.bottom <= around.bottom;
      if (inside) return;
      pane.scrollLeft += box.left + box.width / 2 - (around.left + around.width / 2);
      pane.scrollTop += box.top + Math.min(box.height, around.height) / 2 - (around.top + around.height / 2);
    },
  };
}
