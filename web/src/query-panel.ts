// The query on top: its waveform, the range that is searched, and two handles to move it.

import { el, setText } from "./dom";
import { rangeText, timeText } from "./format";
import { peaksOf } from "./peaks";
import { type PartCard, PartChips, type PartEvents } from "./query-parts";
import { listenRegion } from "./region";
import type { Cut } from "./state";
import { drawWave, type Span } from "./waveform";

/** What is shown on top: a sound of the library or a dropped file. */
export interface Subject {
  key: string;
  name: string;
  durationS: number;
  cut: Cut | null;
  note: string;
  /** Peaks of the whole sound, null while they are fetched or when it cannot be drawn. */
  peaks: Int8Array | null;
  /** The samples of a stretch, for a closer look at a long sound; null when there are none. */
  samples: ((startS: number, endS: number) => Promise<AudioBuffer>) | null;
}

export interface QueryEvents extends PartEvents {
  onCut: (cut: Cut | null) => void;
  onPlay: (cut: Cut) => void;
  onClear: () => void;
}

const WHOLE_S = 60;
const WINDOW_S = 30;
const LEAST_CUT_S = 0.02;
const PAIRS = 1600;

/** The stretch to show: the whole of a short sound, else some seconds around the cut. */
export function windowFor(durationS: number, cut: Cut | null): Cut {
  if (durationS <= WHOLE_S) return { startS: 0, endS: durationS };
  const middle = cut ? (cut.startS + cut.endS) / 2 : 0;
  const length = Math.max(WINDOW_S, cut ? (cut.endS - cut.startS) * 1.5 : 0);
  const startS = Math.max(0, Math.min(middle - length / 2, durationS - length));
  return { startS, endS: Math.min(durationS, startS + length) };
}

/** A cut kept inside a sound, ordered and long enough to be heard. */
export function fitCut(cut: Cut, durationS: number): Cut {
  const startS = Math.max(0, Math.min(cut.startS, durationS - LEAST_CUT_S));
  return { startS, endS: Math.min(durationS, Math.max(cut.endS, startS + LEAST_CUT_S)) };
}

export class QueryPanel {
  readonly root: HTMLElement;
  #events: QueryEvents;
  #subject: Subject | null = null;
  #window: Cut = { startS: 0, endS: 1 };
  #cut: Cut | null = null;
  #close: Int8Array | null = null;
  #settle = 0;
  #chosen = 0;
  #chips: PartChips;
  #note = el("span", { class: "dim" });
  #whole = el("button", { type: "button", textContent: "Whole sound" });
  #canvas = el("canvas");
  #overview = el("canvas", { class: "overview", title: "The whole sound: press to look there" });
  #head = el("div", { class: "playhead", hidden: true });
  #handles: [HTMLElement, HTMLElement] = [handle("Start of the range"), handle("End of the range")];
  #wave = el("div", { class: "query-wave" }, this.#canvas, this.#head, ...this.#handles);

  constructor(events: QueryEvents) {
    this.#events = events;
    this.#chips = new PartChips(events);
    const play = el("button", { type: "button", class: "plain", title: "Play the query" }, "▶");
    play.setAttribute("aria-label", "Play the query");
    play.addEventListener("click", () => events.onPlay(this.#range_()));
    this.#whole.addEventListener("click", () => events.onCut(null));
    const clear = el("button", { type: "button" }, "Clear");
    clear.title = "Back to browsing";
    clear.addEventListener("click", () => events.onClear());
    this.root = el(
      "section",
      { class: "query", hidden: true, aria: { label: "Query" } },
      el("div", { class: "query-head" }, play, this.#chips.root, this.#note, this.#whole, clear),
      this.#wave,
      this.#overview,
    );
    listenRegion(this.#wave, {
      onPress: (share) => this.#seek(share),
      onDrag: (span) => this.#drag(span),
      onRegion: (span) => {
        this.#drag(span);
        this.#commit();
      },
    });
    this.#overview.addEventListener("pointerdown", (event) => this.#lookAt(event));
    this.#handles.forEach((grip, end) => this.#listenHandle(grip, end));
    new ResizeObserver(() => this.draw()).observe(this.#wave);
  }

  /** Show the chips of a query's parts; the waveform is that of the chosen one. */
  showParts(cards: readonly PartCard[], chosen: number): void {
    this.#chosen = chosen;
    this.#chips.show(cards, chosen);
  }

  /** Show a subject, or nothing. */
  show(subject: Subject | null): void {
    const before = this.#subject;
    const same = subject !== null && subject.key === before?.key;
    this.#subject = subject;
    this.root.hidden = subject === null;
    if (!subject) return;
    // A range that is just being moved stays as it is when only the waveform has come.
    if (!same || !sameCut(subject.cut, before?.cut ?? null)) this.#cut = subject.cut;
    const { startS, endS } = this.#range_();
    if (!same || startS < this.#window.startS || endS > this.#window.endS) this.#look(windowFor(subject.durationS, this.#cut));
    this.draw();
  }

  /** Move the playhead to a second of the sound; null takes it away. */
  playhead(second: number | null): void {
    const { startS, endS } = this.#window;
    const shown = second !== null && second >= startS && second <= endS;
    this.#head.hidden = !shown;
    if (shown) this.#head.style.left = `${((second - startS) / (endS - startS)) * 100}%`;
  }

  draw(): void {
    const subject = this.#subject;
    if (!subject) return;
    const { startS, endS } = this.#range_();
    this.#chips.showRange(this.#chosen, subject.durationS ? rangeText(startS, endS) : "");
    setText(this.#note, subject.note);
    this.#whole.hidden = this.#cut === null;
    const { durationS } = subject;
    const share = (second: number) => second / (durationS || 1);
    const mark = this.#cut && { from: share(startS), to: share(endS) };
    const view = { from: share(this.#window.startS), to: share(this.#window.endS) };
    if (this.#close) drawWave(this.#canvas, this.#close, mark && within(mark, view));
    else drawWave(this.#canvas, subject.peaks, mark, view);
    this.#overview.hidden = durationS <= WHOLE_S;
    if (!this.#overview.hidden) drawWave(this.#overview, subject.peaks, view);
    this.#handles.forEach((grip, end) => this.#placeHandle(grip, end ? endS : startS));
  }

  #range_(): Cut {
    return this.#cut ?? { startS: 0, endS: this.#subject?.durationS ?? 0 };
  }

  #second(share: number): number {
    return this.#window.startS + share * (this.#window.endS - this.#window.startS);
  }

  #seek(share: number): void {
    const startS = this.#second(share);
    const { endS } = this.#range_();
    const end = startS < endS ? endS : (this.#subject?.durationS ?? 0);
    this.#events.onPlay({ startS, endS: end });
  }

  #drag(span: Span): void {
    const durationS = this.#subject?.durationS ?? 0;
    this.#cut = fitCut({ startS: this.#second(span.from), endS: this.#second(span.to) }, durationS);
    this.draw();
  }

  #commit(): void {
    clearTimeout(this.#settle);
    if (this.#cut) this.#events.onCut(this.#cut);
  }

  #placeHandle(grip: HTMLElement, second: number): void {
    const { startS, endS } = this.#window;
    const share = (second - startS) / (endS - startS);
    grip.hidden = !(share >= 0 && share <= 1);
    grip.style.left = `${share * 100}%`;
    grip.setAttribute("aria-valuemin", "0");
    grip.setAttribute("aria-valuemax", String(this.#subject?.durationS ?? 0));
    grip.setAttribute("aria-valuenow", second.toFixed(3));
    grip.setAttribute("aria-valuetext", timeText(second));
  }

  #moveEnd(end: number, second: number): void {
    const durationS = this.#subject?.durationS ?? 0;
    const { startS, endS } = this.#range_();
    const bounded = Math.min(durationS, Math.max(0, second));
    if (end) this.#cut = { startS, endS: Math.max(bounded, startS + LEAST_CUT_S) };
    else this.#cut = { startS: Math.min(bounded, endS - LEAST_CUT_S), endS };
    this.draw();
  }

  #listenHandle(grip: HTMLElement, end: number): void {
    grip.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      grip.setPointerCapture(event.pointerId);
    });
    grip.addEventListener("pointermove", (event) => {
      if (!grip.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      const box = this.#wave.getBoundingClientRect();
      this.#moveEnd(end, this.#second((event.clientX - box.left) / box.width));
    });
    grip.addEventListener("pointerup", (event) => {
      event.stopPropagation();
      this.#commit();
    });
    grip.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const size = (this.#window.endS - this.#window.startS) / (event.shiftKey ? 20 : 200);
      const { startS, endS } = this.#range_();
      this.#moveEnd(end, (end ? endS : startS) + step * size);
      clearTimeout(this.#settle);
      this.#settle = window.setTimeout(() => this.#commit(), 350);
    });
  }

  #lookAt(event: PointerEvent): void {
    const durationS = this.#subject?.durationS ?? 0;
    const share = event.offsetX / this.#overview.clientWidth;
    const half = (this.#window.endS - this.#window.startS) / 2;
    const startS = Math.max(0, Math.min(share * durationS - half, durationS - 2 * half));
    this.#look({ startS, endS: startS + 2 * half });
    this.draw();
  }

  /** Show another stretch; a long sound's is fetched, so that it is drawn as finely as a short one. */
  #look(stretch: Cut): void {
    const subject = this.#subject;
    this.#window = stretch;
    this.#close = null;
    if (!subject?.samples || subject.durationS <= WHOLE_S) return;
    subject.samples(stretch.startS, stretch.endS).then(
      (buffer) => {
        if (this.#subject?.key !== subject.key || this.#window !== stretch) return;
        this.#close = peaksOf(buffer.getChannelData(0), PAIRS);
        this.draw();
      },
      () => {},
    );
  }
}

function sameCut(a: Cut | null, b: Cut | null): boolean {
  return a?.startS === b?.startS && a?.endS === b?.endS;
}

/** A span as shares of a view that is itself a span. */
function within(span: Span, view: Span): Span {
  const length = view.to - view.from;
  return { from: (span.from - view.from) / length, to: (span.to - view.from) / length };
}

function handle(label: string): HTMLElement {
  const grip = el("div", { class: "handle", tabIndex: 0, title: `${label}: drag, or arrow keys` });
  grip.setAttribute("role", "slider");
  grip.setAttribute("aria-label", label);
  return grip;
}
