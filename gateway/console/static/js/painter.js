// Draws a camera's picture on a canvas, with boxes, labels, object ids, zones and lines over it.

import { colourOf, ZONE_COLOUR } from "./colours.js";
import { shortId } from "./words.js";

const SMALL_PX = 420;

export class Painter {
  /** Width to height of the displayed picture. */
  aspect = 16 / 9;
  showBoxes = true;
  showShapes = true;
  #said = null;
  #shapes = { zones: {}, lines: {} };
  #picture = document.createElement("canvas");

  constructor(canvas) {
    this.canvas = canvas;
    this.#watch = new ResizeObserver(() => this.draw());
    this.#watch.observe(canvas);
  }
  #watch;

  close() {
    this.#watch.disconnect();
  }

  get hasPicture() {
    return this.#said !== null;
  }

  /** A new picture; the bitmap is copied, as its owner closes it. */
  take({ said, bitmap }) {
    this.#said = said;
    const view = said.view ?? [0, 0, 1, 1];
    this.aspect = (bitmap.width / view[2]) / (bitmap.height / view[3]);
    Object.assign(this.#picture, { width: bitmap.width, height: bitmap.height });
    this.#picture.getContext("2d").drawImage(bitmap, 0, 0);
    this.draw();
  }

  setShapes(camera) {
    this.#shapes = { zones: camera?.zones ?? {}, lines: camera?.lines ?? {} };
    this.draw();
  }

  /** Where the picture is on the canvas, in its CSS pixels: {x, y, width, height}. */
  frame() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const shown = Math.min(width, height * this.aspect);
    return { x: (width - shown) / 2, y: (height - shown / this.aspect) / 2, width: shown, height: shown / this.aspect };
  }

  draw() {
    const { canvas } = this;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const size = { width: Math.round(canvas.clientWidth * ratio), height: Math.round(canvas.clientHeight * ratio) };
    if (!size.width || !size.height) return;
    if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    if (!this.#said) return;
    const frame = this.frame();
    const view = this.#said.view ?? [0, 0, 1, 1];
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#picture, frame.x + view[0] * frame.width, frame.y + view[1] * frame.height, view[2] * frame.width, view[3] * frame.height);
    if (this.showShapes) this.#drawShapes(context, frame);
    if (this.showBoxes) this.#drawBoxes(context, frame);
  }

  /** All boxes, then their labels: of the largest first, and no label over another. */
  #drawBoxes(context, frame) {
    const boxes = [...this.#said.boxes].sort((one, other) => other.bbox[2] * other.bbox[3] - one.bbox[2] * one.bbox[3]);
    const taken = [];
    for (const box of boxes) drawBox(context, frame, box);
    for (const box of boxes) {
      const [x, y] = [frame.x + box.bbox[0] * frame.width, frame.y + box.bbox[1] * frame.height];
      tag(context, boxText(box, frame.width < SMALL_PX), x, y, frame, colourOf(box.label), false, taken);
    }
  }

  #drawShapes(context, frame) {
    const at = ([x, y]) => [frame.x + x * frame.width, frame.y + y * frame.height];
    context.lineWidth = 1.5;
    for (const [name, zone] of Object.entries(this.#shapes.zones)) {
      const corners = zone.polygon.map(at);
      context.beginPath();
      corners.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.fillStyle = "rgb(255 255 255 / 12%)";
      context.fill();
      outline(context, ZONE_COLOUR, [5, 4]);
      const top = corners.reduce((best, corner) => (corner[1] < best[1] ? corner : best));
      if (frame.width >= 240) tag(context, name, top[0], top[1] + 4, frame, "rgb(255 255 255 / 88%)", true);
    }
    for (const [name, line] of Object.entries(this.#shapes.lines)) {
      const [from, to] = [at(line.from), at(line.to)];
      drawLine(context, from, to);
      if (frame.width >= 240) tag(context, name, (from[0] + to[0]) / 2, (from[1] + to[1]) / 2, frame, "rgb(255 255 255 / 88%)", true);
    }
  }
}

/** A line with an arrow to its right, as seen from its start to its end. */
export function drawLine(context, [x1, y1], [x2, y2]) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [rightX, rightY] = [-(y2 - y1) / length, (x2 - x1) / length];
  const [middleX, middleY] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const [tipX, tipY] = [middleX + rightX * 14, middleY + rightY * 14];
  context.moveTo(middleX, middleY);
  context.lineTo(tipX, tipY);
  for (const side of [-1, 1]) {
    context.moveTo(tipX, tipY);
    context.lineTo(tipX - rightX * 5 + side * rightY * 4, tipY - rightY * 5 - side * rightX * 4);
  }
  outline(context, ZONE_COLOUR, []);
}

function outline(context, colour, dash) {
  context.setLineDash([]);
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.lineWidth = 3.5;
  context.stroke();
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke();
  context.setLineDash([]);
}

function drawBox(context, frame, box) {
  const [x, y, width, height] = box.bbox;
  const [left, top] = [frame.x + x * frame.width, frame.y + y * frame.height];
  context.beginPath();
  context.rect(left, top, width * frame.width, height * frame.height);
  outline(context, colourOf(box.label), []);
}

function boxText(box, small) {
  const id = box.id ? ` ${shortId(box.id)}` : "";
  if (small) return box.label + id;
  const named = box.attributes?.name ? ` ${box.attributes.name}` : "";
  return `${box.label} ${Math.round(box.confidence * 100)} %${named}${id}`;
}

/** Text on a ground of its own; above (x, y), or below where there is no room; not at all where another is. */
function tag(context, text, x, y, frame, ground, below, taken = []) {
  const size = frame.width < SMALL_PX ? 10 : 12;
  context.font = `600 ${size}px ui-sans-serif, system-ui, sans-serif`;
  const [width, height] = [context.measureText(text).width + 8, size + 6];
  const left = Math.max(frame.x, Math.min(x - 0.75, frame.x + frame.width - width));
  const top = below || y - height < frame.y ? y : y - height;
  if (taken.some((one) => left < one.right && left + width > one.left && top < one.bottom && top + height > one.top)) return;
  taken.push({ left, top, right: left + width, bottom: top + height });
  context.fillStyle = ground;
  context.fillRect(left, top, width, height);
  context.fillStyle = "#0b0f14";
  context.textBaseline = "middle";
  context.fillText(text, left + 4, top + height / 2 + 0.5);
}
