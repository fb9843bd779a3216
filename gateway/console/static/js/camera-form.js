import { message } from "./message.js";
export function cameraFormPage() { return { title: "…", element: message("info", "Soon", "") }; }
