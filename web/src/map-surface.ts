// The surface of the map: points, labels and rings, moved by pointer and wheel, outlined by a lasso.

import { type Camera, fit, fromPixels, pan, toPixels, zoom } from "./camera";
import { el } from "./dom";
import { type Label, MapOver } from "./map-over";
import { boundsOf, type PointGrid, type Spot } from "./point-grid";
import { dotSize, Points } from "./points";

export interface SurfaceEvents {
  /** The point below the pointer, -1 for none. */
  onHover: (index: number) => void;
  onPress: (index: number) => void;
  onLasso: (outline: Spot[]) => void;
  /** A path that is drawn has come to a point. */
  onReach: (index: number) => void;
  onPathEnd: () => void;
}

const REACH_PX = 12;
const MOVED_PX = 4;
const CORNER_PX = 6;
const STRIDE_PX = 5;
const REST_MS = 140;
const HELD_MS = 500;
const FIRST_MOST = 15_000;
const LEAST_MOST = 10_000;
const SLOW_MS = 30;
const FAST_MS = 21;
const GROWTH = 1.2;

/** How many points to draw next while the map moves, when a frame of `most` took so long. */
export function nextMost(most: number, frameMs: number): number {
  if (frameMs > SLOW_MS) return Math.max(LEAST_MOST, Math.round(most * Math.max(0.5, SLOW_MS / frameMs)));
  return frameMs < FAST_MS ? Math.round(most * GROWTH) : most;
}

/** How much larger dots are while only some of them are drawn, so that crowds stay crowds. */
export function movingSize(count: number, most: number): number {
  return Math.min(1.6, Math.max(1, count / most) ** (1 / 6));
}

export class MapSurface {
  readonly root: HTMLElement;
  /** What dragging does: move the map, draw around points, or hear the points along a path. */
  tool: "move" | "lasso" | "path" = "move";
  #events: SurfaceEvents;
  #points: Points;
  /** What was drawn of very many points stands here while all of them are drawn below it. */
  #still = el("canvas", { hidden: true });
  #over = new MapOver();
  #grid: PointGrid | null = null;
  #labels: readonly Label[] = [];
  #rings: readonly number[] = [];
  #outline: Spot[] = [];
  #path: Spot[] = [];
  #camera: Camera = { x: 0, y: 0, scale: 1 };
  #whole = 1;
  /** Whether all is looked at, whatever room there is. */
  #isWhole = true;
  #pointers = new Map<number, [number, number]>();
  #moved = false;
  #frame = 0;
  #overFrame = 0;
  #clock = 0;
  #rest = 0;
  #most = FIRST_MOST;

  constructor(events: SurfaceEvents) {
    this.#events = events;
    const canvas = el("canvas", { class: "points" });
    this.#points = new Points(canvas, () => this.draw());
    this.root = el("div", { class: "surface", aria: { role: "img", label: "Map of the sounds: what is near sounds alike" } }, canvas, this.#still, this.#over.canvas);
    const over = this.#over.canvas;
    over.addEventListener("pointerdown", (event) => this.#onDown(event));
    over.addEventListener("pointermove", (event) => this.#onMove(event));
    over.addEventListener("pointerup", (event) => this.#onUp(event));
    over.addEventListener("pointercancel", (event) => {
      this.#pointers.delete(event.pointerId);
      this.#endPath();
    });
    over.addEventListener("pointerleave", () => events.onHover(-1));
    over.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    new ResizeObserver(() => (this.#isWhole ? this.all() : this.draw())).observe(this.root);
  }

  /** Whether this browser can draw the map. */
  get works(): boolean {
    return this.#points.works;
  }

  get camera(): Camera {
    return this.#camera;
  }

  show(grid: PointGrid, colours: Uint8Array, labels: readonly Label[]): void {
    this.#grid = grid;
    this.#labels = labels;
    this.#points.set(grid.xy, colours);
    this.all();
  }

  setColours(colours: Uint8Array): void {
    this.#points.setColours(colours);
    this.draw();
  }

  /** Ring these points. */
  setRings(rings: readonly number[]): void {
    this.#rings = rings;
    this.#drawOverSoon();
  }

  /** Show an outline that was drawn before. */
  setOutline(outline: readonly Spot[]): void {
    this.#outline = [...outline];
    this.#drawOverSoon();
  }

  /** Look at everything. */
  all(): void {
    this.#isWhole = true;
    if (!this.#grid || !this.#width || !this.#height) return;
    this.#camera = fit(this.#grid.bounds, this.#width, this.#height);
    this.#whole = this.#camera.scale;
    this.draw();
  }

  zoomBy(factor: number): void {
    this.#look(zoom(this.#camera, factor, this.#width / 2, this.#height / 2, this.#width, this.#height));
    this.draw();
  }

  /** Bring the outline into sight, else what is ringed. */
  lookAtSelection(): void {
    const outlined = this.#grid?.inside(this.#outline) ?? [];
    this.lookAt(outlined.length ? outlined : this.#rings, 200);
  }

  /** Bring points into sight: their middle, close enough to tell them apart. */
  lookAt(indexes: readonly number[], most = 4): void {
    if (!this.#grid || !indexes.length) return;
    const xy = Float32Array.from(indexes.flatMap((i) => [this.#grid!.xy[2 * i]!, this.#grid!.xy[2 * i + 1]!]));
    const [left, bottom, right, top] = boundsOf(xy);
    const close = fit([left, bottom, right, top], this.#width, this.#height);
    this.#look({ ...close, scale: Math.min(close.scale, this.#whole * most) });
    this.draw();
  }

  /** Where a point is, in pixels from the surface's corner. */
  pixelsOf(index: number): [number, number] | null {
    const { xy } = this.#grid ?? { xy: new Float32Array(0) };
    if (2 * index + 1 >= xy.length) return null;
    return toPixels(this.#camera, xy[2 * index]!, xy[2 * index + 1]!, this.#width, this.#height);
  }

  /** Draw with the next frame; of very many points some at first, then all of them, a share in each frame. */
  draw(): void {
    this.#next(() => {
      this.#drawSome();
      if (this.#points.count > this.#most) this.#next(() => this.#drawAll());
    });
  }

  #look(camera: Camera): void {
    this.#camera = camera;
    this.#isWhole = false;
  }

  /** Do this with the next frame, and nothing else that was to be drawn. */
  #next(then: (now: number) => void): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
    this.#frame = requestAnimationFrame((now) => this.#width && this.#height && then(now));
  }

  /** Draw what lies over the points with the next frame. */
  #drawOverSoon(): void {
    this.#overFrame ||= requestAnimationFrame(() => {
      this.#overFrame = 0;
      if (this.#width && this.#height) this.#drawOver();
    });
  }

  /** Draw as many points as this machine draws in a frame, and what lies over them. */
  #drawSome(): void {
    this.#drawPoints(0, this.#most, movingSize(this.#points.count, this.#most));
    this.#still.hidden = true;
    this.#drawOver();
  }

  /** Draw all points, a share in each frame, below the picture of some of them that stands. */
  #drawAll(from = 0, times: readonly number[] = []): void {
    if (!from) this.#keepPicture();
    const share = this.#most;
    this.#drawPoints(from, share, 1);
    if (from + share >= this.#points.count) this.#still.hidden = true;
    else {
      this.#next((now) => {
        const [first, second] = times.slice(-2);
        if (first !== undefined && second !== undefined) this.#most = nextMost(share, Math.max(now - second, second - first));
        this.#drawAll(from + share, [...times.slice(-1), now]);
      });
    }
  }

  #drawPoints(from: number, share: number, larger: number): void {
    const { count } = this.#points;
    const size = dotSize(count, this.#camera.scale / this.#whole, this.#width) * larger;
    this.#points.draw(this.#camera, this.#width, this.#height, size, from, share);
  }

  #keepPicture(): void {
    const { canvas } = this.#points;
    this.#still.width = canvas.width;
    this.#still.height = canvas.height;
    this.#still.getContext("2d")?.drawImage(canvas, 0, 0);
    this.#still.hidden = false;
  }

  /** Draw while the map moves: of very many points some; all when it rests. */
  #drawMoving(): void {
    const { count } = this.#points;
    const most = Math.min(this.#most, count);
    this.#next(() => this.#drawSome());
    if (count <= LEAST_MOST) return;
    this.#rest = window.setTimeout(() => this.draw(), this.#pointers.size ? HELD_MS : REST_MS);
    // what is drawn in one frame may hold up the one after the next: the slower of two counts
    this.#clock ||= requestAnimationFrame((drawn) => {
      requestAnimationFrame((next) => {
        requestAnimationFrame((last) => {
          this.#clock = 0;
          this.#most = nextMost(most, Math.max(next - drawn, last - next));
        });
      });
    });
  }

  get #width(): number {
    return this.root.clientWidth;
  }

  get #height(): number {
    return this.root.clientHeight;
  }

  #drawOver(): void {
    const rings = this.#rings.map((index) => this.pixelsOf(index)).filter((at) => at !== null);
    this.#over.draw(this.#camera, this.#width, this.#height, { labels: this.#labels, rings, outline: this.#outline, path: this.#path });
  }

  #place(event: MouseEvent): [number, number] {
    const box = this.#over.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #spot(px: number, py: number): Spot {
    return fromPixels(this.#camera, px, py, this.#width, this.#height);
  }

  #below(px: number, py: number): number {
    const [x, y] = this.#spot(px, py);
    return this.#grid?.nearest(x, y, REACH_PX / this.#camera.scale) ?? -1;
  }

  #onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    const place = this.#place(event);
    this.#over.canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, place);
    this.#moved = false;
    const tool = this.#toolOf(event);
    if (tool === "lasso") this.#outline = [this.#spot(...place)];
    if (tool === "path") this.#walk(place, place);
  }

  #toolOf(event: PointerEvent): MapSurface["tool"] {
    if (this.#path.length || event.altKey) return "path";
    return event.shiftKey ? "lasso" : this.tool;
  }

  /** Go along a path in small strides, so that a fast hand passes over no point. */
  #walk(from: [number, number], to: [number, number]): void {
    const strides = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / STRIDE_PX));
    for (let stride = 1; stride <= strides; stride++) {
      const share = stride / strides;
      const index = this.#below(from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1]));
      if (index >= 0) this.#events.onReach(index);
    }
    this.#path.push(this.#spot(...to));
    this.#drawOverSoon();
  }

  #endPath(): boolean {
    if (!this.#path.length) return false;
    this.#path = [];
    this.#events.onPathEnd();
    this.#drawOverSoon();
    return true;
  }

  #onMove(event: PointerEvent): void {
    const place = this.#place(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      this.#events.onHover(this.#below(...place));
      return;
    }
    const [dx, dy] = [place[0] - before[0], place[1] - before[1]];
    const tool = this.#toolOf(event);
    const drawing = tool === "lasso";
    if (Math.hypot(dx, dy) < (drawing ? CORNER_PX : this.#moved ? 0 : MOVED_PX)) return;
    this.#moved = true;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, place);
    if (other) {
      const far = (spot: [number, number]) => Math.max(1, Math.hypot(spot[0] - other[0], spot[1] - other[1]));
      const middle: [number, number] = [(place[0] + other[0]) / 2, (place[1] + other[1]) / 2];
      this.#look(zoom(pan(this.#camera, dx / 2, dy / 2), far(place) / far(before), ...middle, this.#width, this.#height));
      this.#drawMoving();
    } else if (tool === "path") this.#walk(before, place);
    else if (drawing) {
      this.#outline.push(this.#spot(...place));
      this.#drawOverSoon();
    } else {
      this.#look(pan(this.#camera, dx, dy));
      this.#drawMoving();
    }
  }

  #onUp(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#endPath() && this.#moved) return;
    if (this.#moved && this.#toolOf(event) === "lasso") this.#events.onLasso(this.#outline);
    else if (!this.#moved) this.#events.onPress(this.#below(...this.#place(event)));
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015));
    const wanted = this.#camera.scale * factor;
    if (wanted < this.#whole / 4 || wanted > this.#whole * 5000) return;
    this.#look(zoom(this.#camera, factor, ...this.#place(event), this.#width, this.#height));
    this.#drawMoving();
  }
}
