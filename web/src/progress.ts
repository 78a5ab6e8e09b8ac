// Indexing as it goes: a line under the bar, fed by the server's events.

import type { Counts, IndexState } from "./api";
import { el, setText } from "./dom";
import { countOf, countText, spanText } from "./format";
import { errorText } from "./notice";
import { ApiError } from "./api";

/** Progress in words: how far, how fast, how long still, how many failed. */
export function progressText(state: IndexState): string {
  const parts = [`Indexing ${lastPart(state.folder)}`];
  const total = state.total === null ? "" : ` of ${countText(state.total)}`;
  if (state.phase === "scan") parts.push("looking for sounds");
  else parts.push(`${countText(state.done)}${total} files`);
  const rate = state.elapsed_s > 0.5 ? state.done / state.elapsed_s : 0;
  if (rate > 0) {
    parts.push(`${countText(Math.round(rate))} files/s`);
    if (state.total !== null && state.total > state.done) parts.push(`${spanText((state.total - state.done) / rate)} left`);
  }
  if (state.failed) parts.push(`${countText(state.failed)} failed`);
  return parts.join(" · ");
}

/** How a run ended, in words. */
export function endText(state: IndexState): string {
  const folder = lastPart(state.folder);
  if (state.state === "failed" && state.error) return `Indexing ${folder} failed. ${errorText(new ApiError(0, state.error))}`;
  const done = countOf(state.done, "file");
  const failed = state.failed ? ` · ${countText(state.failed)} failed` : "";
  return state.state === "stopped" ? `Stopped after ${done}; index the folder again to go on${failed}` : `Indexed ${folder}: ${done}${failed}`;
}

function lastPart(path: string): string {
  return path.split("/").filter(Boolean).at(-1) ?? path;
}

const ENDED_MS = 12_000;

export class Progress {
  readonly root: HTMLElement;
  #bar = el("progress", { aria: { label: "Indexing" } });
  #text = el("span", { aria: { role: "status" } });
  #failures = el("button", { type: "button", hidden: true }, "Show which");
  #stop = el("button", { type: "button" }, "Stop");
  #ran = false;
  #timer = 0;

  /** `onFailures`: the files that gave no sound are asked for. */
  constructor(onStop: () => void, onFailures: () => void) {
    this.#stop.addEventListener("click", onStop);
    this.#failures.addEventListener("click", () => {
      if (this.#stop.hidden) this.#end();
      onFailures();
    });
    this.root = el("div", { class: "progress", hidden: true }, this.#bar, this.#text, this.#failures, this.#stop);
  }

  /** Say that another process indexes into this library, as long as this server does not. */
  elsewhere(counts: Counts): void {
    if (this.#ran) return;
    this.root.hidden = !counts.indexing;
    this.#stop.hidden = true;
    this.#bar.removeAttribute("value");
    setText(this.#text, `Another process is indexing · ${countOf(counts.sounds, "sound")} so far`);
  }

  show(state: IndexState): void {
    const running = state.state === "running";
    if (!running && !this.#ran) return;
    this.#ran ||= running;
    clearTimeout(this.#timer);
    this.root.hidden = false;
    this.#bar.hidden = this.#stop.hidden = !running;
    this.#failures.hidden = state.failed === 0;
    if (state.total) {
      this.#bar.max = state.total;
      this.#bar.value = state.done;
    } else this.#bar.removeAttribute("value");
    setText(this.#text, running ? progressText(state) : endText(state));
    // files that gave no sound are said until somebody has looked
    if (!running && !state.failed) this.#timer = window.setTimeout(() => this.#end(), ENDED_MS);
  }

  #end(): void {
    this.root.hidden = true;
    this.#ran = false;
  }
}

export interface ServerEvents {
  onIndex: (state: IndexState) => void;
  onCounts: (counts: Counts) => void;
  /** The server has gone away, or has come back. */
  onAway: (away: boolean) => void;
}

const AGAIN_MS = 1000;

/** Follow the server's events while the page is in sight; a hidden page holds no connection. */
export function followEvents({ onIndex, onCounts, onAway }: ServerEvents): void {
  let events: EventSource | null = null;
  let timer = 0;
  const end = () => {
    clearTimeout(timer);
    events?.close();
    events = null;
  };
  const follow = () => {
    if (document.hidden) end();
    if (document.hidden || events) return;
    clearTimeout(timer);
    events = new EventSource("/api/events");
    events.addEventListener("open", () => onAway(false));
    events.addEventListener("error", () => {
      end();
      onAway(true);
      timer = window.setTimeout(follow, AGAIN_MS);
    });
    events.addEventListener("index", (event) => onIndex(JSON.parse(String(event.data)) as IndexState));
    events.addEventListener("counts", (event) => onCounts(JSON.parse(String(event.data)) as Counts));
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", end);
  addEventListener("pageshow", follow);
  follow();
}
