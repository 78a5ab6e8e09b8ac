// The points of the map as they come from the server, and their colours.

import { PointGrid } from "./point-grid";

/** Every point: where, which sound, which of its segments, which cluster. Ids stay bytes: text for a million takes seconds. */
export interface MapPoints {
  version: string;
  grid: PointGrid;
  sound: Uint32Array;
  seq: Uint32Array;
  cluster: Uint16Array;
  /** 16 bytes for each sound. */
  ids: Uint8Array;
}

/** Take apart what /api/map/points sends for `n` points of `m` sounds. */
export function parsePoints(data: ArrayBuffer, n: number, m: number, version: string): MapPoints {
  return {
    version,
    grid: new PointGrid(new Float32Array(data, 0, 2 * n)),
    sound: new Uint32Array(data, 8 * n, n),
    seq: new Uint32Array(data, 12 * n, n),
    cluster: new Uint16Array(data.slice(16 * n, 18 * n)),
    ids: new Uint8Array(data, 18 * n, 16 * m),
  };
}

/** The id of a point's segment. */
export function segmentOf(points: MapPoints, index: number): string {
  const at = 16 * (points.sound[index] ?? 0);
  const id = Array.from(points.ids.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${id}-${points.seq[index]}`;
}

/** The points of a sound, or of one segment of it. */
export function pointsOf(points: MapPoints, soundId: string, seq: number | null = null): number[] {
  const number = numberOf(points.ids, soundId);
  const found: number[] = [];
  if (number < 0) return found;
  const { sound } = points;
  for (let i = 0; i < sound.length; i++) {
    if (sound[i] === number && (seq === null || points.seq[i] === seq)) found.push(i);
  }
  return found;
}

/** The number of a sound among those on the map, -1 for one that is not. */
function numberOf(ids: Uint8Array, soundId: string): number {
  const wanted = Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(soundId.slice(2 * at, 2 * at + 2), 16));
  for (let at = 0; at < ids.length; at += 16) {
    let same = 0;
    while (same < 16 && ids[at + same] === wanted[same]) same++;
    if (same === 16) return at / 16;
  }
  return -1;
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
  let before = NaN;
  let colour: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] as number;
    if (group !== before) {
      colour = known.get(group) ?? groupColour(group, dark);
      known.set((before = group), colour);
    }
    out[4 * i] = colour[0];
    out[4 * i + 1] = colour[1];
    out[4 * i + 2] = colour[2];
    out[4 * i + 3] = ALPHA;
  }
  return out;
}

/** Where colours begin and end among closenesses (0 to 255): the middle of all, and the nearest ones. */
export function closenessRange(near: Uint8Array): [number, number] {
  const counts = new Uint32Array(256);
  for (const value of near) counts[value]! += 1;
  const below = (share: number) => {
    let seen = 0;
    for (let value = 0; value < 256; value++) {
      seen += counts[value]!;
      if (seen > share * near.length) return value;
    }
    return 255;
  };
  const low = below(0.5);
  return [low, Math.max(low + 1, below(0.998))];
}

const FEW = 500;

/** Four bytes for each point, by its closeness (0 to 255): far ones faint (of few points less so), near ones in full colour. */
export function closenessColours(near: Uint8Array, dark: boolean): Uint8Array {
  const [far, close] = dark ? [[90, 98, 95], [120, 235, 222]] : [[170, 176, 173], [0, 110, 102]];
  const [low, high] = closenessRange(near);
  const faint = near.length < FEW ? 150 : 70;
  const out = new Uint8Array(near.length * 4);
  for (let i = 0; i < near.length; i++) {
    const share = Math.min(1, Math.max(0, ((near[i] ?? 0) - low) / (high - low))) ** 1.5;
    for (let c = 0; c < 3; c++) out[4 * i + c] = Math.round(far[c]! + (close[c]! - far[c]!) * share);
    out[4 * i + 3] = Math.round(faint + (255 - faint) * share);
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
