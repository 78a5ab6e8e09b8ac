// The map: every segment a dot, near what sounds like it; hovered to hear, outlined to list.

import * as api from "./api";
import { el, setText } from "./dom";
import { countOf, countText, spaceName } from "./format";
import { closenessColours, coloursOf, groupColour, type MapPoints, pointsOf, segmentOf } from "./map-points";
import { Scrub } from "./map-scrub";
import { MapSurface } from "./map-surface";
import type { Spot } from "./point-grid";

export interface MapEvents {
  /** A point has been rested on: hear its segment; null: the pointer has left. */
  onHear: (segmentId: string | null) => void;
  /** A point will be heard soon. */
  onAhead: (segmentId: string) => void;
  onPin: (segmentId: string) => void;
  onLasso: (outline: Spot[]) => void;
  onMade: () => void;
  onError: (error: unknown) => void;
}

type Colour = "cluster" | "folder" | "tag" | "format" | "closeness";

const HOVER_MS = 100;
const LOOK_MS = 700;
const LEGEND = 12;
const NO_WEBGL = "This browser has no WebGL, so the map cannot be drawn. The list shows the same sounds.";
const COLOURS: readonly [Colour, string][] = [
  ["cluster", "crowd"],
  ["folder", "folder"],
  ["tag", "tag"],
  ["format", "format"],
  ["closeness", "closeness to the query"],
];

/** What there is to know about the map, in words. */
export function mapText(map: api.MapOut): string {
  const { job } = map;
  if (job.state === "running") return `Making the map: ${job.done} %`;
  if (job.state === "failed") return job.error?.message ?? "The map could not be made.";
  if (!map.version && !map.missing) return "There is nothing to map yet: index some sounds first.";
  if (!map.version) return `There is no map of ${spaceName(map.space)} yet.`;
  const drawn = map.sampled ? `${countText(map.points)} of ${countOf(map.total, "segment")}: a sample` : countOf(map.points, "segment");
  return `${drawn} · ${spaceName(map.space)}${map.missing ? ` · ${countText(map.missing)} new ones are not on it yet` : ""}`;
}

export class MapView {
  readonly root: HTMLElement;
  #events: MapEvents;
  #surface: MapSurface;
  #said = el("p", { aria: { role: "status" } });
  #make = el("button", { type: "button", class: "main" }, "Make the map");
  #colour = el("select", { title: "Colour by" }, ...COLOURS.map(([value, label]) => el("option", { value }, label)));
  #lasso = el("button", { type: "button", title: "Draw around points to list them; or hold Shift and drag" }, "Lasso");
  #path = el("button", { type: "button", title: "Drag over points to hear them one after the other; or hold Alt and drag" }, "Path");
  #legend = el("ul", { class: "legend" });
  #tools: HTMLElement;
  #points: MapPoints | null = null;
  #loading: Promise<MapPoints | null> | null = null;
  #items: readonly api.ItemIn[] = [];
  #space: string | null = null;
  #hovered = -1;
  #ringed: string | null = null;
  #hover = 0;
  #timer = 0;
  /** The painting that was asked for last: colours that come later than newer ones are not shown. */
  #painting = 0;

  constructor(events: MapEvents) {
    this.#events = events;
    this.#surface = new MapSurface({
      onHover: (index) => this.#onHover(index),
      onPress: (index) => this.#points && index >= 0 && events.onPin(segmentOf(this.#points, index)),
      onLasso: (outline) => events.onLasso(outline),
      onReach: (index) => {
        const id = this.#points && segmentOf(this.#points, index);
        if (!id) return;
        events.onAhead(id);
        scrub.reach(id);
      },
      onPathEnd: () => scrub.end(),
    });
    const scrub = new Scrub((id) => events.onHear(id));
    this.#make.addEventListener("click", () => void api.makeMap(this.#space).then(() => this.#follow(), events.onError));
    this.#colour.setAttribute("aria-label", "Colour by");
    this.#colour.addEventListener("change", () => void this.#paint());
    const tools = [[this.#lasso, "lasso"], [this.#path, "path"]] as const;
    const showTool = () => tools.forEach(([button, tool]) => button.setAttribute("aria-pressed", String(this.#surface.tool === tool)));
    for (const [button, tool] of tools) {
      button.addEventListener("click", () => {
        this.#surface.tool = this.#surface.tool === tool ? "move" : tool;
        showTool();
      });
    }
    showTool();
    const button = (label: string, sign: string, then: () => void) => {
      const made = el("button", { type: "button", title: label, aria: { label } }, sign);
      made.addEventListener("click", then);
      return made;
    };
    this.#tools = el(
      "span",
      { class: "tools", hidden: true },
      el("label", {}, "Colour ", this.#colour),
      this.#lasso,
      this.#path,
      button("Closer", "+", () => this.#surface.zoomBy(1.6)),
      button("Farther", "−", () => this.#surface.zoomBy(1 / 1.6)),
      button("Show all", "All", () => this.#surface.all()),
      button("Zoom to the selection: the outline, or what is ringed", "Selection", () => this.#surface.lookAtSelection()),
    );
    this.root = el(
      "section",
      { class: "map", hidden: true, aria: { label: "Map" } },
      el("header", {}, this.#said, this.#make, this.#tools),
      this.#surface.works ? this.#surface.root : el("p", { class: "remark" }, NO_WEBGL),
      this.#legend,
      el("p", { class: "dim small" }, "Near means alike; the axes have no unit. Rest on a dot to hear it, click to pin it, hold Alt and drag to hear a path."),
    );
  }

  /** What the map shows now, for tests. */
  get state(): { points: number; hovered: string | null; ringed: string | null } {
    const hovered = this.#points && this.#hovered >= 0 ? segmentOf(this.#points, this.#hovered) : null;
    return { points: this.#points?.sound.length ?? 0, hovered, ringed: this.#ringed };
  }

  /** Where a segment's dot is on the page, in pixels; null when it is not on the map. */
  pixelsOf(segmentId: string): [number, number] | null {
    const index = this.#pointsOf(...partsOfId(segmentId))[0];
    const at = index === undefined ? null : this.#surface.pixelsOf(index);
    const box = this.#surface.root.getBoundingClientRect();
    return at && [box.left + at[0], box.top + at[1]];
  }

  /** Show or leave; `items`: the query that dots may be coloured by; `space`: the one whose map it is. */
  show(shown: boolean, items: readonly api.ItemIn[], space: string | null): void {
    const asked = JSON.stringify(items) !== JSON.stringify(this.#items);
    const other = space !== this.#space;
    this.#items = items;
    this.#space = space;
    if (other) this.#loading = this.#points = null;
    clearTimeout(this.#timer);
    if (shown && (this.root.hidden || other)) {
      this.root.hidden = false;
      void this.#follow();
    } else this.root.hidden = !shown;
    if (asked) this.#colour.value = items.length ? "closeness" : "cluster";
    if (asked && shown && this.#points) void this.#paint();
  }

  /** The points of the map, fetched once for each version; null when there is no map. */
  points(): Promise<MapPoints | null> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** Ring a sound's dots, or one segment's. */
  ring(soundId: string | null, segmentId: string | null): void {
    this.#ringed = segmentId ?? soundId;
    const one = segmentId === null ? [] : this.#pointsOf(...partsOfId(segmentId));
    const found = one.length || soundId === null ? one : this.#pointsOf(soundId);
    this.#surface.setRings(found.slice(0, 500));
  }

  /** Bring what is ringed into sight. */
  find(soundId: string): void {
    this.#surface.lookAt(this.#pointsOf(soundId));
  }

  outline(outline: readonly Spot[]): void {
    this.#surface.setOutline(outline);
  }

  redraw(): void {
    if (this.#points) void this.#paint();
  }

  #pointsOf(soundId: string, seq: number | null = null): number[] {
    return this.#points ? pointsOf(this.#points, soundId, seq) : [];
  }

  async #load(): Promise<MapPoints | null> {
    const space = this.#space;
    const map = await api.map(space);
    return map.version ? api.mapPoints(map, space) : null;
  }

  /** Fetch how the map stands, again and again while it is being made. */
  async #follow(): Promise<void> {
    clearTimeout(this.#timer);
    const space = this.#space;
    try {
      const map = await api.map(space);
      if (space !== this.#space) return;
      const running = map.job.state === "running";
      setText(this.#said, mapText(map));
      this.#said.classList.toggle("count", map.version !== "" && !running && !map.missing && !map.sampled);
      this.#make.hidden = running || !map.missing;
      setText(this.#make, map.version ? "Bring it up to date" : "Make the map");
      this.#tools.hidden = !map.version || !this.#surface.works;
      this.#surface.root.hidden = !map.version;
      if (map.version && map.version !== this.#points?.version) await this.#fill(map);
      if (running && !this.root.hidden) this.#timer = window.setTimeout(() => void this.#follow(), LOOK_MS);
    } catch (error) {
      if (space === this.#space) this.#events.onError(error);
    }
  }

  async #fill(map: api.MapOut): Promise<void> {
    this.#loading = null;
    const space = this.#space;
    const points = await this.points();
    if (!points || space !== this.#space) return;
    this.#points = points;
    const labels = [...map.clusters].sort((a, b) => b.points - a.points).map(({ label, x, y }) => ({ text: label, x, y }));
    this.#surface.show(points.grid, coloursOf(points.cluster, isDark()), labels);
    await this.#paint();
    this.#events.onMade();
  }

  async #paint(): Promise<void> {
    const points = this.#points;
    if (!points) return;
    const painting = ++this.#painting;
    const isOld = () => painting !== this.#painting || points !== this.#points;
    try {
      const by = this.#colour.value as Colour;
      if (by === "closeness" && this.#items.length) {
        const near = await api.mapCloseness([...this.#items], this.#space);
        if (isOld()) return;
        this.#surface.setColours(closenessColours(near, isDark()));
        this.#legend.replaceChildren();
      } else if (by === "cluster" || by === "closeness") {
        this.#surface.setColours(coloursOf(points.cluster, isDark()));
        this.#legend.replaceChildren();
      } else {
        const { names, groups } = await api.mapGroups(by, this.#space);
        if (isOld()) return;
        this.#surface.setColours(coloursOf(Array.from(points.sound, (sound) => groups[sound] ?? -1), isDark()));
        this.#showLegend(names);
      }
    } catch (error) {
      if (!isOld()) this.#events.onError(error);
    }
  }

  /** The server is there again: ask for what it could not tell meanwhile. */
  recover(): void {
    if (!this.root.hidden) void this.#follow();
  }

  #showLegend(names: readonly string[]): void {
    const lines = names.slice(0, LEGEND).map((name, group) => {
      const dot = el("span", { class: "dot" });
      dot.style.background = `rgb(${groupColour(group, isDark()).join()})`;
      return el("li", {}, dot, name || "top folder");
    });
    const more = names.length - lines.length;
    this.#legend.replaceChildren(...lines, ...(more > 0 ? [el("li", { class: "dim" }, `and ${more} more`)] : []));
  }

  #onHover(index: number): void {
    if (index === this.#hovered) return;
    this.#hovered = index;
    clearTimeout(this.#hover);
    this.#hover = window.setTimeout(() => {
      const { hovered } = this.state;
      this.#events.onHear(hovered);
    }, HOVER_MS);
  }
}

function isDark(): boolean {
  return document.documentElement.dataset["theme"] === "dark";
}

/** A segment's id taken apart: its sound, its number. */
function partsOfId(segmentId: string): [string, number] {
  const cut = segmentId.lastIndexOf("-");
  return [segmentId.slice(0, cut), Number(segmentId.slice(cut + 1))];
}
