// The points of the map as they come from the server, and their colours.

import { PointGrid } from "./point-grid";

/** Every point: where, which sound, which of its segments, which cluster. */
export interface MapPoints {
  version: string;
  grid: PointGrid;
  sound: Uint32Array;
  seq: Uint32Array;
  cluster: Uint16Array;
  soundIds: readonly string[];
}

/** Take apart what /api/map/points sends for `n` points of `m` sounds. */
export function parsePoints(data: ArrayBuffer, n: number, m: number, version: string): MapPoints {
  const bytes = new Uint8Array(data, 18 * n, 16 * m);
  const soundIds = Array.from({ length: m }, (_, i) => hexOf(bytes.subarray(16 * i, 16 * i + 16)));
  return {
    version,
    grid: new PointGrid(new Float32Array(data, 0, 2 * n)),
    sound: new Uint32Array(data, 8 * n, n),
    seq: new Uint32Array(data, 12 * n, n),
    cluster: new Uint16Array(data.slice(16 * n, 18 * n)),
    soundIds,
  };
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The id of a point's segment. */
export function segmentOf(points: MapPoints, index: number): string {
  return `${points.soundIds[points.sound[index] ?? 0]}-${points.seq[index]}`;
}

const ALPHA = 200;

/** A colour for each of many groups, told apart by hue; group -1 is grey. */
export function groupColour(group: number, dark: boolean): [number, number, number] {
  if (group < 0) return dark ? [110, 118, 115] : [150, 156, 153];
  const hue = (group * 137.508) % 360; // the golden angle: neighbours in number are far in hue
  return hsl(hue, 0.55, (dark ? 0.62 : 0.42) + 0.06 * ((group % 3) - 1));
}

/** Four bytes for each point, by the group it belongs to. */
export function coloursOf(groups: ArrayLike<number>, dark: boolean): Uint8Array {
  const known = new Map<number, [number, number, number]>();
  const out = new Uint8Array(groups.length * 4);
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] as number;
    const colour = known.get(group) ?? groupColour(group, dark);
    known.set(group, colour);
    out.set(colour, 4 * i);
    out[4 * i + 3] = ALPHA;
  }
  return out;
}

/** Four bytes for each point, by its closeness (0 to 255): far ones faint, near ones in full colour. */
export function closenessColours(near: Uint8Array, dark: boolean): Uint8Array {
  const [far, close] = dark ? [[90, 98, 95], [120, 235, 222]] : [[170, 176, 173], [0, 110, 102]];
  const out = new Uint8Array(near.length * 4);
  for (let i = 0; i < near.length; i++) {
    const share = ((near[i] ?? 0) / 255) ** 2;
    for (let c = 0; c < 3; c++) out[4 * i + c] = Math.round(far[c]! + (close[c]! - far[c]!) * share);
    out[4 * i + 3] = Math.round(70 + 185 * share);
  }
  return out;
}

function hsl(hue: number, saturation: number, lightness: number): [number, number, number] {
  const part = (n: number) => {
    const k = (n + hue / 30) % 12;
    const chroma = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}
