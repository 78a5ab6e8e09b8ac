// The waveforms of rows: those in sight fetched together, and kept.

const AT_ONCE = 2;
const TOGETHER = 48;
const WAITING = 96;
const KEPT = 2000;

export class PeakStore {
  #fetch: (soundIds: readonly string[], signal: AbortSignal) => Promise<Int8Array[]>;
  #kept = new Map<string, Int8Array>();
  #waiting = new Map<string, (() => void)[]>();
  #running = new Set<string>();
  #fetches = 0;
  #soon = false;

  constructor(fetch: (soundIds: readonly string[], signal: AbortSignal) => Promise<Int8Array[]>) {
    this.#fetch = fetch;
  }

  get(soundId: string): Int8Array | null {
    return this.#kept.get(soundId) ?? null;
  }

  /** Fetch a sound's peaks; `then` is called when they are there, and never when nobody waits any more. */
  want(soundId: string, then: () => void): void {
    const waiting = this.#waiting.get(soundId);
    if (waiting) waiting.push(then);
    else this.#waiting.set(soundId, [then]);
    if (this.#waiting.size > WAITING) {
      const oldest = [...this.#waiting.keys()].find((id) => !this.#running.has(id));
      if (oldest !== undefined) this.#waiting.delete(oldest);
    }
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#next();
    });
  }

  /** Ask for what was wanted last. */
  #next(): void {
    if (this.#fetches >= AT_ONCE) return;
    const idle = [...this.#waiting.keys()].filter((id) => !this.#running.has(id));
    if (idle.length) void this.#load(idle.slice(-TOGETHER));
  }

  async #load(soundIds: readonly string[]): Promise<void> {
    this.#fetches++;
    for (const soundId of soundIds) this.#running.add(soundId);
    const found = await this.#fetch(soundIds, AbortSignal.timeout(20_000)).catch(() => null);
    this.#fetches--;
    soundIds.forEach((soundId, at) => {
      if (found) this.#keep(soundId, found[at] ?? new Int8Array(0));
      this.#running.delete(soundId);
      const then = this.#waiting.get(soundId) ?? [];
      this.#waiting.delete(soundId);
      // what could not be had is asked for when it is wanted again
      if (found) for (const call of then) call();
    });
    this.#next();
  }

  #keep(soundId: string, peaks: Int8Array): void {
    this.#kept.set(soundId, peaks);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > KEPT && !oldest.done) this.#kept.delete(oldest.value);
  }
}

/** Peaks of samples in memory: `pairs` times (lowest, highest), 127 = full scale. */
export function peaksOf(samples: Float32Array, pairs: number): Int8Array {
  const peaks = new Int8Array(pairs * 2);
  for (let pair = 0; pair < pairs; pair++) {
    const from = Math.floor((pair * samples.length) / pairs);
    const to = Math.max(from + 1, Math.floor(((pair + 1) * samples.length) / pairs));
    let low = Infinity;
    let high = -Infinity;
    for (let at = from; at < to && at < samples.length; at++) {
      const value = samples[at] ?? 0;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low > high) low = high = 0;
    peaks[pair * 2] = Math.round(Math.max(-1, low) * 127);
    peaks[pair * 2 + 1] = Math.round(Math.min(1, high) * 127);
  }
  return peaks;
}
