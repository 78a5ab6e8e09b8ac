// The view of the page, its history, and those who want to know when it changes.

import { formatView, parseView, type View } from "./state";

/** What the navigator needs of `window`: its address, its history, and word of back and forward. */
export interface Place {
  search(): string;
  mark(): unknown;
  push(address: string, mark: unknown): void;
  replace(address: string, mark: unknown): void;
  onReturn(then: () => void): void;
}

/** Some browsers allow a hundred changes of the address in thirty seconds, and fail at the next. */
const ADDRESS_MS = 320;

/** The browser's own place; while a slider moves, its address follows a few times a second. */
export function browserPlace(): Place {
  let waiting: { address: string; mark: unknown } | null = null;
  let timer = 0;
  let written = -ADDRESS_MS;
  const forget = () => {
    clearTimeout(timer);
    timer = 0;
    waiting = null;
  };
  const write = () => {
    if (waiting) history.replaceState(waiting.mark, "", waiting.address);
    if (waiting) written = performance.now();
    forget();
  };
  addEventListener("pagehide", write);
  return {
    search: () => location.search,
    mark: () => (waiting ? waiting.mark : (history.state as unknown)),
    push: (address, mark) => {
      write();
      history.pushState(mark, "", address);
    },
    replace: (address, mark) => {
      waiting = { address, mark };
      const rest = written + ADDRESS_MS - performance.now();
      if (rest <= 0) write();
      else timer ||= window.setTimeout(write, rest);
    },
    onReturn: (then) =>
      addEventListener("popstate", () => {
        forget();
        then();
      }),
  };
}

/** The view, its history, and those who want to know when it changes. */
export class Navigator {
  view: View;
  #place: Place;
  #listeners: ((view: View, before: View) => void)[] = [];

  constructor(place: Place) {
    this.#place = place;
    this.view = parseView(place.search());
    place.onReturn(() => this.#show(parseView(place.search())));
  }

  /** The number of the dropped file that this point of the history belongs to. */
  get dropNumber(): number | null {
    const mark = this.#place.mark();
    const number = mark && typeof mark === "object" && "drop" in mark ? mark.drop : null;
    return typeof number === "number" ? number : null;
  }

  onChange(listener: (view: View, before: View) => void): void {
    this.#listeners.push(listener);
  }

  /** Go to a view: a new point in the history, or (`replace`) the present one changed. */
  go(view: View, { replace = false, dropNumber = null as number | null } = {}): void {
    const address = `/${formatView(view)}`;
    const mark = view.drop === null ? null : { drop: dropNumber ?? this.dropNumber };
    // going where one is already would be a step back that leads nowhere
    const same = dropNumber === null && address === `/${formatView(this.view)}`;
    if (replace || same) this.#place.replace(address, mark);
    else this.#place.push(address, mark);
    this.#show(view);
  }

  #show(view: View): void {
    const before = this.view;
    this.view = view;
    for (const listener of this.#listeners) listener(view, before);
  }
}
