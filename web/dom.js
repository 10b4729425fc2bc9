// Only this module creates elements. Texts become text nodes, so that a person's text is never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Properties: `on` holds listeners by event, the others are attributes; null and false are left out. */
export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** The same in SVG. */
export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  put(element, ...children);
  return element;
}

/** Append children: elements, texts, lists of them; null and false are left out. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replace all children. */
export function show(element, ...children) {
  element.replaceChildren();
  put(element, ...children);
}

/** Announce a change to screen readers. */
export function announce(text) {
  document.getElementById("status").textContent = text;
}
