// What lies over the points of the map: labels, rings, an outline, a path.

import { type Camera, toPixels } from "./camera";
import { cssValue, el } from "./dom";
import type { Spot } from "./point-grid";

export interface Label {
  text: string;
  x: number;
  y: number;
}

export interface Over {
  labels: readonly Label[];
  /** Where rings are, in pixels. */
  rings: readonly (readonly [number, number])[];
  outline: readonly Spot[];
  path: readonly Spot[];
}

/** A label drawn once with its outline: while the map moves it is only copied. */
interface Sprite {
  canvas: HTMLCanvasElement;
  /** Its size on the page, in pixels. */
  width: number;
  height: number;
}

const FONT = "600 12px system-ui, sans-serif";
const HEIGHT_PX = 22;
const AIR_PX = 6;

const RING_PX = 9;

export class MapOver {
  readonly canvas = el("canvas", { class: "over" });
  #sprites = new LabelSprites();

  draw(camera: Camera, width: number, height: number, { labels, rings, outline, path }: Over): void {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w) canvas.width = w;
    if (canvas.height !== h) canvas.height = h;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#drawLabels(context, labels, camera, width, height, ratio);
    context.strokeStyle = cssValue("--text");
    context.lineWidth = 2;
    for (const [x, y] of rings) {
      context.beginPath();
      context.arc(x, y, RING_PX, 0, 2 * Math.PI);
      context.stroke();
    }
    context.lineJoin = "round";
    context.fillStyle = context.strokeStyle = cssValue("--accent");
    const trace = (spots: readonly Spot[]) => {
      context.beginPath();
      for (const [x, y] of spots) context.lineTo(...toPixels(camera, x, y, width, height));
    };
    trace(path);
    context.stroke();
    if (outline.length < 2) return;
    trace(outline);
    context.closePath();
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }

  /** Labels where there is room: the largest crowds first. */
  #drawLabels(context: CanvasRenderingContext2D, labels: readonly Label[], camera: Camera, width: number, height: number, ratio: number): void {
    this.#sprites.refresh(ratio);
    const taken: [number, number, number][] = [];
    for (const { text, x, y } of labels) {
      const [px, py] = toPixels(camera, x, y, width, height);
      if (px < 0 || px > width || py < 12 || py > height - 6) continue;
      const sprite = this.#sprites.get(text, ratio);
      const half = sprite.width / 2;
      if (px < half || px > width - half) continue;
      if (taken.some(([ox, oy, other]) => Math.abs(px - ox) < half + other && Math.abs(py - oy) < 18)) continue;
      taken.push([px, py, half]);
      const left = Math.round((px - half) * ratio) / ratio;
      const top = Math.round((py - sprite.height / 2) * ratio) / ratio;
      context.drawImage(sprite.canvas, left, top, sprite.width, sprite.height);
    }
  }
}

class LabelSprites {
  #sprites = new Map<string, Sprite>();
  /** What the kept ones were drawn for: the screen's pixels and the page's colours. */
  #drawnFor = "";

  /** A label ready to be copied, on a screen of so many pixels for one of the page's. */
  get(text: string, ratio: number): Sprite {
    const known = this.#sprites.get(text) ?? spriteOf(text, ratio);
    this.#sprites.set(text, known);
    return known;
  }

  /** Forget what was drawn for other colours or another screen. */
  refresh(ratio: number): void {
    const drawnFor = `${ratio} ${cssValue("--bg")}`;
    if (drawnFor !== this.#drawnFor) this.#sprites.clear();
    this.#drawnFor = drawnFor;
  }
}

function spriteOf(text: string, ratio: number): Sprite {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (!context) return { canvas, width: 0, height: 0 };
  context.font = FONT;
  const width = Math.ceil(context.measureText(text).width) + 2 * AIR_PX;
  canvas.width = Math.ceil(width * ratio);
  canvas.height = Math.ceil(HEIGHT_PX * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = FONT;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = cssValue("--bg");
  context.fillStyle = cssValue("--text");
  context.strokeText(text, width / 2, HEIGHT_PX / 2);
  context.fillText(text, width / 2, HEIGHT_PX / 2);
  return { canvas, width, height: HEIGHT_PX };
}
