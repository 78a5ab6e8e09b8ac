// Points in the plane by place: which is nearest to a spot, which lie inside an outline.

export type Spot = readonly [number, number];

/** The smallest rectangle around points: [left, bottom, right, top]; the unit square for none. */
export function boundsOf(xy: Float32Array): [number, number, number, number] {
  if (!xy.length) return [0, 0, 1, 1];
  const bounds: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xy.length; i += 2) {
    const [x, y] = [xy[i] as number, xy[i + 1] as number];
    if (x < bounds[0]) bounds[0] = x;
    if (y < bounds[1]) bounds[1] = y;
    if (x > bounds[2]) bounds[2] = x;
    if (y > bounds[3]) bounds[3] = y;
  }
  return bounds;
}

/** Points sorted into square cells, so that looking around a spot looks at few of them. */
export class PointGrid {
  readonly xy: Float32Array;
  readonly bounds: [number, number, number, number];
  #cells: number;
  #size: number;
  #starts: Uint32Array;
  #order: Uint32Array;

  constructor(xy: Float32Array) {
    this.xy = xy;
    this.bounds = boundsOf(xy);
    const count = xy.length / 2;
    this.#cells = Math.max(1, Math.min(1024, Math.round(Math.sqrt(count / 4))));
    const [left, bottom, right, top] = this.bounds;
    this.#size = Math.max(right - left, top - bottom, 1e-9) / this.#cells;
    this.#starts = new Uint32Array(this.#cells ** 2 + 1);
    const cell = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      cell[i] = this.#column(xy[2 * i] as number) + this.#cells * this.#row(xy[2 * i + 1] as number);
      this.#starts[(cell[i] as number) + 1]! += 1;
    }
    for (let i = 0; i < this.#cells ** 2; i++) this.#starts[i + 1]! += this.#starts[i]!;
    const next = this.#starts.slice();
    this.#order = new Uint32Array(count);
    for (let i = 0; i < count; i++) this.#order[next[cell[i]!]!++] = i;
  }

  /** The point nearest to a spot and not farther than `most`; -1 when there is none. */
  nearest(x: number, y: number, most: number): number {
    let best = -1;
    let least = most * most;
    this.#each([x - most, y - most, x + most, y + most], (i) => {
      const distance = (this.xy[2 * i]! - x) ** 2 + (this.xy[2 * i + 1]! - y) ** 2;
      if (distance > least) return;
      least = distance;
      best = i;
    });
    return best;
  }

  /** The points inside an outline, in their own order. */
  inside(outline: readonly Spot[]): number[] {
    if (outline.length < 3) return [];
    const found: number[] = [];
    this.#each(boundsOf(Float32Array.from(outline.flat())), (i) => {
      if (isInside(outline, this.xy[2 * i]!, this.xy[2 * i + 1]!)) found.push(i);
    });
    return found.sort((a, b) => a - b);
  }

  #each([left, bottom, right, top]: readonly [number, number, number, number], then: (index: number) => void): void {
    for (let row = this.#row(bottom); row <= this.#row(top); row++) {
      const from = this.#starts[row * this.#cells + this.#column(left)]!;
      const to = this.#starts[row * this.#cells + this.#column(right) + 1]!;
      for (let at = from; at < to; at++) then(this.#order[at]!);
    }
  }

  #column(x: number): number {
    return Math.max(0, Math.min(this.#cells - 1, Math.floor((x - this.bounds[0]) / this.#size)));
  }

  #row(y: number): number {
    return Math.max(0, Math.min(this.#cells - 1, Math.floor((y - this.bounds[1]) / this.#size)));
  }
}

/** Whether a spot lies inside an outline: a ray to the right crosses it an odd number of times. */
export function isInside(outline: readonly Spot[], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [ax, ay] = outline[i]!;
    const [bx, by] = outline[j]!;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
