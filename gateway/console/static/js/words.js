// What is said to a person: states, events, times.

const KINDS = {
  "object.new": ["seen", "appeared"],
  "object.update": ["change", "changed"],
  "object.end": ["gone", "left"],
  "zone.enter": ["enter", "entered zone"],
  "zone.leave": ["leave", "left zone"],
  "line.cross": ["cross", "crossed line"],
  "identity.match": ["identities", "identified"],
  "input.change": ["camera", "picture changed"],
};
export const KIND_NAMES = {
  "object.new": "Object appears",
  "object.update": "Object changes",
  "object.end": "Object is gone",
  "zone.enter": "Zone entered",
  "zone.leave": "Zone left",
  "line.cross": "Line crossed",
  "identity.match": "Person identified",
  "input.change": "Picture good or bad",
};
const ENDS = { lost: "no longer detected", left: "left the picture", silence: "no more frames", final: "recording ended" };
const STATES = { live: "Live", connecting: "Connecting", stalled: "Stalled", offline: "Offline", unassigned: "Unassigned", unknown: "Unknown", disabled: "Disabled" };

/** Of a camera: `{key, label, detail}`. */
export function stateOf(camera) {
  if (camera.enabled === false) return { key: "disabled", label: STATES.disabled, detail: "Switched off. Nothing is read from it." };
  const status = camera.status;
  if (!status) {
    const why = camera.refused ?? "It has said nothing for 30 seconds. No gateway may be running it.";
    return { key: "unknown", label: STATES.unknown, detail: why };
  }
  const key = STATES[status.state] ? status.state : "unknown";
  return { key, label: STATES[key], detail: status.reason ?? "" };
}

export function kindIcon(kind) {
  return (KINDS[kind] ?? ["info"])[0];
}

export function shortId(id) {
  return id.slice(-4);
}

/** `{subject, text, detail}` of an event. */
export function sentence(kind, data) {
  const subject = data.object ? data.object.label : "Picture";
  const verb = (KINDS[kind] ?? ["", kind])[1];
  const texts = {
    "zone.enter": () => [`${verb} ${data.zone}`, count(data.occupancy, "object") + " in it"],
    "zone.leave": () => [`${verb} ${data.zone}`, `after ${seconds(data.dwell_s)}; ${data.occupancy} left in it`],
    "line.cross": () => [`${verb} ${data.line}`, data.direction],
    "identity.match": () => [`identified as ${data.identity}`, `similarity ${data.similarity.toFixed(2)}`],
    "object.update": () => [verb, data.changed.join(", ")],
    "object.end": () => [ENDS[data.reason] ?? data.reason, `seen for ${seconds(data.duration_s)}`],
    "input.change": () => [data.conditions.length ? `is ${data.conditions.join(", ")}` : "is good again", ""],
    "object.new": () => [verb, percent(data.object.confidence)],
  };
  const [text, detail] = (texts[kind] ?? (() => [verb, ""]))();
  return { subject, text, detail };
}

export function clock(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function dateAndClock(iso) {
  return new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

export function since(iso) {
  return seconds(Math.max(0, (Date.now() - new Date(iso)) / 1000));
}

export function seconds(value) {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} days`;
}

export function milliseconds(value) {
  return value >= 10000 ? seconds(value / 1000) : `${Math.round(value)} ms`;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
