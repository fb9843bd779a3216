// One camera large: its picture, its health, what happens before it; and, while they are drawn, its zones and lines.

import { api } from "./api.js";
import { cameras } from "./cameras.js";
import { ask } from "./dialogs.js";
import { h, put, renew } from "./elements.js";
import { EventList } from "./event-list.js";
import { healthCard } from "./health.js";
import { icon } from "./icons.js";
import { live } from "./live.js";
import { message, problem, waiting } from "./message.js";
import { session } from "./session.js";
import { Editor } from "./shape-editor.js";
import { stateChip } from "./state-chip.js";
import { Stage } from "./stage.js";
import { stateOf } from "./words.js";

const EVENTS = 50;

export function cameraPage(name, editing = false) {
  const stage = new Stage(name);
  const head = h("div", { class: "page-head" });
  const failed = h("div");
  const side = h("div", { class: "camera-side" });
  const body = h("div", { class: "camera" }, h("div", { class: "camera-main" }, stage.element, failed), side);
  const health = h("section", { class: "card" });
  const list = new EventList({ camera: name, compact: true });
  const rates = { pictures: [], said: null };
  let editor = null;
  let pipeline = null;

  async function change(work) {
    put(failed);
    try {
      await work();
      await cameras.reload();
    } catch (error) {
      put(failed, problem(error));
    }
  }

  function update() {
    const camera = cameras.get(name);
    if (!camera) return absent();
    renew(head, ...headOf(camera, editing, change));
    stage.update(camera);
    if (!camera.pipeline) return put(failed, problem(new Error(camera.refused ?? "It can't be read.")));
    if (!camera.pipeline.includes(pipeline)) pipeline = camera.pipeline[0];
    live.look(camera.enabled ? [[name, pipeline]] : []);
    put(health, ...healthCard(camera, rates));
    if (editing && !editor) {
      editor = new Editor(stage, camera, () => (location.hash = `#/cameras/${name}`));
      put(side, editor.panel);
    }
  }

  function absent() {
    if (cameras.all === null) return put(head, waiting("Reading the camera", 1));
    put(body, message("camera", `There is no camera ${name}`, "It may have been removed.", h("a", { class: "button", href: "#/" }, "All cameras")));
    return put(head);
  }

  const onPicture = ({ detail }) => {
    if (detail.said.camera !== name) return;
    stage.take(detail);
    rates.said = detail.said;
    rates.pictures = [...rates.pictures.slice(-20), Date.now()];
    put(health, ...healthCard(cameras.get(name), rates));
  };
  const onStatus = (event) => event.detail.name === name && update();
  put(side, health, h("section", { class: "card events-card" }, h("div", { class: "card-head" }, h("h2", {}, "Events"),
    h("a", { class: "page-actions soft", href: `#/events?camera=${name}` }, "All")), list.element));
  return {
    title: name,
    element: h("div", { class: "page" }, head, body),
    start() {
      cameras.addEventListener("change", update);
      cameras.addEventListener("status", onStatus);
      live.addEventListener("picture", onPicture);
      update();
      if (!editing) list.start(EVENTS);
    },
    stop() {
      cameras.removeEventListener("change", update);
      cameras.removeEventListener("status", onStatus);
      live.removeEventListener("picture", onPicture);
      list.stop();
      editor?.close();
      stage.close();
    },
  };
}

function headOf(camera, editing, change) {
  const { name } = camera;
  const disable = () => change(() => api.patch(name, { enabled: !camera.enabled }, camera.revision));
  const remove = async () => {
    if (!(await ask(`Remove ${name}?`, "Its settings, zones and lines are gone then. Events that there are stay.", "Remove"))) return;
    change(async () => {
      await api.send("DELETE", `cameras/${name}`, { headers: { "If-Match": `"${camera.revision}"` } });
      location.hash = "#/";
    });
  };
  const operator = session.may("operator") && camera.pipeline;
  return [
    h("a", { class: "button quiet", href: "#/", "aria-label": "All cameras" }, icon("back")),
    h("h1", {}, name),
    stateChip(stateOf(camera)),
    h("div", { class: "page-actions icon-actions" },
      operator && !editing ? [
        h("a", { class: "button", href: `#/cameras/${name}/shapes` }, icon("shape"), h("span", {}, "Zones and lines")),
        h("a", { class: "button", href: `#/cameras/${name}/edit` }, icon("edit"), h("span", {}, "Settings")),
        h("button", { type: "button", onclick: disable }, icon("power"), h("span", {}, camera.enabled ? "Disable" : "Enable")),
        session.may("admin") ? h("button", { type: "button", class: "danger", onclick: remove }, icon("trash"), h("span", {}, "Remove")) : null,
      ] : null),
  ];
}
