// Dragging a row: its slice out of the page where the browser can, and within a list to another place.

import { sliceAddress } from "./api";
import type { Row } from "./rows";

/** Offer a slice to whatever it is dragged to, under the sound's own name. */
export function offerSlice(transfer: DataTransfer | null, row: Pick<Row, "soundId" | "name" | "startS" | "endS">): void {
  const name = row.name.replace(/\.[^.]*$/, "");
  const address = new URL(sliceAddress(row.soundId, row.startS, row.endS, true), location.href).href;
  transfer?.setData("DownloadURL", `audio/wav:${name}.wav:${address}`);
  transfer?.setData("text/uri-list", address);
}

/** Make the rows of a grid draggable; `mover` is asked when a drag begins. */
export function listenRowDrag(
  grid: HTMLElement,
  rowAt: (index: number) => Row | null,
  mover: () => ((from: number, to: number) => void) | null,
): void {
  let from = -1;
  let over: HTMLElement | null = null;
  const lineOf = (event: DragEvent) => (event.target instanceof Element ? event.target.closest<HTMLElement>("[data-index]") : null);
  const mark = (line: HTMLElement | null) => {
    over?.classList.remove("drop-here");
    over = line;
    over?.classList.add("drop-here");
  };
  grid.addEventListener("dragstart", (event) => {
    const index = Number(lineOf(event)?.dataset["index"] ?? -1);
    const row = rowAt(index);
    if (!row) return;
    offerSlice(event.dataTransfer, row);
    from = mover() ? index : -1;
  });
  grid.addEventListener("dragover", (event) => {
    if (from < 0) return;
    event.preventDefault();
    mark(lineOf(event));
  });
  grid.addEventListener("drop", (event) => {
    if (from < 0) return;
    event.preventDefault();
    const to = Number(lineOf(event)?.dataset["index"] ?? -1);
    if (to >= 0 && to !== from) mover()?.(from, to);
  });
  grid.addEventListener("dragend", () => {
    from = -1;
    mark(null);
  });
}
