// Hearing rows and the query: what to play, from where to where, and what to have ready.

import * as api from "./api";
import { cutBuffer, type Dropped } from "./drop";
import { pieces, Player } from "./player";
import type { Row } from "./rows";
import { SliceStore } from "./slices";
import type { Cut } from "./state";

/** The key of what is heard when it is the query on top, not a row. */
export const QUERY = "query";

const LEAST_S = 0.02;

export class Audition {
  readonly player = new Player();
  /** How much faster a row is to be heard: see `Take.rateOf`. */
  rateOf: (row: Row, first: AudioBuffer) => Promise<number | null | undefined> = () => Promise.resolve(undefined);
  #slices = new SliceStore(api.slice, (data) => this.player.decode(data));

  /** The samples of a stretch of a sound of the library. */
  samples(soundId: string, startS: number, endS: number): Promise<AudioBuffer> {
    return this.#slices.get(soundId, startS, endS);
  }

  /** Play a row's own range (`hoverFadeS`: only as long as the pointer rests on it, faded in so long), or from a second of it to the end of the sound. */
  play(row: Row, fromS: number | null = null, hoverFadeS: number | null = null): void {
    const startS = fromS === null ? row.startS : Math.min(fromS, row.durationS - LEAST_S);
    const endS = fromS === null ? row.endS : row.durationS;
    const load = (from: number, to: number) => this.samples(row.soundId, from, to);
    const hovered = hoverFadeS === null ? {} : { hovered: true, fadeS: hoverFadeS };
    void this.player.play({ key: row.key, soundId: row.soundId, name: row.name, startS, endS, load, rateOf: (first) => this.rateOf(row, first), ...hovered });
  }

  /** Play a sound of the library from a second of it to its end. */
  playSound(sound: Pick<api.SoundOut, "sound_id" | "name" | "duration_s">, fromS: number): void {
    const { sound_id: soundId, name, duration_s: endS } = sound;
    const load = (from: number, to: number) => this.samples(soundId, from, to);
    void this.player.play({ key: soundId, soundId, name, startS: Math.min(fromS, endS - LEAST_S), endS, load });
  }

  /** Play a range of the query: of a dropped file as far as this browser can decode it, or of a sound. */
  playQuery(name: string, cut: Cut, soundId: string | null, dropped: Dropped | null): void {
    const load = async (from: number, to: number) => {
      if (dropped?.buffer) return cutBuffer(dropped.buffer, from, to);
      if (soundId !== null) return this.samples(soundId, from, to);
      throw new DOMException("cannot be decoded here", "EncodingError");
    };
    void this.player.play({ key: QUERY, soundId, name, ...cut, load });
  }

  /** Have the first samples of rows ready, so that an arrow key is heard at once. */
  prepare(rows: readonly (Row | null)[]): void {
    if (!this.player.ready) return;
    for (const row of rows) {
      const first = row?.state === "present" ? pieces(row.startS, row.endS)[0] : undefined;
      if (row && first) this.samples(row.soundId, ...first).catch(() => {});
    }
  }
}
