// From samples to a picture of time and frequency: short Fourier transforms on a logarithmic axis.

const FRAME = 2048;
const LEAST_HZ = 50;
const MOST_HZ = 16_000;
/** What is shown below the loudest spot. */
export const RANGE_DB = 80;

/** Fourier transform in place of complex numbers whose count is a power of two. */
export function fft(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j] as number, re[i] as number];
    [im[i], im[j]] = [im[j] as number, im[i] as number];
  }
  const turns = turnsOf(n);
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const at = (2 * k * n) / size;
      const c = turns[at] as number;
      const s = turns[at + 1] as number;
      for (let i = k; i < n; i += size) {
        const [a, b] = [re[i + half] as number, im[i + half] as number];
        const [x, y] = [a * c - b * s, a * s + b * c];
        re[i + half] = (re[i] as number) - x;
        im[i + half] = (im[i] as number) - y;
        re[i] = (re[i] as number) + x;
        im[i] = (im[i] as number) + y;
      }
    }
  }
}

const known = new Map<number, Float64Array>();

/** Pairs of cosine and sine of the angles that a transform of length n turns by. */
function turnsOf(n: number): Float64Array {
  const turns = known.get(n) ?? Float64Array.from({ length: n }, (_, i) => (i % 2 ? Math.sin : Math.cos)((-2 * Math.PI * (i >> 1)) / n));
  known.set(n, turns);
  return turns;
}

/** The frequency in hertz at a height of the picture: 0 is the bottom, 1 the top. */
export function hertzAt(share: number, rateHz: number): number {
  const most = Math.min(MOST_HZ, rateHz / 2);
  return LEAST_HZ * (most / LEAST_HZ) ** share;
}

/** Levels of `columns` moments by `rows` frequencies, lowest first: 0 to 1 over 80 dB below the loudest. */
export function spectrogram(samples: Float32Array, rateHz: number, columns: number, rows: number): Float32Array {
  const out = new Float32Array(columns * rows).fill(-Infinity);
  const re = new Float64Array(FRAME);
  const im = new Float64Array(FRAME);
  const hann = Float64Array.from({ length: FRAME }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME));
  const power = new Float64Array(FRAME / 2);
  const edges = Array.from({ length: rows + 1 }, (_, row) => (hertzAt(row / rows, rateHz) * FRAME) / rateHz);
  let most = -Infinity;
  for (let column = 0; column < columns; column++) {
    const middle = ((column + 0.5) / columns) * samples.length - FRAME / 2;
    for (let i = 0; i < FRAME; i++) re[i] = (samples[Math.round(middle) + i] ?? 0) * (hann[i] as number);
    im.fill(0);
    fft(re, im);
    for (let bin = 0; bin < FRAME / 2; bin++) power[bin] = (re[bin] as number) ** 2 + (im[bin] as number) ** 2;
    for (let row = 0; row < rows; row++) {
      const level = 10 * Math.log10(strongest(power, edges[row] as number, edges[row + 1] as number) + 1e-20);
      out[column * rows + row] = level;
      if (level > most) most = level;
    }
  }
  return out.map((level) => Math.max(0, 1 + (level - most) / RANGE_DB));
}

/** The strongest bin between two places, or what lies between two bins where the axis is finer than they. */
function strongest(power: Float64Array, from: number, to: number): number {
  const first = Math.ceil(from);
  if (first >= to) {
    const low = Math.min(power.length - 2, Math.floor(from));
    const share = from - low;
    return (power[low] as number) * (1 - share) + (power[low + 1] as number) * share;
  }
  let most = 0;
  for (let bin = first; bin < to && bin < power.length; bin++) most = Math.max(most, power[bin] as number);
  return most;
}
