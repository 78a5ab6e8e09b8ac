// What stands where no row is: why, and what to do.

import { el } from "./dom";
import { errorText } from "./notice";

function block(title: string, ...rest: (Node | string)[]): HTMLElement {
  return el("div", {}, el("h2", {}, title), ...rest);
}

function button(text: string, then: () => void, className = ""): HTMLButtonElement {
  const made = el("button", { type: "button", class: className }, text);
  made.addEventListener("click", then);
  return made;
}

/** A request that failed. */
export function wentWrong(error: unknown, again: () => void): HTMLElement {
  const shown = block("That did not work", el("p", {}, errorText(error)), button("Try again", again));
  shown.setAttribute("role", "alert");
  return shown;
}

/** An address that names a dropped file, which nobody has kept. */
export function dropAgain(choose: () => void): HTMLElement {
  const why = "Dropped files are never kept, so this address cannot bring the sound back.";
  return block("Drop the file again", el("p", {}, why), button("Choose a sound", choose, "main"));
}

/** Filters that leave nothing. */
export function nothingFound(text: string, clear: () => void): HTMLElement {
  const title = text ? `No sound has “${text}” in its name, tags or folder` : "No sound is here";
  return block(title, button("Clear the filters", clear));
}

/** A search that has nobody to answer it. */
export function nobodyElse(): HTMLElement {
  return block("No other sound is here");
}

/** Hits there are, but none as close as asked for. */
export function noneClose(least: number, clear: () => void): HTMLElement {
  return block(`No sound is as close as ${least.toFixed(2)}`, button("Show all", clear));
}

/** A named list without items, or an address whose list is gone. */
export function emptyList(isThere: boolean): HTMLElement {
  if (!isThere) return block("This list is not there any more");
  return block("Nothing is on this list yet", el("p", {}, "Press P on a sound to put it here."));
}
