// The page put together: a view of the navigator becomes rows, a selected row is heard.

import * as api from "./api";
import { Cards } from "./cards";
import { commandsOf } from "./commands";
import { el } from "./dom";
import { listenDrop } from "./drop";
import { DuplicatesView } from "./duplicates-view";
import { dropAgain, emptyList, nobodyElse, noneClose, nothingFound } from "./empty";
import { find, type Found } from "./finder";
import { countOf } from "./format";
import { Hearing } from "./hearing";
import { keySheet } from "./key-sheet";
import { focusOf, Keys, listenChoice } from "./keys";
import { emptyLibrary, LibraryPanel } from "./library-panel";
import { LibraryWatch } from "./library-watch";
import { ListSide } from "./list-side";
import { Lists } from "./lists";
import { type Kept, ListsPanel } from "./lists-panel";
import { MapSide } from "./map-side";
import { Matching } from "./matching";
import { Microphone } from "./microphone";
import { browserPlace, Navigator } from "./navigator";
import { Notice } from "./notice";
import { PeakStore } from "./peaks";
import { PlayerBar } from "./player-bar";
import { QueryBar } from "./query-bar";
import { QuerySide } from "./query-side";
import { FAVOURITE, Results } from "./results";
import { type Row, soundRow } from "./rows";
import { SoundView } from "./sound-view";
import { EMPTY, isFiltered, isSimilar, sameRows, spaceOf, UNFILTERED, type View } from "./state";
import { Steering } from "./steering";
import { cutOf, Steps } from "./steps";
import { Suggestions } from "./suggestions";
import { slicesOf, takeAway } from "./take-away";
import { themeSwitch } from "./theme";

const MOST_AWAY = 500;

export class Page {
  readonly navigator = new Navigator(browserPlace());
  readonly results: Results;
  readonly hearing: Hearing;
  readonly list: ListSide;
  readonly mapSide: MapSide;
  readonly microphone = new Microphone({
    onOpen: () => this.player.stop(),
    onTake: (file) => void this.drop(file),
    onError: (text) => this.#notice.say(text),
  });
  readonly duplicates = new DuplicatesView({
    onPlay: (member) => this.hearing.audition.playSound(member, 0),
    onOpen: (sound) => this.#steps.change({ sound }),
    onError: (error) => this.#notice.tell(error),
  });
  #suggestions = new Suggestions({
    onPlay: (one) => this.hearing.audition.playSound(one, 0),
    onChange: () => void (isFiltered(this.navigator.view) && this.list.load()),
  });
  #peaks = new PeakStore(api.peaks);
  #cards = new Cards();
  #notice = new Notice();
  #bar: QueryBar;
  #query: QuerySide;
  #matching = new Matching(() => this.#query.reference);
  #steps: Steps;
  #steering: Steering;
  #sound: SoundView;
  #playerBar: PlayerBar;
  #watch: LibraryWatch;
  #panel = new LibraryPanel();
  #lists = new Lists(this.#cards);
  #listsPanel = new ListsPanel(this.#lists, {
    onOpen: (list) => this.#steps.change({ ...EMPTY, space: this.navigator.view.space, list }),
    onFavourites: () => this.#steps.change({ ...EMPTY, space: this.navigator.view.space, tags: [FAVOURITE] }),
    onKept: (text) => this.#notice.say(text),
  });
  #keys: Keys;
  #sheet: HTMLDialogElement;
  #stage = el("main", { class: "stage" });

  constructor(host: HTMLElement) {
    const { navigator } = this;
    const tell = (error: unknown) => this.#notice.tell(error);
    this.results = new Results(this.#peaks, this.#takeAway(tell), {
      onSelect: (index, play) => this.list.select(index, play),
      onSeek: (index, second) => this.#seek(index, second),
      onRegion: (row, cut) => this.#steps.similar(row.soundId, cut),
      onSimilar: (row) => this.#steps.similar(row.soundId, cutOf(row)),
      onAdd: (row, weight) => this.#steps.add(row, weight),
      onFavourite: (row) => void this.#favourite(row),
      onFurther: (row) => this.list.further(row),
      onFolder: (folder) => this.#steps.narrow({ folders: [folder] }),
      onTag: (tag) => this.#steps.narrow({ tags: [...new Set([...navigator.view.tags, tag])] }),
      mover: () => (navigator.view.list === null ? null : (from, to) => this.#moveRow(from, to)),
    });
    this.#query = new QuerySide(navigator, this.#cards, this.#peaks);
    this.hearing = new Hearing(this.results, this.#query.panel);
    this.#query.hearWith(this.hearing);
    this.#steps = new Steps(navigator, this.#query, this.hearing, (text) => this.#notice.say(text));
    this.mapSide = new MapSide(this.#cards, this.hearing, {
      onView: (change) => this.#steps.change(change),
      onPoints: () => this.#ring(),
      onError: tell,
    });
    this.list = new ListSide(navigator, this.results, {
      find: (view, signal, onLoad) =>
        view.lasso.length
          ? this.mapSide.picked(view.lasso, onLoad)
          : view.list !== null
            ? this.#lists.rows(view.list, onLoad)
            : find(view, this.#query.dropped, signal, onLoad),
      onAsk: () => {
        this.#watch.news.hidden = true;
        void this.#query.show();
      },
      onRows: () => {
        this.#watch.fresh();
        this.hearing.prepareSoon();
        this.#showNow();
      },
      onAnswered: () => this.#steering.answered(),
      onSelected: (play) => {
        this.mapSide.pointAtNothing();
        this.hearing.selected(play);
        this.#ring();
        this.#showNow();
      },
      onCount: (shown, all, more) => this.#steering.count(shown, all, more),
      empty: (found, view) => this.#whyEmpty(found, view),
    });
    this.#bar = new QueryBar(
      {
        onText: (text) => this.#steps.text(text),
        onFile: (file) => void this.drop(file),
        onView: (view) => navigator.go(view),
        onMicrophone: () => this.microphone.toggle(),
        onSurprise: () => void this.#steps.surprise().catch(tell),
        onLibrary: () => void this.#panel.open().catch(tell),
        onLists: () => this.#keep(null),
        listName: (id) => this.#lists.get(id)?.name ?? "",
        onKeys: () => this.#sheet.showModal(),
        onLeave: () => this.results.focus(),
      },
      themeSwitch(() => this.#redraw()),
    );
    this.#steering = new Steering({
      onLeast: (least) => this.list.least(least),
      onView: (view, replace) => navigator.go({ ...view, at: null }, { replace }),
      isAsking: () => this.list.isAsking,
    }, this.#matching.root);
    this.hearing.audition.rateOf = (row, first) => this.#matching.rateOf(row, first);
    this.#sound = new SoundView({
      onClose: () => this.#steps.change({ sound: null }),
      onOpen: (sound) => this.#steps.change({ sound }),
      onPlay: (sound, second) => this.hearing.audition.playSound(sound, second),
      onRegion: (soundId, cut) => this.#steps.similar(soundId, cut),
      onTags: (soundId, tags) => this.#setTags(soundId, tags),
      onSimilar: (soundId, cut) => this.#steps.similar(soundId, cut),
      spaces: async () => (await this.#watch.loaded)?.spaces ?? [],
      onSuggest: (tag) => void this.#suggestions.open(tag, spaceOf(navigator.view)),
      onError: tell,
      samples: (soundId, from, to) => this.hearing.audition.samples(soundId, from, to),
    });
    this.hearing.onMove = (soundId, second) => this.#sound.playhead(soundId, second);
    this.#playerBar = new PlayerBar(this.hearing, {
      onToggle: () => this.#playOrStop(),
      onOpen: () => this.#steps.open(this.results.row()?.soundId ?? null),
      onKeep: () => this.#keepRow(),
      onCopied: (text) => this.#notice.say(text),
    });
    this.#lists.onChange = () => {
      this.#bar.again();
      if (navigator.view.list !== null) void this.list.load();
    };
    this.#watch = new LibraryWatch({
      onLibrary: (library, counts) => {
        this.#bar.showLibrary(library.name, countOf(counts.sounds, "sound"));
        this.#steering.setSpaces(library.spaces);
      },
      mayReload: () => this.list.mayReload,
      onReload: () => void this.list.load(),
      onMarks: () => void this.#seeMarks().catch(tell),
      onBack: () => {
        this.list.recover();
        this.mapSide.map.recover();
        void this.#query.show();
        void this.#sound.show(this.navigator.view.sound, spaceOf(this.navigator.view));
      },
      onFailures: () => void this.#panel.open().catch(tell),
      onError: tell,
    });
    this.#keys = this.#bindKeys();
    this.#sheet = keySheet(this.#keys);
    this.#stage.append(this.mapSide.map.root, this.results.root, this.duplicates.root, this.#sound.root);
    host.append(
      el("h1", { class: "unseen" }, "Soundkin"),
      this.#bar.root,
      this.#watch.away,
      this.#watch.progress.root,
      this.microphone.root,
      this.#query.panel.root,
      this.#steering.root,
      this.#stage,
      this.#watch.news,
      this.#playerBar.root,
      this.#notice.root,
      this.#panel.root,
      this.#listsPanel.root,
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
      if (!sameRows(view, before) || this.list.isStale) void this.list.load();
      else {
        if (view.least !== before.least) this.list.least(view.least);
        if (view.at !== before.at) this.list.selectAt(view.at);
      }
      if (view.show !== before.show) void this.#query.show();
      this.#showNow();
    });
    player.onChange = () => this.#showNow();
    player.onError = (error) => this.#notice.tell(error);
    player.onBlocked = () => this.#notice.say("Your browser plays sound only after a click: click anywhere.");
    listenDrop((file) => void this.drop(file));
    document.addEventListener("keydown", (event) => this.#onKey(event));
    listenChoice(() => this.results.focus());
    this.#show(navigator.view);
    this.results.say("Loading…", "");
    this.#watch.start();
    void this.list.load();
  }

  /** Search with a file from outside. */
  async drop(file: File): Promise<void> {
    const most = (await this.#watch.loaded)?.max_upload_bytes ?? Infinity;
    if (file.size > most) {
      this.#notice.say(`${file.name} is larger than ${Math.floor(most / 2 ** 20)} MB. Cut out the moment you look for, or index it.`);
      return;
    }
    await this.#query.drop(file);
  }

  #bindKeys(): Keys {
    const withRow = (then: (row: Row) => void) => () =>
      void this.#current().then(
        (row) => (row ? then(row) : this.#notice.say("Select a sound first: with the arrow keys, or press one.")),
        (error: unknown) => this.#notice.tell(error),
      );
    const move = (by: number) => {
      if (this.navigator.view.show === "duplicates") this.duplicates.move(by);
      else this.list.select(this.results.selected + by, true);
    };
    const commands = commandsOf({
      move,
      page: (by) => move(by * this.results.pageRows),
      first: () => this.list.select(0, true),
      last: () => this.list.select(this.results.count - 1, true),
      playOrStop: () => this.#playOrStop(),
      stop: () => this.player.stop(),
      loop: () => this.player.toggleLoop(),
      autoplay: () => this.hearing.toggleAutoplay(),
      similar: withRow((row) => this.#steps.similar(row.soundId, cutOf(row))),
      add: (weight) => withRow((row) => this.#steps.add(row, weight))(),
      surprise: () => void this.#steps.surprise().catch((error: unknown) => this.#notice.tell(error)),
      open: () => void this.#current().then((row) => this.#steps.open(row?.soundId ?? null), (error: unknown) => this.#notice.tell(error)),
      find: withRow((row) => this.#findOnMap(row)),
      record: () => this.microphone.toggle(),
      keep: withRow((row) => this.#keep({ slices: slicesOf([row]), name: row.name })),
      takeOff: withRow((row) => {
        const { list } = this.navigator.view;
        if (list !== null) this.#lists.takeOff(list, slicesOf([row])).catch((error: unknown) => this.#notice.tell(error));
      }),
      moveRow: (by) => {
        const { selected } = this.results;
        if (this.navigator.view.list !== null && selected >= 0) this.#moveRow(selected, selected + by);
      },
      favourite: withRow((row) => void this.#favourite(row)),
      unfold: (open) => this.results.row() && withRow((row) => this.list.further(row, open))(),
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
    void this.#sound.show(view.sound, spaceOf(view));
  }

  #whyEmpty(found: Found, view: View): HTMLElement | null {
    if (!found.source) return view.drop === null ? null : dropAgain(() => this.#bar.choose());
    if (isSimilar(view) && view.least !== null) return noneClose(view.least, () => this.#steps.narrow({ least: null }));
    if (view.list !== null) return emptyList(this.#lists.get(view.list) !== null);
    if (isFiltered(view)) return nothingFound(view.text, () => this.#steps.narrow(UNFILTERED));
    return isSimilar(view) ? nobodyElse() : emptyLibrary(() => void this.#watch.load());
  }

  #redraw(): void {
    this.results.refresh();
    this.#query.panel.draw();
    this.mapSide.map.redraw();
    this.#sound.redraw();
  }

  /** What the keys act on: a duplicate that is heard, a dot that is pointed at, a sound that is open on the map, the selected row. */
  async #current(): Promise<Row | null> {
    const { view } = this.navigator;
    const isMap = view.show === "map";
    if (isMap && this.mapSide.pointed !== null) return this.#cards.row(this.mapSide.pointed);
    const soundId = view.show === "duplicates" ? this.duplicates.heard?.sound_id : isMap ? view.sound : null;
    if (soundId) return soundRow(await this.#cards.sound(soundId));
    const row = view.show === "duplicates" ? null : this.results.row();
    if (row || view.sound === null) return row;
    return soundRow(await this.#cards.sound(view.sound));
  }

  // -- single rows -----------------------------------------------------------------------------------

  async #favourite(row: Row): Promise<void> {
    try {
      const loved = row.tags.includes(FAVOURITE);
      const { tags } = await (loved ? api.removeTags : api.addTags)(row.soundId, [FAVOURITE]);
      this.#setTags(row.soundId, tags);
    } catch (error) {
      this.#notice.tell(error);
    }
  }

  /** The menu that takes away what is listed, called as it is. */
  #takeAway(onError: (error: unknown) => void): HTMLElement {
    const name = () => this.#lists.get(this.navigator.view.list)?.name ?? "soundkin";
    return takeAway(() => this.results.rows(MOST_AWAY), name, (slices) => this.#keep({ slices, name: countOf(slices.length, "sound") }), onError);
  }

  /** Open the lists; `kept`: what is to be put on one. */
  #keep(kept: Kept | null): void {
    this.#listsPanel.open(kept).catch((error: unknown) => this.#notice.tell(error));
  }

  #keepRow(): void {
    const row = this.results.row();
    if (row) this.#keep({ slices: slicesOf([row]), name: row.name });
  }

  #moveRow(from: number, to: number): void {
    const { list } = this.navigator.view;
    if (list !== null) this.#lists.moveItem(list, from, to).catch((error: unknown) => this.#notice.tell(error));
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
    this.#steps.change({ show: "map" });
    this.mapSide.find(row.soundId);
    this.#ring();
  }

  /** Take over tags and lists that were changed elsewhere: in another tab, by another person, by a script. */
  async #seeMarks(): Promise<void> {
    const rows = this.results.rows(MOST_AWAY);
    const known = new Map(rows.map((row) => [row.soundId, row.tags.join("\n")]));
    if (this.#sound.soundId !== null && !known.has(this.#sound.soundId)) known.set(this.#sound.soundId, "?");
    const [found] = await Promise.all([known.size ? api.tagsOf([...known.keys()]) : [], this.#lists.load()]);
    for (const { sound_id: soundId, tags } of found) {
      if (known.get(soundId) === tags.join("\n")) continue;
      this.#setTags(soundId, tags);
    }
  }

  #setTags(soundId: string, tags: readonly string[]): void {
    this.#cards.forget(soundId);
    this.list.setTags(soundId, tags);
    this.#sound.setTags(soundId, tags);
  }

  // -- hearing ----------------------------------------------------------------------------------------

  #seek(index: number, second: number): void {
    this.list.select(index, false);
    const row = this.results.row(index);
    if (row) this.hearing.playFrom(row, second);
  }

  #playOrStop(): void {
    if (this.navigator.view.show === "duplicates" && !this.player.take) return this.duplicates.move(0);
    if (this.hearing.playOrStop()) return;
    this.results.select(0);
    this.hearing.playOrStop();
    this.list.select(0, false);
  }

  #showNow(): void {
    this.#playerBar.show(this.results.row());
    this.hearing.follow();
  }
}
