// The pointer on a waveform: pressing without moving seeks, dragging makes a region.

import type { Span } from "./waveform";

const MOVED_PX = 4;

/** The span between two positions in pixels on a strip of `width` pixels, as shares of it. */
export function spanOf(a: number, b: number, width: number): Span {
  const share = (x: number) => Math.min(1, Math.max(0, x / width));
  return { from: share(Math.min(a, b)), to: share(Math.max(a, b)) };
}

/** Listen on a waveform; spans and positions are shares of the element's width. */
export function listenRegion(
  element: HTMLElement,
  then: {
    onPress: (share: number, event: PointerEvent) => void;
    onDrag: (span: Span) => void;
    onRegion: (span: Span) => void;
  },
): void {
  let start: number | null = null;
  let moved = false;
  const at = (event: PointerEvent) => event.clientX - element.getBoundingClientRect().left;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = at(event);
    moved = false;
  });
  element.addEventListener("pointermove", (event) => {
    if (start === null) return;
    if (!moved && Math.abs(at(event) - start) < MOVED_PX) return;
    if (!moved) element.setPointerCapture(event.pointerId);
    moved = true;
    then.onDrag(spanOf(start, at(event), element.clientWidth));
  });
  element.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const from = start;
    start = null;
    if (moved) then.onRegion(spanOf(from, at(event), element.clientWidth));
    else then.onPress(spanOf(from, from, element.clientWidth).from, event);
  });
  element.addEventListener("pointercancel", () => {
    start = null;
  });
  // A drag ends in a click on the row below it: that click selects nothing.
  element.addEventListener("click", (event) => {
    if (moved) event.stopPropagation();
  });
}
