// The one connection over which all that moves comes. A picture that is drawn is said to be: only then the next comes.

import { api } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

/** Events: `picture` {said, bitmap}, `status` {status}, `event` {kind, event}, `cameras`, `missed`, `link`. */
class Live extends EventTarget {
  /** Whether the gateway is there, and the bus behind it: null while that is not known. */
  link = null;
  bus = null;
  #socket = null;
  #wanted = false;
  #failures = 0;
  #timer = 0;
  #places = [];

  start() {
    this.#wanted = true;
    if (!this.#socket) this.#open();
  }

  stop() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  /** Show these: [[camera, pipeline], …]; nothing while the page is hidden. */
  look(places) {
    this.#places = places;
    this.#tellPlaces();
  }

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#tellPlaces());
  }

  #open() {
    const url = api.url("live");
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#send({ type: "hello", csrf: api.csrf });
      this.#tellPlaces();
    };
    socket.onmessage = (message) => this.#take(message.data);
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #lost() {
    this.#socket = null;
    this.#set(false, null);
    if (!this.#wanted) return;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2));
    this.dispatchEvent(new Event("lost"));
  }

  async #take(data) {
    if (typeof data !== "string") return this.#takePicture(data);
    const said = JSON.parse(data);
    if (said.type === "bus") {
      this.#failures = 0;
      this.#set(true, said.connected);
    } else {
      this.dispatchEvent(new CustomEvent(said.type, { detail: said }));
    }
  }

  async #takePicture(data) {
    const socket = this.#socket;
    try {
      const length = new DataView(data).getUint32(0);
      const said = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
      this.dispatchEvent(new CustomEvent("picture", { detail: { said, bitmap } }));
      bitmap.close();
    } finally {
      if (socket === this.#socket) this.#send({ type: "drawn" });
    }
  }

  #set(link, bus) {
    if (link === this.link && bus === this.bus) return;
    const back = link && bus && !(this.link && this.bus);
    [this.link, this.bus] = [link, bus];
    this.dispatchEvent(new Event("link"));
    if (back) this.dispatchEvent(new Event("cameras"));
  }

  #tellPlaces() {
    this.#send({ type: "look", at: document.hidden ? [] : this.#places });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

export const live = new Live();
