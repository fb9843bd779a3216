// The large picture, what is said over it, and what can be shown on it.

import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { Painter } from "./painter.js";
import { clock, milliseconds, since, stateOf } from "./words.js";

export class Stage {
  #canvas = h("canvas", { role: "img", "aria-label": "The camera's picture" });
  #note = h("div", { class: "tile-note" });
  #caption = h("span", { class: "stage-caption" });
  #name;

  constructor(name) {
    this.#name = name;
    this.painter = new Painter(this.#canvas);
    this.overlay = h("div", { class: "stage-overlay" });
    this.picture = h("div", { class: "stage-picture" }, this.#canvas, this.#note, this.overlay);
    this.element = h("section", { class: "stage card" }, this.picture,
      h("div", { class: "stage-foot" }, this.#caption,
        this.#toggle("Boxes", "showBoxes"), this.#toggle("Zones", "showShapes"),
        h("button", { class: "quiet", type: "button", title: "Full screen", onclick: () => this.#enlarge() }, icon("expand"), h("span", { class: "hidden" }, "Full screen"))));
  }

  close() {
    this.painter.close();
  }

  update(camera) {
    const state = stateOf(camera);
    this.picture.dataset.state = state.key;
    if (!this.painter.hasPicture && camera.status?.width) this.painter.aspect = camera.status.width / camera.status.height;
    this.painter.setShapes(camera);
    const waits = state.key === "live" && !this.painter.hasPicture;
    const lasts = camera.status?.since && state.key !== "live" && state.key !== "disabled" ? ` for ${since(camera.status.since)}` : "";
    put(this.#note, state.key === "live" && !waits ? null
      : [icon(state.key), h("b", {}, waits ? "Waiting for a picture" : state.label + lasts), state.detail ? h("span", {}, state.detail) : null]);
  }

  take(picture) {
    const { said } = picture;
    this.painter.take(picture);
    this.picture.style.aspectRatio = String(this.painter.aspect);
    if (this.picture.dataset.state === "live") put(this.#note);
    const bad = said.input ? ` · picture ${said.input.join(", ")}` : "";
    put(this.#caption, `${clock(said.captured_at)} · result after ${milliseconds(said.age_ms)}${bad}`);
    const labels = said.boxes.map((box) => box.label).join(", ");
    this.#canvas.setAttribute("aria-label", `Picture of ${this.#name}: ${labels || "nothing detected"}`);
  }

  #toggle(label, key) {
    const button = h("button", { class: "quiet", type: "button", "aria-pressed": "true" }, label);
    button.addEventListener("click", () => {
      this.painter[key] = !this.painter[key];
      button.setAttribute("aria-pressed", String(this.painter[key]));
      this.painter.draw();
    });
    return button;
  }

  #enlarge() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.picture.requestFullscreen?.().catch(() => {});
  }
}
