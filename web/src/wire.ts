// Made from the server's OpenAPI document by web/make_wire.py; a test holds it fresh. Do not edit.

/** How much the library holds now, and whether any process is indexing into it. */
export interface Counts {
  sounds: number;
  segments: number;
  failures: number;
  indexing: boolean;
}

/** A file that gave no sound, and why. */
export interface FailureOut {
  path: string;
  root: string;
  reason: string;
  message: string;
  size: number;
  failed_at: string;
}

/** The server answers. */
export interface Health {
  status: "ok";
  version: string;
}

/** One sound that answers, with its best range. */
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

/** A folder to index: an absolute path on the server's machine. */
export interface IndexIn {
  folder: string;
  retry_failed?: boolean;
}

/** The indexing run of this server: how far, how fast, how it ended. */
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

/** One sound, or one range or segment of it, that the hits shall be like (or unlike: weight < 0). */
export interface ItemIn {
  sound_id?: string | null;
  segment_id?: string | null;
  start_s?: number | null;
  end_s?: number | null;
  weight?: number;
}

/** What the page needs to know first. */
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

/** What was found, what was expected, what to do; `message` is all three as one sentence. */
export interface Problem {
  code: string;
  found: string;
  expected: string;
  todo: string;
  message: string;
  reason: string | null;
}

/** The body of every error. */
export interface ProblemBody {
  error: Problem;
}

/** One part of the query as the library heard it. */
export interface QueryPartOut {
  label: string;
  weight: number;
  segments: number;
  sound_id: string | null;
  start_s: number | null;
  end_s: number | null;
}

/** A further range of the same sound that answers the query too. */
export interface RangeOut {
  segment_id: string;
  start_s: number;
  end_s: number;
  distance: number;
  band: string;
}

/** A folder of the library; `online` or `offline`. */
export interface RootOut {
  root_id: string;
  path: string;
  label: string;
  state: string;
  n_sounds: number;
  n_gone: number;
}

/** Which sounds may answer; empty means all. */
export interface ScopeIn {
  folders?: string[];
  not_folders?: string[];
  tags?: string[];
  not_tags?: string[];
  min_duration_s?: number | null;
  max_duration_s?: number | null;
  added_after?: string | null;
  added_before?: string | null;
  text?: string;
}

/** A query of one or more items against one space. */
export interface SearchIn {
  space?: string | null;
  k?: number;
  further?: number;
  min_closeness?: number | null;
  most_different?: boolean;
  items: ItemIn[];
  scope?: ScopeIn | null;
}

/** The hits, best first, and what was compared with what. */
export interface SearchOut {
  query: QueryPartOut[];
  space: string;
  hits: HitOut[];
  nothing_close: boolean;
  considered: number;
  elapsed_ms: number;
}

/** One searchable range of a sound. */
export interface SegmentOut {
  segment_id: string;
  seq: number;
  start_s: number;
  end_s: number;
  energy_db: number;
}

/** One sound of the library. */
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

/** Some of the sounds in scope, and how many there are. */
export interface SoundPage {
  sounds: SoundOut[];
  total: number;
  offset: number;
}

/** Tags to add. */
export interface TagsIn {
  tags: string[];
}

/** The tags a sound has now. */
export interface TagsOut {
  sound_id: string;
  tags: string[];
}
