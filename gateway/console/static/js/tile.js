// One camera on the wall.

import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { Painter } from "./painter.js";
import { stateChip } from "./state-chip.js";
import { count, milliseconds, since, stateOf } from "./words.js";

export class Tile {
  #canvas = h("canvas", { "aria-hidden": "true" });
  #note = h("div", { class: "tile-note" });
  #chip = h("span");
  #facts = h("span", { class: "tile-facts" });
  #key = "";

  constructor(camera, eye) {
    this.name = camera.name;
    this.element = h("a", { class: "tile", href: `#/cameras/${camera.name}`, "data-name": camera.name },
      h("div", { class: "tile-picture" }, this.#canvas, this.#note),
      h("div", { class: "tile-foot" }, h("b", {}, camera.name), this.#facts, this.#chip));
    this.painter = new Painter(this.#canvas);
    eye.observe(this.element);
  }

  close() {
    this.painter.close();
  }

  update(camera) {
    const state = stateOf(camera);
    this.element.dataset.state = state.key;
    this.painter.setShapes(camera);
    if (state.key !== this.#key) put(this.#facts);
    this.#key = state.key;
    put(this.#chip, stateChip(state));
    const since_ = camera.status?.since && state.key !== "live" ? ` for ${since(camera.status.since)}` : "";
    const waits = state.key === "live" && !this.painter.hasPicture;
    put(this.#note, state.key === "live" && !waits ? null
      : [icon(state.key), h("b", {}, waits ? "Waiting for a picture" : state.label + since_), state.detail ? h("span", {}, state.detail) : null]);
    this.element.setAttribute("aria-label", `${camera.name}: ${state.label}. ${state.detail}`);
  }

  take(picture) {
    this.painter.take(picture);
    if (this.#key === "live") put(this.#note);
    const { boxes, age_ms: age } = picture.said;
    put(this.#facts, h("span", {}, boxes.length ? count(boxes.length, "object") : "nothing"), h("span", {}, milliseconds(age)));
  }
}
