// The settings of one zone or line, as fields.

import { h } from "./elements.js";
import { nameProblem } from "./shapes.js";

/** `changed` is called when the name, which is written on the picture, is another. */
export function shapeFields(shape, shapes, changed, remove) {
  const { settings } = shape;
  const name = text(shape.name, (value) => {
    shape.name = value;
    const wrong = nameProblem(shape, shapes);
    name.setCustomValidity(wrong ?? "");
    name.reportValidity();
    changed();
  });
  name.dataset.field = "name";
  const labels = text((settings.labels ?? []).join(", "), (value) => {
    const given = value.split(",").map((one) => one.trim()).filter(Boolean);
    settings.labels = given.length ? given : null;
  }, "all");
  const anchor = h("select", { onchange: () => (settings.anchor = anchor.value) },
    h("option", { value: "bottom" }, "its feet (bottom edge)"), h("option", { value: "centre" }, "its centre"));
  anchor.value = settings.anchor ?? "bottom";
  return h("div", { class: "shape-fields" },
    field("Name", name),
    field("Labels", labels, "Separated by commas; empty: all."),
    field("What counts of an object", anchor),
    shape.kind === "zone"
      ? field("Say “entered” after", number(settings.after_s ?? 0, (value) => (settings.after_s = value)), "Seconds inside; 0: at once.")
      : h("div", { class: "pair" },
          field("To the right is called", text(settings.right ?? "right", (value) => (settings.right = value || "right"))),
          field("To the left", text(settings.left ?? "left", (value) => (settings.left = value || "left")))),
    h("button", { type: "button", class: "danger", onclick: remove }, `Remove this ${shape.kind}`));
}

function field(label, input, help) {
  return h("label", { class: "field" }, h("span", {}, label), input, help ? h("small", {}, help) : null);
}

function text(value, take, placeholder = "") {
  const input = h("input", { value, placeholder, maxlength: 200, autocapitalize: "none", spellcheck: "false" });
  input.addEventListener("input", () => take(input.value.trim()));
  return input;
}

function number(value, take) {
  const input = h("input", { type: "number", min: 0, max: 3600, step: "any", value });
  input.addEventListener("input", () => take(Math.max(0, input.valueAsNumber || 0)));
  return input;
}
