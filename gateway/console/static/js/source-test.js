// Tests an address: a picture and what the source sends, or the reason why it can't be read.

import { api } from "./api.js";
import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { problem, waiting } from "./message.js";

const REASONS = {
  unreachable: "There is no way to this host",
  refused: "Nothing listens there",
  unauthorized: "Wrong name or password",
  not_found: "The host has no such stream",
  no_video: "There is no video in it",
  unsupported_codec: "Its codec can't be decoded",
  undecodable: "No picture could be decoded",
  stalled: "It answers, and sends nothing",
  timeout: "No answer in time",
};

export async function testResult(holder, button, url, transport) {
  button.disabled = true;
  put(holder, waiting("Testing the address", 2));
  try {
    const { json } = await api.send("POST", "cameras:test", { body: { url, transport } });
    put(holder, json.ok ? found(json) : failed(json));
  } catch (error) {
    put(holder, problem(error));
  } finally {
    button.disabled = false;
  }
}

function failed({ reason, detail }) {
  return h("div", { class: "problem", role: "alert" }, icon("offline"),
    h("div", {}, h("b", {}, REASONS[reason] ?? reason), h("p", { class: "soft" }, detail)));
}

function found(said) {
  const rows = [
    ["Codec", [said.codec?.toUpperCase(), said.profile].filter(Boolean).join(" ")],
    ["Picture", `${said.display_width} × ${said.display_height}${said.interlaced ? ", interlaced" : ""}`],
    ["Rate", said.fps ? `${said.fps.toFixed(1)} fps` : "unknown"],
    ["Keyframes", said.keyframe_gap_s ? `every ${said.keyframe_gap_s.toFixed(1)} s` : "unknown"],
    ["Bit rate", said.kbps ? `${Math.round(said.kbps)} kb/s` : "unknown"],
    ["Transport", said.transport],
    ["First picture", `after ${said.first_picture_s.toFixed(1)} s`],
  ];
  return h("div", { class: "found" },
    said.picture ? picture(said.picture) : null,
    h("div", {}, h("p", { class: "good" }, icon("live"), h("b", {}, "It can be read.")),
      h("dl", { class: "health" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))))));
}

function picture(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  const image = h("img", { src: url, alt: "The picture that the source sends now" });
  image.addEventListener("load", () => URL.revokeObjectURL(url));
  return image;
}
