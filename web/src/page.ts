// The page put together: a view of the navigator becomes rows, a selected row is heard.

import * as api from "./api";
import { cutBuffer, DropStore, listenDrop } from "./drop";
import { el } from "./dom";
import { countOf, countText } from "./format";
import { find, type Found } from "./finder";
import { focusOf, Keys } from "./keys";
import { keySheet } from "./key-sheet";
import { emptyLibrary, LibraryPanel } from "./library-panel";
import { errorText, Notice } from "./notice";
import { PeakStore, peaksOf } from "./peaks";
import { Player, type Take, pieces } from "./player";
import { PlayerBar } from "./player-bar";
import { followEvents, Progress } from "./progress";
import { QueryBar } from "./query-bar";
import { QueryPanel, type Subject } from "./query-panel";
import { FAVOURITE, Results } from "./results";
import { HitRows, type Row } from "./rows";
import { SliceStore } from "./slices";
import { browserPlace, type Cut, EMPTY, isSimilar, Navigator, sameRows, similarTo, type View } from "./state";

const QUERY = "query";
const PEAK_PAIRS = 800;
const AT_MS = 150;

export class Page {
  readonly navigator = new Navigator(browserPlace());
  readonly player = new Player();
  readonly results: Results;
  #slices = new SliceStore(api.slice, (data) => this.player.decode(data));
  #peaks = new PeakStore(api.peaks);
  #drops = new DropStore();
  #sounds = new Map<string, Promise<api.SoundOut>>();
  #notice = new Notice();
  #bar: QueryBar;
  #query: QueryPanel;
  #playerBar: PlayerBar;
  #progress: Progress;
  #panel = new LibraryPanel();
  #sheet: HTMLDialogElement;
  #news = el("button", { type: "button", class: "news", hidden: true });
  #keys: Keys;
  #found: Found = { source: null, status: "", remark: "", query: [] };
  #search = new AbortController();
  #counts: api.Counts | null = null;
  #shownSounds: number | null = null;
  #shownDrop: number | null = null;
  #library: api.LibraryOut | null = null;
  #frame = 0;
  #atTimer = 0;

  constructor(host: HTMLElement) {
    const { navigator } = this;
    this.results = new Results(this.#peaks, {
      onSelect: (index, play) => this.select(index, play),
      onSeek: (index, second) => this.#seek(index, second),
      onRegion: (row, cut) => navigator.go(similarTo(navigator.view, row.soundId, cut)),
      onSimilar: (row) => this.#similar(row),
      onFavourite: (row) => void this.#favourite(row),
      onFurther: (row) => this.#further(row),
      onFolder: (folder) => navigator.go({ ...navigator.view, folders: [folder], at: null }),
      onTag: (tag) => navigator.go({ ...navigator.view, tags: [...new Set([...navigator.view.tags, tag])], at: null }),
    });
    this.#bar = new QueryBar({
      onText: (text) => this.#text(text),
      onFile: (file) => void this.drop(file),
      onView: (view) => navigator.go(view),
      onLibrary: () => void this.#panel.open().catch((error: unknown) => this.#notice.tell(error)),
      onKeys: () => this.#sheet.showModal(),
      onLeave: () => this.results.grid.focus(),
    });
    this.#query = new QueryPanel({
      onCut: (cut) => this.#cut(cut),
      onPlay: (cut) => this.#playQuery(cut),
      onClear: () => navigator.go({ ...navigator.view, like: [], drop: null, cut: null, at: null }),
    });
    this.#playerBar = new PlayerBar(this.player, () => this.#playOrStop(), (text) => this.#notice.say(text));
    this.#progress = new Progress(() => void api.stopIndex().catch((error: unknown) => this.#notice.tell(error)));
    this.#keys = new Keys(this.#commands());
    this.#sheet = keySheet(this.#keys);
    this.#news.addEventListener("click", () => void this.load());
    host.append(
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
    void this.#loadLibrary();
    void this.load();
  }

  /** Fetch and show the rows of the present view. */
  async load(): Promise<void> {
    this.#search.abort();
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
      this.#show({ source: null, status: "", remark: "", query: [] }, view);
      this.results.showEmpty(this.#wentWrong(error));
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
    if (play) this.#play(row);
    this.#preload();
    this.#showNow();
    clearTimeout(this.#atTimer);
    this.#atTimer = window.setTimeout(() => {
      const { view } = this.navigator;
      if (view.at !== row.key) this.navigator.go({ ...view, at: row.key }, { replace: true });
    }, AT_MS);
  }

  #commands() {
    const move = (by: () => number) => () => this.select(this.results.selected + by(), true);
    const withRow = (then: (row: Row) => void) => () => {
      const row = this.results.row();
      if (row) then(row);
    };
    return [
      { keys: ["ArrowDown", "j"], label: "next sound, heard", run: move(() => 1) },
      { keys: ["ArrowUp", "k"], label: "previous sound, heard", run: move(() => -1) },
      { keys: ["PageDown"], label: "a page down", run: move(() => this.results.pageRows) },
      { keys: ["PageUp"], label: "a page up", run: move(() => -this.results.pageRows) },
      { keys: ["Home"], label: "first sound", run: () => this.select(0, true) },
      { keys: ["End"], label: "last sound", run: () => this.select(this.results.count - 1, true) },
      { keys: [" "], label: "play and stop", run: () => this.#playOrStop() },
      { keys: ["Escape"], label: "stop", run: () => this.player.stop() },
      { keys: ["l"], label: "loop on and off", run: () => this.player.toggleLoop() },
      { keys: ["s"], label: "find similar sounds", run: withRow((row) => this.#similar(row)) },
      { keys: ["f"], label: "favourite on and off", run: withRow((row) => void this.#favourite(row)) },
      { keys: ["ArrowRight"], label: "show further hits in this sound", run: withRow((row) => this.#further(row, true)) },
      { keys: ["ArrowLeft"], label: "fold them again", run: withRow((row) => this.#further(row, false)) },
      { keys: ["/"], label: "to the search box", run: () => this.#bar.focus() },
      { keys: ["?"], label: "these keys", run: () => this.#sheet.showModal() },
    ];
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
    this.results.say(found.status, found.source ? found.remark : "");
    this.results.show(found.source, view.at);
    const count = found.source?.count ?? 0;
    this.#shownSounds = this.#counts?.sounds ?? this.#shownSounds;
    this.results.showEmpty(count === 0 ? this.#whyEmpty(found, view) : null);
    this.#preload();
    this.#showNow();
  }

  #whyEmpty(found: Found, view: View): HTMLElement | null {
    if (!found.source) return found.remark ? this.#dropAgain(found.remark) : null;
    const filtered = view.text !== "" || view.folders.length > 0 || view.tags.length > 0;
    if (!filtered && !isSimilar(view)) return emptyLibrary(() => void this.#loadLibrary());
    const clear = el("button", { type: "button" }, "Clear the filters");
    clear.addEventListener("click", () => {
      this.navigator.go({ ...this.navigator.view, text: "", folders: [], tags: [], at: null });
    });
    const text = view.text ? `No sound has “${view.text}” in its name, tags or folder` : "No other sound is here";
    return el("div", {}, el("h1", {}, text), filtered ? clear : "");
  }

  #wentWrong(error: unknown): HTMLElement {
    const again = el("button", { type: "button" }, "Try again");
    again.addEventListener("click", () => void this.load());
    return el("div", { aria: { role: "alert" } }, el("h1", {}, "That did not work"), el("p", {}, errorText(error)), again);
  }

  #dropAgain(remark: string): HTMLElement {
    const choose = el("button", { type: "button", class: "main" }, "Choose a sound");
    choose.addEventListener("click", () => this.#bar.choose());
    return el("div", {}, el("h1", {}, "Drop the file again"), el("p", {}, remark), choose);
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
    this.results.select(Math.max(0, source.indexOf(source.indexOf(row.key) >= 0 ? row.key : head)));
    this.#showNow();
  }

  // -- hearing ----------------------------------------------------------------------------------------

  #take(row: Row, startS = row.startS, endS = row.endS): Take {
    const load = (from: number, to: number) => this.#slices.get(row.soundId, from, to);
    return { key: row.key, soundId: row.soundId, name: row.name, startS, endS, load };
  }

  #play(row: Row): void {
    void this.player.play(this.#take(row));
  }

  #seek(index: number, second: number): void {
    this.select(index, false);
    const row = this.results.row(index);
    if (row) void this.player.play(this.#take(row, Math.min(second, row.durationS - 0.02), row.durationS));
  }

  #playOrStop(): void {
    const row = this.results.row() ?? this.results.row(0);
    if (this.player.take) this.player.stop();
    else if (this.results.selected < 0) this.select(0, true);
    else if (row) this.#play(row);
  }

  #playQuery(cut: Cut): void {
    const { view } = this.navigator;
    const dropped = this.#drops.get(this.navigator.dropNumber);
    const soundId = view.like[0]?.soundId ?? null;
    const buffer = dropped?.buffer;
    const load = async (from: number, to: number) => {
      if (buffer) return cutBuffer(buffer, from, to);
      if (soundId) return this.#slices.get(soundId, from, to);
      throw new DOMException("cannot be decoded here", "EncodingError");
    };
    const name = view.drop ?? "the query";
    void this.player.play({ key: QUERY, soundId, name, startS: cut.startS, endS: cut.endS, load });
  }

  /** Have the neighbours' first samples ready, so that an arrow key is heard at once. */
  #preload(): void {
    if (!this.player.ready) return;
    for (const by of [1, -1, 2]) {
      const row = this.results.row(this.results.selected + by);
      const first = row && row.state === "present" ? pieces(row.startS, row.endS)[0] : undefined;
      if (row && first) this.#slices.get(row.soundId, ...first).catch(() => {});
    }
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

  // -- the query on top -------------------------------------------------------------------------------

  async #showQuery(view: View, signal: AbortSignal): Promise<void> {
    try {
      const subject = await this.#subject(view, signal);
      if (!signal.aborted) this.#query.show(subject);
    } catch {
      if (!signal.aborted) this.#query.show(null);
    }
  }

  async #subject(view: View, signal: AbortSignal): Promise<Subject | null> {
    const number = this.navigator.dropNumber;
    const dropped = this.#drops.get(number);
    if (view.drop !== null && dropped) {
      const { buffer, file } = dropped;
      return {
        key: `drop-${number}`,
        name: file.name,
        durationS: buffer?.duration ?? 0,
        cut: view.cut,
        note: buffer ? "" : "(this browser cannot draw or play this format; the search works)",
        peaks: buffer && peaksOf(buffer.getChannelData(0), PEAK_PAIRS),
        samples: buffer && (async (from, to) => cutBuffer(buffer, from, to)),
      };
    }
    const item = view.like[0];
    if (!item) return null;
    const sound = await this.#sound(item.soundId);
    if (!this.#peaks.get(item.soundId)) this.#peaks.want(item.soundId, () => void this.#showQuery(view, signal));
    const cut = item.startS === null || item.endS === null ? null : { startS: item.startS, endS: item.endS };
    return {
      key: item.soundId,
      name: sound.name,
      durationS: sound.duration_s,
      cut,
      note: view.like.length > 1 ? `and ${countOf(view.like.length - 1, "other")}` : "",
      peaks: this.#peaks.get(item.soundId),
      samples: (from, to) => this.#slices.get(item.soundId, from, to),
    };
  }

  #sound(soundId: string): Promise<api.SoundOut> {
    const known = this.#sounds.get(soundId) ?? api.sound(soundId);
    known.catch(() => this.#sounds.delete(soundId));
    this.#sounds.set(soundId, known);
    return known;
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
    if (this.#library) this.#bar.showLibrary(this.#library.name, countOf(counts.sounds, "sound"), this.#library.spaces);
    this.#shownSounds ??= counts.sounds;
    const more = counts.sounds - this.#shownSounds;
    if (!more || !this.#found.source) return;
    const untouched = this.results.selected < 0 && this.results.grid.scrollTop === 0 && !isSimilar(this.navigator.view);
    if (untouched) void this.load();
    else {
      this.#news.textContent = more > 0 ? `${countText(more)} more since: show` : "The library has changed: show";
      this.#news.hidden = false;
    }
  }
}
