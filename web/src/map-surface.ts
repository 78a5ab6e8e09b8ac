// The surface of the map: points, labels and rings, moved by pointer and wheel, outlined by a lasso.

import { type Camera, fit, fromPixels, pan, toPixels, zoom } from "./camera";
import { cssValue, el } from "./dom";
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

export interface Label {
  text: string;
  x: number;
  y: number;
}

const REACH_PX = 12;
const MOVED_PX = 4;
const CORNER_PX = 6;
const STRIDE_PX = 5;
const REST_MS = 140;
const HELD_MS = 500;
const FIRST_MOST = 30_000;
const LEAST_MOST = 10_000;
const SLOW_MS = 36;
const FAST_MS = 21;

/** How many points to draw next while the map moves, when a frame of `most` took so long. */
export function nextMost(most: number, frameMs: number): number {
  if (frameMs > SLOW_MS) return Math.max(LEAST_MOST, Math.round(most * Math.max(0.5, SLOW_MS / frameMs)));
  return frameMs < FAST_MS ? Math.round(most * 1.5) : most;
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
  #over = el("canvas", { class: "over" });
  #grid: PointGrid | null = null;
  #labels: readonly Label[] = [];
  #rings: readonly number[] = [];
  #outline: Spot[] = [];
  #path: Spot[] = [];
  #camera: Camera = { x: 0, y: 0, scale: 1 };
  #whole = 1;
  #pointers = new Map<number, [number, number]>();
  #moved = false;
  #frame = 0;
  #clock = 0;
  #rest = 0;
  #most = FIRST_MOST;

  constructor(events: SurfaceEvents) {
    this.#events = events;
    const canvas = el("canvas", { class: "points" });
    this.#points = new Points(canvas);
    this.root = el("div", { class: "surface", aria: { role: "img", label: "Map of the sounds: what is near sounds alike" } }, canvas, this.#over);
    const over = this.#over;
    over.addEventListener("pointerdown", (event) => this.#onDown(event));
    over.addEventListener("pointermove", (event) => this.#onMove(event));
    over.addEventListener("pointerup", (event) => this.#onUp(event));
    over.addEventListener("pointercancel", (event) => {
      this.#pointers.delete(event.pointerId);
      this.#endPath();
    });
    over.addEventListener("pointerleave", () => events.onHover(-1));
    over.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    new ResizeObserver(() => this.draw()).observe(this.root);
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
    this.draw();
  }

  /** Show an outline that was drawn before. */
  setOutline(outline: readonly Spot[]): void {
    this.#outline = [...outline];
    this.draw();
  }

  /** Look at everything. */
  all(): void {
    if (!this.#grid) return;
    this.#camera = fit(this.#grid.bounds, this.#width, this.#height);
    this.#whole = this.#camera.scale;
    this.draw();
  }

  zoomBy(factor: number): void {
    this.#camera = zoom(this.#camera, factor, this.#width / 2, this.#height / 2, this.#width, this.#height);
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
    this.#camera = { ...close, scale: Math.min(close.scale, this.#whole * most) };
    this.draw();
  }

  /** Where a point is, in pixels from the surface's corner. */
  pixelsOf(index: number): [number, number] | null {
    const { xy } = this.#grid ?? { xy: new Float32Array(0) };
    if (2 * index + 1 >= xy.length) return null;
    return toPixels(this.#camera, xy[2 * index]!, xy[2 * index + 1]!, this.#width, this.#height);
  }

  /** Draw with the next frame. */
  draw(most = Infinity): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
    this.#frame = requestAnimationFrame(() => {
      if (!this.#width || !this.#height) return;
      if (this.#grid && this.#camera.scale === 1 && this.#whole === 1) this.all();
      const { count } = this.#points;
      const size = dotSize(count, this.#camera.scale / this.#whole, this.#width) * movingSize(count, most);
      this.#points.draw(this.#camera, this.#width, this.#height, size, most);
      this.#drawOver();
    });
  }

  /** Draw while the map moves: of very many points as many as this machine draws in a frame; all when it rests. */
  #drawMoving(): void {
    const most = this.#most;
    this.draw(most);
    if (this.#points.count <= most) return;
    this.#rest = window.setTimeout(() => this.draw(), this.#pointers.size ? HELD_MS : REST_MS);
    this.#clock ||= requestAnimationFrame((drawn) => {
      requestAnimationFrame((next) => {
        this.#clock = 0;
        this.#most = nextMost(most, next - drawn);
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
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.#width, this.#height];
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#over.width !== w) this.#over.width = w;
    if (this.#over.height !== h) this.#over.height = h;
    const context = this.#over.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#drawLabels(context, width, height);
    context.strokeStyle = cssValue("--text");
    context.lineWidth = 2;
    for (const index of this.#rings) {
      const at = this.pixelsOf(index);
      if (!at) continue;
      context.beginPath();
      context.arc(...at, 9, 0, 2 * Math.PI);
      context.stroke();
    }
    if (this.#path.length) this.#drawPath(context, width, height);
    if (this.#outline.length < 2) return;
    context.beginPath();
    for (const [x, y] of this.#outline) context.lineTo(...toPixels(this.#camera, x, y, width, height));
    context.closePath();
    context.fillStyle = cssValue("--accent");
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = cssValue("--accent");
    context.stroke();
  }

  #drawPath(context: CanvasRenderingContext2D, width: number, height: number): void {
    context.beginPath();
    for (const [x, y] of this.#path) context.lineTo(...toPixels(this.#camera, x, y, width, height));
    context.lineJoin = "round";
    context.strokeStyle = cssValue("--accent");
    context.stroke();
  }

  /** Labels where there is room: the largest crowds first. */
  #drawLabels(context: CanvasRenderingContext2D, width: number, height: number): void {
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = "center";
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = cssValue("--bg");
    context.fillStyle = cssValue("--text");
    const taken: [number, number, number][] = [];
    for (const { text, x, y } of this.#labels) {
      const [px, py] = toPixels(this.#camera, x, y, width, height);
      const half = context.measureText(text).width / 2 + 6;
      if (px < half || px > width - half || py < 12 || py > height - 6) continue;
      if (taken.some(([ox, oy, other]) => Math.abs(px - ox) < half + other && Math.abs(py - oy) < 18)) continue;
      taken.push([px, py, half]);
      context.strokeText(text, px, py);
      context.fillText(text, px, py);
    }
  }

  #place(event: MouseEvent): [number, number] {
    const box = this.#over.getBoundingClientRect();
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
    this.#over.setPointerCapture(event.pointerId);
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
    this.draw();
  }

  #endPath(): boolean {
    if (!this.#path.length) return false;
    this.#path = [];
    this.#events.onPathEnd();
    this.draw();
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
      this.#camera = zoom(pan(this.#camera, dx / 2, dy / 2), far(place) / far(before), ...middle, this.#width, this.#height);
    } else if (tool === "path") this.#walk(before, place);
    else if (drawing) this.#outline.push(this.#spot(...place));
    else this.#camera = pan(this.#camera, dx, dy);
    this.#drawMoving();
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
    this.#camera = zoom(this.#camera, factor, ...this.#place(event), this.#width, this.#height);
    this.#drawMoving();
  }
}
