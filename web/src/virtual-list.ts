// A long list of equal rows in little DOM: only what is in sight, and some above and below, exists.

export interface RowView {
  readonly root: HTMLElement;
}

export const OVERSCAN = 6;

/** The stretch of rows to have in the document: [from, to) for a scroll position and a height in pixels. */
export function stretch(scrollTop: number, height: number, rowHeight: number, count: number): [number, number] {
  const first = Math.floor(scrollTop / rowHeight) - OVERSCAN;
  const last = Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN;
  const from = Math.max(0, Math.min(first, count));
  return [from, Math.max(from, Math.min(last, count))];
}

/** Where to scroll so that a row is whole in sight, moving as little as can be. */
export function scrollFor(index: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}

/** The tallest element that every browser can scroll, in pixels. */
export const MOST_PX = 16_000_000;

/** How many pixels of the list one pixel of scrolling stands for: more than one only for the very longest. */
export function scrollScale(whole: number, height: number): number {
  return whole <= MOST_PX ? 1 : (whole - height) / (MOST_PX - height);
}

export class VirtualList<V extends RowView> {
  readonly host: HTMLElement;
  #space: HTMLElement;
  #rowHeight: () => number;
  #build: () => V;
  #fill: (view: V, index: number) => void;
  #draw: (view: V) => void;
  #onStretch: (from: number, to: number) => void;
  #views = new Map<number, V>();
  #spare: V[] = [];
  #count = 0;

  constructor(
    host: HTMLElement,
    space: HTMLElement,
    options: {
      rowHeight: () => number;
      build: () => V;
      fill: (view: V, index: number) => void;
      /** Draw what needs to know its size: called when all are filled, so that the page is laid out once. */
      draw: (view: V) => void;
      onStretch: (from: number, to: number) => void;
    },
  ) {
    this.host = host;
    this.#space = space;
    this.#rowHeight = options.rowHeight;
    this.#build = options.build;
    this.#fill = options.fill;
    this.#draw = options.draw;
    this.#onStretch = options.onStretch;
    host.addEventListener("scroll", () => this.#lay(false), { passive: true });
    new ResizeObserver(() => this.#lay(true)).observe(host);
  }

  /** Show `count` rows, all of them anew. */
  setCount(count: number): void {
    this.#count = count;
    this.refresh();
  }

  /** Fill again what is in the document. */
  refresh(): void {
    this.#space.style.height = `${Math.min(MOST_PX, this.#count * this.#rowHeight())}px`;
    this.#lay(true);
  }

  /** What is in the document now. */
  get views(): Iterable<V> {
    return this.#views.values();
  }

  viewOf(index: number): V | null {
    return this.#views.get(index) ?? null;
  }

  scrollTo(index: number): void {
    const scale = this.#scale;
    const top = this.host.scrollTop * scale;
    const wanted = scrollFor(index, top, this.host.clientHeight, this.#rowHeight());
    if (wanted !== top) this.host.scrollTop = wanted / scale;
    this.#lay(false);
  }

  /** How many rows fit into sight. */
  get pageRows(): number {
    return Math.max(1, Math.floor(this.host.clientHeight / this.#rowHeight()) - 1);
  }

  get #scale(): number {
    return scrollScale(this.#count * this.#rowHeight(), this.host.clientHeight);
  }

  #lay(again: boolean): void {
    const height = this.#rowHeight();
    const top = this.host.scrollTop * this.#scale;
    const shift = this.host.scrollTop - top;
    const [from, to] = stretch(top, this.host.clientHeight, height, this.#count);
    for (const [index, view] of this.#views) {
      if (index >= from && index < to) continue;
      view.root.remove();
      this.#views.delete(index);
      this.#spare.push(view);
    }
    this.#onStretch(from, to);
    const filled: V[] = [];
    for (let index = from; index < to; index++) {
      const known = this.#views.get(index);
      const view = known ?? this.#spare.pop() ?? this.#build();
      if (!known || again || shift) view.root.style.transform = `translateY(${index * height + shift}px)`;
      if (known && !again) continue;
      if (!known) {
        this.#views.set(index, view);
        this.#space.append(view.root);
      }
      this.#fill(view, index);
      filled.push(view);
    }
    for (const view of filled) this.#draw(view);
  }
}
