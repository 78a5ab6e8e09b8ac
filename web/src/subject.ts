// What stands on top as the query: a dropped file, or a sound of the library.

import type { Cards } from "./cards";
import { cutBuffer, type Dropped } from "./drop";
import { rangeText } from "./format";
import { canTurn, type Part } from "./parts";
import { type PeakStore, peaksOf } from "./peaks";
import type { Subject } from "./query-panel";
import type { PartCard } from "./query-parts";
import type { Cut } from "./state";

type Samples = (soundId: string, startS: number, endS: number) => Promise<AudioBuffer>;

const PEAK_PAIRS = 800;
const NOT_HERE = "(not a format that this browser draws or plays; the search may know it)";

export class Subjects {
  #cards: Cards;
  #peaks: PeakStore;
  #samples: Samples;

  constructor(cards: Cards, peaks: PeakStore, samples: Samples) {
    this.#cards = cards;
    this.#peaks = peaks;
    this.#samples = samples;
  }

  /** What stands on top for one part of a query; `onPeaks` is called when its waveform has come. */
  async of(part: Part, dropped: Dropped | null, number: number | null, onPeaks: () => void): Promise<Subject | null> {
    const { soundId, cut } = part;
    if (soundId === null) return dropped && fileSubject(cut, dropped, `drop-${number}`);
    const sound = await this.#cards.sound(soundId);
    const peaks = this.#peaks.get(soundId);
    if (!peaks) this.#peaks.want(soundId, onPeaks);
    return {
      key: soundId,
      name: sound.name,
      durationS: sound.duration_s,
      cut,
      note: "",
      peaks,
      samples: (from, to) => this.#samples(soundId, from, to),
    };
  }

  /** What the chips of a query's parts show. */
  async cards(parts: readonly Part[], dropName: string): Promise<PartCard[]> {
    const names = parts.map(({ soundId }) =>
      soundId === null ? dropName : this.#cards.sound(soundId).then((sound) => sound.name, () => "a sound that is gone"),
    );
    return (await Promise.all(names)).map((name, at) => {
      const { cut, weight } = parts[at] as Part;
      return { name, range: cut ? rangeText(cut.startS, cut.endS) : "", weight, canTurn: canTurn(parts, at) };
    });
  }
}

function fileSubject(cut: Cut | null, { file, buffer }: Dropped, key: string): Subject {
  return {
    key,
    name: file.name,
    durationS: buffer?.duration ?? 0,
    cut,
    note: buffer ? "" : NOT_HERE,
    peaks: buffer && peaksOf(buffer.getChannelData(0), PEAK_PAIRS),
    samples: buffer && (async (from, to) => cutBuffer(buffer, from, to)),
  };
}
