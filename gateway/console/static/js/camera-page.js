import { message } from "./message.js";
export function cameraPage() { return { title: "…", element: message("info", "Soon", "") }; }
