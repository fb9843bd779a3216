// Icons, 16 by 16, drawn with the colour of the text beside them. Each state has a shape of its own.

import { s } from "./elements.js";

const STROKES = {
  wall: ["M2 3h5v4H2zM9 3h5v4H9zM2 9h5v4H2zM9 9h5v4H9z"],
  events: ["M2.500 4h11M2.500 8h11M2.500 12h7"],
  models: ["M8 1.800l5.500 3.100v6.200L8 14.200l-5.500-3.100V4.900z", "M2.500 4.900L8 8l5.500-3.100M8 8v6.200"],
  identities: ["M8 8.200a2.600 2.600 0 1 0 0-5.200 2.600 2.600 0 0 0 0 5.200z", "M3 13.500c.600-2.600 2.500-3.800 5-3.800s4.400 1.200 5 3.800"],
  plus: ["M8 3v10M3 8h10"],
  back: ["M10 3L5 8l5 5"],
  edit: ["M10.800 2.700l2.500 2.500-8 8-3 .500.500-3z"],
  shape: ["M3 5l6-2.500L13.500 8 10 13.500 3.500 12z"],
  line: ["M3 13L13 3", "M6 4.500L11.500 10"],
  trash: ["M3 4.500h10M6 4.500V3h4v1.500M4.500 4.500l.600 8.500h5.800l.600-8.500"],
  power: ["M8 2.500v5", "M4.700 4.700a4.700 4.700 0 1 0 6.600 0"],
  expand: ["M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10"],
  out: ["M9.500 3H3.500v10h6M7 8h7M11.500 5.500L14 8l-2.500 2.500"],
  lockOpen: ["M4 7.500h8v6H4z", "M5.500 7.500V5a2.500 2.500 0 0 1 4.900-.700"],
  enter: ["M8 2.500h5v11H8M2 8h7M6.500 5.500L9 8l-2.500 2.500"],
  leave: ["M8 2.500H3v11h5M7 8h7M11.500 5.500L14 8l-2.500 2.500"],
  cross: ["M8 2v12", "M3 8h10M10.500 5.500L13 8l-2.500 2.500"],
  seen: ["M1.500 8C3.500 4.700 5.500 3.500 8 3.500S12.500 4.700 14.500 8c-2 3.300-4 4.500-6.500 4.500S3.500 11.300 1.500 8z", "M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"],
  gone: ["M1.500 8C3.500 4.700 5.500 3.500 8 3.500S12.500 4.700 14.500 8", "M3 13L13 3"],
  change: ["M3 8a5 5 0 0 1 8.700-3.300L13 6M13 3v3h-3M13 8a5 5 0 0 1-8.700 3.300L3 10M3 13v-3h3"],
  warning: ["M8 2.500l6 10.500H2z", "M8 6.500v3M8 11.300v.200"],
  camera: ["M2 4.500h8.500v7H2zM10.500 7.300L14 5.500v5l-3.500-1.800"],
  info: ["M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z", "M8 7.300V11M8 5v.200"],
};

const STATES = {
  live: () => [s("circle", { cx: 8, cy: 8, r: 4.5, fill: "currentColor" })],
  connecting: () => [
    s("circle", { cx: 8, cy: 8, r: 4.5, fill: "none", stroke: "currentColor", "stroke-width": 1.8 }),
    s("path", { d: "M8 3.500a4.500 4.500 0 0 1 0 9z", fill: "currentColor" }),
  ],
  stalled: () => [s("path", { d: "M8 2.500l6 10.500H2z", fill: "currentColor" })],
  offline: () => [s("path", { d: "M3.500 3.500l9 9M12.500 3.500l-9 9", stroke: "currentColor", "stroke-width": 2.4 })],
  unassigned: () => [s("path", { d: "M3.500 3.500l9 9M12.500 3.500l-9 9", stroke: "currentColor", "stroke-width": 2.4 })],
  unknown: () => [
    s("circle", { cx: 8, cy: 8, r: 4.5, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-dasharray": "2.400 2.200" }),
  ],
  disabled: () => [s("path", { d: "M3 8h10", stroke: "currentColor", "stroke-width": 2.4 })],
};

/** An icon by name; it says nothing to a screen reader, so there must be text too. */
export function icon(name) {
  const shapes = STATES[name]
    ? STATES[name]()
    : STROKES[name].map((d) =>
        s("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linejoin": "round", "stroke-linecap": "round" }));
  return s("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, ...shapes);
}
