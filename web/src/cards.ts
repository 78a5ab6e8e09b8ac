// What is known of sounds one by one: fetched once, kept, and made into rows.

import * as api from "./api";
import { type Row, type Source, soundRow } from "./rows";

const KEPT = 4000;

export class Cards {
  #sounds = new Map<string, Promise<api.SoundOut>>();
  #segments = new Map<string, Promise<api.SegmentOut[]>>();

  sound(soundId: string): Promise<api.SoundOut> {
    return remember(this.#sounds, soundId, () => api.sound(soundId));
  }

  /** The row of one segment: what it belongs to, from where to where. */
  async row(segmentId: string): Promise<Row> {
    const soundId = segmentId.slice(0, 32);
    const [sound, segments] = await Promise.all([
      this.sound(soundId),
      remember(this.#segments, soundId, () => api.segments(soundId, AbortSignal.timeout(20_000))),
    ]);
    const segment = segments.find((one) => one.segment_id === segmentId);
    return { ...soundRow(sound), key: segmentId, startS: segment?.start_s ?? 0, endS: segment?.end_s ?? sound.duration_s };
  }

  /** What was known of a sound is old: its tags have changed. */
  forget(soundId: string): void {
    this.#sounds.delete(soundId);
  }
}

function remember<T>(kept: Map<string, Promise<T>>, key: string, fetch: () => Promise<T>): Promise<T> {
  const known = kept.get(key) ?? fetch();
  if (!kept.has(key)) known.catch(() => kept.delete(key));
  kept.set(key, known);
  const oldest = kept.keys().next();
  if (kept.size > KEPT && !oldest.done) kept.delete(oldest.value);
  return known;
}

/** The first of the segments of each sound. */
export function firstOfEach(segmentIds: readonly string[]): string[] {
  const first = new Map<string, string>();
  for (const id of segmentIds) if (!first.has(id.slice(0, 32))) first.set(id.slice(0, 32), id);
  return [...first.values()];
}

/** Rows whose keys are known; what they show is fetched for those in sight. */
export class KeyedRows implements Source {
  #keys: readonly string[];
  #rows = new Map<number, Row>();
  #asked = new Set<number>();
  #fetch: (key: string) => Promise<Row>;
  #onLoad: () => void;

  constructor(keys: readonly string[], fetch: (key: string) => Promise<Row>, onLoad: () => void) {
    this.#keys = keys;
    this.#fetch = fetch;
    this.#onLoad = onLoad;
  }

  get count(): number {
    return this.#keys.length;
  }

  get(index: number): Row | null {
    return this.#rows.get(index) ?? null;
  }

  indexOf(key: string): number {
    return this.#keys.indexOf(key);
  }

  ensure(from: number, to: number): void {
    for (let index = Math.max(0, from); index < Math.min(to, this.count); index++) {
      const key = this.#keys[index];
      if (key === undefined || this.#asked.has(index)) continue;
      this.#asked.add(index);
      this.#fetch(key).then(
        (row) => {
          this.#rows.set(index, row);
          this.#onLoad();
        },
        () => this.#asked.delete(index),
      );
    }
  }

  setTags(soundId: string, tags: readonly string[]): void {
    for (const [index, row] of this.#rows) if (row.soundId === soundId) this.#rows.set(index, { ...row, tags });
  }
}
