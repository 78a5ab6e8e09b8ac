// From a view to its rows: browse, more like this, or more like the dropped file.

import * as api from "./api";
import type { Dropped } from "./drop";
import { countOf, countText, spaceNames } from "./format";
import { HitRows, PagedRows, type Source } from "./rows";
import { isSimilar, type Item, type View } from "./state";

export interface Found {
  source: (Source & { setTags(soundId: string, tags: readonly string[]): void }) | null;
  status: string;
  /** Said above the rows, or instead of them. */
  remark: string;
  /** What the library heard of the query, of a dropped file too. */
  query: readonly api.QueryPartOut[];
}

/** Nothing found, or nothing asked yet. */
export const NONE: Found = { source: null, status: "", remark: "", query: [] };

export const HITS = 200;

export const NOTHING_CLOSE = "Nothing close here. These are the nearest sounds, but none of them is close to the query.";

function scopeOf(view: View): api.ScopeIn {
  const { folders, notFolders, tags, notTags, text } = view;
  return { folders: [...folders], not_folders: [...notFolders], tags: [...tags], not_tags: [...notTags], text };
}

/** Fetch what a view shows; `onLoad` is called whenever further rows of a long list have come. */
export async function find(
  view: View,
  dropped: Dropped | null,
  signal: AbortSignal,
  onLoad: () => void,
): Promise<Found> {
  if (view.drop !== null && !dropped) return NONE;
  return isSimilar(view) ? similar(view, dropped, signal) : browse(view, signal, onLoad);
}

async function browse(view: View, signal: AbortSignal, onLoad: () => void): Promise<Found> {
  const scope = scopeOf(view);
  const source = new PagedRows((offset, limit) => api.sounds(scope, offset, limit, signal), onLoad);
  await source.start();
  const count = countOf(source.count, "sound");
  return { source, status: view.text ? `${count} with “${view.text}”` : count, remark: "", query: [] };
}

async function similar(view: View, dropped: Dropped | null, signal: AbortSignal): Promise<Found> {
  const mix = Object.entries(view.mix).filter(([, share]) => share > 0);
  const space = mix.length ? { blend: Object.fromEntries(mix) } : { space: view.space };
  const common: Omit<api.SearchIn, "items"> = { ...space, k: HITS, scope: scopeOf(view) };
  if (view.different) Object.assign(common, { most_different: true, min_closeness: view.least });
  const items = view.like.map(itemOf);
  const answer = dropped
    ? await api.searchUpload(dropped.file, view.cut, { ...common, items, weight: view.dropWeight }, signal)
    : await api.search({ ...common, items }, signal);
  const { hits, considered, elapsed_ms } = answer;
  return {
    source: new HitRows(hits, spaceNames(answer.space)),
    status: `${countText(hits.length)} ${view.different ? "most different" : "nearest"} · ${countOf(considered, "segment")} compared · ${spaceNames(answer.space).join(" + ")} · ${Math.max(1, Math.round(elapsed_ms))} ms`,
    remark: answer.nothing_close && hits.length && !view.different ? NOTHING_CLOSE : "",
    query: answer.query,
  };
}

/** A sound of a view's scope, drawn by lot; null when there is none. */
export async function surprise(view: View, signal: AbortSignal): Promise<api.SoundOut | null> {
  const scope = scopeOf({ ...view, text: isSimilar(view) ? "" : view.text });
  const { total } = await api.sounds(scope, 0, 1, signal);
  if (!total) return null;
  const { sounds } = await api.sounds(scope, Math.floor(Math.random() * total), 1, signal);
  return sounds[0] ?? null;
}

function itemOf(item: Item): api.ItemIn {
  return { sound_id: item.soundId, start_s: item.startS, end_s: item.endS, weight: item.weight };
}
