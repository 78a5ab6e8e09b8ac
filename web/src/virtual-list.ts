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

export class VirtualList<V extends RowView> {
  readonly host: HTMLElement;
  #space: HTMLElement;
  #rowHeight: () => number;
  #build: () => V;
  #fill: (view: V, index: number) => void;
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
      onStretch: (from: number, to: number) => void;
    },
  ) {
    this.host = host;
    this.#space = space;
    this.#rowHeight = options.rowHeight;
    this.#build = options.build;
    this.#fill = options.fill;
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
    this.#space.style.height = `${this.#count * this.#rowHeight()}px`;
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
    const { scrollTop, clientHeight } = this.host;
    const wanted = scrollFor(index, scrollTop, clientHeight, this.#rowHeight());
    if (wanted !== scrollTop) this.host.scrollTop = wanted;
    this.#lay(false);
  }

  /** How many rows fit into sight. */
  get pageRows(): number {
    return Math.max(1, Math.floor(this.host.clientHeight / this.#rowHeight()) - 1);
  }

  #lay(again: boolean): void {
    const height = this.#rowHeight();
    const [from, to] = stretch(this.host.scrollTop, this.host.clientHeight, height, this.#count);
    for (const [index, view] of this.#views) {
      if (index >= from && index < to) continue;
      view.root.remove();
      this.#views.delete(index);
      this.#spare.push(view);
    }
    this.#onStretch(from, to);
    for (let index = from; index < to; index++) {
      const known = this.#views.get(index);
      const view = known ?? this.#spare.pop() ?? this.#build();
      if (known && !again) continue;
      view.root.style.transform = `translateY(${index * height}px)`;
      if (!known) {
        this.#views.set(index, view);
        this.#space.append(view.root); // before it is filled: a canvas has no size outside the document
      }
      this.#fill(view, index);
    }
  }
}
