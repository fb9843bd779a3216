import { message } from "./message.js";
export function eventsPage() { return { title: "…", element: message("info", "Soon", "") }; }
