// The page put together: a view of the navigator becomes rows, a selected row is heard.

import * as api from "./api";
import { Audition, QUERY } from "./audition";
import { commandsOf } from "./commands";
import { el } from "./dom";
import { DropStore, listenDrop } from "./drop";
import { dropAgain, nobodyElse, nothingFound, wentWrong } from "./empty";
import { type Found, find, NONE } from "./finder";
import { countOf } from "./format";
import { keySheet } from "./key-sheet";
import { focusOf, Keys } from "./keys";
import { emptyLibrary, LibraryPanel } from "./library-panel";
import { Notice } from "./notice";
import { PeakStore } from "./peaks";
import { PlayerBar } from "./player-bar";
import { followEvents, Progress } from "./progress";
import { QueryBar } from "./query-bar";
import { QueryPanel } from "./query-panel";
import { FAVOURITE, Results } from "./results";
import { HitRows, type Row } from "./rows";
import { browserPlace, type Cut, EMPTY, isSimilar, Navigator, sameRows, similarTo, type View } from "./state";
import { Subjects } from "./subject";

const AT_MS = 150;

export class Page {
  readonly navigator = new Navigator(browserPlace());
  readonly results: Results;
  #audition = new Audition();
  #peaks = new PeakStore(api.peaks);
  #subjects = new Subjects(this.#audition, this.#peaks);
  #drops = new DropStore();
  #notice = new Notice();
  #bar: QueryBar;
  #query: QueryPanel;
  #playerBar: PlayerBar;
  #progress: Progress;
  #panel = new LibraryPanel();
  #keys: Keys;
  #sheet: HTMLDialogElement;
  #news = el("button", { type: "button", class: "news", hidden: true });
  #found: Found = NONE;
  #search = new AbortController();
  #library: api.LibraryOut | null = null;
  #counts: api.Counts | null = null;
  #shownSounds: number | null = null;
  #shownDrop: number | null = null;
  #frame = 0;
  #atTimer = 0;

  constructor(host: HTMLElement) {
    const { navigator } = this;
    const tell = (error: unknown) => this.#notice.tell(error);
    this.results = new Results(this.#peaks, {
      onSelect: (index, play) => this.select(index, play),
      onSeek: (index, second) => this.#seek(index, second),
      onRegion: (row, cut) => navigator.go(similarTo(navigator.view, row.soundId, cut)),
      onSimilar: (row) => this.#similar(row),
      onFavourite: (row) => void this.#favourite(row),
      onFurther: (row) => this.#further(row),
      onFolder: (folder) => this.#narrow({ folders: [folder] }),
      onTag: (tag) => this.#narrow({ tags: [...new Set([...navigator.view.tags, tag])] }),
    });
    this.#bar = new QueryBar({
      onText: (text) => this.#text(text),
      onFile: (file) => void this.drop(file),
      onView: (view) => navigator.go(view),
      onLibrary: () => void this.#panel.open().catch(tell),
      onKeys: () => this.#sheet.showModal(),
      onLeave: () => this.results.grid.focus(),
    });
    this.#query = new QueryPanel({
      onCut: (cut) => this.#cut(cut),
      onPlay: (cut) => this.#playQuery(cut),
      onClear: () => this.#narrow({ like: [], drop: null, cut: null }),
    });
    this.#playerBar = new PlayerBar(this.player, () => this.#playOrStop(), (text) => this.#notice.say(text));
    this.#progress = new Progress(() => void api.stopIndex().catch(tell));
    this.#keys = this.#bindKeys();
    this.#sheet = keySheet(this.#keys);
    this.#news.addEventListener("click", () => void this.load());
    host.append(
      el("h1", { class: "unseen" }, "Soundkin"),
      this.#bar.root,
      this.#progress.root,
      this.#query.root,
      this.results.root,
      this.#news,
      this.#playerBar.root,
      this.#notice.root,
      this.#panel.root,
      this.#sheet,
      el("div", { class: "drop-veil", aria: { hidden: "true" } }, "Drop to find sounds like it"),
    );
  }

  get player() {
    return this.#audition.player;
  }

  /** Listen, and show what the address asks for. */
  start(): void {
    const { navigator, player } = this;
    navigator.onChange((view, before) => {
      this.#bar.show(view);
      if (!sameRows(view, before) || navigator.dropNumber !== this.#shownDrop) void this.load();
      else if (view.at !== this.results.row()?.key) this.results.show(this.#found.source, view.at);
      this.#showNow();
    });
    player.onChange = () => this.#showNow();
    player.onError = (error) => this.#notice.tell(error);
    player.onBlocked = () => this.#notice.say("Your browser plays sound only after a click: click anywhere.");
    listenDrop((file) => void this.drop(file));
    document.addEventListener("keydown", (event) => this.#onKey(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.results.refresh();
      this.#query.draw();
    });
    followEvents(
      (state) => this.#onIndex(state),
      (counts) => this.#onCounts(counts),
    );
    this.#bar.show(navigator.view);
    this.results.say("Loading…", "");
    void this.#loadLibrary();
    void this.load();
  }

  /** Fetch and show the rows of the present view. */
  async load(): Promise<void> {
    this.#search.abort();
    clearTimeout(this.#atTimer);
    const search = (this.#search = new AbortController());
    const { view } = this.navigator;
    this.#news.hidden = true;
    this.results.busy(true);
    this.#shownDrop = this.navigator.dropNumber;
    const dropped = this.#drops.get(this.#shownDrop);
    void this.#showQuery(view, search.signal);
    try {
      const found = await find(view, dropped, search.signal, () => this.results.refresh());
      if (search.signal.aborted) return;
      this.#show(found, view);
    } catch (error) {
      if (search.signal.aborted) return;
      this.#show(NONE, view);
      this.results.showEmpty(wentWrong(error, () => void this.load()));
    } finally {
      if (!search.signal.aborted) this.results.busy(false);
    }
  }

  /** Search with a file from outside. */
  async drop(file: File): Promise<void> {
    const most = this.#library?.max_upload_bytes ?? Infinity;
    if (file.size > most) {
      this.#notice.say(`${file.name} is larger than ${Math.floor(most / 2 ** 20)} MB. Cut out the moment you look for, or index it.`);
      return;
    }
    this.player.stop();
    const buffer = await file.arrayBuffer().then((data) => this.player.decode(data)).catch(() => null);
    const dropNumber = this.#drops.add({ file, buffer });
    const { space, folders, tags } = this.navigator.view;
    this.navigator.go({ ...EMPTY, space, folders, tags, drop: file.name }, { dropNumber });
  }

  select(index: number, play: boolean): void {
    this.results.select(index);
    const row = this.results.row();
    if (!row) return;
    if (play) this.#audition.play(row);
    this.#preload();
    this.#showNow();
    clearTimeout(this.#atTimer);
    this.#atTimer = window.setTimeout(() => this.#remember(), AT_MS);
  }

  /** Put the selected row into the address, once one rests on it. */
  #remember(): void {
    const { view } = this.navigator;
    const at = this.results.row()?.key ?? null;
    if (view.at !== at) this.navigator.go({ ...view, at }, { replace: true });
  }

  #bindKeys(): Keys {
    const withRow = (then: (row: Row) => void) => () => {
      const row = this.results.row();
      if (row) then(row);
    };
    const move = (by: number) => this.select(this.results.selected + by, true);
    const commands = commandsOf({
      move,
      page: (by) => move(by * this.results.pageRows),
      first: () => this.select(0, true),
      last: () => this.select(this.results.count - 1, true),
      playOrStop: () => this.#playOrStop(),
      stop: () => this.player.stop(),
      loop: () => this.player.toggleLoop(),
      similar: withRow((row) => this.#similar(row)),
      favourite: withRow((row) => void this.#favourite(row)),
      unfold: (open) => withRow((row) => this.#further(row, open))(),
      search: () => this.#bar.focus(),
      sheet: () => this.#sheet.showModal(),
    });
    return new Keys(commands);
  }

  #onKey(event: KeyboardEvent): void {
    if (this.#sheet.open || this.#panel.root.open) return;
    const command = this.#keys.find(event, focusOf(event.target));
    if (!command) return;
    event.preventDefault();
    command.run();
  }

  #show(found: Found, view: View): void {
    this.#found = found;
    this.results.say(found.status, found.remark);
    this.results.show(found.source, view.at);
    const count = found.source?.count ?? 0;
    this.#shownSounds = this.#counts?.sounds ?? this.#shownSounds;
    this.results.showEmpty(count === 0 ? this.#whyEmpty(found, view) : null);
    this.#preload();
    this.#showNow();
  }

  #whyEmpty(found: Found, view: View): HTMLElement | null {
    if (!found.source) return view.drop === null ? null : dropAgain(() => this.#bar.choose());
    if (view.text !== "" || view.folders.length > 0 || view.tags.length > 0) {
      return nothingFound(view.text, () => this.#narrow({ text: "", folders: [], tags: [] }));
    }
    return isSimilar(view) ? nobodyElse() : emptyLibrary(() => void this.#loadLibrary());
  }

  /** Go to the present view with something changed, and no row selected. */
  #narrow(change: Partial<View>): void {
    this.navigator.go({ ...this.navigator.view, ...change, at: null });
  }

  #text(text: string): void {
    const { view } = this.navigator;
    if (text === view.text) return;
    const typing = view.text !== "" && text !== "";
    this.navigator.go({ ...view, text, at: null }, { replace: typing });
  }

  #similar(row: Row): void {
    const cut = row.band === null ? null : { startS: row.startS, endS: row.endS };
    const whole = cut === null || row.durationS <= cut.endS - cut.startS + 0.01;
    this.navigator.go(similarTo(this.navigator.view, row.soundId, whole ? null : cut));
  }

  #cut(cut: Cut | null): void {
    const { view } = this.navigator;
    if (view.drop !== null) this.navigator.go({ ...view, cut, at: null });
    else if (view.like[0]) this.navigator.go(similarTo(view, view.like[0].soundId, cut));
  }

  async #favourite(row: Row): Promise<void> {
    try {
      const loved = row.tags.includes(FAVOURITE);
      const { tags } = await (loved ? api.removeTags : api.addTags)(row.soundId, [FAVOURITE]);
      this.#found.source?.setTags(row.soundId, tags);
      this.results.refresh();
    } catch (error) {
      this.#notice.tell(error);
    }
  }

  #further(row: Row, open?: boolean): void {
    const { source } = this.#found;
    if (!(source instanceof HitRows)) return;
    const head = source.toggle(row.key, open);
    if (head === null) return;
    this.results.refresh();
    this.select(Math.max(0, source.indexOf(source.indexOf(row.key) >= 0 ? row.key : head)), false);
  }

  // -- hearing ----------------------------------------------------------------------------------------

  #seek(index: number, second: number): void {
    this.select(index, false);
    const row = this.results.row(index);
    if (row) this.#audition.play(row, second);
  }

  #playOrStop(): void {
    const row = this.results.row() ?? this.results.row(0);
    if (this.player.take) this.player.stop();
    else if (this.results.selected < 0) this.select(0, true);
    else if (row) this.#audition.play(row);
  }

  #playQuery(cut: Cut): void {
    const { view, dropNumber } = this.navigator;
    const soundId = view.like[0]?.soundId ?? null;
    this.#audition.playQuery(view.drop ?? "the query", cut, soundId, this.#drops.get(dropNumber));
  }

  #preload(): void {
    const { selected } = this.results;
    this.#audition.prepare([1, -1, 2].map((by) => this.results.row(selected + by)));
  }

  #showNow(): void {
    this.#playerBar.show(this.results.row());
    cancelAnimationFrame(this.#frame);
    const step = () => {
      const { take, positionS } = this.player;
      this.results.playhead(take && take.key !== QUERY ? take.key : null, positionS);
      this.#query.playhead(take?.key === QUERY ? positionS : null);
      if (take) this.#frame = requestAnimationFrame(step);
    };
    step();
  }

  async #showQuery(view: View, signal: AbortSignal): Promise<void> {
    const number = this.navigator.dropNumber;
    const again = () => void this.#showQuery(view, signal);
    const subject = await this.#subjects.of(view, this.#drops.get(number), number, again).catch(() => null);
    if (!signal.aborted) this.#query.show(subject);
  }

  // -- the library ------------------------------------------------------------------------------------

  async #loadLibrary(): Promise<void> {
    try {
      this.#library = await api.library();
      this.#onCounts(this.#library.counts);
      this.#progress.show(this.#library.indexing);
    } catch (error) {
      this.#notice.tell(error);
    }
  }

  #onIndex(state: api.IndexState): void {
    this.#progress.show(state);
  }

  #onCounts(counts: api.Counts): void {
    this.#counts = counts;
    this.#progress.elsewhere(counts);
    if (this.#library) this.#bar.showLibrary(this.#library.name, countOf(counts.sounds, "sound"), this.#library.spaces);
    this.#shownSounds ??= counts.sounds;
    const more = counts.sounds - this.#shownSounds;
    if (!more || !this.#found.source) return;
    const untouched = this.results.selected < 0 && this.results.grid.scrollTop === 0 && !isSimilar(this.navigator.view);
    if (untouched) void this.load();
    else {
      this.#news.textContent = more > 0 ? `Show ${countOf(more, "new sound")}` : "The library has changed: show";
      this.#news.hidden = false;
    }
  }
}
