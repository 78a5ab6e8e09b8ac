// Taking the list away: its slices as WAV in a zip, or the list itself as CSV, JSON or M3U.

import * as api from "./api";
import { el } from "./dom";
import { isWhole, type Row } from "./rows";

const LIST = "list";
const KINDS: readonly [string, string][] = [
  ["zip", "Sounds (zip of WAV)"],
  ["csv", "List (CSV)"],
  ["json", "List (JSON)"],
  ["m3u", "Playlist (M3U)"],
];

/** The slices that rows stand for: their own ranges, whole sounds as such. */
export function slicesOf(rows: readonly Row[]): api.SliceIn[] {
  return rows.map((row) => (isWhole(row) ? { sound_id: row.soundId } : { sound_id: row.soundId, start_s: row.startS, end_s: row.endS }));
}

/** Export slices as a file of a kind, called as the list is. */
export async function exportAs(kind: string, slices: readonly api.SliceIn[], name: string): Promise<void> {
  const safe = name.replace(/[/\\\p{Cc}]/gu, " ").trim().slice(0, 100) || "soundkin";
  save(await api.exportSlices(slices, kind, safe), `${safe}.${kind}`);
}

/** A menu of ways to take something away. */
export function exportMenu(label: string, onKind: (kind: string) => void, more: readonly [string, string][] = []): HTMLSelectElement {
  const options = [...KINDS, ...more].map(([value, text]) => el("option", { value }, text));
  const menu = el("select", { class: "take-away" }, el("option", { value: "" }, "Take away…"), ...options);
  menu.setAttribute("aria-label", label);
  menu.addEventListener("change", () => {
    const kind = menu.value;
    menu.value = "";
    onKind(kind);
  });
  return menu;
}

/** The menu for the rows which have come; `rows` and their `name` are asked when it is used, `onList` puts them on a list. */
export function takeAway(
  rows: () => readonly Row[],
  name: () => string,
  onList: (slices: api.SliceIn[]) => void,
  onError: (error: unknown) => void,
): HTMLSelectElement {
  return exportMenu(
    "Take the list away",
    (kind) => {
      const slices = slicesOf(rows());
      if (!slices.length) return;
      if (kind === LIST) onList(slices);
      else exportAs(kind, slices, name()).catch(onError);
    },
    [[LIST, "Put all on a list…"]],
  );
}

function save(file: Blob, name: string): void {
  const link = el("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
