// What the page shows, as a value, and the same value as a URL. Nothing here touches the document.

import type { Spot } from "./point-grid";

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

/** What the middle of the page is: rows, the map, or groups of duplicates. */
export type Show = "list" | "map" | "duplicates";

const SHOWS: readonly Show[] = ["list", "map", "duplicates"];

/** Everything that decides what is shown, and which row is selected (`at`). */
export interface View {
  show: Show;
  /** The sound whose own page is open. */
  sound: string | null;
  text: string;
  like: readonly Item[];
  drop: string | null;
  cut: Cut | null;
  dropWeight: number;
  space: string | null;
  /** How much each space counts, 0 to 1; empty: one space alone. */
  mix: Readonly<Record<string, number>>;
  folders: readonly string[];
  notFolders: readonly string[];
  tags: readonly string[];
  notTags: readonly string[];
  /** The least closeness that is shown. */
  least: number | null;
  different: boolean;
  /** Corners of an outline on the map: what lies inside is listed. */
  lasso: readonly Spot[];
  /** The named list that is shown. */
  list: string | null;
  at: string | null;
}

export const EMPTY: View = {
  show: "list",
  sound: null,
  text: "",
  like: [],
  drop: null,
  cut: null,
  dropWeight: 1,
  space: null,
  mix: {},
  folders: [],
  notFolders: [],
  tags: [],
  notTags: [],
  least: null,
  different: false,
  lasso: [],
  list: null,
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

/** A number of a URL within bounds, or null. */
function numberOf(text: string | null, least: number, most: number): number | null {
  const value = Number(text);
  return text !== null && text !== "" && value >= least && value <= most ? value : null;
}

/** `sound:0.5` pairs as weights of spaces. */
function parseMix(texts: readonly string[]): Record<string, number> {
  const mix: Record<string, number> = {};
  for (const text of texts) {
    const at = text.lastIndexOf(":");
    const share = numberOf(text.slice(at + 1), 0, 1);
    if (at > 0 && share !== null) mix[text.slice(0, at)] = share;
  }
  return mix;
}

/** `x,y;x,y;...` as corners; nothing when fewer than three can be read. */
function parseOutline(text: string | null): Spot[] {
  const corners = (text ?? "").split(";").map((corner) => corner.split(",").map(Number));
  const good = corners.filter((corner) => corner.length === 2 && corner.every(Number.isFinite)) as unknown as Spot[];
  return good.length > 2 ? good : [];
}

/** The view that a query string names; what cannot be understood is left out. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  const drop = params.get("drop");
  const [start, end] = (params.get("cut") ?? "").split("-");
  const sound = params.get("sound");
  return {
    show: SHOWS.find((show) => show === params.get("show")) ?? "list",
    sound: sound !== null && ID.test(sound) ? sound : null,
    text: params.get("q") ?? "",
    like: params.getAll("like").map(parseItem).filter((item) => item !== null),
    drop,
    cut: drop === null ? null : range(start || undefined, end || undefined),
    dropWeight: (drop !== null && numberOf(params.get("weight"), -10, 10)) || 1,
    space: params.get("space"),
    mix: parseMix(params.getAll("mix")),
    folders: params.getAll("in"),
    notFolders: params.getAll("notin"),
    tags: params.getAll("tag"),
    notTags: params.getAll("nottag"),
    least: numberOf(params.get("least"), -1, 1),
    different: params.get("different") === "1",
    lasso: parseOutline(params.get("lasso")),
    list: params.get("list"),
    at: params.get("at"),
  };
}

/** The query string of a view: empty, or with its question mark. */
export function formatView(view: View): string {
  const params = new URLSearchParams();
  const set = (name: string, value: string | null) => value !== null && params.set(name, value);
  const all = (name: string, values: readonly string[]) => values.forEach((value) => params.append(name, value));
  set("show", view.show === "list" ? null : view.show);
  set("sound", view.sound);
  set("q", view.text || null);
  set("drop", view.drop);
  set("cut", view.cut && `${secondsText(view.cut.startS)}-${secondsText(view.cut.endS)}`);
  set("weight", view.drop !== null && view.dropWeight !== 1 ? String(view.dropWeight) : null);
  all("like", view.like.map(itemText));
  set("space", view.space);
  all("mix", Object.entries(view.mix).map(([space, share]) => `${space}:${share}`));
  all("in", view.folders);
  all("notin", view.notFolders);
  all("tag", view.tags);
  all("nottag", view.notTags);
  set("least", view.least === null ? null : String(view.least));
  set("different", view.different ? "1" : null);
  set("lasso", view.lasso.map(([x, y]) => `${x},${y}`).join(";") || null);
  set("list", view.list);
  set("at", view.at);
  const text = params.toString().replaceAll("%40", "@").replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%3B", ";");
  return text && `?${text}`;
}

/** A view without what only chooses among the rows that are there. */
function rowsOf(view: View): View {
  return { ...view, show: "list", at: null, sound: null, least: view.different ? view.least : null };
}

/** Whether two views ask for the same rows, whichever of them are shown or selected. */
export function sameRows(a: View, b: View): boolean {
  return formatView(rowsOf(a)) === formatView(rowsOf(b));
}

/** Whether a view lists what is like something, rather than browsing. */
export function isSimilar(view: View): boolean {
  return view.like.length > 0 || view.drop !== null;
}

/** Whether a view leaves sounds out by words, folders or tags. */
export function isFiltered(view: View): boolean {
  const lists = [view.folders, view.notFolders, view.tags, view.notTags];
  return view.text !== "" || lists.some((list) => list.length > 0);
}

/** What takes every filter off a view. */
export const UNFILTERED = { text: "", folders: [], notFolders: [], tags: [], notTags: [] };

/** The view that looks for sounds like one sound or a range of it; filters stay, the text goes. */
export function similarTo(view: View, soundId: string, cut: Cut | null): View {
  const item = { soundId, startS: cut?.startS ?? null, endS: cut?.endS ?? null, weight: 1 };
  const query = { like: [item], lasso: [], list: null, drop: null, cut: null, dropWeight: 1, least: null, different: false };
  return { ...view, ...query, text: "", at: null, sound: null, show: view.show === "map" ? "map" : "list" };
}

/** The one space that stands for a view where only one can: its own, else the one that counts most; null: the library's first. */
export function spaceOf(view: View): string | null {
  const heaviest = Object.entries(view.mix).reduce<[string | null, number]>((most, one) => (one[1] > most[1] ? one : most), [null, 0]);
  return view.space ?? heaviest[0];
}

/** Whether a text is a sound's id. */
export function isSoundId(text: string): boolean {
  return ID.test(text);
}
