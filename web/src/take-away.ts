// Taking the list away: its slices as WAV in a zip, or the list itself as CSV, JSON or M3U.

import * as api from "./api";
import { el } from "./dom";
import type { Row } from "./rows";

const KINDS: readonly [string, string][] = [
  ["zip", "Sounds (zip of WAV)"],
  ["csv", "List (CSV)"],
  ["json", "List (JSON)"],
  ["m3u", "Playlist (M3U)"],
];

/** The slices that rows stand for: their own ranges, whole sounds as such. */
export function slicesOf(rows: readonly Row[]): api.SliceIn[] {
  return rows.map(({ soundId, startS, endS, band }) =>
    band === null ? { sound_id: soundId } : { sound_id: soundId, start_s: startS, end_s: endS },
  );
}

/** A menu that exports the rows which have come; `rows` is asked when it is used. */
export function takeAway(rows: () => readonly Row[], onError: (error: unknown) => void): HTMLSelectElement {
  const menu = el("select", { class: "take-away", title: "Export what is listed" }, el("option", { value: "" }, "Take away…"));
  menu.append(...KINDS.map(([value, label]) => el("option", { value }, label)));
  menu.setAttribute("aria-label", "Take the list away");
  menu.addEventListener("change", () => {
    const kind = menu.value;
    menu.value = "";
    api.exportSlices(slicesOf(rows()), kind).then((file) => save(file, `soundkin.${kind}`), onError);
  });
  return menu;
}

function save(file: Blob, name: string): void {
  const link = el("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
