// From a view to its rows: browse, more like this, or more like the dropped file.

import * as api from "./api";
import type { Dropped } from "./drop";
import { countOf, countText } from "./format";
import { HitRows, PagedRows, type Source } from "./rows";
import { isSimilar, type View } from "./state";

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

const HITS = 200;

export const NOTHING_CLOSE = "Nothing close here. These are the nearest sounds, but none of them is close to the query.";

function scopeOf(view: View): api.ScopeIn {
  return { folders: [...view.folders], tags: [...view.tags], text: view.text };
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
  const common = { space: view.space, k: HITS, scope: scopeOf(view) };
  const answer = dropped
    ? await api.searchUpload(
        { ...common, file: dropped.file, startS: view.cut?.startS ?? null, endS: view.cut?.endS ?? null },
        signal,
      )
    : await api.search({ ...common, items: view.like.map(itemOf) }, signal);
  const { hits, considered, space, elapsed_ms } = answer;
  return {
    source: new HitRows(hits),
    status: `${countText(hits.length)} nearest · ${countOf(considered, "segment")} compared · ${spaceName(space)} · ${Math.max(1, Math.round(elapsed_ms))} ms`,
    remark: answer.nothing_close && hits.length ? NOTHING_CLOSE : "",
    query: answer.query,
  };
}

/** A space's name without the hash of its settings. */
function spaceName(id: string): string {
  return id.replace(/-[0-9a-f]{8}$/, "");
}

function itemOf(item: View["like"][number]): api.ItemIn {
  return { sound_id: item.soundId, start_s: item.startS, end_s: item.endS, weight: item.weight };
}
