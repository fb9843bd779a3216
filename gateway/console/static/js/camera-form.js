// Adds a camera, or changes one. The address can be tested first.

import { api } from "./api.js";
import { cameras } from "./cameras.js";
import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { message, problem, waiting } from "./message.js";
import { session } from "./session.js";
import { testResult } from "./source-test.js";

const PLAIN = { priority: "normal", transport: "auto" };

export function cameraFormPage(name) {
  const holder = h("div", { class: "page narrow" }, waiting("Reading the camera"));
  let built = false;
  function build() {
    const camera = name ? cameras.get(name) : {};
    if (built || cameras.all === null) return;
    built = true;
    if (!camera) put(holder, message("camera", `There is no camera ${name}`, "It may have been removed."));
    else put(holder, ...form(name, camera));
    holder.querySelector("input:not([disabled])")?.focus();
  }
  return {
    title: name ? `Settings of ${name}` : "Add a camera",
    element: holder,
    start() {
      cameras.addEventListener("change", build);
      build();
    },
    stop: () => cameras.removeEventListener("change", build),
  };
}

function form(name, camera) {
  const admin = session.may("admin");
  const failed = h("div");
  const tested = h("div", { class: "tested", role: "status" });
  const inputs = {
    name: h("input", { value: name ?? "", disabled: Boolean(name), required: true, pattern: "[a-z0-9][a-z0-9_\\-]*", maxlength: 63, placeholder: "gate", autocapitalize: "none", spellcheck: "false" }),
    url: h("input", { value: camera.url ?? "", disabled: !admin, required: true, placeholder: "rtsp://user:password@10.0.0.5/stream1", autocapitalize: "none", spellcheck: "false", autocomplete: "off" }),
    fps: h("input", { type: "number", min: 0.05, max: 60, step: "any", value: camera.sampling?.fps ?? "", placeholder: "the pipeline's" }),
    priority: choices(camera.priority ?? PLAIN.priority, ["low", "normal", "high"]),
    transport: choices(camera.transport ?? PLAIN.transport, ["auto", "tcp", "udp", "http"]),
    gate: check(camera.gate?.mode === "activity", "Only look when something moves (activity gate)"),
    enabled: check(camera.enabled ?? true, "Switched on"),
  };
  const pipelines = cameras.pipelines.map((one) => check(camera.pipeline ? camera.pipeline.includes(one.name) : cameras.pipelines.length === 1, `${one.name} – ${one.models.join(", ")}`, one.name));
  const test = h("button", { type: "button", disabled: !admin }, "Test");
  test.addEventListener("click", () => testResult(tested, test, inputs.url.value.trim(), inputs.transport.value));
  const save = h("button", { type: "submit", class: "primary" }, name ? "Save" : "Add camera");

  async function submit(event) {
    event.preventDefault();
    save.disabled = true;
    put(failed);
    try {
      const wanted = settings(inputs, pipelines);
      if (name) await api.patch(name, differences(camera, wanted), camera.revision);
      else await api.send("POST", "cameras", { body: { name: inputs.name.value.trim(), ...withoutNulls(wanted) } });
      await cameras.reload();
      location.hash = `#/cameras/${name ?? inputs.name.value.trim()}`;
    } catch (error) {
      put(failed, problem(error));
    } finally {
      save.disabled = false;
    }
  }

  return [
    h("div", { class: "page-head" }, h("a", { class: "button quiet", href: name ? `#/cameras/${name}` : "#/", "aria-label": "Back" }, icon("back")), h("h1", {}, name ? `Settings of ${name}` : "Add a camera")),
    h("form", { class: "card form", onsubmit: submit },
      field("Name", inputs.name, name ? "Names don't change." : "Lower case letters, digits, - and _."),
      h("div", { class: "field" }, h("label", { for: "url" }, h("b", {}, "Address")), h("div", { class: "with-button" }, inputs.url, test),
        h("small", { class: "soft" }, name ? "Its password is not shown; left as it is, it stays. To test it, type it whole." : "rtsp, rtsps, http or rtmp; whip, if the camera publishes over WebRTC.")),
      tested,
      h("fieldset", {}, h("legend", {}, "Pipelines"), pipelines.map((one) => one.element)),
      inputs.enabled.element,
      h("details", { open: Boolean(name) }, h("summary", {}, "More"), h("div", {},
        inputs.gate.element,
        h("div", { class: "row" }, field("Frames a second", inputs.fps), field("Priority", inputs.priority), field("Transport", inputs.transport)))),
      failed,
      h("div", { class: "actions" }, save, h("a", { class: "button", href: name ? `#/cameras/${name}` : "#/" }, "Cancel"))),
  ];
}

function settings(inputs, pipelines) {
  const fps = inputs.fps.valueAsNumber;
  return {
    url: inputs.url.value.trim(),
    pipeline: pipelines.filter((one) => one.input.checked).map((one) => one.value),
    sampling: Number.isNaN(fps) ? null : { fps },
    priority: inputs.priority.value,
    transport: inputs.transport.value,
    gate: inputs.gate.input.checked ? { mode: "activity" } : null,
    enabled: inputs.enabled.input.checked,
  };
}

/** Only what the person has changed: the rest stays as it is, whatever it is. */
function differences(camera, wanted) {
  const before = { ...camera, sampling: camera.sampling ? { fps: camera.sampling.fps } : null, gate: camera.gate?.mode === "activity" ? { mode: "activity" } : null };
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key] ?? null)));
}

function withoutNulls(wanted) {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => value !== null && value !== PLAIN[key]));
}

function field(label, input, help) {
  return h("label", { class: "field" }, h("span", {}, label), input, help ? h("small", {}, help) : null);
}

function choices(value, all) {
  const select = h("select", {}, all.map((one) => h("option", { value: one }, one)));
  select.value = value;
  return select;
}

function check(checked, label, value = label) {
  const input = h("input", { type: "checkbox", checked });
  return { input, value, element: h("label", { class: "check" }, input, h("span", {}, label)) };
}
