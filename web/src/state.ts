// What the page shows, as a value, and the same value as a URL. Nothing here touches the document.

/** One sound, or a range of it in seconds, that the hits shall be like; a negative weight: unlike. */
export interface Item {
  soundId: string;
  startS: number | null;
  endS: number | null;
  weight: number;
}

/** A range of the dropped file, in seconds. */
export interface Cut {
  startS: number;
  endS: number;
}

/** Everything that decides which rows are shown, and which of them is selected (`at`). */
export interface View {
  text: string;
  like: readonly Item[];
  drop: string | null;
  cut: Cut | null;
  space: string | null;
  folders: readonly string[];
  tags: readonly string[];
  at: string | null;
}

export const EMPTY: View = {
  text: "",
  like: [],
  drop: null,
  cut: null,
  space: null,
  folders: [],
  tags: [],
  at: null,
};

const ID = /^[0-9a-f]{32}$/;
const ITEM = /^([0-9a-f]{32})(?:@([\d.]+)-([\d.]+))?(?:\*(-?[\d.]+))?$/;

/** Seconds as they stand in a URL: to the hundredth of a millisecond, without trailing zeros. */
export function secondsText(seconds: number): string {
  return String(Number(seconds.toFixed(5)));
}

function range(start: string | undefined, end: string | undefined): Cut | null {
  if (start === undefined || end === undefined) return null;
  const startS = Number(start);
  const endS = Number(end);
  return Number.isFinite(startS) && Number.isFinite(endS) && startS < endS ? { startS, endS } : null;
}

/** An item as text: `ID`, `ID@start-end`, `ID@start-end*weight`. */
export function itemText(item: Item): string {
  const cut = item.startS === null || item.endS === null ? "" : `@${secondsText(item.startS)}-${secondsText(item.endS)}`;
  return `${item.soundId}${cut}${item.weight === 1 ? "" : `*${item.weight}`}`;
}

/** The item that a text names, or null when it names none. */
export function parseItem(text: string): Item | null {
  const match = ITEM.exec(text);
  if (!match?.[1]) return null;
  const cut = range(match[2], match[3]);
  const weight = match[4] === undefined ? 1 : Number(match[4]);
  if (!Number.isFinite(weight) || (match[2] !== undefined && cut === null)) return null;
  return { soundId: match[1], startS: cut?.startS ?? null, endS: cut?.endS ?? null, weight };
}

/** The view that a query string names; what cannot be understood is left out. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  const drop = params.get("drop");
  const [start, end] = (params.get("cut") ?? "").split("-");
  const like = params.getAll("like").map(parseItem).filter((item) => item !== null);
  return {
    text: params.get("q") ?? "",
    like: drop === null ? like : [],
    drop,
    cut: drop === null ? null : range(start || undefined, end || undefined),
    space: params.get("space"),
    folders: params.getAll("in"),
    tags: params.getAll("tag"),
    at: params.get("at"),
  };
}

/** The query string of a view: empty, or with its question mark. */
export function formatView(view: View): string {
  const params = new URLSearchParams();
  if (view.text) params.set("q", view.text);
  for (const item of view.like) params.append("like", itemText(item));
  if (view.drop !== null) params.set("drop", view.drop);
  if (view.cut !== null) params.set("cut", `${secondsText(view.cut.startS)}-${secondsText(view.cut.endS)}`);
  if (view.space !== null) params.set("space", view.space);
  for (const folder of view.folders) params.append("in", folder);
  for (const tag of view.tags) params.append("tag", tag);
  if (view.at !== null) params.set("at", view.at);
  const text = params.toString().replaceAll("%40", "@").replaceAll("%2F", "/");
  return text && `?${text}`;
}

/** Whether two views show the same rows, whichever row is selected. */
export function sameRows(a: View, b: View): boolean {
  return formatView({ ...a, at: null }) === formatView({ ...b, at: null });
}

/** Whether a view lists what is like something, rather than browsing. */
export function isSimilar(view: View): boolean {
  return view.like.length > 0 || view.drop !== null;
}

/** The view that looks for sounds like one sound or a range of it; filters stay, the text goes. */
export function similarTo(view: View, soundId: string, cut: Cut | null): View {
  const item = { soundId, startS: cut?.startS ?? null, endS: cut?.endS ?? null, weight: 1 };
  return { ...view, text: "", like: [item], drop: null, cut: null, at: null };
}

/** Whether a text is a sound's id. */
export function isSoundId(text: string): boolean {
  return ID.test(text);
}

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
