// The parts of a query: each one sound or range with a weight, added or subtracted.

import { type Cut, EMPTY, type Item, type View } from "./state";

/** One part of a query: a dropped file (no id) or a sound of the library. */
export interface Part {
  soundId: string | null;
  cut: Cut | null;
  weight: number;
}

/** The parts of a view's query in their order: a dropped file stands first. */
export function partsOf(view: View): Part[] {
  const dropped = view.drop === null ? [] : [{ soundId: null, cut: view.cut, weight: view.dropWeight }];
  return [...dropped, ...view.like.map(partOf)];
}

function partOf({ soundId, startS, endS, weight }: Item): Part {
  return { soundId, cut: startS === null || endS === null ? null : { startS, endS }, weight };
}

function itemOf(soundId: string, { cut, weight }: Part): Item {
  return { soundId, startS: cut?.startS ?? null, endS: cut?.endS ?? null, weight };
}

/** A view whose query has these parts. */
function withParts(view: View, parts: readonly Part[]): View {
  const dropped = parts.find((part) => part.soundId === null);
  const like = parts.flatMap((part) => (part.soundId === null ? [] : [itemOf(part.soundId, part)]));
  const drop = dropped
    ? { drop: view.drop, cut: dropped.cut, dropWeight: dropped.weight }
    : { drop: null, cut: null, dropWeight: 1 };
  const steer = parts.length ? {} : { least: EMPTY.least, different: EMPTY.different };
  return { ...view, like, ...drop, ...steer, at: null };
}

/** A view with one part of its query changed. */
export function changePart(view: View, index: number, change: Partial<Pick<Part, "cut" | "weight">>): View {
  return withParts(view, partsOf(view).map((part, at) => (at === index ? { ...part, ...change } : part)));
}

/** A view without one part of its query; a query that only subtracts is none. */
export function removePart(view: View, index: number): View {
  const left = partsOf(view).filter((_, at) => at !== index);
  return withParts(view, left.some((part) => part.weight > 0) ? left : []);
}

/** A view with one more sound or range, added (1) or subtracted (-1). */
export function addPart(view: View, soundId: string, cut: Cut | null, weight: number): View {
  return withParts({ ...view, text: "" }, [...partsOf(view), { soundId, cut, weight }]);
}

/** Whether a part may change sides: something has to be left that is asked for. */
export function canTurn(parts: readonly Part[], index: number): boolean {
  return parts.some((part, at) => part.weight > 0 && at !== index);
}
