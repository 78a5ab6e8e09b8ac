// The bar at the bottom: what is heard, stop and loop, volume, and taking it away.

import { sliceAddress } from "./api";
import { el, setText, short } from "./dom";
import { rangeText } from "./format";
import type { Hearing } from "./hearing";
import { speedText } from "./matching";
import { offerSlice } from "./row-drag";
import type { Row } from "./rows";

const VOLUME = "soundkin.volume";

export class PlayerBar {
  readonly root: HTMLElement;
  #hearing: Hearing;
  #toggle = el("button", { type: "button", class: "toggle" });
  #name = el("span", { class: "now-name" });
  #range = el("span", { class: "numbers dim" });
  #speed = el("span", { class: "badge", hidden: true });
  #loop = el("button", { type: "button" }, "Loop");
  #autoplay = el("button", { type: "button", title: "Hear a sound as soon as it is selected" }, "Autoplay");
  #download = el("a", { class: "button", hidden: true }, ...short("Download slice", "Slice"));
  #open = el("button", { type: "button", hidden: true, title: "Spectrogram, tags and neighbours" }, "Open");
  #keep = el("button", { type: "button", hidden: true, title: "Put it on a list" }, "List…");
  #copy = el("button", { type: "button", hidden: true }, ...short("Copy path", "Path"));
  #row: Row | null = null;

  constructor(hearing: Hearing, events: { onToggle: () => void; onOpen: () => void; onKeep: () => void; onCopied: (text: string) => void }) {
    const { onToggle, onCopied } = events;
    this.#open.addEventListener("click", events.onOpen);
    this.#keep.addEventListener("click", events.onKeep);
    const { player } = hearing;
    this.#hearing = hearing;
    this.#autoplay.addEventListener("click", () => hearing.toggleAutoplay());
    this.#toggle.addEventListener("click", onToggle);
    this.#loop.addEventListener("click", () => player.toggleLoop());
    this.#download.title = "Download the exact range as WAV; or drag it to the desktop";
    this.#download.addEventListener("dragstart", (event) => this.#row && offerSlice(event.dataTransfer, this.#row));
    this.#copy.addEventListener("click", () => {
      const path = this.#row?.path ?? "";
      navigator.clipboard.writeText(path).then(
        () => onCopied(`Copied ${path}`),
        () => onCopied(`The browser did not allow copying. The path is ${path}`),
      );
    });
    const volume = el("input", { type: "range", min: "0", max: "1", step: "0.01", class: "volume" });
    volume.setAttribute("aria-label", "Volume");
    volume.value = localStorage.getItem(VOLUME) ?? "0.9";
    player.volume = Number(volume.value);
    volume.addEventListener("input", () => {
      player.volume = Number(volume.value);
      localStorage.setItem(VOLUME, volume.value);
    });
    this.root = el(
      "footer",
      { class: "now", aria: { label: "Player" } },
      this.#toggle,
      el("p", { class: "now-what" }, this.#name, this.#range, this.#speed),
      this.#loop,
      this.#autoplay,
      volume,
      this.#open,
      this.#keep,
      this.#download,
      this.#copy,
    );
    this.show(null);
  }

  /** Show what is heard, else what is selected. */
  show(row: Row | null): void {
    this.#row = row;
    const { take, loop } = this.#hearing.player;
    setText(this.#toggle, take ? "■" : "▶");
    this.#toggle.setAttribute("aria-label", take ? "Stop" : "Play the selected sound");
    this.#toggle.disabled = !take && !row;
    setText(this.#name, take?.name ?? row?.name ?? "Nothing selected");
    const range = take ?? row;
    setText(this.#range, range ? rangeText(range.startS, range.endS) : "");
    const { speed } = this.#hearing.player;
    this.#speed.hidden = !take || speed === 1;
    setText(this.#speed, speedText(speed));
    this.#loop.setAttribute("aria-pressed", String(loop));
    this.#autoplay.setAttribute("aria-pressed", String(this.#hearing.autoplay));
    this.#open.hidden = this.#keep.hidden = this.#download.hidden = this.#copy.hidden = !row;
    if (row) this.#download.href = sliceAddress(row.soundId, row.startS, row.endS, true);
  }
}
