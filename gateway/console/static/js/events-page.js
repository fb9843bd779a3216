// What happens, at all cameras; filtered by camera, kind and label. The filters are in the address.

import { cameras } from "./cameras.js";
import { h, put } from "./elements.js";
import { EventList } from "./event-list.js";
import { KIND_NAMES } from "./words.js";

export function eventsPage() {
  const asked = new URLSearchParams(location.hash.split("?")[1] ?? "");
  const wanted = Object.fromEntries(["camera", "kind", "label"].map((key) => [key, asked.get(key) ?? ""]));
  const holder = h("section", { class: "card events-card" });
  const changes = h("input", { type: "checkbox" });
  const camera = h("select", {});
  const kind = h("select", {}, choice("", "All kinds"), Object.entries(KIND_NAMES).map(([key, label]) => choice(key, label)));
  const labels = h("datalist", { id: "labels" });
  const label = h("input", { list: "labels", placeholder: "All labels", maxlength: 63, autocapitalize: "none", spellcheck: "false" });
  let list = null;

  function choices() {
    put(camera, choice("", "All cameras"), [...new Set([...cameras.names, wanted.camera])].filter(Boolean).map((name) => choice(name, name)));
    camera.value = wanted.camera;
    put(labels, [...new Set(cameras.pipelines.flatMap((one) => one.labels))].map((name) => choice(name, name)));
  }

  function show() {
    list?.stop();
    list = new EventList({ ...wanted, changes: changes.checked });
    put(holder, list.element);
    list.start();
  }

  function filter() {
    Object.assign(wanted, { camera: camera.value, kind: kind.value, label: label.value.trim() });
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value)).toString();
    history.replaceState(null, "", `#/events${query ? `?${query}` : ""}`);
    show();
  }

  kind.value = wanted.kind;
  label.value = wanted.label;
  for (const field of [camera, kind, label, changes]) field.addEventListener("change", filter);
  return {
    title: "Events",
    element: h("div", { class: "page narrow" },
      h("div", { class: "page-head" }, h("h1", {}, "Events"),
        h("label", { class: "check page-actions" }, changes, h("span", {}, "Changes of objects too"))),
      h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
        named("Camera", camera), named("Kind", kind), named("Label", label), labels),
      holder),
    start() {
      cameras.addEventListener("change", choices);
      choices();
      show();
    },
    stop() {
      cameras.removeEventListener("change", choices);
      list?.stop();
    },
  };
}

function choice(value, label) {
  return h("option", { value }, label);
}

function named(label, field) {
  return h("label", { class: "field" }, h("span", {}, label), field);
}
