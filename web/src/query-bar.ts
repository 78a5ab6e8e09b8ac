// The bar on top: one box for words, a button for a file, and the filters that are on.

import { el, replaceKept, short } from "./dom";
import { isSimilar, type Show, type View } from "./state";
import { Terms, withoutTerm } from "./terms";

export interface BarEvents {
  onText: (text: string) => void;
  onFile: (file: File) => void;
  onView: (view: View) => void;
  onMicrophone: () => void;
  onSurprise: () => void;
  onLibrary: () => void;
  onLists: () => void;
  /** What a named list is called. */
  listName: (id: string) => string;
  onKeys: () => void;
  onLeave: () => void;
}

type Filter = "folders" | "notFolders" | "tags" | "notTags";

const FILTERS: readonly { word: string; on: Filter; off: Filter }[] = [
  { word: "in", on: "folders", off: "notFolders" },
  { word: "tag", on: "tags", off: "notTags" },
];

const SHOWS: readonly [Show, string][] = [
  ["list", "List"],
  ["map", "Map"],
  ["duplicates", "Duplicates"],
];

const TYPING_MS = 180;

export class QueryBar {
  readonly root: HTMLElement;
  #events: BarEvents;
  #box: HTMLInputElement;
  #file: HTMLInputElement;
  #chips = el("ul", { class: "chips", aria: { label: "Filters" } });
  #library = el("button", { type: "button", class: "plain library-button" }, el("strong", {}, "Soundkin"));
  #views = el("nav", { class: "switch", aria: { label: "Views" } });
  #view: View | null = null;
  #terms = new Terms(() => this.again());
  #timer = 0;

  constructor(events: BarEvents, theme: HTMLElement) {
    this.#events = events;
    this.#box = el("input", { type: "search", autocomplete: "off", spellcheck: false });
    this.#box.setAttribute("aria-label", "Search names, tags and folders");
    this.#box.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => events.onText(this.#box.value), TYPING_MS);
    });
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#file = el("input", { type: "file", accept: "audio/*,video/*", hidden: true });
    this.#file.addEventListener("change", () => this.#choose());
    const choose = el("button", { type: "button", title: "Or drop a file anywhere on the page" }, ...short("Choose a sound", "File"));
    choose.addEventListener("click", () => this.choose());
    this.#library.addEventListener("click", () => events.onLibrary());
    const record = el("button", { type: "button", title: "Search with a sound from the microphone" }, "Record");
    record.addEventListener("click", () => events.onMicrophone());
    const surprise = el("button", { type: "button", title: "A sound drawn by lot, and what is like it" }, "Surprise");
    surprise.addEventListener("click", () => events.onSurprise());
    const lists = el("button", { type: "button", title: "Favourites and lists of your own" }, "Lists");
    lists.addEventListener("click", () => events.onLists());
    const keys = el("button", { type: "button", class: "plain", title: "Keys", aria: { label: "Keys" } }, "?");
    keys.addEventListener("click", () => events.onKeys());
    this.root = el(
      "header",
      { class: "bar" },
      this.#library,
      this.#views,
      el("search", {}, this.#box),
      choose,
      this.#file,
      record,
      surprise,
      lists,
      theme,
      keys,
      this.#chips,
    );
  }

  /** Let the user choose a file. */
  choose(): void {
    this.#file.click();
  }

  focus(): void {
    this.#box.focus();
    this.#box.select();
  }

  /** Say whose library it is and how much it holds. */
  showLibrary(name: string, counts: string): void {
    const label = [el("strong", {}, name), el("span", { class: "dim" }, counts)];
    this.#library.replaceChildren(...label);
    this.#library.title = "The library: folders, failures, indexing";
  }

  /** A list has got another name. */
  again(): void {
    if (this.#view) this.show(this.#view);
  }

  show(view: View): void {
    if (view.show !== this.#view?.show) this.#showViews(view);
    this.#view = view;
    if (document.activeElement !== this.#box) this.#box.value = view.text;
    this.#box.placeholder = isSimilar(view) ? "Filter these: word  -word  tag:vinyl" : "Words: kick  -808  tag:vinyl  in:Drums  dur<1";
    const chips = FILTERS.flatMap(({ word, on, off }) => [
      ...view[on].map((value) => this.#chip(view, `${word} ${value}`, value, on, off)),
      ...view[off].map((value) => this.#chip(view, `not ${word} ${value}`, value, off, on)),
    ]);
    this.#terms.read(view.text);
    for (const term of this.#terms.found) {
      const text = withoutTerm(view.text, term.start, term.end);
      chips.push(this.#placeChip(term.text, `Remove the filter: ${term.text}`, { ...view, text }, term.negated));
    }
    if (view.lasso.length) chips.push(this.#placeChip("outlined on the map", "Remove the outline on the map", { ...view, lasso: [] }));
    if (view.list !== null) {
      const name = this.#events.listName(view.list);
      chips.push(this.#placeChip(`list ${name}`, `Leave the list ${name}`, { ...view, list: null }));
    }
    replaceKept(this.#chips, chips, this.#events.onLeave);
    this.#chips.hidden = chips.length === 0;
  }

  /** Where the rows come from, with a cross that leads to a view without it. */
  #placeChip(text: string, label: string, without: View, minus = false): HTMLLIElement {
    const remove = el("button", { type: "button", class: "plain", aria: { label } }, "✕");
    remove.addEventListener("click", () => this.#events.onView({ ...without, at: null }));
    return el("li", { class: minus ? "minus" : "" }, text, remove);
  }

  #showViews(view: View): void {
    const buttons = SHOWS.map(([show, label]) => {
      const button = el("button", { type: "button" }, label);
      if (show === view.show) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => this.#view && this.#events.onView({ ...this.#view, show }));
      return button;
    });
    replaceKept(this.#views, buttons);
  }

  /** A filter: its words turn it to the opposite, its cross takes it off. */
  #chip(view: View, label: string, value: string, here: Filter, there: Filter): HTMLLIElement {
    const without = { ...view, at: null, [here]: view[here].filter((other) => other !== value) };
    const turned = { ...without, [there]: [...new Set([...view[there], value])] };
    const opposite = here.startsWith("not") ? "Only these instead" : "Leave these out instead";
    const turn = el("button", { type: "button", class: "plain turn", title: opposite }, label);
    turn.addEventListener("click", () => this.#events.onView(turned));
    const remove = el("button", { type: "button", class: "plain", aria: { label: `Remove the filter: ${label}` } }, "✕");
    remove.addEventListener("click", () => this.#events.onView(without));
    return el("li", { class: here.startsWith("not") ? "minus" : "" }, turn, remove);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== "Escape" && event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(this.#timer);
    if (this.#view?.text !== this.#box.value) this.#events.onText(this.#box.value);
    this.#events.onLeave();
  }

  #choose(): void {
    const file = this.#file.files?.[0];
    this.#file.value = "";
    if (file) this.#events.onFile(file);
  }
}
