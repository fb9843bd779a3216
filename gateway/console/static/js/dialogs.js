// Asks before something that can't be undone.

import { h } from "./elements.js";

/** Whether the person agrees. */
export function ask(title, text, action) {
  return new Promise((settle) => {
    const dialog = h("dialog", { "aria-label": title },
      h("h2", {}, title),
      h("p", { class: "soft" }, text),
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close(""), autofocus: true }, "Cancel"),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      settle(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
