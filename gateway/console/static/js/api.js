// Requests to the gateway. Addresses are relative to the page's, so that a path prefix does no harm.

const ROOT = new URL("api/v1/", document.baseURI);

export class ApiError extends Error {
  /** `errors`: of a body that was wrong, each key and why. Status 0: the gateway did not answer. */
  constructor(status, detail, errors = []) {
    super(sentence(detail));
    this.status = status;
    this.errors = errors;
  }
}

/** What the gateway says, as a person reads it beside other sentences. */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}

class Api extends EventTarget {
  csrf = "";

  url(path) {
    return new URL(`./${path}`, ROOT); // without ./ a path like cameras:test would be a URL of the scheme "cameras"
  }

  /** Of the answer: its JSON (null if there is none), and its ETag. Throws ApiError. */
  async send(method, path, { body, headers = {} } = {}) {
    const all = { ...headers };
    if (this.csrf) all["X-CSRF-Token"] = this.csrf;
    if (body !== undefined) all["Content-Type"] ??= "application/json";
    let answer;
    try {
      answer = await fetch(this.url(path), { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new ApiError(0, "The gateway does not answer.");
    }
    if (answer.ok) return { json: answer.status === 204 ? null : await answer.json(), etag: answer.headers.get("ETag") };
    const problem = await answer.json().catch(() => ({}));
    if (answer.status === 401 && path !== "session") this.dispatchEvent(new Event("signed-out"));
    throw new ApiError(answer.status, problem.detail ?? `The gateway answered ${answer.status}.`, problem.errors ?? []);
  }

  async get(path) {
    return (await this.send("GET", path)).json;
  }

  /** RFC 7396; `revision` is the one that the change was made of: another one is not overwritten. */
  async patch(name, changes, revision) {
    const headers = { "Content-Type": "application/merge-patch+json" };
    if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
    return (await this.send("PATCH", `cameras/${encodeURIComponent(name)}`, { body: changes, headers })).json;
  }
}

export const api = new Api();
