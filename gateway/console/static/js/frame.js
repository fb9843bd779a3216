// What is round every page: where to go, how the connection is, who is signed in.

import { cameras } from "./cameras.js";
import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { live } from "./live.js";
import { session } from "./session.js";

const PAGES = [
  ["", "wall", "Wall"],
  ["events", "events", "Events"],
  ["models", "models", "Models"],
  ["identities", "identities", "Identities"],
];

class Frame {
  #main = h("main", { id: "main", tabindex: "-1" });
  #links = PAGES.map(([path, name, label]) => h("a", { href: `#/${path}`, class: "nav-link", "data-path": path }, icon(name), h("span", {}, label)));
  #banner = h("div", { class: "banner", role: "status", hidden: true });
  #link = h("span", { class: "link-state", role: "status" });

  constructor() {
    live.addEventListener("link", () => this.#showLink());
    cameras.addEventListener("change", () => this.#showLink());
  }

  element(begin) {
    this.#showLink();
    for (const link of this.#links) link.hidden = link.dataset.path === "identities" && !session.may("operator");
    return [
      h("header", { class: "top" },
        h("a", { class: "brand", href: "#/" }, h("img", { src: "icon.svg", alt: "", width: 24, height: 24 }), h("b", {}, "Vedette"), h("span", { class: "site" }, session.said.site)),
        h("nav", { class: "nav", "aria-label": "Pages" }, this.#links),
        h("div", { class: "top-end" }, this.#link, who(begin))),
      this.#banner,
      this.#main,
    ];
  }

  show(page, path) {
    put(this.#main, page);
    window.scrollTo(0, 0);
    this.skip(); // or who goes by keyboard, or hears the page, would begin at its top again
    const section = path.startsWith("cameras/") || path === "add" ? "" : path.split("?")[0];
    for (const link of this.#links) {
      if (link.dataset.path === section) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** On to what the page is about. */
  skip() {
    this.#main.focus({ preventScroll: true });
  }

  #showLink() {
    const [key, label] = live.link === null ? ["connecting", "Connecting"]
      : !live.link ? ["offline", "No connection"]
      : live.bus ? ["live", "Connected"] : ["stalled", "Bus away"];
    this.#link.dataset.state = key;
    put(this.#link, icon(key), h("span", {}, label));
    const texts = {
      "No connection": ["The gateway does not answer.", "What you see is not current. The page reconnects by itself."],
      "Bus away": ["The message bus is away.", "What you see is not current, and cameras can't be changed until it is back. The gateway reconnects by itself."],
    };
    const text = texts[label];
    this.#banner.hidden = !text;
    if (text) put(this.#banner, icon("warning"), h("p", {}, h("b", {}, text[0]), " ", text[1]));
  }
}

function who(begin) {
  if (session.said.open) {
    return h("span", { class: "open-note", title: "Nobody has to sign in: whoever uses this machine may do everything. The configuration key gateway.accounts changes that." },
      icon("lockOpen"), h("span", {}, "Open on this machine"));
  }
  const leave = async () => {
    await session.signOut().catch(() => {});
    begin();
  };
  return h("span", { class: "who" },
    h("span", { class: "who-name" }, session.said.name, h("small", {}, session.said.role)),
    h("button", { class: "quiet", type: "button", onclick: leave, title: "Sign out" }, icon("out"), h("span", { class: "hidden" }, "Sign out")));
}

export const frame = new Frame();
