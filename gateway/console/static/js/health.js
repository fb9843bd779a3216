// How a camera is: what its gateway says of it, and what can be seen from here.

import { h } from "./elements.js";
import { milliseconds, since, stateOf } from "./words.js";

const DECODE = { keyframes: "keyframes only", lazy: "up to each sample", nonref: "no unreferenced frames", "lazy+nonref": "up to each sample, referenced only", all: "every frame" };
const GATES = { idle: "idle: nothing moves", armed: "armed: something may move", open: "open: something moves" };
const CLOCKS = { rtcp: "the camera's (RTCP)", arrival: "the gateway's, at arrival", media: "the file's" };

/** `rates`: {said, pictures}: the newest picture, and when pictures came. */
export function healthCard(camera, rates) {
  const { status } = camera;
  const state = stateOf(camera);
  const rows = [
    ["State", status ? `${state.label} for ${since(status.since)}` : state.label],
    ["Reason", state.key === "live" ? null : state.detail],
    ["Change refused", status?.refused ?? camera.refused],
    ["Source", source(status)],
    ["Source rate", rate(status?.source_fps)],
    ["Sampled", rate(status?.sampled_fps)],
    ["CPU", cores(status?.cpu)],
    ["Shown here", shown(rates.pictures)],
    ["Frame age", rates.said ? milliseconds(rates.said.age_ms) : null],
    ["Reconnects", status ? String(status.reconnects) : null],
    ["Gate", status?.gate ? GATES[status.gate] ?? status.gate : "none: every sample is inferred"],
    ["Gate is blind", status?.gate_reason],
    ["Decoded", status?.decode ? DECODE[status.decode] ?? status.decode : null],
    ["Clock", status?.clock ? CLOCKS[status.clock] ?? status.clock : null],
    ["Clock off by", status?.clock_off_s !== undefined ? `${status.clock_off_s} s` : null],
    ["Substream", substream(status?.substream)],
    ["Pipelines", camera.pipeline?.join(", ")],
    ["Address", camera.url],
    ["Gateway", status?.gateway],
    ["Comes from", camera.origin === "file" ? "the configuration file" : "the API"],
  ];
  return [
    h("div", { class: "card-head" }, h("h2", {}, "Health")),
    h("dl", { class: "health" }, rows.filter(([, value]) => value).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value)))),
  ];
}

function source(status) {
  if (!status?.codec) return null;
  return [status.codec.toUpperCase(), status.width ? `${status.width} × ${status.height}` : ""].filter(Boolean).join(" · ");
}

function rate(fps) {
  return fps === undefined || fps === null ? null : `${Number(fps.toFixed(fps < 10 ? 1 : 0))} fps`;
}

function cores(share) {
  if (share === undefined || share === null) return null;
  return `${Number((share * 100).toFixed(share < 0.1 ? 1 : 0))} % of a core`;
}

function shown(times) {
  if (times.length < 3) return null;
  return rate(((times.length - 1) * 1000) / Math.max(1, times.at(-1) - times[0]));
}

function substream(sub) {
  return sub ? `${sub.codec.toUpperCase()} · ${sub.width} × ${sub.height}, view ${sub.view_known}` : null;
}
