// The list: one row a sound, with its waveform, what was hit, and what can be done with it.

import { KeyedRows } from "./cards";
import { el, setText } from "./dom";
import { rangeText, timeText } from "./format";
import type { PeakStore } from "./peaks";
import { listenRegion } from "./region";
import { listenRowDrag } from "./row-drag";
import { HitRows, isWhole, type Row, type Source, type SpaceBand } from "./rows";
import type { Cut } from "./state";
import { VirtualList } from "./virtual-list";
import { drawWave } from "./waveform";

export const FAVOURITE = "favourite";

export interface ResultEvents {
  onSelect: (index: number, play: boolean) => void;
  onSeek: (index: number, second: number) => void;
  onRegion: (row: Row, cut: Cut) => void;
  onSimilar: (row: Row) => void;
  /** Add a row to the query (1) or subtract it (-1). */
  onAdd: (row: Row, weight: number) => void;
  onFavourite: (row: Row) => void;
  onFurther: (row: Row) => void;
  onFolder: (folder: string) => void;
  onTag: (tag: string) => void;
  /** A row was dragged to where another one is; null: these rows have no order of one's own. */
  mover: () => ((from: number, to: number) => void) | null;
}

interface View {
  root: HTMLElement;
  index: number;
  wave: HTMLElement;
  canvas: HTMLCanvasElement;
  drag: HTMLElement;
  head: HTMLElement;
  star: HTMLButtonElement;
  name: HTMLElement;
  folder: HTMLButtonElement;
  tags: HTMLElement;
  badge: HTMLElement;
  range: HTMLElement;
  length: HTMLElement;
  band: HTMLElement;
  bands: HTMLElement;
  further: HTMLButtonElement;
  similar: HTMLButtonElement;
  plus: HTMLButtonElement;
  minus: HTMLButtonElement;
}

/** A dot for each space, as full as the sound is close there; the names are told, not drawn. */
function showBands(host: HTMLElement, bands: readonly SpaceBand[]): void {
  host.hidden = bands.length === 0;
  const said = bands.map(({ space, band }) => `${space}: ${band}`).join(", ");
  if (host.title === said) return;
  host.title = said;
  host.setAttribute("aria-label", said);
  host.replaceChildren(...bands.map(({ band }) => el("i", { class: "mark", data: { band } })));
}

export class Results {
  readonly root: HTMLElement;
  readonly grid = el("div", { class: "list", tabIndex: 0, aria: { role: "grid", label: "Sounds" } });
  selected = -1;
  #source: Source | null = null;
  #events: ResultEvents;
  #peaks: PeakStore;
  #list: VirtualList<View>;
  #status = el("p", { class: "status", aria: { role: "status" } });
  #remark = el("p", { class: "remark", hidden: true });
  #empty = el("div", { class: "empty", hidden: true });
  #playing: string | null = null;

  /** `tools` stands at the end of the line that says what is listed. */
  constructor(peaks: PeakStore, tools: HTMLElement, events: ResultEvents) {
    this.#peaks = peaks;
    this.#events = events;
    const space = el("div", { class: "space", aria: { role: "rowgroup" } });
    this.grid.append(space);
    this.root = el("section", { class: "results", tabIndex: -1, aria: { label: "Results" } }, el("header", { class: "status-line" }, this.#status, tools), this.#remark, this.grid, this.#empty);
    this.#list = new VirtualList<View>(this.grid, space, {
      rowHeight: () => Number.parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 48,
      build: () => this.#build(),
      fill: (view, index) => this.#fill(view, index),
      draw: (view) => this.#drawRow(view),
      onStretch: (from, to) => this.#source?.ensure(from, to),
    });
    this.grid.addEventListener("click", (event) => this.#onClick(event));
    listenRowDrag(this.grid, (index) => this.row(index), events.mover);
  }

  /** Show other rows; the selection goes to the row named `at` when it is among them. `same`: as they are by now. */
  show(source: Source | null, at: string | null, same = false): void {
    const held = this.#holdsFocus;
    this.#source = source;
    this.selected = source && at !== null ? source.indexOf(at) : -1;
    this.grid.hidden = !source?.count;
    if (held) this.focus();
    this.root.classList.toggle("browse", !(source instanceof HitRows));
    this.root.classList.toggle("slices", source instanceof KeyedRows);
    this.grid.setAttribute("aria-rowcount", String(source?.count ?? 0));
    if (!same) this.grid.scrollTop = 0;
    this.#list.setCount(source?.count ?? 0);
    if (this.selected >= 0) this.#list.scrollTo(this.selected);
    this.#markSelected();
  }

  say(status: string, remark: string): void {
    setText(this.#status, status);
    setText(this.#remark, remark);
    this.#remark.hidden = remark === "";
  }

  /** What stands where no row is; null takes it away. */
  showEmpty(content: Node | null): void {
    const held = this.#empty.contains(document.activeElement);
    this.#empty.replaceChildren(...(content ? [content] : []));
    this.#empty.hidden = content === null;
    if (held) this.focus();
  }

  /** Put the focus on the rows; while there are none, on where they will be. */
  focus(): void {
    (this.grid.hidden ? this.root : this.grid).focus({ preventScroll: true });
  }

  /** Whether the focus is where it would be lost when rows come or go. */
  get #holdsFocus(): boolean {
    const { activeElement } = document;
    return activeElement === this.root || this.grid.contains(activeElement) || this.#empty.contains(activeElement);
  }

  busy(busy: boolean): void {
    this.root.setAttribute("aria-busy", String(busy));
  }

  row(index: number = this.selected): Row | null {
    return this.#source?.get(index) ?? null;
  }

  /** The rows that have come, up to so many. */
  rows(most: number): Row[] {
    const found: Row[] = [];
    for (let index = 0; index < Math.min(this.count, most); index++) {
      const row = this.row(index);
      if (row) found.push(row);
    }
    return found;
  }

  get count(): number {
    return this.#source?.count ?? 0;
  }

  get pageRows(): number {
    return this.#list.pageRows;
  }

  select(index: number): void {
    if (!this.count) return;
    this.selected = Math.max(0, Math.min(index, this.count - 1));
    this.#list.scrollTo(this.selected);
    this.#markSelected();
  }

  /** Rows have changed in place, or more have come: keep the selection on its row. */
  refresh(): void {
    this.grid.setAttribute("aria-rowcount", String(this.count));
    this.#list.setCount(this.count);
    this.#markSelected();
  }

  /** Move the playhead; `key` names the row that is heard. */
  playhead(key: string | null, second: number | null): void {
    if (key !== this.#playing) {
      this.#playing = key;
      for (const view of this.#list.views) this.#markPlaying(view);
    }
    const index = key === null ? -1 : (this.#source?.indexOf(key) ?? -1);
    const view = this.#list.viewOf(index);
    const row = this.row(index);
    if (!view || !row) return;
    view.head.hidden = second === null;
    if (second !== null) view.head.style.left = `${(second / row.durationS) * 100}%`;
  }

  #markSelected(): void {
    for (const view of this.#list.views) {
      view.root.setAttribute("aria-selected", String(view.index === this.selected));
    }
    const view = this.#list.viewOf(this.selected);
    if (view) this.grid.setAttribute("aria-activedescendant", view.root.id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  #markPlaying(view: View): void {
    const heard = this.#playing !== null && this.row(view.index)?.key === this.#playing;
    view.root.classList.toggle("playing", heard);
    view.head.hidden = !heard;
  }

  #onClick(event: MouseEvent): void {
    if (!(event.target instanceof Element)) return;
    const line = event.target.closest<HTMLElement>("[data-index]");
    const index = Number(line?.dataset["index"] ?? -1);
    const row = this.row(index);
    if (!row) return;
    const button = event.target.closest<HTMLElement>("button[data-do]");
    if (!button) this.#events.onSelect(index, !(event.ctrlKey || event.metaKey));
    else if (button.dataset["do"] === "similar") this.#events.onSimilar(row);
    else if (button.dataset["do"] === "plus") this.#events.onAdd(row, 1);
    else if (button.dataset["do"] === "minus") this.#events.onAdd(row, -1);
    else if (button.dataset["do"] === "favourite") this.#events.onFavourite(row);
    else if (button.dataset["do"] === "further") this.#events.onFurther(row);
    else if (button.dataset["do"] === "folder") this.#events.onFolder(row.folder);
    else if (button.dataset["tag"]) this.#events.onTag(button.dataset["tag"]);
    this.grid.focus({ preventScroll: true });
  }

  #build(): View {
    const button = (does: string, text: string) =>
      el("button", { type: "button", class: `plain ${does}`, tabIndex: -1, data: { do: does } }, text);
    const cell = (className: string, ...children: (Node | string)[]) =>
      el("div", { class: className, aria: { role: "gridcell" } }, ...children);
    const canvas = el("canvas");
    const drag = el("div", { class: "drag", hidden: true });
    const head = el("div", { class: "playhead", hidden: true });
    const wave = cell("wave", canvas, drag, head);
    const star = button("favourite", "★");
    const name = el("span", { class: "name" });
    const badge = el("span", { class: "badge", hidden: true });
    const folder = button("folder", "");
    const tags = el("span", { class: "tags" });
    const range = cell("range numbers");
    const length = cell("length numbers");
    const band = el("span", { class: "band" });
    const bands = el("span", { class: "bands", aria: { role: "img" } });
    const further = button("further", "");
    const similar = button("similar", "Similar");
    const plus = button("plus", "+");
    const minus = button("minus", "−");
    const who = cell("who", el("span", { class: "first" }, name, badge), el("span", { class: "second" }, folder, tags));
    who.draggable = true;
    const root = el(
      "div",
      { class: "row", aria: { role: "row" } },
      cell("fav", star),
      wave,
      who,
      range,
      length,
      cell("near", band, bands),
      cell("more", further),
      cell("do", plus, minus, similar),
    );
    const view: View = {
      root, index: -1, wave, canvas, drag, head, star, name, folder, tags, badge, range, length, band, bands, further, similar, plus, minus,
    };
    this.#listenWave(view);
    return view;
  }

  #listenWave(view: View): void {
    const row = () => this.row(view.index);
    listenRegion(view.wave, {
      onPress: (share, event) => {
        if (event.ctrlKey || event.metaKey) this.#events.onSelect(view.index, false);
        else this.#events.onSeek(view.index, share * (row()?.durationS ?? 0));
        this.grid.focus({ preventScroll: true });
      },
      onDrag: (span) => {
        view.drag.hidden = false;
        view.drag.style.left = `${span.from * 100}%`;
        view.drag.style.width = `${(span.to - span.from) * 100}%`;
      },
      onRegion: (span) => {
        view.drag.hidden = true;
        const known = row();
        if (!known) return;
        this.#events.onRegion(known, { startS: span.from * known.durationS, endS: span.to * known.durationS });
      },
    });
    view.wave.addEventListener("click", (event) => event.stopPropagation());
  }

  #fill(view: View, index: number): void {
    const row = this.row(index);
    view.index = index;
    const { root } = view;
    root.id = `row-${index}`;
    root.dataset["index"] = String(index);
    root.setAttribute("aria-rowindex", String(index + 1));
    root.setAttribute("aria-selected", String(index === this.selected));
    root.classList.toggle("loading", !row);
    root.classList.toggle("child", row?.child ?? false);
    this.#markPlaying(view);
    view.drag.hidden = true;
    if (row) this.#fillText(view, row);
    else this.#blank(view);
  }

  /** A row that has not come: nothing of the one that stood there before. */
  #blank({ root, name, folder, range, length, band, bands, badge, tags, further, star }: View): void {
    setText(name, "…");
    for (const part of [folder, range, length, band]) setText(part, "");
    tags.replaceChildren();
    band.dataset["band"] = root.title = "";
    badge.hidden = bands.hidden = further.hidden = true;
    star.setAttribute("aria-pressed", "false");
    delete root.dataset["sound"];
  }

  #fillText(view: View, row: Row): void {
    const { root } = view;
    root.dataset["sound"] = row.soundId;
    root.dataset["state"] = row.state;
    root.title = `${row.path}${row.tags.length ? `\n${row.tags.join(", ")}` : ""}`;
    setText(view.name, row.name);
    setText(view.badge, row.state);
    view.badge.hidden = row.state === "present";
    setText(view.folder, row.folder || "top folder");
    view.folder.disabled = !row.folder;
    view.folder.setAttribute("aria-label", row.folder ? `Only the folder ${row.folder}` : "top folder");
    const tags = row.tags.filter((tag) => tag !== FAVOURITE);
    view.tags.replaceChildren(
      ...tags.slice(0, 4).map((tag) =>
        el("button", { type: "button", class: "plain tag", tabIndex: -1, data: { do: "tag", tag } }, tag),
      ),
    );
    const isRange = row.band !== null || !isWhole(row);
    setText(view.range, isRange ? rangeText(row.startS, row.endS) : "");
    setText(view.length, timeText(row.durationS));
    setText(view.band, row.band ?? "");
    view.band.dataset["band"] = row.band ?? "";
    showBands(view.bands, row.bands);
    setText(view.further, row.further ? `+${row.further} here` : "");
    view.further.hidden = !row.further;
    view.further.setAttribute("aria-expanded", String(row.open));
    const loved = row.tags.includes(FAVOURITE);
    view.star.setAttribute("aria-pressed", String(loved));
    view.star.setAttribute("aria-label", `Favourite: ${row.name}`);
    view.similar.setAttribute("aria-label", `Find sounds similar to ${row.name}`);
    view.plus.setAttribute("aria-label", `Add ${row.name} to the query`);
    view.minus.setAttribute("aria-label", `Subtract ${row.name} from the query`);
  }

  #drawRow(view: View): void {
    const row = this.row(view.index);
    if (!row) return drawWave(view.canvas, null, null);
    const isRange = row.band !== null || !isWhole(row);
    const mark = isRange ? { from: row.startS / row.durationS, to: row.endS / row.durationS } : null;
    const peaks = this.#peaks.get(row.soundId);
    drawWave(view.canvas, peaks, mark);
    if (peaks) return;
    this.#peaks.want(row.soundId, () => {
      if (this.row(view.index)?.key === row.key) drawWave(view.canvas, this.#peaks.get(row.soundId), mark);
    });
  }
}
