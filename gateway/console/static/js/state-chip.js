// A camera's state as a chip: shape, colour and word say the same.

import { h } from "./elements.js";
import { icon } from "./icons.js";

export function stateChip({ key, label }) {
  return h("span", { class: "chip", "data-state": key }, icon(key), h("span", {}, label));
}
