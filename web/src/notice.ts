// One line at the bottom that says what went wrong and what to do; it goes away by itself.

import { ApiError } from "./api";
import { el, setText } from "./dom";

const SHOWN_MS = 8000;

export class Notice {
  readonly root: HTMLElement;
  #text = el("span");
  #timer = 0;

  constructor() {
    const close = el("button", { type: "button", class: "plain", aria: { label: "Dismiss" } }, "✕");
    close.addEventListener("click", () => this.hide());
    this.root = el("div", { class: "notice", hidden: true, aria: { role: "alert" } }, this.#text, close);
  }

  say(text: string): void {
    setText(this.#text, text);
    this.root.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.hide(), SHOWN_MS);
  }

  /** Say what an error means; a request that was only replaced by a newer one is no error. */
  tell(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.say(errorText(error));
  }

  hide(): void {
    this.root.hidden = true;
  }
}

/** An error in one or two sentences. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    const { found, todo, message } = error.problem;
    return found && todo ? `${sentence(found)} ${sentence(todo)}` : message;
  }
  if (error instanceof DOMException && error.name === "EncodingError") {
    return "This sound cannot be played here: the browser could not decode it.";
  }
  return error instanceof Error ? error.message : String(error);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
