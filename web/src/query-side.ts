// The query on top: its parts, the one whose waveform is shown, files from outside.

import type { Cards } from "./cards";
import { cutBuffer, type Dropped, DropStore } from "./drop";
import type { Hearing } from "./hearing";
import type { Reference } from "./matching";
import type { Navigator } from "./navigator";
import { changePart, partsOf, removePart } from "./parts";
import type { PeakStore } from "./peaks";
import { QueryPanel } from "./query-panel";
import { type Cut, EMPTY } from "./state";
import { Subjects } from "./subject";

const MATCHED_S = 20;

export class QuerySide {
  readonly panel: QueryPanel;
  #navigator: Navigator;
  #subjects: Subjects;
  #drops = new DropStore();
  #cards: Cards;
  #chosen = 0;
  /** How many files have come: one that is decoded late does not take the place of a later one. */
  #dropped = 0;
  #hearing: Hearing | null = null;
  #shown = new AbortController();
  /** What is shown, once it is shown whole. */
  #whole = "";

  constructor(navigator: Navigator, cards: Cards, peaks: PeakStore) {
    this.#navigator = navigator;
    this.#cards = cards;
    this.panel = new QueryPanel({
      onCut: (cut) => navigator.go(changePart(navigator.view, this.#chosen, { cut })),
      onPlay: (cut) => this.#play(cut),
      onClear: () => navigator.go({ ...navigator.view, like: [], drop: null, cut: null, least: null, different: false, at: null }),
      onChoose: (index) => {
        this.#chosen = index;
        void this.show();
      },
      onWeight: (index, weight) => navigator.go(changePart(navigator.view, index, { weight })),
      onRemove: (index) => navigator.go(removePart(navigator.view, index)),
    });
    this.#subjects = new Subjects(cards, peaks, (soundId, from, to) => {
      if (!this.#hearing) throw new Error("nothing to hear with");
      return this.#hearing.audition.samples(soundId, from, to);
    });
  }

  /** Hearing needs the panel and the panel hearing: the latter is told last. */
  hearWith(hearing: Hearing): void {
    this.#hearing = hearing;
  }

  /** The dropped file of this point of the history. */
  get dropped(): Dropped | null {
    return this.#drops.get(this.#navigator.dropNumber);
  }

  /** What hits can be matched to: the first part that is added, up to some seconds of it. */
  get reference(): Reference | null {
    const hearing = this.#hearing;
    const part = partsOf(this.#navigator.view).find((one) => one.weight > 0);
    const buffer = part?.soundId === null ? this.dropped?.buffer : null;
    if (!hearing || !part || buffer === undefined) return null;
    const { soundId, cut } = part;
    const samples = async () => {
      const startS = cut?.startS ?? 0;
      const endS = cut?.endS ?? (soundId === null ? (buffer?.duration ?? 0) : (await this.#cards.sound(soundId)).duration_s);
      const end = Math.min(endS, startS + MATCHED_S);
      if (soundId !== null) return hearing.audition.samples(soundId, startS, end);
      if (!buffer) throw new DOMException("cannot be decoded here", "EncodingError");
      return cutBuffer(buffer, startS, end);
    };
    return { key: `${soundId ?? this.#navigator.dropNumber}@${cut?.startS}-${cut?.endS}`, samples };
  }

  /** Show the waveform of this part from now on. */
  choose(index: number): void {
    this.#chosen = index;
  }

  /** Take a file from outside as the query; filters and spaces stay. */
  async drop(file: File): Promise<void> {
    const hearing = this.#hearing;
    const turn = ++this.#dropped;
    hearing?.player.stop();
    const buffer = await file.arrayBuffer().then((data) => hearing?.player.decode(data) ?? null).catch(() => null);
    if (turn !== this.#dropped) return;
    const dropNumber = this.#drops.add({ file, buffer });
    const { space, mix, folders, notFolders, tags, notTags, show } = this.#navigator.view;
    const kept = { space, mix, folders, notFolders, tags, notTags, show: show === "map" ? show : "list" } as const;
    this.#chosen = 0;
    this.#navigator.go({ ...EMPTY, ...kept, drop: file.name }, { dropNumber });
  }

  /** Show the parts of the present query, and the waveform of the chosen one. */
  async show(): Promise<void> {
    const { view, dropNumber } = this.#navigator;
    const parts = partsOf(view);
    this.#chosen = Math.max(0, Math.min(this.#chosen, parts.length - 1));
    const asked = JSON.stringify([parts, this.#chosen, view.drop, dropNumber, view.show === "duplicates"]);
    if (asked === this.#whole) return;
    this.#whole = "";
    this.#shown.abort();
    const { signal } = (this.#shown = new AbortController());
    const part = view.show === "duplicates" ? undefined : parts[this.#chosen];
    const again = () => signal.aborted || void this.show();
    const subject = part ? await this.#subjects.of(part, this.dropped, dropNumber, again).catch(() => null) : null;
    const cards = await this.#subjects.cards(parts, view.drop ?? "");
    if (signal.aborted) return;
    this.panel.showParts(cards, this.#chosen);
    this.panel.show(subject);
    if (!part || subject?.peaks) this.#whole = asked;
  }

  #play(cut: Cut): void {
    const { view } = this.#navigator;
    const soundId = partsOf(view)[this.#chosen]?.soundId ?? null;
    this.#hearing?.playQuery(view.drop ?? "the query", cut, soundId, soundId === null ? this.dropped : null);
  }
}
