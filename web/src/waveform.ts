// Drawing a waveform from peaks: pairs of int8 (lowest, highest) over a whole sound.

import { cssValue } from "./dom";

/** Shares of a sound's length, 0 to 1. */
export interface Span {
  from: number;
  to: number;
}

const MOST_GAIN = 8;
const LEAST_MARK_PX = 3;

/** How much quiet peaks are enlarged for drawing: until they fill the height, 8 times at most. */
export function drawGain(peaks: Int8Array): number {
  let most = 1;
  for (const value of peaks) most = Math.max(most, Math.abs(value));
  return Math.min(MOST_GAIN, 127 / most);
}

/** The lowest and highest peak of each column when `width` columns show a span of the sound. */
export function columns(peaks: Int8Array, width: number, view: Span): Int8Array {
  const pairs = peaks.length / 2;
  const out = new Int8Array(width * 2);
  for (let column = 0; column < width; column++) {
    const share = (at: number) => (view.from + (at / width) * (view.to - view.from)) * pairs;
    const from = Math.min(pairs - 1, Math.floor(share(column)));
    const to = Math.min(pairs, Math.max(from + 1, Math.ceil(share(column + 1))));
    let low = 127;
    let high = -127;
    for (let pair = from; pair < to; pair++) {
      low = Math.min(low, peaks[pair * 2] ?? 0);
      high = Math.max(high, peaks[pair * 2 + 1] ?? 0);
    }
    out[column * 2] = low;
    out[column * 2 + 1] = high;
  }
  return out;
}

/** Where a marked span lies in pixels; never thinner than three, never outside. */
export function markPixels(mark: Span, view: Span, width: number): [number, number] {
  const scale = width / (view.to - view.from);
  const from = (mark.from - view.from) * scale;
  const to = (mark.to - view.from) * scale;
  const middle = Math.min(width - LEAST_MARK_PX / 2, Math.max(LEAST_MARK_PX / 2, (from + to) / 2));
  const half = Math.max(LEAST_MARK_PX, to - from) / 2;
  return [Math.max(0, Math.min(from, middle - half)), Math.min(width, Math.max(to, middle + half))];
}

let inks: Record<"mark" | "axis" | "wave" | "dim", string> | null = null;

/** The colours of waveforms: looked up once for all that are drawn together. */
function inksNow(): NonNullable<typeof inks> {
  if (!inks) {
    inks = { mark: cssValue("--mark"), axis: cssValue("--wave-axis"), wave: cssValue("--wave"), dim: cssValue("--wave-dim") };
    queueMicrotask(() => (inks = null));
  }
  return inks;
}

/** Draw peaks on a canvas at the screen's own resolution; the marked span in the accent colour. */
export function drawWave(
  canvas: HTMLCanvasElement,
  peaks: Int8Array | null,
  mark: Span | null,
  view: Span = { from: 0, to: 1 },
): void {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context || !width || !height) return;
  const ink = inksNow();
  context.clearRect(0, 0, width, height);
  const [from, to] = mark ? markPixels(mark, view, width) : [0, 0];
  if (mark) {
    context.fillStyle = ink.mark;
    context.fillRect(from, 0, to - from, height);
  }
  context.fillStyle = ink.axis;
  context.fillRect(0, Math.floor(height / 2), width, 1);
  if (!peaks?.length) return;
  const gain = drawGain(peaks);
  const shape = columns(peaks, width, view);
  const whole = !mark;
  for (const inside of [false, true]) {
    context.fillStyle = inside || whole ? ink.wave : ink.dim;
    for (let column = 0; column < width; column++) {
      if (inside !== (column + 1 > from && column < to && !whole)) continue;
      const top = (1 - ((shape[column * 2 + 1] ?? 0) * gain) / 127) * (height / 2);
      const bottom = (1 - ((shape[column * 2] ?? 0) * gain) / 127) * (height / 2);
      context.fillRect(column, top, 1, Math.max(ratio, bottom - top));
    }
  }
}
