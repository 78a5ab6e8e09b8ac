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

/** The browser's own place. */
export function browserPlace(): Place {
  return {
    search: () => location.search,
    mark: () => history.state as unknown,
    push: (address, mark) => history.pushState(mark, "", address),
    replace: (address, mark) => history.replaceState(mark, "", address),
    onReturn: (then) => addEventListener("popstate", then),
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
    if (replace) this.#place.replace(address, mark);
    else this.#place.push(address, mark);
    this.#show(view);
  }

  #show(view: View): void {
    const before = this.view;
    this.view = view;
    for (const listener of this.#listeners) listener(view, before);
  }
}
