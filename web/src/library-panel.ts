// The library: its folders and whether they are there, what failed and why, and adding a folder.

import * as api from "./api";
import { el } from "./dom";
import { bytesText, countOf, countText } from "./format";
import { errorText } from "./notice";

/** A form that asks for a folder of the server's machine and has it indexed. */
export function folderForm(onStarted: () => void): HTMLFormElement {
  const box = el("input", { type: "text", required: true, placeholder: "/path/to/a/folder/of/sounds", spellcheck: false });
  box.setAttribute("aria-label", "Folder to index, as a whole path on the server's machine");
  const wrong = el("p", { class: "wrong", aria: { role: "alert" }, hidden: true });
  const form = el("form", { class: "folder-form" }, box, el("button", { type: "submit", class: "main" }, "Index"), wrong);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wrong.hidden = true;
    api.startIndex(box.value.trim()).then(
      () => {
        box.value = "";
        onStarted();
      },
      (error: unknown) => {
        wrong.textContent = errorText(error);
        wrong.hidden = false;
      },
    );
  });
  return form;
}

/** What a library without sounds shows instead of rows. */
export function emptyLibrary(onStarted: () => void): HTMLElement {
  return el(
    "div",
    {},
    el("h2", {}, "This library is empty"),
    el("p", {}, "Point it at a folder of sound; search works while it is being indexed. Nothing is written beside your files."),
    folderForm(onStarted),
    el("p", { class: "dim" }, "From a terminal: ", el("code", {}, "soundkin index FOLDER")),
  );
}

export class LibraryPanel {
  readonly root: HTMLDialogElement;
  #body = el("div");
  #wrong = el("p", { class: "wrong", aria: { role: "alert" }, hidden: true });

  constructor() {
    this.root = el("dialog", { class: "panel", aria: { label: "Library" } }, this.#body);
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) this.root.close();
    });
  }

  async open(): Promise<void> {
    const library = await api.library();
    const failed = library.counts.failures ? await api.failures() : [];
    this.#body.replaceChildren(
      el("header", {}, el("h2", {}, library.name), el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close"))),
      el("p", { class: "dim path" }, library.path),
      el(
        "p",
        {},
        `${countOf(library.counts.sounds, "sound")} · ${countOf(library.counts.segments, "segment")} · Soundkin ${library.version}`,
      ),
      el("h3", {}, "Spaces: what similar can mean"),
      spaces(library.indexes, library.installed),
      el("h3", {}, `On disk: ${bytesText(library.disk.reduce((sum, { bytes }) => sum + bytes, 0))}`),
      el("ul", { class: "disk" }, ...library.disk.map(({ what, bytes }) => el("li", {}, el("span", {}, what), el("span", { class: "numbers dim" }, bytesText(bytes))))),
      el("h3", {}, "Folders"),
      folders(library.roots, library.indexing, (root) => this.#index(root.path, false)),
      el("h3", {}, "Add a folder"),
      folderForm(() => this.root.close()),
      el("h3", {}, `Files that gave no sound (${countText(library.counts.failures)})`),
      failures(failed, () => this.#retry(failed)),
      this.#wrong,
    );
    this.#wrong.hidden = true;
    if (!this.root.open) this.root.showModal();
  }

  /** Try the failed files of the first folder that has some again; one folder is indexed at a time. */
  #retry(failed: readonly api.FailureOut[]): void {
    const root = failed[0]?.root;
    if (root) this.#index(root, true);
  }

  #index(folder: string, retryFailed: boolean): void {
    api.startIndex(folder, retryFailed).then(
      () => this.root.close(),
      (error: unknown) => {
        this.#wrong.textContent = errorText(error);
        this.#wrong.hidden = false;
      },
    );
  }
}

function spaces(indexes: readonly api.SpaceOut[], installed: readonly string[]): HTMLElement {
  const others = installed.filter((name) => !indexes.some((space) => space.name === name));
  const more = others.length ? el("p", { class: "dim" }, "Installed, but not in this library: ", others.join(", "), ". Add one with ", el("code", {}, "soundkin spaces add NAME")) : null;
  const lines = indexes.map((space) =>
    el(
      "li",
      {},
      el("strong", {}, space.name),
      el("span", { class: "numbers dim" }, countOf(space.vectors, "vector")),
      el("span", { class: "dim" }, `${space.indexed.kind}: ${space.indexed.why}${space.indexed.said === space.indexed.kind ? "" : ` · ${space.indexed.said}`}`),
    ),
  );
  return el("div", {}, lines.length ? el("ul", { class: "spaces" }, ...lines) : el("p", { class: "dim" }, "None yet."), more);
}

function folders(roots: readonly api.RootOut[], indexing: api.IndexState, onAgain: (root: api.RootOut) => void): HTMLElement {
  if (!roots.length) return el("p", { class: "dim" }, "None yet.");
  const busy = (root: api.RootOut) => indexing.state === "running" && indexing.folder === root.path;
  const lines = roots.map((root) =>
    el(
      "li",
      {},
      el("strong", {}, root.label || root.path),
      " ",
      el("span", { class: root.state === "online" ? "dim" : "badge" }, busy(root) ? "being indexed" : root.state === "online" ? "there" : root.state),
      el("span", { class: "numbers dim" }, ` ${countOf(root.n_sounds, "sound")}${root.n_gone ? `, ${countText(root.n_gone)} gone` : ""}`),
      root.state === "online" && !busy(root) ? again(root, onAgain) : null,
      root.label ? el("span", { class: "path dim" }, root.path) : null,
    ),
  );
  return el("ul", { class: "roots" }, ...lines);
}

/** Looks through a folder again: what is new, changed, moved or gone. */
function again(root: api.RootOut, onAgain: (root: api.RootOut) => void): HTMLButtonElement {
  const button = el("button", { type: "button", title: "Look for new, changed, moved and missing files" }, "Look again");
  button.setAttribute("aria-label", `Look again through ${root.label || root.path}`);
  button.addEventListener("click", () => onAgain(root));
  return button;
}

function failures(failed: readonly api.FailureOut[], onRetry: () => void): HTMLElement {
  if (!failed.length) return el("p", { class: "dim" }, "None.");
  const lines = failed.map((failure) =>
    el(
      "li",
      {},
      el("span", { class: "path" }, failure.path),
      el("span", { class: "badge" }, failure.reason),
      el("span", { class: "dim" }, failure.message),
    ),
  );
  const retry = el("button", { type: "button" }, "Try them again");
  retry.addEventListener("click", onRetry);
  return el(
    "div",
    {},
    el("ul", { class: "failures" }, ...lines),
    el("p", { class: "dim" }, "They are not tried again until they change, or you say so. ", retry),
  );
}
