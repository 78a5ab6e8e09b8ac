// The page put together: a view of the navigator becomes rows, a selected row is heard.

import * as api from "./api";
import { Cards } from "./cards";
import { commandsOf } from "./commands";
import { el } from "./dom";
import { listenDrop } from "./drop";
import { DuplicatesView } from "./duplicates-view";
import { dropAgain, nobodyElse, noneClose, nothingFound, wentWrong } from "./empty";
import { find, type Found, HITS, NONE, surprise } from "./finder";
import { countOf } from "./format";
import { Hearing } from "./hearing";
import { keySheet } from "./key-sheet";
import { focusOf, Keys } from "./keys";
import { emptyLibrary, LibraryPanel } from "./library-panel";
import { LibraryWatch } from "./library-watch";
import { MapSide } from "./map-side";
import { Microphone } from "./microphone";
import { browserPlace, Navigator } from "./navigator";
import { Notice } from "./notice";
import { addPart, partsOf } from "./parts";
import { PeakStore } from "./peaks";
import { PlayerBar } from "./player-bar";
import { QueryBar } from "./query-bar";
import { QuerySide } from "./query-side";
import { FAVOURITE, Results } from "./results";
import { HitRows, type Row } from "./rows";
import { SoundView } from "./sound-view";
import { type Cut, isFiltered, isSimilar, sameRows, similarTo, UNFILTERED, type View } from "./state";
import { Steering } from "./steering";
import { Suggestions } from "./suggestions";
import { takeAway } from "./take-away";
import { themeSwitch } from "./theme";

const AT_MS = 150;
const MOST_AWAY = 500;

export class Page {
  readonly navigator = new Navigator(browserPlace());
  readonly results: Results;
  readonly hearing: Hearing;
  readonly mapSide: MapSide;
  readonly microphone = new Microphone({
    onTake: (file) => void this.drop(file),
    onError: (text) => this.#notice.say(text),
  });
  readonly duplicates = new DuplicatesView({
    onPlay: (member) => this.hearing.audition.playSound(member, 0),
    onOpen: (soundId) => this.navigator.go({ ...this.navigator.view, sound: soundId }),
    onError: (error) => this.#notice.tell(error),
  });
  #suggestions = new Suggestions({
    onPlay: (one) => this.hearing.audition.playSound(one, 0),
    onChange: () => void this.load(),
    onError: (error) => this.#notice.tell(error),
  });
  #peaks = new PeakStore(api.peaks);
  #cards = new Cards();
  #notice = new Notice();
  #bar: QueryBar;
  #query: QuerySide;
  #steering: Steering;
  #sound: SoundView;
  #playerBar: PlayerBar;
  #watch: LibraryWatch;
  #panel = new LibraryPanel();
  #keys: Keys;
  #sheet: HTMLDialogElement;
  #stage = el("main", { class: "stage" });
  #found: Found = NONE;
  #search = new AbortController();
  #shownDrop: number | null = null;
  #atTimer = 0;

  constructor(host: HTMLElement) {
    const { navigator } = this;
    const tell = (error: unknown) => this.#notice.tell(error);
    this.results = new Results(this.#peaks, takeAway(() => this.results.rows(MOST_AWAY), tell), {
      onSelect: (index, play) => this.select(index, play),
      onSeek: (index, second) => this.#seek(index, second),
      onRegion: (row, cut) => navigator.go(similarTo(navigator.view, row.soundId, cut)),
      onSimilar: (row) => this.#similar(row),
      onAdd: (row, weight) => this.#add(row, weight),
      onFavourite: (row) => void this.#favourite(row),
      onFurther: (row) => this.#further(row),
      onFolder: (folder) => this.#narrow({ folders: [folder] }),
      onTag: (tag) => this.#narrow({ tags: [...new Set([...navigator.view.tags, tag])] }),
    });
    this.#query = new QuerySide(navigator, this.#cards, this.#peaks);
    this.hearing = new Hearing(this.results, this.#query.panel);
    this.#query.hearWith(this.hearing);
    this.mapSide = new MapSide(this.#cards, this.hearing, {
      onView: (change) => navigator.go({ ...navigator.view, ...change }),
      onPoints: () => this.#ring(),
      onError: tell,
    });
    this.#bar = new QueryBar(
      {
        onText: (text) => this.#text(text),
        onFile: (file) => void this.drop(file),
        onView: (view) => navigator.go(view),
        onMicrophone: () => this.microphone.toggle(),
        onSurprise: () => void this.#surprise().catch(tell),
        onLibrary: () => void this.#panel.open().catch(tell),
        onKeys: () => this.#sheet.showModal(),
        onLeave: () => this.results.grid.focus(),
      },
      themeSwitch(() => this.#redraw()),
    );
    this.#steering = new Steering({
      onLeast: (least) => this.#least(least),
      onView: (view, replace) => navigator.go({ ...view, at: null }, { replace }),
    });
    this.#sound = new SoundView({
      onClose: () => navigator.go({ ...navigator.view, sound: null }),
      onOpen: (soundId) => navigator.go({ ...navigator.view, sound: soundId }),
      onPlay: (sound, second) => this.hearing.audition.playSound(sound, second),
      onRegion: (soundId, cut) => navigator.go(similarTo(navigator.view, soundId, cut)),
      onTags: (soundId, tags) => this.#setTags(soundId, tags),
      onSuggest: (tag) => void this.#suggestions.open(tag).catch(tell),
      onError: tell,
      samples: (soundId, from, to) => this.hearing.audition.samples(soundId, from, to),
    });
    this.hearing.onMove = (soundId, second) => this.#sound.playhead(soundId, second);
    this.#playerBar = new PlayerBar(this.hearing, () => this.#playOrStop(), () => this.#open(), (text) => this.#notice.say(text));
    this.#watch = new LibraryWatch({
      onLibrary: (library, counts) => {
        this.#bar.showLibrary(library.name, countOf(counts.sounds, "sound"));
        this.#steering.setSpaces(library.spaces);
      },
      mayReload: () => this.#mayReload(),
      onReload: () => void this.load(),
      onError: tell,
    });
    this.#keys = this.#bindKeys();
    this.#sheet = keySheet(this.#keys);
    this.#stage.append(this.mapSide.map.root, this.results.root, this.duplicates.root, this.#sound.root);
    host.append(
      el("h1", { class: "unseen" }, "Soundkin"),
      this.#bar.root,
      this.#watch.progress.root,
      this.microphone.root,
      this.#query.panel.root,
      this.#steering.root,
      this.#stage,
      this.#watch.news,
      this.#playerBar.root,
      this.#notice.root,
      this.#panel.root,
      this.#suggestions.root,
      this.#sheet,
      el("div", { class: "drop-veil", aria: { hidden: "true" } }, "Drop to find sounds like it"),
    );
  }

  get player() {
    return this.hearing.player;
  }

  /** Listen, and show what the address asks for. */
  start(): void {
    const { navigator, player } = this;
    navigator.onChange((view, before) => {
      this.#show(view);
      if (!sameRows(view, before) || navigator.dropNumber !== this.#shownDrop) void this.load();
      else {
        if (view.least !== before.least) this.#least(view.least);
        if (view.at !== before.at && view.at !== (this.results.row()?.key ?? null)) this.results.show(this.#found.source, view.at);
      }
      if (view.show !== before.show) void this.#query.show();
      this.#showNow();
    });
    player.onChange = () => this.#showNow();
    player.onError = (error) => this.#notice.tell(error);
    player.onBlocked = () => this.#notice.say("Your browser plays sound only after a click: click anywhere.");
    listenDrop((file) => void this.drop(file));
    document.addEventListener("keydown", (event) => this.#onKey(event));
    this.#show(navigator.view);
    this.results.say("Loading…", "");
    this.#watch.start();
    void this.load();
  }

  /** Fetch and show the rows of the present view. */
  async load(): Promise<void> {
    this.#search.abort();
    clearTimeout(this.#atTimer);
    const search = (this.#search = new AbortController());
    const { view } = this.navigator;
    this.#watch.news.hidden = true;
    this.results.busy(true);
    this.#shownDrop = this.navigator.dropNumber;
    void this.#query.show();
    const onLoad = () => this.results.refresh();
    try {
      const found = view.lasso.length
        ? await this.mapSide.picked(view.lasso, onLoad)
        : await find(view, this.#query.dropped, search.signal, onLoad);
      if (search.signal.aborted) return;
      this.#showRows(found, view);
    } catch (error) {
      if (search.signal.aborted) return;
      this.#showRows(NONE, view);
      this.results.showEmpty(wentWrong(error, () => void this.load()));
    } finally {
      if (!search.signal.aborted) this.results.busy(false);
    }
  }

  /** Search with a file from outside. */
  async drop(file: File): Promise<void> {
    const most = this.#watch.library?.max_upload_bytes ?? Infinity;
    if (file.size > most) {
      this.#notice.say(`${file.name} is larger than ${Math.floor(most / 2 ** 20)} MB. Cut out the moment you look for, or index it.`);
      return;
    }
    await this.#query.drop(file);
  }

  select(index: number, play: boolean): void {
    this.results.select(index);
    if (!this.results.row()) return;
    this.hearing.selected(play);
    this.#ring();
    this.#showNow();
    clearTimeout(this.#atTimer);
    this.#atTimer = window.setTimeout(() => this.#remember(), AT_MS);
  }

  /** Put the selected row into the address, once one rests on it. */
  #remember(): void {
    const { view } = this.navigator;
    const at = this.results.row()?.key ?? null;
    // An open sound's page follows the selection.
    const sound = view.sound === null ? null : (this.results.row()?.soundId ?? view.sound);
    if (view.at !== at) this.navigator.go({ ...view, at, sound }, { replace: true });
  }

  #bindKeys(): Keys {
    const withRow = (then: (row: Row) => void) => () => {
      const row = this.results.row();
      if (row) then(row);
    };
    const move = (by: number) => {
      if (this.navigator.view.show === "duplicates") this.duplicates.move(by);
      else this.select(this.results.selected + by, true);
    };
    const commands = commandsOf({
      move,
      page: (by) => move(by * this.results.pageRows),
      first: () => this.select(0, true),
      last: () => this.select(this.results.count - 1, true),
      playOrStop: () => this.#playOrStop(),
      stop: () => this.player.stop(),
      loop: () => this.player.toggleLoop(),
      autoplay: () => this.hearing.toggleAutoplay(),
      similar: withRow((row) => this.#similar(row)),
      add: (weight) => withRow((row) => this.#add(row, weight))(),
      surprise: () => void this.#surprise().catch((error: unknown) => this.#notice.tell(error)),
      open: () => this.#open(),
      find: withRow((row) => this.#findOnMap(row)),
      record: () => this.microphone.toggle(),
      favourite: withRow((row) => void this.#favourite(row)),
      unfold: (open) => withRow((row) => this.#further(row, open))(),
      search: () => this.#bar.focus(),
      sheet: () => this.#sheet.showModal(),
    });
    return new Keys(commands);
  }

  #onKey(event: KeyboardEvent): void {
    if (document.querySelector("dialog:modal")) return;
    const command = this.#keys.find(event, focusOf(event.target));
    if (!command) return;
    event.preventDefault();
    command.run();
  }

  // -- what is shown ----------------------------------------------------------------------------------

  #show(view: View): void {
    this.#bar.show(view);
    this.#steering.show(view);
    this.results.root.hidden = view.show === "duplicates";
    this.duplicates.show(view.show === "duplicates");
    this.mapSide.show(view);
    this.#stage.dataset["show"] = view.show;
    this.#ring();
    void this.#sound.show(view.sound, view.space);
  }

  #showRows(found: Found, view: View): void {
    this.#found = found;
    if (found.source instanceof HitRows && !view.different) found.source.setLeast(view.least);
    this.results.say(found.status, found.remark);
    this.results.show(found.source, view.at);
    this.#watch.fresh();
    this.#sayCount(view);
    this.hearing.prepare();
    this.#showNow();
  }

  /** Show only the hits that are close enough, from those that have come already. */
  #least(least: number | null): void {
    const { source } = this.#found;
    const { view } = this.navigator;
    if (!(source instanceof HitRows) || view.different) return;
    const at = this.results.row()?.key ?? null;
    source.setLeast(least);
    this.results.show(source, at);
    this.#sayCount({ ...view, least });
  }

  #sayCount(view: View): void {
    const { source } = this.#found;
    if (source instanceof HitRows) this.#steering.count(source.hits.shown, source.hits.all, source.hits.all === HITS);
    this.results.showEmpty(source?.count ? null : this.#whyEmpty(this.#found, view));
  }

  #whyEmpty(found: Found, view: View): HTMLElement | null {
    if (!found.source) return view.drop === null ? null : dropAgain(() => this.#bar.choose());
    if (isSimilar(view) && view.least !== null) return noneClose(view.least, () => this.#narrow({ least: null }));
    if (isFiltered(view)) return nothingFound(view.text, () => this.#narrow(UNFILTERED));
    return isSimilar(view) ? nobodyElse() : emptyLibrary(() => void this.#watch.load());
  }

  #redraw(): void {
    this.results.refresh();
    this.#query.panel.draw();
    this.mapSide.map.redraw();
    this.#sound.redraw();
  }

  // -- going somewhere --------------------------------------------------------------------------------

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
    this.#query.choose(0);
    this.navigator.go(similarTo(this.navigator.view, row.soundId, cutOf(row)));
  }

  /** Add a row to the query or subtract it; without a query there is nothing to subtract from. */
  #add(row: Row, weight: number): void {
    const { view } = this.navigator;
    if (!isSimilar(view) && weight < 0) {
      this.#notice.say("Ask for something first (S): then sounds can be subtracted from it.");
      return;
    }
    const before = partsOf(view).length;
    if (!before) return this.#similar(row);
    this.#query.choose(before);
    this.navigator.go(addPart(view, row.soundId, cutOf(row), weight));
  }

  async #surprise(): Promise<void> {
    const { view } = this.navigator;
    const sound = await surprise(view, new AbortController().signal);
    if (!sound) return;
    this.#query.choose(0);
    this.navigator.go(similarTo(view, sound.sound_id, null));
    if (this.hearing.autoplay) this.hearing.playQuery(sound.name, { startS: 0, endS: sound.duration_s }, sound.sound_id, null);
  }

  async #favourite(row: Row): Promise<void> {
    try {
      const loved = row.tags.includes(FAVOURITE);
      const { tags } = await (loved ? api.removeTags : api.addTags)(row.soundId, [FAVOURITE]);
      this.#setTags(row.soundId, tags);
      this.#sound.setTags(row.soundId, tags);
    } catch (error) {
      this.#notice.tell(error);
    }
  }

  /** Ring the selected sound on the map, else the one whose page is open. */
  #ring(): void {
    const { view } = this.navigator;
    if (view.show !== "map") return;
    const row = this.results.row();
    const isSegment = row !== null && row.key !== row.soundId;
    this.mapSide.map.ring(row?.soundId ?? view.sound, isSegment ? row.key : null);
  }

  #findOnMap(row: Row): void {
    this.navigator.go({ ...this.navigator.view, show: "map" });
    this.mapSide.find(row.soundId);
    this.#ring();
  }

  #setTags(soundId: string, tags: readonly string[]): void {
    this.#cards.forget(soundId);
    this.#found.source?.setTags(soundId, tags);
    this.results.refresh();
  }

  /** Open the selected sound's own page, or close it. */
  #open(): void {
    const { view } = this.navigator;
    const soundId = this.results.row()?.soundId ?? null;
    this.navigator.go({ ...view, sound: soundId === view.sound ? null : soundId });
  }

  #further(row: Row, open?: boolean): void {
    const { source } = this.#found;
    if (!(source instanceof HitRows)) return;
    const head = source.toggle(row.key, open);
    if (head === null) return;
    this.results.refresh();
    this.select(Math.max(0, source.indexOf(source.indexOf(row.key) >= 0 ? row.key : head)), false);
  }

  /** New sounds are shown at once only to one who has not begun to look at the list. */
  #mayReload(): boolean | null {
    if (!this.#found.source) return null;
    return this.results.selected < 0 && this.results.grid.scrollTop === 0 && !isSimilar(this.navigator.view);
  }

  // -- hearing ----------------------------------------------------------------------------------------

  #seek(index: number, second: number): void {
    this.select(index, false);
    const row = this.results.row(index);
    if (row) this.hearing.playFrom(row, second);
  }

  #playOrStop(): void {
    if (this.hearing.playOrStop()) return;
    this.results.select(0);
    this.hearing.playOrStop();
    this.select(0, false);
  }

  #showNow(): void {
    this.#playerBar.show(this.results.row());
    this.hearing.follow();
  }
}

/** The range a row stands for; null when it is the whole sound. */
function cutOf(row: Row): Cut | null {
  const whole = row.band === null || row.durationS <= row.endS - row.startS + 0.01;
  return whole ? null : { startS: row.startS, endS: row.endS };
}
