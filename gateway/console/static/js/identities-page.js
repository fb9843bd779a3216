// Who is enrolled. Enrolling and removing are the command line's (vedette identities).

import { api } from "./api.js";
import { h, put } from "./elements.js";
import { message, problem, waiting } from "./message.js";
import { count, dateAndClock } from "./words.js";

export function identitiesPage() {
  const holder = h("section", {}, waiting("Reading who is enrolled"));

  async function start() {
    try {
      const { people } = await api.get("identities");
      put(holder, people.length ? table(people) : message("identities", "Nobody is enrolled", "People are enrolled from pictures on the command line: vedette identities add. Only what tells a face from others is kept, sealed."));
    } catch (error) {
      if (error.status === 403) put(holder, message("identities", "Not for this role", error.message));
      else put(holder, problem(error));
    }
  }

  return {
    title: "Identities",
    element: h("div", { class: "page narrow" }, h("div", { class: "page-head" }, h("h1", {}, "Identities")), holder),
    start,
  };
}

function table(people) {
  return h("div", { class: "card scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Name", "Gallery", "Enrolled from", "Latest"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, people.map((one) => h("tr", {},
      h("th", { scope: "row" }, one.name ?? h("span", { class: "soft" }, `can't be read: ${one.problem}`)),
      h("td", {}, one.gallery),
      h("td", {}, one.faces === undefined ? "–" : count(one.faces, "picture")),
      h("td", {}, one.enrolled_at ? dateAndClock(one.enrolled_at) : "–"))))));
}
