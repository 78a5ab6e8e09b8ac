// The server's API. Its types are made from /api/openapi.json: see wire.ts.

import { type MapPoints, parsePoints } from "./map-points";
import type * as wire from "./wire";

export type * from "./wire";

/** What the server refused, in its own words; `problem.todo` says what to do. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: wire.Problem;

  constructor(status: number, problem: wire.Problem) {
    super(problem.message);
    this.status = status;
    this.problem = problem;
  }
}

const GONE: wire.Problem = {
  code: "no-server",
  found: "Soundkin's server does not answer",
  expected: "",
  todo: "start it again with: soundkin serve",
  message: "Soundkin's server does not answer. Start it again with: soundkin serve",
  reason: null,
  position: null,
};

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, GONE);
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => null)) as { error?: wire.Problem } | null;
  throw new ApiError(response.status, body?.error ?? { ...GONE, message: `HTTP ${response.status}` });
}

async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  return (await (await ask(path, init)).json()) as T;
}

function send(method: string, body: unknown, signal?: AbortSignal): RequestInit {
  const init: RequestInit = {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  return signal ? { ...init, signal } : init;
}

export function library(): Promise<wire.LibraryOut> {
  return json("/api/library");
}

export function failures(): Promise<wire.FailureOut[]> {
  return json("/api/failures");
}

export function search(query: wire.SearchIn, signal: AbortSignal): Promise<wire.SearchOut> {
  return json("/api/search", send("POST", query, signal));
}

/** Search with a file from outside, or a range of it; `items` may stand beside it. */
export function searchUpload(
  file: File,
  cut: { startS: number; endS: number } | null,
  fields: Omit<wire.SearchIn, "items"> & { items: wire.ItemIn[]; weight: number },
  signal: AbortSignal,
): Promise<wire.SearchOut> {
  const form = new FormData();
  form.set("file", file);
  if (cut) form.set("start_s", String(cut.startS));
  if (cut) form.set("end_s", String(cut.endS));
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined) continue;
    form.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return json("/api/search/upload", { method: "POST", body: form, signal });
}

export function sounds(
  scope: wire.ScopeIn,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<wire.SoundPage> {
  const params = new URLSearchParams({ text: scope.text ?? "", offset: String(offset), limit: String(limit) });
  for (const folder of scope.folders ?? []) params.append("folder", folder);
  for (const folder of scope.not_folders ?? []) params.append("not_folder", folder);
  for (const tag of scope.tags ?? []) params.append("tag", tag);
  for (const tag of scope.not_tags ?? []) params.append("not_tag", tag);
  return json(`/api/sounds?${params}`, { signal });
}

export function sound(soundId: string): Promise<wire.SoundOut> {
  return json(`/api/sounds/${soundId}`);
}

const PEAKS_BYTES = 1600;

/** The waveforms of many sounds, as they were asked for. */
export async function peaks(soundIds: readonly string[], signal: AbortSignal): Promise<Int8Array[]> {
  const response = await ask("/api/peaks", send("POST", { sound_ids: [...soundIds] }, signal));
  const all = await response.arrayBuffer();
  return soundIds.map((_, at) => new Int8Array(all, at * PEAKS_BYTES, PEAKS_BYTES));
}

export function segments(soundId: string, signal: AbortSignal): Promise<wire.SegmentOut[]> {
  return json(`/api/sounds/${soundId}/segments`, { signal });
}

/** A query in words, taken apart by the server; fails for one that cannot be read. */
export function terms(text: string): Promise<wire.QueryOut> {
  return json(`/api/query?${new URLSearchParams({ text })}`);
}

export function tags(): Promise<Record<string, number>> {
  return json("/api/tags");
}

export function sliceAddress(soundId: string, startS: number, endS: number, download = false): string {
  const range = `start_s=${startS.toFixed(6)}&end_s=${endS.toFixed(6)}`;
  return `/api/sounds/${soundId}/slice.wav?${range}${download ? "&download=true" : ""}`;
}

export async function slice(soundId: string, startS: number, endS: number): Promise<ArrayBuffer> {
  return (await ask(sliceAddress(soundId, startS, endS))).arrayBuffer();
}

/** The tags of up to a thousand sounds. */
export function tagsOf(soundIds: readonly string[]): Promise<wire.TagsOut[]> {
  return json("/api/tags/of", send("POST", { sound_ids: soundIds.slice(0, 1000) }));
}

export function addTags(soundId: string, tags: string[]): Promise<wire.TagsOut> {
  return json(`/api/sounds/${soundId}/tags`, send("POST", { tags }));
}

export function removeTags(soundId: string, tags: string[]): Promise<wire.TagsOut> {
  const params = new URLSearchParams(tags.map((tag) => ["tag", tag]));
  return json(`/api/sounds/${soundId}/tags?${params}`, { method: "DELETE" });
}

export function startIndex(folder: string, retryFailed = false): Promise<wire.IndexState> {
  return json("/api/index", send("POST", { folder, retry_failed: retryFailed }));
}

export function stopIndex(): Promise<wire.IndexState> {
  return json("/api/index", { method: "DELETE" });
}

export function duplicates(kind: string | null, limit: number): Promise<wire.DuplicatesOut> {
  const params = new URLSearchParams({ limit: String(limit), ...(kind ? { kind } : {}) });
  return json(`/api/duplicates?${params}`);
}

export function lookForDuplicates(): Promise<wire.JobState> {
  return json("/api/duplicates", send("POST", {}));
}

export function stopDuplicates(): Promise<wire.JobState> {
  return json("/api/duplicates", { method: "DELETE" });
}

export function tellApart(soundIds: string[]): Promise<wire.Changed> {
  return json("/api/duplicates/apart", send("POST", { sound_ids: soundIds }));
}

export function joinAgain(soundIds: string[]): Promise<wire.Changed> {
  const params = new URLSearchParams(soundIds.map((id) => ["sound_id", id]));
  return json(`/api/duplicates/apart?${params}`, { method: "DELETE" });
}

/** `?space=NAME`, or nothing for the library's first. */
function inSpace(space: string | null, params: Record<string, string> = {}): string {
  const text = new URLSearchParams(space === null ? params : { ...params, space }).toString();
  return text && `?${text}`;
}

export function map(space: string | null): Promise<wire.MapOut> {
  return json(`/api/map${inSpace(space)}`);
}

export function makeMap(space: string | null): Promise<wire.JobState> {
  return json("/api/map", send("POST", { space }));
}

export async function mapPoints(of: wire.MapOut, space: string | null): Promise<MapPoints> {
  const response = await ask(`/api/map/points${inSpace(space)}`);
  return parsePoints(await response.arrayBuffer(), of.points, of.sounds, of.version);
}

export function mapGroups(by: string, space: string | null): Promise<wire.GroupsOut> {
  return json(`/api/map/groups${inSpace(space, { by })}`);
}

export async function mapCloseness(items: wire.ItemIn[], space: string | null): Promise<Uint8Array> {
  return new Uint8Array(await (await ask("/api/map/closeness", send("POST", { items, space }))).arrayBuffer());
}

export function suggestions(tag: string, space: string | null): Promise<wire.SuggestionsOut> {
  return json(`/api/suggestions${inSpace(space, { tag, k: "100" })}`);
}

/** Tags that a sound may bear too, with the sounds near to it that do. */
export function tagsPerhaps(soundId: string, space: string | null, signal: AbortSignal): Promise<wire.TagGuessOut[]> {
  return json(`/api/sounds/${soundId}/tags/perhaps${inSpace(space)}`, { signal });
}

export function decide(tag: string, accept: string[], reject: string[]): Promise<wire.ChangeOut[]> {
  return json("/api/suggestions/decisions", send("POST", { tag, accept, reject }));
}

/** Take the last decision back. */
export function takeBack(): Promise<wire.ChangeOut> {
  return json("/api/suggestions/decisions/last", { method: "DELETE" });
}

/** Where else in a sound it sounds like at one moment. */
export function alike(soundId: string, atS: number, signal: AbortSignal): Promise<wire.AlikeOut> {
  return json(`/api/sounds/${soundId}/alike?at_s=${atS.toFixed(3)}`, { signal });
}

export function reveal(soundId: string): Promise<wire.Revealed> {
  return json(`/api/sounds/${soundId}/reveal`, { method: "POST" });
}

export async function exportSlices(slices: readonly wire.SliceIn[], kind: string, name: string): Promise<Blob> {
  const address = kind === "zip" ? "/api/export/zip" : `/api/export/list?fmt=${kind}`;
  return (await ask(address, send("POST", { slices, name }))).blob();
}

export function lists(): Promise<wire.ListOut[]> {
  return json("/api/lists");
}

export function newList(name: string, items: readonly wire.SliceIn[]): Promise<wire.ListOut> {
  return json("/api/lists", send("POST", { name, items }));
}

/** Rename a list, put other items in its place, or more at its end. */
export function changeList(listId: string, change: wire.ListChange): Promise<wire.ListOut> {
  return json(`/api/lists/${encodeURIComponent(listId)}`, send("PATCH", change));
}

export function removeList(listId: string): Promise<wire.ListOut> {
  return json(`/api/lists/${encodeURIComponent(listId)}`, { method: "DELETE" });
}
