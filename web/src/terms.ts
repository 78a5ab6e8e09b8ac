// The filters among the words that were typed, as the server reads them: each can be taken off.

import * as api from "./api";

/** A text without what stands from one place to another (counted in characters), blanks put right. */
export function withoutTerm(text: string, start: number, end: number): string {
  const letters = Array.from(text);
  return [letters.slice(0, start), letters.slice(end)].map((part) => part.join("").trim()).filter(Boolean).join(" ");
}

/** Whether a text may hold more than plain words, so that asking is worth while. */
export function mayFilter(text: string): boolean {
  return /[:<>=]|(^|\s)-/.test(text);
}

export class Terms {
  /** The filters of the last text that could be read. */
  found: readonly api.TermOut[] = [];
  #text = "";
  #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Read a text; `onChange` is called when its filters are known. What cannot be read has none: the list says why. */
  read(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.found = [];
    if (!mayFilter(text)) return;
    api.terms(text).then(
      ({ terms }) => {
        if (text !== this.#text) return;
        this.found = terms.filter((term) => term.field !== "word" || term.negated);
        this.#onChange();
      },
      () => {},
    );
  }
}
