// The zone and line editor: what is on the picture (shape-overlay.js), and a panel beside it. Nothing changes for the
// camera until it is saved, and then only if nobody else has changed it meanwhile (If-Match).

import { api } from "./api.js";
import { cameras } from "./cameras.js";
import { h, put, renew } from "./elements.js";
import { icon } from "./icons.js";
import { problem } from "./message.js";
import { shapeFields } from "./shape-fields.js";
import { ShapeOverlay } from "./shape-overlay.js";
import { defaultPoints, freeName, nameProblem, patchOf, shapesOf } from "./shapes.js";

const HINTS = {
  zone: "Click the corners in order. The first corner, or Enter, closes the zone; Escape gives it up.",
  line: "Click where the line starts, and where it ends.",
};

export class Editor {
  #list = h("div");
  #hint = h("div", { class: "shape-hint", role: "status" });
  #failed = h("div");
  #kind = null;

  constructor(stage, camera, done) {
    this.camera = structuredClone(camera);
    this.done = done;
    this.overlay = new ShapeOverlay(stage);
    this.overlay.shapes = shapesOf(this.camera);
    this.stage = stage;
    stage.painter.showShapes = false;
    this.panel = h("section", { class: "card shape-panel", "aria-label": "Zones and lines" },
      h("div", { class: "card-head" }, h("h2", {}, "Zones and lines")),
      h("div", { class: "tools" },
        h("button", { type: "button", "data-tool": "zone", onclick: () => this.#begin("zone") }, icon("shape"), "Draw a zone"),
        h("button", { type: "button", "data-tool": "line", onclick: () => this.#begin("line") }, icon("line"), "Draw a line")),
      this.#hint, this.#list, this.#failed,
      h("div", { class: "shape-save" },
        h("button", { type: "button", class: "primary", "data-tool": "save", onclick: () => this.#save() }, "Save"),
        h("button", { type: "button", onclick: () => this.done() }, "Cancel")));
    this.overlay.addEventListener("select", ({ detail }) => this.#select(detail.shape));
    this.overlay.addEventListener("change", () => this.overlay.draw());
    this.overlay.addEventListener("point", ({ detail }) => this.#add(detail.point));
    this.overlay.addEventListener("finish", () => this.#finish());
    document.addEventListener("keydown", this.#onKey);
    this.#show();
  }

  close() {
    document.removeEventListener("keydown", this.#onKey);
    this.overlay.close();
  }

  #onKey = (event) => {
    if (!this.#kind) return;
    if (event.key === "Escape") this.#end();
    else if (event.key === "Enter" && event.target.tagName !== "BUTTON") this.#finish();
    else return;
    event.preventDefault();
  };

  #begin(kind) {
    this.#kind = kind;
    this.overlay.drawing = [];
    this.overlay.selected = null;
    const rectangle = () => {
      this.overlay.drawing = defaultPoints(kind);
      this.#finish();
    };
    put(this.#hint, h("p", {}, HINTS[kind]), h("button", { type: "button", class: "quiet", onclick: rectangle }, kind === "zone" ? "Put a rectangle instead" : "Put one in the middle"));
    this.#show();
  }

  #add(point) {
    this.overlay.drawing.push(point);
    if (this.#kind === "line" && this.overlay.drawing.length === 2) this.#finish();
    else this.overlay.draw();
  }

  #finish() {
    const points = this.overlay.drawing;
    if (points.length < (this.#kind === "zone" ? 3 : 2)) return;
    const shape = { kind: this.#kind, name: freeName(this.#kind, this.overlay.shapes), points, settings: {} };
    this.overlay.shapes.push(shape);
    this.#end();
    this.#select(shape);
    this.#list.querySelector("[data-field=name]")?.focus();
  }

  #end() {
    this.#kind = null;
    this.overlay.drawing = null;
    put(this.#hint);
    this.#show();
  }

  #select(shape) {
    this.overlay.selected = this.overlay.selected === shape ? shape : shape;
    this.#show();
  }

  #show() {
    const { overlay } = this;
    overlay.draw();
    const none = h("p", { class: "soft events-foot" }, h("span", { class: "empty" }, "None yet. A zone tells when objects enter and leave; a line, when they cross it."));
    renew(this.#list, overlay.shapes.length ? overlay.shapes.map((shape) => this.#item(shape)) : none);
  }

  #item(shape) {
    const { overlay } = this;
    const isOpen = shape === overlay.selected;
    const name = h("span", {}, shape.name);
    const toggle = () => {
      overlay.selected = isOpen ? null : shape;
      this.#show();
    };
    const remove = () => {
      overlay.shapes = overlay.shapes.filter((other) => other !== shape);
      overlay.selected = null;
      this.#show();
    };
    const changed = () => {
      put(name, shape.name);
      overlay.draw();
    };
    return h("div", { class: "shape-item" },
      h("button", { type: "button", "aria-expanded": String(isOpen), onclick: toggle }, icon(shape.kind === "zone" ? "shape" : "line"), name,
        h("small", {}, shape.kind === "zone" ? `${shape.points.length} corners` : "line")),
      isOpen ? shapeFields(shape, overlay.shapes, changed, remove) : null);
  }

  async #save() {
    put(this.#failed);
    const { shapes } = this.overlay;
    const wrong = shapes.find((shape) => nameProblem(shape, shapes));
    if (wrong) return put(this.#failed, problem(new Error(`${wrong.name || "A shape without a name"}: ${nameProblem(wrong, shapes)}`)));
    try {
      await api.patch(this.camera.name, patchOf(this.camera, shapes), this.camera.revision);
      await cameras.reload();
      return this.done();
    } catch (error) {
      const text = error.status === 412 ? "Somebody has changed this camera meanwhile. Cancel and begin again, so that their change is not lost." : null;
      return put(this.#failed, problem(text ? new Error(text) : error));
    }
  }
}
