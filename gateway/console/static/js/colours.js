// A colour by label: the same everywhere, told apart by colour-blind people too (after Okabe and Ito). Never alone:
// the label is always written beside it.

const PALETTE = ["#56b4e9", "#e69f00", "#2fbf8f", "#f0e442", "#e07b9c", "#ff7a3d", "#9d8df1", "#7fd6d0"];
const KNOWN = { person: 0, car: 1, bicycle: 2, bus: 3, truck: 5, motorcycle: 6, face: 4, dog: 7 };

export const ZONE_COLOUR = "#ffffff";

export function colourOf(label) {
  if (label in KNOWN) return PALETTE[KNOWN[label]];
  let hash = 0;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return PALETTE[hash % PALETTE.length];
}
