// Zones and lines on the picture, with corners to take hold of: by mouse, finger, or keyboard.

import { renew, s } from "./elements.js";
import { clamped } from "./shapes.js";

const CORNER_PX = 8;
const MIDDLE_PX = 6;
const STEP = 0.005;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Events: `select` {shape}, `change`, `point` {point} (while drawing), `finish`. */
export class ShapeOverlay extends EventTarget {
  shapes = [];
  selected = null;
  /** The points so far of what is being drawn; null: nothing is. */
  drawing = null;
  #svg = s("svg", { role: "group", "aria-label": "Zones and lines" });
  #grip = null;

  constructor(stage) {
    super();
    this.stage = stage;
    stage.overlay.append(this.#svg);
    stage.picture.classList.add("editor");
    this.#svg.addEventListener("pointerdown", (event) => this.#down(event));
    this.#svg.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.#svg.addEventListener(name, () => (this.#grip = null));
    this.#svg.addEventListener("keydown", (event) => this.#key(event));
    this.#watch = new ResizeObserver(() => this.draw());
    this.#watch.observe(stage.picture);
  }
  #watch;

  close() {
    this.#watch.disconnect();
    this.#svg.remove();
    this.stage.picture.classList.remove("editor");
  }

  draw() {
    this.#svg.classList.toggle("drawing", this.drawing !== null);
    renew(this.#svg, this.shapes.map((shape) => this.#shape(shape)), this.drawing ? this.#open() : null);
  }

  #shape(shape) {
    const points = shape.points.map((point) => this.#px(point));
    const path = points.map(([x, y]) => `${x},${y}`).join(" ");
    const tag = shape.kind === "zone" ? "polygon" : "polyline";
    const isSelected = shape === this.selected;
    const top = points.reduce((best, point) => (point[1] < best[1] ? point : best));
    const pick = () => this.drawing === null && this.#tell("select", { shape });
    return s("g", { class: isSelected ? "selected" : "" },
      s(tag, { class: "shape-under", points: path }),
      s(tag, { class: `shape ${shape.kind}`, points: path, onpointerdown: pick }),
      shape.kind === "line" ? this.#arrow(points) : null,
      s("text", { x: top[0] + 8, y: Math.max(16, top[1] - 10) }, shape.name),
      isSelected ? [shape.kind === "zone" ? this.#middles(shape) : null, this.#corners(shape, points)] : null);
  }

  #corners(shape, points) {
    return points.map(([x, y], index) => s("circle", {
      class: "corner", cx: x, cy: y, r: CORNER_PX, tabindex: 0, role: "button", "data-corner": index,
      "aria-label": `Corner ${index + 1} of ${shape.name}, ${percent(shape.points[index])}. Arrow keys move it, Delete removes it.`,
    }));
  }

  #middles({ points }) {
    return points.map((point, index) => {
      const next = points[(index + 1) % points.length];
      const [x, y] = this.#px([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2]);
      return s("circle", { class: "middle", cx: x, cy: y, r: MIDDLE_PX, "data-middle": index });
    });
  }

  #arrow([[x1, y1], [x2, y2]]) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [rx, ry] = [-(y2 - y1) / length, (x2 - x1) / length];
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    return s("text", { x: mx + rx * 22 - 14, y: my + ry * 22 + 4 }, "right");
  }

  #open() {
    const points = this.drawing.map((point) => this.#px(point));
    return s("g", { class: "selected" },
      s("polyline", { class: "shape line", points: points.map(([x, y]) => `${x},${y}`).join(" ") }),
      points.map(([x, y], index) => s("circle", { class: "corner", cx: x, cy: y, r: CORNER_PX, "data-first": index === 0 ? "" : null })));
  }

  #down(event) {
    const { target } = event;
    if (this.drawing !== null) {
      event.preventDefault();
      const closes = target.dataset.first !== undefined && this.drawing.length >= 3;
      return closes ? this.#tell("finish") : this.#tell("point", { point: this.#point(event) });
    }
    if (!this.selected) return undefined;
    if (target.dataset.middle !== undefined) {
      this.#grip = Number(target.dataset.middle) + 1;
      this.selected.points.splice(this.#grip, 0, this.#point(event));
    } else if (target.dataset.corner !== undefined) {
      this.#grip = Number(target.dataset.corner);
    } else {
      return undefined;
    }
    event.preventDefault();
    this.#svg.setPointerCapture(event.pointerId);
    this.draw();
    return this.#svg.querySelector(`[data-corner="${this.#grip}"]`)?.focus();
  }

  #move(event) {
    if (this.#grip === null) return;
    this.selected.points[this.#grip] = this.#point(event);
    this.#tell("change");
  }

  #key(event) {
    const index = Number(event.target.dataset?.corner ?? NaN);
    if (Number.isNaN(index) || !this.selected) return;
    const { points, kind } = this.selected;
    if (STEPS[event.key]) {
      const step = STEP * (event.shiftKey ? 10 : 1);
      points[index] = clamped(points[index].map((value, axis) => value + STEPS[event.key][axis] * step));
    } else if ((event.key === "Delete" || event.key === "Backspace") && kind === "zone" && points.length > 3) {
      points.splice(index, 1);
    } else {
      return;
    }
    event.preventDefault();
    this.#tell("change");
  }

  #px([x, y]) {
    const frame = this.stage.painter.frame();
    return [frame.x + x * frame.width, frame.y + y * frame.height];
  }

  #point(event) {
    const frame = this.stage.painter.frame();
    const box = this.#svg.getBoundingClientRect();
    return clamped([(event.clientX - box.x - frame.x) / frame.width, (event.clientY - box.y - frame.y) / frame.height]);
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function percent(point) {
  return point.map((value, axis) => `${"xy"[axis]} ${Math.round(value * 100)} %`).join(", ");
}
