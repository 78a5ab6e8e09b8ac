// Tags that a sound may bear too: each with the sounds near to it that do; accepted or refused.

import * as api from "./api";
import { el, replaceKept } from "./dom";

export interface PerhapsEvents {
  onTags: (soundId: string, tags: readonly string[]) => void;
  onError: (error: unknown) => void;
}

const MOST = 5;

/** Why a tag is thought of, in words. */
export function whyText(guess: api.TagGuessOut): string {
  const names = guess.evidence.map(({ name }) => name);
  const more = names.length - 2;
  return `${guess.band}: like ${names.slice(0, 2).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

export class TagsPerhaps {
  readonly root = el("ul", { class: "perhaps", hidden: true, aria: { label: "Tags it may bear too" } });
  #events: PerhapsEvents;
  #soundId = "";
  #guesses: readonly api.TagGuessOut[] = [];

  constructor(events: PerhapsEvents) {
    this.#events = events;
  }

  /** Ask what tags a sound may bear, as a space hears it. */
  ask(soundId: string, space: string | null, signal: AbortSignal): void {
    this.#soundId = soundId;
    this.#show([]);
    api.tagsPerhaps(soundId, space, signal).then(
      (guesses) => {
        if (!signal.aborted) this.#show(guesses);
      },
      () => {}, // nobody asked for it
    );
  }

  /** The sound bears these tags now. */
  without(tags: readonly string[]): void {
    this.#show(this.#guesses.filter(({ tag }) => !tags.includes(tag)));
  }

  #show(guesses: readonly api.TagGuessOut[]): void {
    this.#guesses = guesses;
    this.root.hidden = !guesses.length;
    replaceKept(this.root, guesses.slice(0, MOST).map((guess) => this.#line(guess)));
  }

  #line(guess: api.TagGuessOut): HTMLLIElement {
    const { tag } = guess;
    const yes = el("button", { type: "button", title: "It bears this tag", aria: { label: `Add the tag ${tag}` } }, `+ ${tag}`);
    yes.addEventListener("click", () => void this.#decide(tag, true));
    const no = el("button", { type: "button", class: "plain", title: "It does not", aria: { label: `Not ${tag}` } }, "✕");
    no.addEventListener("click", () => void this.#decide(tag, false));
    return el("li", {}, yes, el("span", { class: "dim" }, whyText(guess)), no);
  }

  async #decide(tag: string, yes: boolean): Promise<void> {
    const id = this.#soundId;
    try {
      await api.decide(tag, yes ? [id] : [], yes ? [] : [id]);
      const [now] = await api.tagsOf([id]);
      this.#show(this.#guesses.filter((one) => one.tag !== tag));
      if (now) this.#events.onTags(id, now.tags);
    } catch (error) {
      this.#events.onError(error);
    }
  }
}
