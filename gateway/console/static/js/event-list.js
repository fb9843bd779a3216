// Events as they come, and those before: newest first, at most 300 on the page.

import { api } from "./api.js";
import { colourOf } from "./colours.js";
import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { live } from "./live.js";
import { problem, waiting } from "./message.js";
import { clock, dateAndClock, kindIcon, sentence, shortId } from "./words.js";

const MOST = 300;

export class EventList {
  element = h("div", { class: "events" });
  #rows = h("ol", { class: "event-list", "aria-live": "off" });
  #foot = h("div", { class: "events-foot" });
  #known = new Set();
  #oldest = null;

  /** `wanted`: {camera, kind, label}, each may be empty; `changes`: with what merely changes of an object; `compact`:
   *  the camera need not be named. */
  constructor({ compact = false, changes = false, ...wanted }) {
    this.wanted = wanted;
    this.compact = compact;
    this.#left = changes || wanted.kind ? null : "object.update";
  }
  #left;

  async start(limit = 100) {
    live.addEventListener("event", this.#onEvent);
    live.addEventListener("missed", this.#onMissed);
    live.addEventListener("cameras", this.#onBack);
    put(this.element, waiting("Reading the events", 4));
    this.#limit = limit;
    await this.#load();
  }
  #limit = 100;

  stop() {
    live.removeEventListener("event", this.#onEvent);
    live.removeEventListener("missed", this.#onMissed);
    live.removeEventListener("cameras", this.#onBack);
  }

  async #load(before = null) {
    const query = new URLSearchParams({ limit: this.#limit, ...Object.fromEntries(Object.entries(this.wanted).filter(([, value]) => value)) });
    if (before) query.set("before", before);
    try {
      const { events } = await api.get(`events?${query}`);
      for (const { kind, event } of events) this.#add(kind, event, false);
      this.#oldest = events.at(-1)?.seq ?? this.#oldest;
      put(this.element, this.#rows, this.#foot);
      this.#showFoot(events.length === this.#limit);
    } catch (error) {
      put(this.element, this.#rows, problem(error));
    }
  }

  #showFoot(more) {
    if (!this.#rows.childElementCount) put(this.#foot, h("p", { class: "soft empty" }, "Nothing has happened yet. Events come here by themselves."));
    else put(this.#foot, more ? h("button", { type: "button", class: "quiet", onclick: () => this.#load(this.#oldest) }, "Load older events") : null);
  }

  #onEvent = ({ detail: { kind, event } }) => {
    const { camera, kind: only, label } = this.wanted;
    if ((camera && event.data.camera !== camera) || (only && kind !== only) || (label && event.data.object?.label !== label)) return;
    if (!this.#rows.childElementCount) put(this.#foot);
    this.#add(kind, event, true);
  };

  #onMissed = ({ detail }) => this.#rows.prepend(h("li", { class: "event-gap" }, `${detail.events} events came faster than this page could show them.`));

  #onBack = () => {
    if (this.#oldest !== null) this.#load();
  };

  #add(kind, event, first) {
    if (this.#known.has(event.id) || kind === this.#left) return;
    this.#known.add(event.id);
    this.#rows[first ? "prepend" : "append"](this.#row(kind, event, first));
    while (first && this.#rows.childElementCount > MOST) this.#rows.lastElementChild.remove();
    if (this.#known.size > 4 * MOST) this.#known = new Set([...this.#known].slice(-2 * MOST));
  }

  #row(kind, event, isNew) {
    const { data } = event;
    const { subject, text, detail } = sentence(kind, data);
    const dot = h("span", { class: "event-icon" }, icon(kindIcon(kind)));
    dot.style.setProperty("--label", colourOf(subject));
    return h("li", { class: `event${isNew ? " fresh" : ""}` }, data.snapshot ? picture(data.snapshot, dot) : dot,
      h("div", { class: "event-text" },
        h("p", {}, h("b", {}, subject), data.object ? h("code", { title: data.object.id }, shortId(data.object.id)) : null, ` ${text}`),
        h("p", { class: "soft" }, this.compact ? null : [h("a", { href: `#/cameras/${data.camera}` }, data.camera), detail ? " · " : ""], detail)),
      h("time", { datetime: event.time, title: dateAndClock(event.time), class: "soft" }, clock(event.time)));
  }
}

/** The snapshot; where it is gone, or can't be had, what else there would be. */
function picture(snapshot, otherwise) {
  const image = h("img", { src: api.url(`snapshots/${snapshot.sha256}`), alt: "", loading: "lazy", class: "event-picture", width: 64, height: 48 });
  image.addEventListener("error", () => image.replaceWith(otherwise));
  return image;
}
