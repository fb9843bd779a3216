// Zones and lines while they are drawn: taken from a camera's settings, and made a patch of them again.

const DECIMALS = 4;
const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** `{kind, name, points, settings}` each; points are [x, y] in fractions of the picture. */
export function shapesOf(camera) {
  const zones = Object.entries(camera.zones ?? {}).map(([name, { polygon, ...settings }]) => ({ kind: "zone", name, points: polygon.map((point) => [...point]), settings }));
  const lines = Object.entries(camera.lines ?? {}).map(([name, { from, to, ...settings }]) => ({ kind: "line", name, points: [[...from], [...to]], settings }));
  return [...zones, ...lines];
}

/** What of the camera's settings has to change (RFC 7396: null takes away). */
export function patchOf(camera, shapes) {
  return { zones: part(camera.zones, shapes, "zone"), lines: part(camera.lines, shapes, "line") };
}

function part(before, shapes, kind) {
  const patch = Object.fromEntries(Object.keys(before ?? {}).map((name) => [name, null]));
  for (const { kind: its, name, points, settings } of shapes) {
    if (its !== kind) continue;
    const rounded = points.map((point) => point.map((value) => Number(value.toFixed(DECIMALS))));
    patch[name] = { ...settings, ...(kind === "zone" ? { polygon: rounded } : { from: rounded[0], to: rounded[1] }) };
  }
  return patch;
}

/** What is wrong with a shape's name, or null. */
export function nameProblem(shape, shapes) {
  if (!ID.test(shape.name)) return "Lower case letters, digits, - and _.";
  const same = shapes.some((other) => other !== shape && other.kind === shape.kind && other.name === shape.name);
  return same ? `There is another ${shape.kind} of this name.` : null;
}

export function freeName(kind, shapes) {
  let number = 1;
  while (shapes.some((shape) => shape.name === `${kind}-${number}`)) number++;
  return `${kind}-${number}`;
}

/** Where nothing was drawn yet: for who has no pointer. */
export function defaultPoints(kind) {
  return kind === "zone" ? [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]] : [[0.3, 0.5], [0.7, 0.5]];
}

export function clamped([x, y]) {
  return [x, y].map((value) => Math.min(1, Math.max(0, value)));
}
