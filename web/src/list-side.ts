// The list: the rows of the present view fetched and shown, one of them selected and remembered in the address.

import { wentWrong } from "./empty";
import { type Found, HITS, NONE } from "./finder";
import type { Navigator } from "./navigator";
import type { Results } from "./results";
import { HitRows, type Row } from "./rows";
import { isSimilar, sameRows, type View } from "./state";

export interface ListEvents {
  find: (view: View, signal: AbortSignal, onLoad: () => void) => Promise<Found>;
  /** Rows are being asked for. */
  onAsk: () => void;
  /** Other rows are there. */
  onRows: () => void;
  /** No answer is awaited any more. */
  onAnswered: () => void;
  onSelected: (play: boolean) => void;
  /** How many hits are close enough, of how many; `more`: the list was cut off by its length. */
  onCount: (shown: number, all: number, more: boolean) => void;
  /** What stands where no row is. */
  empty: (found: Found, view: View) => HTMLElement | null;
}

const AT_MS = 150;

export class ListSide {
  #navigator: Navigator;
  #results: Results;
  #events: ListEvents;
  #found: Found = NONE;
  #search = new AbortController();
  #shownDrop: number | null = null;
  #atTimer = 0;
  #failed = false;
  #asking = false;
  /** A row that was selected before it had come. */
  #awaited: { index: number; play: boolean } | null = null;
  /** The view whose rows are shown. */
  #listed: View | null = null;

  constructor(navigator: Navigator, results: Results, events: ListEvents) {
    this.#navigator = navigator;
    this.#results = results;
    this.#events = events;
  }

  /** Whether the rows are those of another dropped file than this point of the history belongs to. */
  get isStale(): boolean {
    return this.#navigator.dropNumber !== this.#shownDrop;
  }

  /** New sounds are shown at once only to one who has not begun to look; null: nothing is listed. */
  get mayReload(): boolean | null {
    if (!this.#found.source) return null;
    return this.#results.selected < 0 && this.#results.grid.scrollTop === 0 && !isSimilar(this.#navigator.view);
  }

  /** Whether an answer is awaited. */
  get isAsking(): boolean {
    return this.#asking;
  }

  /** Fetch and show the rows of the present view. */
  async load(): Promise<void> {
    this.#search.abort();
    clearTimeout(this.#atTimer);
    const { signal } = (this.#search = new AbortController());
    const { view } = this.#navigator;
    this.#asking = true;
    this.#results.busy(true);
    this.#shownDrop = this.#navigator.dropNumber;
    this.#events.onAsk();
    try {
      const found = await this.#events.find(view, signal, () => this.#filled());
      this.#failed = false;
      if (signal.aborted) return;
      const again = this.#listed !== null && sameRows(view, this.#listed);
      const { selected } = this.#results;
      this.#show(found, again ? { ...view, at: this.#results.row()?.key ?? view.at } : view, again);
      // what was selected has been taken off a list: its successor is
      if (again && view.list !== null && selected >= 0 && this.#results.selected < 0) this.#results.select(selected);
    } catch (error) {
      if (signal.aborted) return;
      this.#failed = true;
      this.#show(NONE, view);
      this.#results.showEmpty(wentWrong(error, () => void this.load()));
    } finally {
      if (!signal.aborted) {
        this.#asking = false;
        this.#results.busy(false);
        this.#events.onAnswered();
      }
    }
  }

  /** Ask again for what could not be had while the server was away. */
  recover(): void {
    if (this.#failed) void this.load();
    else this.#results.refresh();
  }

  select(index: number, play: boolean): void {
    this.#results.select(index);
    this.#awaited = this.#results.row() ? null : { index: this.#results.selected, play };
    if (this.#awaited) return;
    this.#events.onSelected(play);
    clearTimeout(this.#atTimer);
    this.#atTimer = window.setTimeout(() => this.#remember(), AT_MS);
  }

  /** Rows have come: fill them in, and go on with one that was selected before it was there. */
  #filled(): void {
    this.#results.refresh();
    const awaited = this.#awaited;
    if (awaited && awaited.index === this.#results.selected && this.#results.row()) this.select(awaited.index, awaited.play);
  }

  /** Select the row that the address names. */
  selectAt(at: string | null): void {
    if (at !== (this.#results.row()?.key ?? null)) this.#results.show(this.#found.source, at);
  }

  /** Show only the hits that are close enough, from those that have come already. */
  least(least: number | null): void {
    const { source } = this.#found;
    const { view } = this.#navigator;
    if (!(source instanceof HitRows) || view.different) return;
    const at = this.#results.row()?.key ?? null;
    source.setLeast(least);
    this.#results.show(source, at);
    this.#count({ ...view, least });
  }

  /** Show or hide the further hits of a row's sound. */
  further(row: Row, open?: boolean): void {
    const { source } = this.#found;
    if (!(source instanceof HitRows)) return;
    const head = source.toggle(row.key, open);
    if (head === null) return;
    this.#results.refresh();
    this.select(Math.max(0, source.indexOf(source.indexOf(row.key) >= 0 ? row.key : head)), false);
  }

  setTags(soundId: string, tags: readonly string[]): void {
    this.#found.source?.setTags(soundId, tags);
    this.#results.refresh();
  }

  /** Put the selected row into the address, once one rests on it; an open sound's page follows. */
  #remember(): void {
    const { view } = this.#navigator;
    const row = this.#results.row();
    const at = row?.key ?? null;
    const sound = view.sound === null ? null : (row?.soundId ?? view.sound);
    if (view.at !== at) this.#navigator.go({ ...view, at, sound }, { replace: true });
  }

  #show(found: Found, view: View, again = false): void {
    this.#found = found;
    this.#listed = view;
    this.#awaited = null;
    if (found.source instanceof HitRows && !view.different) found.source.setLeast(view.least);
    this.#results.say(found.status, found.remark);
    this.#results.show(found.source, view.at, again);
    this.#count(view);
    this.#events.onRows();
  }

  #count(view: View): void {
    const { source } = this.#found;
    if (source instanceof HitRows) this.#events.onCount(source.hits.shown, source.hits.all, source.hits.all === HITS);
    this.#results.showEmpty(source?.count ? null : this.#events.empty(this.#found, view));
  }
}
