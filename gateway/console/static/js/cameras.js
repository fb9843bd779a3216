// The cameras as they are: read from the API when they change, and told of what they say of themselves.

import { api } from "./api.js";
import { live } from "./live.js";

const RELOAD_AFTER_MS = 250;
const STATUS_HOLDS_MS = 30000;

/** Events: `change` (cameras came, went or were changed), `status` {name}. */
class Cameras extends EventTarget {
  /** By name, in order; null: not read yet. */
  all = null;
  /** Why they could not be read. */
  problem = null;
  pipelines = [];
  #timer = 0;
  #heard = new Map();

  constructor() {
    super();
    live.addEventListener("cameras", () => this.reloadSoon());
    live.addEventListener("status", (event) => this.#onStatus(event.detail.status));
    setInterval(() => this.#expire(), 5000);
  }

  get names() {
    return [...(this.all?.keys() ?? [])];
  }

  get(name) {
    return this.all?.get(name);
  }

  reloadSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.reload(), RELOAD_AFTER_MS);
  }

  async reload() {
    try {
      const [{ cameras }, { pipelines }] = await Promise.all([api.get("cameras"), api.get("pipelines")]);
      this.all = new Map(cameras.map((camera) => [camera.name, camera]));
      this.pipelines = pipelines;
      this.problem = null;
      for (const camera of cameras) if (camera.status) this.#heard.set(camera.name, Date.now());
    } catch (error) {
      this.problem = error;
      if (error.status === 0 || error.status === 503) this.#timer = setTimeout(() => this.reload(), 2000);
    }
    this.dispatchEvent(new Event("change"));
  }

  #onStatus(status) {
    const camera = this.all?.get(status.camera);
    if (!camera) return;
    const refused = camera.status?.refused !== status.refused;
    camera.status = status;
    this.#heard.set(status.camera, Date.now());
    this.#tell(status.camera);
    if (refused) this.reloadSoon();
  }

  #expire() {
    for (const [name, camera] of this.all ?? []) {
      if (camera.status && Date.now() - (this.#heard.get(name) ?? 0) > STATUS_HOLDS_MS) {
        delete camera.status;
        this.#tell(name);
      }
    }
  }

  #tell(name) {
    this.dispatchEvent(new CustomEvent("status", { detail: { name } }));
  }
}

export const cameras = new Cameras();
