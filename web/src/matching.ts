// Hearing hits at the pitch or the length of the query. It is varispeed: pitch and tempo move together, and the page says so.

import { el } from "./dom";
import { folded, pitchHz } from "./pitch";
import type { Row } from "./rows";

export type Match = "none" | "pitch" | "length";

const MATCHES: readonly [Match, string][] = [
  ["none", "as they are"],
  ["pitch", "at the query's pitch"],
  ["length", "at the query's length"],
];

/** The query that is matched: what names it, and its samples. */
export interface Reference {
  key: string;
  samples: () => Promise<AudioBuffer>;
}

/** A speed in words: how much faster, and what that does to the pitch. */
export function speedText(rate: number | null): string {
  if (rate === null) return "as it is: no clear pitch";
  const semitones = 12 * Math.log2(rate);
  return `varispeed ×${rate.toFixed(2)} (${semitones < 0 ? "−" : "+"}${Math.abs(semitones).toFixed(1)} semitones)`;
}

export class Matching {
  match: Match = "none";
  readonly root: HTMLElement;
  #reference: () => Reference | null;
  #pitches = new Map<string, Promise<number | null>>();

  constructor(reference: () => Reference | null) {
    this.#reference = reference;
    const box: HTMLSelectElement = el("select", {}, ...MATCHES.map(([value, text]) => el("option", { value }, text)));
    box.setAttribute("aria-label", "Hear hits");
    box.addEventListener("change", () => (this.match = box.value as Match));
    this.root = el("label", { class: "matching", title: "Played faster or slower: pitch and tempo move together (varispeed), by half an octave at most" }, "Hear hits ", box);
  }

  /** How much faster a hit is to be played; null: there is nothing to match; undefined: nothing is asked for. */
  async rateOf({ key, durationS }: Row, first: AudioBuffer): Promise<number | null | undefined> {
    const reference = this.match === "none" ? null : this.#reference();
    if (!reference) return undefined;
    const query = await reference.samples();
    if (this.match === "length") return folded(durationS / query.duration);
    const [wanted, has] = await Promise.all([this.#pitch(reference.key, query), this.#pitch(key, first)]);
    return wanted && has ? folded(wanted / has) : null;
  }

  #pitch(key: string, buffer: AudioBuffer): Promise<number | null> {
    const known = this.#pitches.get(key) ?? Promise.resolve(pitchHz(buffer.getChannelData(0), buffer.sampleRate));
    this.#pitches.set(key, known);
    return known;
  }
}
