// The models that serve, their versions, and how long a picture takes them just now.

import { api } from "./api.js";
import { h, put } from "./elements.js";
import { icon } from "./icons.js";
import { message, problem, waiting } from "./message.js";
import { count, percent } from "./words.js";

const EVERY_MS = 4000;

export function modelsPage() {
  const holder = h("div", { class: "models" }, waiting("Looking at the models"));
  let timer = 0;
  let open = true;

  async function look() {
    try {
      const { models } = await api.get("models");
      put(holder, models.length ? models.map(card) : message("models", "No model yet", "No pipeline names one, and no inference process runs."));
    } catch (error) {
      put(holder, problem(error));
    }
    if (open) timer = setTimeout(look, EVERY_MS);
  }

  return {
    title: "Models",
    element: h("div", { class: "page" }, h("div", { class: "page-head" }, h("h1", {}, "Models"),
      h("p", { class: "summary" }, "Milliseconds are medians of the last second and a half.")), holder),
    start: look,
    stop() {
      open = false;
      clearTimeout(timer);
    },
  };
}

function card(model) {
  const ready = model.processes.filter((one) => one.ready).length;
  const [key, label] = ready ? ["live", `${count(ready, "process").replace("processs", "processes")} ready`] : ["offline", "No process serves it"];
  return h("section", { class: "card model" },
    h("div", { class: "card-head" }, h("h2", {}, model.name), h("span", { class: "chip", "data-state": key }, icon(key), h("span", {}, label)),
      h("span", { class: "page-actions soft" }, model.pipelines.length ? `pipeline ${model.pipelines.join(", ")}` : "no pipeline")),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Version", "Is", "Pictures", "Batch", "Inference", "Queue", "Arrival to result"].map((title, index) => h("th", { scope: "col", class: index > 1 ? "number" : "" }, title)))),
      h("tbody", {}, versions(model).map((version) => row(version, model))))),
    model.processes.map((process) => (process.detail.problems ?? []).map((text) => problem(new Error(`${process.name}: ${text}`)))));
}

function versions(model) {
  const known = model.processes.flatMap((process) => Object.keys(process.detail.versions ?? {}));
  const named = model.rollout ? ["stable", "candidate", "shadow"].map((role) => model.rollout[role]).filter(Boolean) : [];
  return [...new Set([...known, ...named, ...Object.keys(model.measured)])].sort((one, other) => other.localeCompare(one, undefined, { numeric: true }));
}

function row(version, model) {
  const took = model.measured[version];
  const cell = (value, unit = "") => h("td", { class: "number" }, value === undefined || value === null ? "–" : `${value}${unit}`);
  return h("tr", {}, h("th", { scope: "row" }, version), h("td", {}, roles(version, model).join(", ")),
    cell(took?.fps, " /s"), cell(took ? `${took.batch_mean}, at most ${took.batch_max}` : null), cell(took?.infer_ms, " ms"), cell(took?.queue_ms, " ms"), cell(took?.total_ms, " ms"));
}

function roles(version, { processes, rollout }) {
  const detail = processes[0]?.detail ?? {};
  const said = { ...rollout, ...detail };
  const found = [];
  if (said.stable === version) found.push("stable");
  if (said.candidate === version) found.push(`candidate for ${percent(said.share ?? 0)} of the cameras`);
  if (said.shadow === version) found.push("shadow");
  const state = detail.versions?.[version];
  if (state && (state.state !== "ready" || state.reason)) found.push([state.state, state.reason].filter(Boolean).join(": "));
  return found.length ? found : ["not serving"];
}
