import { message } from "./message.js";
export function modelsPage() { return { title: "…", element: message("info", "Soon", "") }; }
