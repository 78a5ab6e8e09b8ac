// The lists in a panel: opened, made, renamed, deleted, taken away; and where a sound is put on one.

import * as api from "./api";
import { el, replaceKept, setText } from "./dom";
import { countOf } from "./format";
import { type Lists, sliceKey } from "./lists";
import { errorText } from "./notice";
import { exportAs, exportMenu } from "./take-away";

export interface ListsPanelEvents {
  onOpen: (listId: string) => void;
  onFavourites: () => void;
  /** Something was put on a list. */
  onKept: (text: string) => void;
}

/** What is to be put on a list: slices, and what they are called together. */
export interface Kept {
  slices: readonly api.SliceIn[];
  name: string;
}

export class ListsPanel {
  readonly root: HTMLDialogElement;
  #lists: Lists;
  #events: ListsPanelEvents;
  #title = el("h2");
  #lines = el("ul", { class: "lists" });
  #box = el("input", { type: "text", placeholder: "A new list", maxLength: 200, autocomplete: "off", required: true });
  #make = el("button", { type: "submit" });
  #said = el("p", { aria: { role: "status" } });
  #undo = el("button", { type: "button", hidden: true }, "Undo");
  #favourites = 0;
  #kept: Kept | null = null;
  #gone: api.ListOut | null = null;
  #last: string | null = null;
  #renamed: string | null = null;

  constructor(lists: Lists, events: ListsPanelEvents) {
    this.#lists = lists;
    this.#events = events;
    this.#box.setAttribute("aria-label", "Name of a new list");
    const form = el("form", { class: "folder-form" }, this.#box, this.#make);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    this.#undo.addEventListener("click", () => this.#bringBack());
    const close = el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close"));
    this.root = el(
      "dialog",
      { class: "panel", aria: { label: "Lists" } },
      el("header", {}, this.#title, close),
      this.#lines,
      form,
      el("p", { class: "tools" }, this.#said, this.#undo),
    );
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) this.root.close();
    });
  }

  /** Show the lists; `kept`: what a press puts on one of them. */
  async open(kept: Kept | null): Promise<void> {
    this.#kept = kept;
    this.#gone = this.#renamed = null;
    this.#say("");
    const [counts] = await Promise.all([api.tags(), this.#lists.load()]);
    this.#favourites = counts["favourite"] ?? 0;
    setText(this.#title, kept ? `Put ${kept.name} on a list` : "Lists");
    setText(this.#make, kept ? "Make, and put it there" : "Make");
    this.#fill();
    if (!this.root.open) this.root.showModal();
    if (kept) (this.#lines.querySelector<HTMLElement>(`[data-list="${this.#last}"] .put`) ?? this.#lines.querySelector<HTMLElement>(".put") ?? this.#box).focus();
  }

  #fill(): void {
    const favourites = el("button", { type: "button", class: "plain name" }, "★ Favourites");
    favourites.addEventListener("click", () => this.#leave(this.#events.onFavourites));
    const first = el("li", {}, favourites, el("span", { class: "numbers dim" }, countOf(this.#favourites, "sound")), el("span", { class: "dim" }, "F on any row"));
    replaceKept(this.#lines, [first, ...this.#lists.all.map((one) => this.#line(one))], () => this.#box.focus());
  }

  #line(one: api.ListOut): HTMLLIElement {
    const { list_id: id, name } = one;
    const button = (text: string, label: string, then: () => void) => {
      const made = el("button", { type: "button", aria: { label } }, text);
      made.addEventListener("click", then);
      return made;
    };
    const open = button(name, name, () => this.#leave(() => this.#events.onOpen(id)));
    open.className = "plain name";
    const take = exportMenu(`Take ${name} away`, (kind) => this.#try(exportAs(kind, one.items, name)));
    take.disabled = !one.items.length;
    return el(
      "li",
      { data: { list: id } },
      this.#renamed === id ? this.#nameBox(one) : open,
      el("span", { class: "numbers dim" }, countOf(one.items.length, "sound")),
      this.#kept ? this.#put(one, this.#kept, button) : null,
      button("Rename", `Rename ${name}`, () => {
        this.#renamed = id;
        this.#fill();
        this.#lines.querySelector<HTMLInputElement>("input")?.select();
      }),
      take,
      button("Delete", `Delete ${name}`, () => this.#delete(one)),
    );
  }

  /** A button that puts what is to be kept on a list, or takes it off where it is. */
  #put(one: api.ListOut, kept: Kept, button: (text: string, label: string, then: () => void) => HTMLButtonElement): HTMLButtonElement {
    const there = new Set(one.items.map(sliceKey));
    const isOn = kept.slices.every((slice) => there.has(sliceKey(slice)));
    const label = isOn ? `Take ${kept.name} off ${one.name}` : `Put ${kept.name} on ${one.name}`;
    const made = button(isOn ? "✓ on it" : "Put here", label, () => {
      if (isOn) this.#try(this.#lists.takeOff(one.list_id, kept.slices).then(() => this.#fill()));
      else this.#try(this.#lists.add(one.list_id, kept.slices).then((list) => this.#done(list, kept)));
    });
    made.classList.add("put");
    made.setAttribute("aria-pressed", String(isOn));
    return made;
  }

  #done(list: api.ListOut, kept: Kept): void {
    this.#last = list.list_id;
    this.root.close();
    const are = kept.slices.length === 1 ? "is" : "are";
    this.#events.onKept(`${kept.name} ${are} on the list “${list.name}” (${countOf(list.items.length, "sound")}).`);
  }

  #begin(): void {
    const kept = this.#kept;
    this.#try(
      this.#lists.make(this.#box.value, kept?.slices ?? []).then((list) => {
        this.#box.value = "";
        if (kept) this.#done(list, kept);
        else this.#fill();
      }),
    );
  }

  #nameBox({ list_id: id, name }: api.ListOut): HTMLInputElement {
    const box = el("input", { type: "text", value: name, maxLength: 200, aria: { label: `New name of ${name}` } });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.#renamed = null;
      const other = box.value.trim();
      if (event.key === "Enter" && other && other !== name) this.#try(this.#lists.rename(id, other).then(() => this.#fill()));
      else this.#fill();
    });
    return box;
  }

  #delete(one: api.ListOut): void {
    this.#try(
      this.#lists.remove(one.list_id).then((gone) => {
        this.#gone = gone;
        this.#fill();
        this.#say(`Deleted the list “${gone.name}”; its sounds stay.`, true);
      }),
    );
  }

  #bringBack(): void {
    const gone = this.#gone;
    if (!gone) return;
    this.#gone = null;
    this.#try(this.#lists.make(gone.name, gone.items).then(() => this.#fill()));
    this.#say("");
    this.#box.focus();
  }

  #say(text: string, undo = false): void {
    setText(this.#said, text);
    this.#undo.hidden = !undo;
  }

  #leave(then: () => void): void {
    this.root.close();
    then();
  }

  #try(done: Promise<unknown>): void {
    done.catch((error: unknown) => this.#say(errorText(error)));
  }
}
