// All cameras. Only tiles that can be seen are looked at.

import { cameras } from "./cameras.js";
import { h, put, renew } from "./elements.js";
import { icon } from "./icons.js";
import { live } from "./live.js";
import { message, waiting } from "./message.js";
import { session } from "./session.js";
import { Tile } from "./tile.js";
import { count, stateOf } from "./words.js";

const ORDER = ["offline", "unassigned", "stalled", "unknown", "connecting", "live", "disabled"];

export function wallPage() {
  const grid = h("div", { class: "wall" });
  const summary = h("p", { class: "summary" });
  const filter = h("input", { type: "search", class: "search", placeholder: "Find a camera", "aria-label": "Find a camera", hidden: true });
  const tiles = new Map();
  const seen = new Set();
  const eye = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target.dataset.name);
    look();
  }, { rootMargin: "120px" });

  function look() {
    const shown = [...seen].map((name) => cameras.get(name)).filter((camera) => camera?.pipeline && camera.enabled);
    live.look(shown.map((camera) => [camera.name, camera.pipeline[0]]));
  }

  function list() {
    if (cameras.all === null) return put(grid, cameras.problem ? unreachable() : waiting("Reading the cameras", 6));
    for (const [name, tile] of tiles) if (!cameras.get(name)) drop(name, tile);
    for (const camera of cameras.all.values()) {
      if (!tiles.has(camera.name)) tiles.set(camera.name, new Tile(camera, eye));
      tiles.get(camera.name).update(camera);
    }
    if (!tiles.size) put(grid, nothingYet());
    else arrange();
    summarise();
    look();
  }

  function arrange() {
    const wanted = filter.value.trim().toLowerCase();
    const fitting = [...tiles.values()].filter((tile) => tile.name.includes(wanted));
    renew(grid, fitting.length ? fitting.map((tile) => tile.element) : message("info", "No camera fits", `None has “${wanted}” in its name.`));
  }

  function drop(name, tile) {
    eye.unobserve(tile.element);
    tile.close();
    tiles.delete(name);
    seen.delete(name);
  }

  function summarise() {
    const numbers = {};
    for (const camera of cameras.all.values()) {
      const { key } = stateOf(camera);
      numbers[key] = (numbers[key] ?? 0) + 1;
    }
    const parts = ORDER.filter((key) => numbers[key]).map((key) => h("span", { "data-state": key }, icon(key), `${numbers[key]} ${key}`));
    put(summary, h("b", {}, count(cameras.all.size, "camera")), ...parts);
    filter.hidden = cameras.all.size < 5;
  }

  const onStatus = (event) => {
    tiles.get(event.detail.name)?.update(cameras.get(event.detail.name));
    summarise();
  };
  const onPicture = ({ detail }) => tiles.get(detail.said.camera)?.take(detail);
  filter.addEventListener("input", arrange);
  const add = session.may("admin") ? h("a", { class: "button primary", href: "#/add" }, icon("plus"), "Add camera") : null;
  return {
    title: "Wall",
    element: h("div", { class: "page" },
      h("div", { class: "page-head" }, h("h1", {}, "Cameras"), summary, h("div", { class: "page-actions" }, filter, add)),
      grid),
    start() {
      cameras.addEventListener("change", list);
      cameras.addEventListener("status", onStatus);
      live.addEventListener("picture", onPicture);
      list();
    },
    stop() {
      cameras.removeEventListener("change", list);
      cameras.removeEventListener("status", onStatus);
      live.removeEventListener("picture", onPicture);
      eye.disconnect();
      for (const tile of tiles.values()) tile.close();
    },
  };
}

function nothingYet() {
  const action = session.may("admin") ? [h("a", { class: "button primary", href: "#/add" }, icon("plus"), "Add the first camera")] : [];
  return message("camera", "No camera yet", session.may("admin")
    ? "You need its address, as in rtsp://user:password@10.0.0.5/stream1. It can be tested before it is added."
    : "Somebody with the role admin can add one here, or in the site's configuration file.", ...action);
}

function unreachable() {
  return message("offline", "The cameras can't be read", `${cameras.problem.message} The page tries again by itself.`);
}
