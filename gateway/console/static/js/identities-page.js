import { message } from "./message.js";
export function identitiesPage() { return { title: "…", element: message("info", "Soon", "") }; }
