// Makes elements. Text is always text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";
const FOCUSABLE = "a[href], button, input, select, [tabindex]";

/** An element with properties, `on…` listeners, attributes and children; null and false children are left out. */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same of SVG. */
export function s(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Replace what is in an element. */
export function put(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** The same, where the person goes on: what has the focus, or what takes its place, keeps it. */
export function renew(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const place = [...element.querySelectorAll(FOCUSABLE)].indexOf(focused);
  put(element, ...children);
  if (place < 0) return element;
  const there = [...element.querySelectorAll(FOCUSABLE)];
  (element.contains(focused) ? focused : there[place] ?? there.at(-1))?.focus({ preventScroll: true });
  return element;
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...present(children));
  return element;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
