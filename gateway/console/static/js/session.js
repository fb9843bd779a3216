// Who looks at this page, and what they may do.

import { api } from "./api.js";

const ROLES = ["viewer", "operator", "admin"];

class Session {
  /** `{site, version, signed_in, open, name, role}`; before `load`: nothing. */
  said = {};

  async load() {
    this.#take(await api.get("session"));
  }

  async signIn(name, password) {
    this.#take((await api.send("POST", "session", { body: { name, password } })).json);
  }

  async signOut() {
    this.#take((await api.send("DELETE", "session")).json);
  }

  may(role) {
    return ROLES.indexOf(this.said.role) >= ROLES.indexOf(role);
  }

  #take(said) {
    this.said = said;
    api.csrf = said.csrf ?? "";
  }
}

export const session = new Session();
