// What a row of the list is, and where rows come from: a finished answer, or pages fetched as one scrolls.

import type { HitOut, SoundOut, SoundPage } from "./api";

/** How close a hit is in one space. */
export interface SpaceBand {
  space: string;
  band: string;
}

export interface Row {
  /** Names the row in the URL: a segment's id for a hit, a sound's for a browsed sound. */
  key: string;
  soundId: string;
  name: string;
  folder: string;
  path: string;
  startS: number;
  endS: number;
  durationS: number;
  band: string | null;
  /** How close it is in each space that was asked in, when there are several. */
  bands: readonly SpaceBand[];
  tags: readonly string[];
  state: string;
  /** How many further ranges of the same sound are folded into this row. */
  further: number;
  open: boolean;
  /** True for a further range shown below its hit. */
  child: boolean;
}

/** Whether a row stands for its sound from beginning to end. */
export function isWhole({ startS, endS, durationS }: Pick<Row, "startS" | "endS" | "durationS">): boolean {
  return durationS <= endS - startS + 0.01;
}

export interface Source {
  readonly count: number;
  get(index: number): Row | null;
  indexOf(key: string): number;
  /** Ask for the rows of a stretch; `onLoad` is called when some have come. */
  ensure(from: number, to: number): void;
}

/** The rows of a search: one per hit, and below an opened hit one per further range. */
export class HitRows implements Source {
  #hits: readonly HitOut[];
  #spaces: readonly string[];
  #open = new Set<string>();
  #rows: Row[] = [];
  #least: number | null = null;

  /** `spaces`: the names of those that were asked in. */
  constructor(hits: readonly HitOut[], spaces: readonly string[] = []) {
    this.#hits = hits;
    this.#spaces = spaces;
    this.#lay();
  }

  /** How many hits there are, and how many of them are close enough to be shown. */
  get hits(): { all: number; shown: number } {
    return { all: this.#hits.length, shown: this.#hits.filter((hit) => this.#isClose(hit.closeness)).length };
  }

  /** Show only what is at least this close; null shows all. */
  setLeast(least: number | null): void {
    this.#least = least;
    this.#lay();
  }

  #isClose(closeness: number): boolean {
    return this.#least === null || closeness >= this.#least;
  }

  get count(): number {
    return this.#rows.length;
  }

  get(index: number): Row | null {
    return this.#rows[index] ?? null;
  }

  indexOf(key: string): number {
    return this.#rows.findIndex((row) => row.key === key);
  }

  ensure(): void {}

  /** Show or hide the further ranges of the hit that a row belongs to; returns the hit's own key. */
  toggle(key: string, open?: boolean): string | null {
    const hit = this.#hits.find((h) => h.segment_id === key || h.further.some((f) => f.segment_id === key));
    if (!hit?.further.length) return null;
    if (open ?? !this.#open.has(hit.segment_id)) this.#open.add(hit.segment_id);
    else this.#open.delete(hit.segment_id);
    this.#lay();
    return hit.segment_id;
  }

  setTags(soundId: string, tags: readonly string[]): void {
    this.#hits = this.#hits.map((hit) => (hit.sound_id === soundId ? { ...hit, tags: [...tags] } : hit));
    this.#lay();
  }

  #lay(): void {
    this.#rows = this.#hits.filter((hit) => this.#isClose(hit.closeness)).flatMap((hit) => {
      const open = this.#open.has(hit.segment_id);
      const head = hitRow(hit, open, this.#spaces);
      return open ? [head, ...furtherRows(head, hit)] : [head];
    });
  }
}

function hitRow(hit: HitOut, open: boolean, spaces: readonly string[]): Row {
  return {
    key: hit.segment_id,
    soundId: hit.sound_id,
    name: hit.name,
    folder: hit.folder,
    path: hit.path,
    startS: hit.start_s,
    endS: hit.end_s,
    durationS: hit.duration_s,
    band: hit.band,
    bands: spaces.length > 1 ? spaces.map((space, at) => ({ space, band: hit.bands[at] ?? "" })) : [],
    tags: hit.tags,
    state: hit.state,
    further: hit.further.length,
    open,
    child: false,
  };
}

function furtherRows(head: Row, hit: HitOut): Row[] {
  return hit.further.map((range) => ({
    ...head,
    key: range.segment_id,
    startS: range.start_s,
    endS: range.end_s,
    band: range.band,
    bands: [],
    further: 0,
    open: false,
    child: true,
  }));
}

export const PAGE = 200;

/** Browsed sounds: the count is known at once, the rows come page by page. */
export class PagedRows implements Source {
  count = 0;
  #pages = new Map<number, Row[]>();
  #asked = new Set<number>();
  #fetch: (offset: number, limit: number) => Promise<SoundPage>;
  #onLoad: () => void;

  constructor(
    fetch: (offset: number, limit: number) => Promise<SoundPage>,
    onLoad: () => void,
  ) {
    this.#fetch = fetch;
    this.#onLoad = onLoad;
  }

  /** Fetch the first page; the count is right afterwards. */
  async start(): Promise<void> {
    this.#take(0, await this.#fetch(0, PAGE));
    this.#asked.add(0);
  }

  get(index: number): Row | null {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  indexOf(key: string): number {
    for (const [page, rows] of this.#pages) {
      const at = rows.findIndex((row) => row.key === key);
      if (at >= 0) return page * PAGE + at;
    }
    return -1;
  }

  ensure(from: number, to: number): void {
    const last = Math.floor(Math.min(to, this.count - 1) / PAGE);
    for (let page = Math.max(0, Math.floor(from / PAGE)); page <= last; page++) {
      if (this.#asked.has(page)) continue;
      this.#asked.add(page);
      this.#fetch(page * PAGE, PAGE).then(
        (answer) => {
          this.#take(page, answer);
          this.#onLoad();
        },
        () => this.#asked.delete(page),
      );
    }
  }

  setTags(soundId: string, tags: readonly string[]): void {
    for (const rows of this.#pages.values()) {
      rows.forEach((row, at) => {
        if (row.soundId === soundId) rows[at] = { ...row, tags };
      });
    }
  }

  #take(page: number, answer: SoundPage): void {
    this.count = answer.total;
    this.#pages.set(page, answer.sounds.map(soundRow));
  }
}

/** The row of a sound as it is browsed. */
export function soundRow(sound: SoundOut): Row {
  return {
    key: sound.sound_id,
    soundId: sound.sound_id,
    name: sound.name,
    folder: sound.folder,
    path: sound.path,
    startS: 0,
    endS: sound.duration_s,
    durationS: sound.duration_s,
    band: null,
    bands: [],
    tags: sound.tags,
    state: sound.state,
    further: 0,
    open: false,
    child: false,
  };
}
