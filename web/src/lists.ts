// Named lists: slices in an order of one's own. What they are, what they show as rows, and how they change.

import * as api from "./api";
import { type Cards, KeyedRows } from "./cards";
import type { Found } from "./finder";
import { countOf } from "./format";
import type { Row } from "./rows";
import { soundRow } from "./rows";
import { secondsText } from "./state";

/** What names a slice among others. */
export function sliceKey(slice: api.SliceIn): string {
  const { sound_id, start_s, end_s } = slice;
  if ((start_s ?? null) === null && (end_s ?? null) === null) return sound_id;
  return `${sound_id}@${secondsText(start_s ?? 0)}-${end_s == null ? "" : secondsText(end_s)}`;
}

/** A list of items with one of them taken elsewhere. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const rest = items.filter((_, at) => at !== from);
  return [...rest.slice(0, to), ...items.slice(from, from + 1), ...rest.slice(to)];
}

export class Lists {
  /** Called when names or items have changed, here or elsewhere. */
  onChange: () => void = () => {};
  all: readonly api.ListOut[] = [];
  #cards: Cards;

  constructor(cards: Cards) {
    this.#cards = cards;
  }

  async load(): Promise<void> {
    const all = await api.lists();
    const same = JSON.stringify(all) === JSON.stringify(this.all);
    this.all = all;
    if (!same) this.onChange();
  }

  get(id: string | null): api.ListOut | null {
    return this.all.find((one) => one.list_id === id) ?? null;
  }

  async make(name: string, items: readonly api.SliceIn[]): Promise<api.ListOut> {
    return this.#after(api.newList(name, items));
  }

  async rename(id: string, name: string): Promise<api.ListOut> {
    return this.#after(api.changeList(id, { name }));
  }

  async add(id: string, more: readonly api.SliceIn[]): Promise<api.ListOut> {
    return this.#after(api.changeList(id, { more: [...more] }));
  }

  async remove(id: string): Promise<api.ListOut> {
    return this.#after(api.removeList(id));
  }

  async moveItem(id: string, from: number, to: number): Promise<void> {
    const items = this.get(id)?.items ?? [];
    if (items[from] && items[to]) await this.#after(api.changeList(id, { items: moved(items, from, to) }));
  }

  async takeOff(id: string, slices: readonly api.SliceIn[]): Promise<void> {
    const gone = new Set(slices.map(sliceKey));
    const items = (this.get(id)?.items ?? []).filter((item) => !gone.has(sliceKey(item)));
    await this.#after(api.changeList(id, { items }));
  }

  /** The rows of a list. */
  async rows(id: string, onLoad: () => void): Promise<Found> {
    await this.load();
    const list = this.get(id);
    if (!list) return { source: new KeyedRows([], () => Promise.reject(), onLoad), status: "This list is not there any more", remark: "", query: [] };
    const items = new Map(list.items.map((item) => [sliceKey(item), item]));
    const source = new KeyedRows([...items.keys()], (key) => this.#row(key, items.get(key) as api.SliceOut), onLoad);
    return { source, status: `${list.name} · ${countOf(source.count, "sound")}`, remark: "", query: [] };
  }

  async #row(key: string, { sound_id, start_s, end_s }: api.SliceOut): Promise<Row> {
    const row = soundRow(await this.#cards.sound(sound_id));
    return { ...row, key, startS: start_s ?? 0, endS: end_s ?? row.durationS };
  }

  async #after(change: Promise<api.ListOut>): Promise<api.ListOut> {
    const changed = await change;
    await this.load();
    return changed;
  }
}
