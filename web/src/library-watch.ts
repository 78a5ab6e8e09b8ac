// The library as it changes: what the bar says of it, the progress of indexing, sounds that came meanwhile.

import * as api from "./api";
import { el } from "./dom";
import { countOf } from "./format";
import { followEvents, Progress } from "./progress";

export interface WatchEvents {
  onLibrary: (library: api.LibraryOut, counts: api.Counts) => void;
  /** Whether the list may be fetched again without taking anything from under the user; null: there is none. */
  mayReload: () => boolean | null;
  onReload: () => void;
  /** Tags or lists were changed, here or elsewhere. */
  onMarks: () => void;
  /** The server had gone away and is there again. */
  onBack: () => void;
  /** The files that gave no sound are asked for. */
  onFailures: () => void;
  onError: (error: unknown) => void;
}

const AWAY = "Soundkin's server does not answer. Start it again with: soundkin serve. This page then goes on by itself.";

export class LibraryWatch {
  readonly progress: Progress;
  readonly away = el("p", { class: "away", hidden: true, aria: { role: "alert" } }, AWAY);
  readonly news = el("button", { type: "button", class: "news", hidden: true });
  library: api.LibraryOut | null = null;
  /** The library, as soon as it is known. */
  readonly loaded: Promise<api.LibraryOut | null>;
  #isLoaded: (library: api.LibraryOut | null) => void = () => {};
  #events: WatchEvents;
  #counts: api.Counts | null = null;
  #shown: number | null = null;

  constructor(events: WatchEvents) {
    this.#events = events;
    this.loaded = new Promise((then) => (this.#isLoaded = then));
    this.progress = new Progress(() => void api.stopIndex().catch(events.onError), events.onFailures);
    this.news.addEventListener("click", () => events.onReload());
  }

  start(): void {
    followEvents({
      onIndex: (state) => this.progress.show(state),
      onCounts: (counts) => this.#onCounts(counts),
      onAway: (away) => this.#onAway(away),
    });
    void this.load();
  }

  async load(): Promise<void> {
    try {
      this.library = await api.library();
      this.#isLoaded(this.library);
      this.#onCounts(this.library.counts);
      this.progress.show(this.library.indexing);
    } catch (error) {
      this.#isLoaded(null);
      this.#events.onError(error);
    }
  }

  /** The list shows the library as it is now. */
  fresh(): void {
    this.#shown = this.#counts?.sounds ?? this.#shown;
  }

  #onAway(away: boolean): void {
    const wasAway = !this.away.hidden;
    this.away.hidden = !away;
    if (away || !wasAway) return;
    void this.load();
    this.#events.onBack();
  }

  #onCounts(counts: api.Counts): void {
    const others = this.#counts !== null && this.#counts.marks !== counts.marks;
    this.#counts = counts;
    if (others) this.#events.onMarks();
    this.progress.elsewhere(counts);
    if (this.library) this.#events.onLibrary(this.library, counts);
    this.#shown ??= counts.sounds;
    const more = counts.sounds - this.#shown;
    const may = this.#events.mayReload();
    if (!more || may === null) return;
    if (may) this.#events.onReload();
    else {
      this.news.textContent = more > 0 ? `Show ${countOf(more, "new sound")}` : "The library has changed: show";
      this.news.hidden = false;
    }
  }
}
