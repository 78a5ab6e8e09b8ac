// What stands on top as the query: a dropped file, or a sound of the library.

import * as api from "./api";
import type { Audition } from "./audition";
import { cutBuffer, type Dropped } from "./drop";
import { countOf } from "./format";
import { type PeakStore, peaksOf } from "./peaks";
import type { Subject } from "./query-panel";
import type { View } from "./state";

const PEAK_PAIRS = 800;
const NOT_HERE = "(this browser cannot draw or play this format; the search works)";

export class Subjects {
  #audition: Audition;
  #peaks: PeakStore;
  #sounds = new Map<string, Promise<api.SoundOut>>();

  constructor(audition: Audition, peaks: PeakStore) {
    this.#audition = audition;
    this.#peaks = peaks;
  }

  /** The subject of a view, null when it browses; `onPeaks` is called when its waveform has come. */
  async of(view: View, dropped: Dropped | null, number: number | null, onPeaks: () => void): Promise<Subject | null> {
    if (view.drop !== null) return dropped && fileSubject(view, dropped, `drop-${number}`);
    const item = view.like[0];
    if (!item) return null;
    const { soundId, startS, endS } = item;
    const sound = await this.#sound(soundId);
    const peaks = this.#peaks.get(soundId);
    if (!peaks) this.#peaks.want(soundId, onPeaks);
    return {
      key: soundId,
      name: sound.name,
      durationS: sound.duration_s,
      cut: startS === null || endS === null ? null : { startS, endS },
      note: view.like.length > 1 ? `and ${countOf(view.like.length - 1, "other")}` : "",
      peaks,
      samples: (from, to) => this.#audition.samples(soundId, from, to),
    };
  }

  #sound(soundId: string): Promise<api.SoundOut> {
    const known = this.#sounds.get(soundId) ?? api.sound(soundId);
    known.catch(() => this.#sounds.delete(soundId));
    this.#sounds.set(soundId, known);
    return known;
  }
}

function fileSubject(view: View, { file, buffer }: Dropped, key: string): Subject {
  return {
    key,
    name: file.name,
    durationS: buffer?.duration ?? 0,
    cut: view.cut,
    note: buffer ? "" : NOT_HERE,
    peaks: buffer && peaksOf(buffer.getChannelData(0), PEAK_PAIRS),
    samples: buffer && (async (from, to) => cutBuffer(buffer, from, to)),
  };
}
