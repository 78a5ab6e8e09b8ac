// Made from the server's OpenAPI document by web/make_wire.py; a test holds it fresh. Do not edit.

/** Where else in a sound it sounds like at one moment. */
export interface AlikeOut {
  space: string;
  segment_id: string;
  segments: AlikeSegment[];
}

/** A segment of a sound and how close it is to the one at the playhead. */
export interface AlikeSegment {
  segment_id: string;
  start_s: number;
  end_s: number;
  closeness: number;
  band: string;
}

/** What was accepted or rejected at once. */
export interface ChangeOut {
  change_id: string;
  tag: string;
  accepted: string[];
  rejected: string[];
  at: string;
}

/** How much was changed. */
export interface Changed {
  changed: number;
}

/** A query whose closeness is to colour the map. */
export interface ClosenessIn {
  items: ItemIn[];
  space?: string | null;
}

/** A crowd of points: its middle, how many, and the words that tell it from the others. */
export interface ClusterOut {
  label: string;
  x: number;
  y: number;
  points: number;
}

/** How much the library holds now, and whether any process is indexing into it. */
export interface Counts {
  sounds: number;
  segments: number;
  failures: number;
  indexing: boolean;
  marks: string;
}

/** Sounds that do, and sounds that do not bear a tag. */
export interface DecisionIn {
  tag: string;
  accept?: string[];
  reject?: string[];
}

/** A part of the library's own files, in words, and its size. */
export interface DiskOut {
  what: string;
  bytes: number;
}

/** What to look for: which kinds, heard in which space. */
export interface DuplicatesIn {
  kinds?: ("exact" | "near" | "version")[];
  space?: string | null;
}

/** How the search for duplicates stands, and a page of the groups that the last one found. */
export interface DuplicatesOut {
  job: JobState;
  groups: GroupOut[];
  total: number;
  by_kind: Record<string, number>;
  sounds: number;
  compared: number;
  unread: number;
}

/** A sound tagged by hand that a suggestion rests on. */
export interface EvidenceOut {
  sound_id: string;
  name: string;
  closeness: number;
}

/** Slices to take away, and what the file is to be called. */
export interface ExportIn {
  slices: SliceIn[];
  name?: string;
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

/** Files of one sound; the first is the one to keep when one is kept. */
export interface GroupOut {
  group_id: string;
  kind: "exact" | "near" | "version";
  likeness: number;
  members: MemberOut[];
}

/** A group for each sound on the map, in the order of its sounds: a number of `names`, -1 for none. */
export interface GroupsOut {
  names: string[];
  groups: number[];
}

/** The server answers. */
export interface Health {
  status: "ok";
  version: string;
}

/** One sound that answers, with its best range; bands: in each space that was asked in. */
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
  bands: string[];
  further: RangeOut[];
  tags: string[];
  state: string;
}

/** A folder to index: an absolute path on the server's machine. */
export interface IndexIn {
  folder: string;
  retry_failed?: boolean;
}

/** How a space is searched, why, and what part of the nearest is found; measured on so many segments. */
export interface IndexInfoOut {
  kind: string;
  why: string;
  recall: number;
  measured: number;
  target: number;
  said: string;
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

/** Work in the background of the server: how far it is, how it ended. */
export interface JobState {
  state: "idle" | "running" | "finished" | "stopped" | "failed";
  done: number;
  total: number | null;
  error: Problem | null;
}

/** What the page needs to know first; installed: names of all spaces of this installation. */
export interface LibraryOut {
  name: string;
  path: string;
  version: string;
  counts: Counts;
  spaces: string[];
  indexes: SpaceOut[];
  installed: string[];
  disk: DiskOut[];
  roots: RootOut[];
  indexing: IndexState;
  max_upload_bytes: number;
}

/** What is to be other: the name, all items, or more items at the end. */
export interface ListChange {
  name?: string | null;
  items?: SliceIn[] | null;
  more?: SliceIn[];
}

/** A new list. */
export interface ListIn {
  name: string;
  items?: SliceIn[];
}

/** A named list. */
export interface ListOut {
  list_id: string;
  name: string;
  items: SliceOut[];
  changed_at: string;
}

/** How to make the map; anew: compute the whole layout again. */
export interface MapIn {
  space?: string | null;
  anew?: boolean;
  most?: number;
}

/** How the making of the map stands, and the map there is; version is empty where there is none. */
export interface MapOut {
  job: JobState;
  space: string;
  version: string;
  points: number;
  sounds: number;
  total: number;
  sampled: boolean;
  missing: number;
  seed: number;
  bounds: [number, number, number, number];
  clusters: ClusterOut[];
  made_at: string | null;
}

/** One file of a group; reason: what it is beside the first, empty for the first itself. */
export interface MemberOut {
  sound_id: string;
  path: string;
  name: string;
  format: string;
  rate_hz: number;
  duration_s: number;
  state: string;
  reason: string;
}

/** A note on a sound, or on a range (seconds) and a band (Hz) of it. */
export interface NoteIn {
  text?: string;
  start_s?: number | null;
  end_s?: number | null;
  low_hz?: number | null;
  high_hz?: number | null;
  tags?: string[];
  author?: string;
}

/** One note; without a range it is on the whole sound. */
export interface NoteOut {
  note_id: string;
  sound_id: string;
  start_s: number | null;
  end_s: number | null;
  low_hz: number | null;
  high_hz: number | null;
  text: string;
  tags: string[];
  author: string;
  made_at: string;
}

/** Some notes in the order of their ids; `next`: what `after` is for the page behind, if there is one. */
export interface NotePage {
  notes: NoteOut[];
  next: string | null;
}

/** Where a sound came from, and whom to thank. */
export interface OriginOut {
  source: string;
  item_id: string;
  url: string;
  page: string;
  title: string;
  author: string;
  licence: string;
  keep: string;
}

/** What was found, what was expected, what to do; `message` is all three as one sentence. */
export interface Problem {
  code: string;
  found: string;
  expected: string;
  todo: string;
  message: string;
  reason: string | null;
  position: number | null;
}

/** The body of every error. */
export interface ProblemBody {
  error: Problem;
}

/** A query in words as it was understood, and how many sounds meet it. */
export interface QueryOut {
  terms: TermOut[];
  text: string;
  sounds: number;
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

/** What was shown in the file manager. */
export interface Revealed {
  path: string;
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

/** Which sounds may answer; empty means all. text: the query language, see `GET /api/query`. */
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
  blend?: Record<string, number> | null;
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

/** A sound, or a range of it. */
export interface SliceIn {
  sound_id: string;
  start_s?: number | null;
  end_s?: number | null;
}

/** A sound, or a range of it; null: from its beginning, to its end. */
export interface SliceOut {
  sound_id: string;
  start_s: number | null;
  end_s: number | null;
}

/** Sounds that something is asked of. */
export interface SoundIds {
  sound_ids: string[];
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

/** Sounds of a group. */
export interface SoundsIn {
  sound_ids: string[];
}

/** A source of the library: how many of its items are sounds here, and how many failed. */
export interface SourceOut {
  source: string;
  sounds: number;
  failed: number;
  keep: string;
}

/** One space of the library and how it is searched. */
export interface SpaceOut {
  name: string;
  space_id: string;
  vectors: number;
  indexed: IndexInfoOut;
}

/** A sound that may bear the tag, and why. */
export interface SuggestionOut {
  sound_id: string;
  name: string;
  path: string;
  folder: string;
  duration_s: number;
  probability: number;
  evidence: EvidenceOut[];
}

/** Suggestions for a tag, the most probable first; likely: how many are more likely than not. */
export interface SuggestionsOut {
  tag: string;
  space: string;
  examples: number;
  rejected: number;
  likely: number;
  suggestions: SuggestionOut[];
}

/** A tag that a sound may bear: how close the nearest sound that bears it is, and which bear it. */
export interface TagGuessOut {
  tag: string;
  closeness: number;
  band: string;
  evidence: EvidenceOut[];
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

/** One term of a query in words: text[start:end] of what was written. */
export interface TermOut {
  field: string;
  op: string;
  value: string;
  negated: boolean;
  start: number;
  end: number;
  text: string;
}
