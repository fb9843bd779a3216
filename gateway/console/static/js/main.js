// Begins: who is signed in decides what is shown; then the address (after #) decides which page.

import { api } from "./api.js";
import { cameras } from "./cameras.js";
import { put } from "./elements.js";
import { frame } from "./frame.js";
import { live } from "./live.js";
import { session } from "./session.js";
import { message } from "./message.js";
import { cameraFormPage } from "./camera-form.js";
import { cameraPage } from "./camera-page.js";
import { eventsPage } from "./events-page.js";
import { identitiesPage } from "./identities-page.js";
import { modelsPage } from "./models-page.js";
import { signInPage } from "./sign-in.js";
import { wallPage } from "./wall.js";

const ROUTES = [
  [/^$/, wallPage],
  [/^cameras\/([\w-]+)$/, cameraPage],
  [/^cameras\/([\w-]+)\/(edit|shapes)$/, (name, mode) => (mode === "edit" ? cameraFormPage(name) : cameraPage(name, true))],
  [/^add$/, () => cameraFormPage(null)],
  [/^events$/, eventsPage],
  [/^models$/, modelsPage],
  [/^identities$/, identitiesPage],
];
const RETRY_MS = 2000;
const app = document.getElementById("app");
let shown = null;

async function begin() {
  leave();
  live.stop();
  try {
    await session.load();
  } catch (error) {
    put(app, message("offline", "The gateway does not answer", `${error.message} The page tries again by itself.`));
    setTimeout(begin, RETRY_MS);
    return;
  }
  if (!session.said.signed_in) {
    const { shut } = session.said;
    put(app, shut ? message("lockOpen", "This console is shut", `${shut.charAt(0).toUpperCase()}${shut.slice(1)}. The gateway's configuration says who may sign in.`) : signInPage(begin));
    return;
  }
  live.start();
  cameras.reload();
  put(app, frame.element(begin));
  route();
}

function route() {
  if (!session.said.signed_in) return;
  leave();
  const path = location.hash.replace(/^#\/?/, "");
  for (const [pattern, page] of ROUTES) {
    const match = pattern.exec(path.split("?")[0]);
    if (match) return show(page(...match.slice(1)), path);
  }
  show({ title: "Not found", element: message("info", "There is no such page", "The wall shows all cameras.") }, path);
}

function show(page, path) {
  shown = page;
  document.title = `${page.title} · ${session.said.site} · Vedette`;
  frame.show(page.element, path);
  page.start?.();
}

function leave() {
  live.look([]);
  shown?.stop?.();
  shown = null;
}

window.addEventListener("hashchange", route);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which page it is
  frame.skip();
});
api.addEventListener("signed-out", begin);
live.addEventListener("lost", async () => {
  // The gateway may have ended the session, or be another process that knows nothing of it.
  const was = session.said.signed_in;
  await session.load().catch(() => {});
  if (was && !session.said.signed_in) begin();
});
begin();
