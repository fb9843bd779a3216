// A page, or a part of one, that has nothing to show, and says why and what to do.

import { h } from "./elements.js";
import { icon } from "./icons.js";

export function message(iconName, title, text, ...actions) {
  return h("section", { class: "message" },
    h("span", { class: "message-icon", "data-state": iconName }, icon(iconName)),
    h("h2", {}, title),
    text ? h("p", {}, text) : null,
    actions.length ? h("p", { class: "actions" }, ...actions) : null);
}

/** Grey shapes where something is about to be. */
export function waiting(label, rows = 3) {
  return h("div", { class: "waiting", role: "status", "aria-label": label },
    ...Array.from({ length: rows }, () => h("span", {})));
}

/** What a request said is wrong, with each wrong key. */
export function problem(error) {
  const lines = error.errors?.length ? error.errors.map(({ key, detail }) => h("li", {}, h("code", {}, key), ` ${detail}`)) : null;
  return h("div", { class: "problem", role: "alert" }, icon("warning"),
    h("div", {}, lines ? [h("b", {}, "This can't be saved."), h("ul", {}, lines)] : h("p", {}, error.message)));
}
