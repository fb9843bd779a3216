// Asks for a name and a password (or a token).

import { h, put } from "./elements.js";
import { problem } from "./message.js";
import { session } from "./session.js";

export function signInPage(begin) {
  const failed = h("div");
  const name = h("input", { name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const button = h("button", { class: "primary", type: "submit" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    put(failed);
    try {
      await session.signIn(name.value.trim(), password.value);
      begin();
    } catch (error) {
      put(failed, problem(error));
      password.value = "";
      password.focus();
    } finally {
      button.disabled = false;
    }
  };
  return h("main", { class: "sign-in", id: "main" },
    h("form", { class: "card", onsubmit: submit },
      h("img", { src: "icon.svg", alt: "", width: 44, height: 44 }),
      h("h1", {}, "Sign in"),
      h("p", { class: "soft" }, `Vedette, site ${session.said.site}`),
      h("label", { class: "field" }, h("span", {}, "Name"), name),
      h("label", { class: "field" }, h("span", {}, "Password or token"), password),
      failed,
      button));
}
