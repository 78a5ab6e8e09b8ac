// The tags of one sound: taken off one by one, written anew, with those that the library knows offered.

import * as api from "./api";
import { el, replaceKept } from "./dom";

export interface TagEvents {
  onTags: (soundId: string, tags: readonly string[]) => void;
  /** Look for sounds that may bear a tag too. */
  onSuggest: (tag: string) => void;
  onError: (error: unknown) => void;
}

export class TagEditor {
  readonly root: HTMLElement;
  #events: TagEvents;
  #list = el("ul", { class: "chips", aria: { label: "Tags" } });
  #known = el("datalist", { id: "known-tags" });
  #box = el("input", { type: "text", placeholder: "Add a tag", autocomplete: "off", maxLength: 200, disabled: true });
  #soundId: string | null = null;

  constructor(events: TagEvents) {
    this.#events = events;
    this.#box.setAttribute("list", this.#known.id);
    this.#box.setAttribute("aria-label", "Add a tag");
    const form = el("form", { class: "tag-form" }, this.#box, el("button", { type: "submit" }, "Add"), this.#known);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const tags = this.#box.value.split(",").map((tag) => tag.trim()).filter(Boolean);
      this.#box.value = "";
      if (tags.length && this.#soundId !== null) this.#change(this.#soundId, api.addTags, tags);
    });
    this.root = el("div", { class: "tag-editor" }, this.#list, form);
  }

  show(soundId: string, tags: readonly string[]): void {
    if (soundId !== this.#soundId) {
      this.#box.value = "";
      api.tags().then(
        (counts) => this.#known.replaceChildren(...Object.keys(counts).slice(0, 200).map((tag) => el("option", { value: tag }))),
        () => {},
      );
    }
    this.#soundId = soundId;
    this.#box.disabled = false;
    replaceKept(this.#list, tags.map((tag) => this.#chip(soundId, tag)), () => this.#box.focus());
  }

  #chip(soundId: string, tag: string): HTMLLIElement {
    const remove = el("button", { type: "button", class: "plain", aria: { label: `Remove the tag ${tag}` } }, "✕");
    remove.addEventListener("click", () => this.#change(soundId, api.removeTags, [tag]));
    const suggest = el("button", { type: "button", class: "plain turn", title: "Suggest other sounds for this tag" }, tag);
    suggest.addEventListener("click", () => this.#events.onSuggest(tag));
    return el("li", {}, suggest, remove);
  }

  #change(soundId: string, how: (soundId: string, tags: string[]) => Promise<api.TagsOut>, tags: string[]): void {
    how(soundId, tags).then((answer) => this.#events.onTags(soundId, answer.tags), this.#events.onError);
  }
}
