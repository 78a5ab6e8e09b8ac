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
  onError: (error: unknown) => void;
}

export class LibraryWatch {
  readonly progress: Progress;
  readonly news = el("button", { type: "button", class: "news", hidden: true });
  library: api.LibraryOut | null = null;
  #events: WatchEvents;
  #counts: api.Counts | null = null;
  #shown: number | null = null;

  constructor(events: WatchEvents) {
    this.#events = events;
    this.progress = new Progress(() => void api.stopIndex().catch(events.onError));
    this.news.addEventListener("click", () => events.onReload());
  }

  start(): void {
    followEvents(
      (state) => this.progress.show(state),
      (counts) => this.#onCounts(counts),
    );
    void this.load();
  }

  async load(): Promise<void> {
    try {
      this.library = await api.library();
      this.#onCounts(this.library.counts);
      this.progress.show(this.library.indexing);
    } catch (error) {
      this.#events.onError(error);
    }
  }

  /** The list shows the library as it is now. */
  fresh(): void {
    this.#shown = this.#counts?.sounds ?? this.#shown;
  }

  #onCounts(counts: api.Counts): void {
    this.#counts = counts;
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
