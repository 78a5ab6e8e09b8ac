// The server's API, typed. Field names are those of /api/openapi.json; a test holds them equal.

export interface Problem {
  code: string;
  found: string;
  expected: string;
  todo: string;
  message: string;
  reason: string | null;
}

export interface ScopeIn {
  folders: string[];
  tags: string[];
  text: string;
}

export interface ItemIn {
  sound_id: string;
  start_s: number | null;
  end_s: number | null;
  weight: number;
}

export interface SearchIn {
  items: ItemIn[];
  space: string | null;
  k: number;
  scope: ScopeIn;
}

export interface RangeOut {
  segment_id: string;
  start_s: number;
  end_s: number;
  distance: number;
  band: string;
}

export interface HitOut {
  rank: number;
  sound_id: string;
  segment_id: string;
  name: string;
  path: string;
  root: string;
  folder: string;
  start_s: number;
  end_s: number;
  duration_s: number;
  distance: number;
  closeness: number;
  band: string;
  further: RangeOut[];
  tags: string[];
  state: string;
}

export interface QueryPartOut {
  label: string;
  weight: number;
  segments: number;
  sound_id: string | null;
  start_s: number | null;
  end_s: number | null;
}

export interface SearchOut {
  query: QueryPartOut[];
  space: string;
  hits: HitOut[];
  nothing_close: boolean;
  considered: number;
  elapsed_ms: number;
}

export interface SoundOut {
  sound_id: string;
  name: string;
  path: string;
  root: string;
  folder: string;
  duration_s: number;
  rate_hz: number;
  channels: number;
  format: string;
  tags: string[];
  state: string;
  added_at: string;
  n_segments: number;
}

export interface SoundPage {
  sounds: SoundOut[];
  total: number;
  offset: number;
}

export interface TagsOut {
  sound_id: string;
  tags: string[];
}

export interface RootOut {
  root_id: string;
  path: string;
  label: string;
  state: string;
  n_sounds: number;
  n_gone: number;
}

export interface FailureOut {
  path: string;
  root: string;
  reason: string;
  message: string;
  size: number;
  failed_at: string;
}

export interface IndexState {
  state: "idle" | "running" | "finished" | "stopped" | "failed";
  folder: string;
  phase: string;
  done: number;
  total: number | null;
  failed: number;
  seconds_of_sound: number;
  elapsed_s: number;
  path: string;
  error: Problem | null;
}

export interface Counts {
  sounds: number;
  segments: number;
  failures: number;
  indexing: boolean;
}

export interface LibraryOut {
  name: string;
  path: string;
  version: string;
  counts: Counts;
  spaces: string[];
  roots: RootOut[];
  indexing: IndexState;
  max_upload_bytes: number;
}

/** What the server refused, in its own words; `problem.todo` says what to do. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.message);
    this.status = status;
    this.problem = problem;
  }
}

const GONE: Problem = {
  code: "no-server",
  found: "Soundkin's server does not answer",
  expected: "",
  todo: "start it again with: soundkin serve",
  message: "Soundkin's server does not answer. Start it again with: soundkin serve",
  reason: null,
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
  const body = (await response.json().catch(() => null)) as { error?: Problem } | null;
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

export function library(): Promise<LibraryOut> {
  return json("/api/library");
}

export function failures(): Promise<FailureOut[]> {
  return json("/api/failures");
}

export function search(query: SearchIn, signal: AbortSignal): Promise<SearchOut> {
  return json("/api/search", send("POST", query, signal));
}

export interface UploadQuery {
  file: File;
  startS: number | null;
  endS: number | null;
  space: string | null;
  k: number;
  scope: ScopeIn;
}

export function searchUpload(query: UploadQuery, signal: AbortSignal): Promise<SearchOut> {
  const form = new FormData();
  form.set("file", query.file);
  if (query.startS !== null) form.set("start_s", String(query.startS));
  if (query.endS !== null) form.set("end_s", String(query.endS));
  if (query.space !== null) form.set("space", query.space);
  form.set("k", String(query.k));
  form.set("scope", JSON.stringify(query.scope));
  return json("/api/search/upload", { method: "POST", body: form, signal });
}

export function sounds(
  scope: ScopeIn,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<SoundPage> {
  const params = new URLSearchParams({ text: scope.text, offset: String(offset), limit: String(limit) });
  for (const folder of scope.folders) params.append("folder", folder);
  for (const tag of scope.tags) params.append("tag", tag);
  return json(`/api/sounds?${params}`, { signal });
}

export function sound(soundId: string): Promise<SoundOut> {
  return json(`/api/sounds/${soundId}`);
}

export async function peaks(soundId: string, signal: AbortSignal): Promise<Int8Array> {
  const response = await ask(`/api/sounds/${soundId}/peaks`, { signal });
  return new Int8Array(await response.arrayBuffer());
}

export function sliceAddress(soundId: string, startS: number, endS: number, download = false): string {
  const range = `start_s=${startS.toFixed(6)}&end_s=${endS.toFixed(6)}`;
  return `/api/sounds/${soundId}/slice.wav?${range}${download ? "&download=true" : ""}`;
}

export async function slice(soundId: string, startS: number, endS: number): Promise<ArrayBuffer> {
  return (await ask(sliceAddress(soundId, startS, endS))).arrayBuffer();
}

export function addTags(soundId: string, tags: string[]): Promise<TagsOut> {
  return json(`/api/sounds/${soundId}/tags`, send("POST", { tags }));
}

export function removeTags(soundId: string, tags: string[]): Promise<TagsOut> {
  const params = new URLSearchParams(tags.map((tag) => ["tag", tag]));
  return json(`/api/sounds/${soundId}/tags?${params}`, { method: "DELETE" });
}

export function startIndex(folder: string): Promise<IndexState> {
  return json("/api/index", send("POST", { folder }));
}

export function stopIndex(): Promise<IndexState> {
  return json("/api/index", { method: "DELETE" });
}
