// One sound drawn large: spectrogram, waveform and segments over the same time, with one playhead.

import { cssValue, el } from "./dom";
import { timeText } from "./format";
import { peaksOf } from "./peaks";
import { windowFor } from "./query-panel";
import { listenRegion } from "./region";
import { spectrogram } from "./spectrogram";
import type { Cut } from "./state";
import { drawWave } from "./waveform";

/** A segment with how much it is like what is heard now, 0 to 1; null when nothing is compared. */
export interface Strip {
  startS: number;
  endS: number;
  like: number | null;
}

export interface PictureEvents {
  onPlay: (second: number) => void;
  onRegion: (cut: Cut) => void;
}

const ROWS = 128;
const MOST_COLUMNS = 1200;
const PAIRS = 1600;

export class SoundPicture {
  readonly root: HTMLElement;
  #spectrum = el("canvas", { class: "spectrum" });
  #wave = el("canvas", { class: "sound-wave" });
  #strip = el("canvas", { class: "strip" });
  #overview = el("canvas", { class: "overview", title: "The whole sound: press to look there" });
  #head = el("div", { class: "playhead", hidden: true });
  #drag = el("div", { class: "drag", hidden: true });
  #times = el("p", { class: "times numbers dim" });
  #durationS = 0;
  #peaks: Int8Array | null = null;
  #window: Cut = { startS: 0, endS: 1 };
  #samples: ((startS: number, endS: number) => Promise<AudioBuffer>) | null = null;
  #heard: AudioBuffer | null = null;
  /** The levels of the picture that is drawn: they take longer than drawing it again. */
  #levels: { of: AudioBuffer; columns: number; levels: Float32Array } | null = null;
  #segments: readonly Strip[] = [];

  constructor(events: PictureEvents) {
    const stack = el("div", { class: "stack" }, this.#spectrum, this.#wave, this.#strip, this.#drag, this.#head);
    this.root = el("div", { class: "picture" }, stack, this.#times, this.#overview);
    listenRegion(stack, {
      onPress: (share) => events.onPlay(this.#second(share)),
      onDrag: ({ from, to }) => {
        this.#drag.hidden = false;
        this.#drag.style.left = `${from * 100}%`;
        this.#drag.style.width = `${(to - from) * 100}%`;
      },
      onRegion: ({ from, to }) => {
        this.#drag.hidden = true;
        events.onRegion({ startS: this.#second(from), endS: this.#second(to) });
      },
    });
    this.#overview.addEventListener("pointerdown", (event) => this.#lookAt(event.offsetX / this.#overview.clientWidth));
    new ResizeObserver(() => this.draw()).observe(stack);
  }

  show(durationS: number, samples: (startS: number, endS: number) => Promise<AudioBuffer>): void {
    this.#durationS = durationS;
    this.#samples = samples;
    this.#peaks = null;
    this.#segments = [];
    this.#look(windowFor(durationS, null));
  }

  setPeaks(peaks: Int8Array | null): void {
    this.#peaks = peaks;
    this.draw();
  }

  setSegments(segments: readonly Strip[]): void {
    this.#segments = segments;
    this.#drawStrip();
  }

  playhead(second: number | null): void {
    const { startS, endS } = this.#window;
    const shown = second !== null && second >= startS && second <= endS;
    this.#head.hidden = !shown;
    if (shown) this.#head.style.left = `${((second - startS) / (endS - startS)) * 100}%`;
  }

  draw(): void {
    const { startS, endS } = this.#window;
    const view = { from: startS / this.#durationS, to: endS / this.#durationS };
    this.#times.replaceChildren(el("span", {}, timeText(startS)), el("span", {}, timeText(endS)));
    const close = this.#heard && peaksOf(this.#heard.getChannelData(0), PAIRS);
    if (close) drawWave(this.#wave, close, null);
    else drawWave(this.#wave, this.#peaks, null, view);
    this.#overview.hidden = view.to - view.from > 0.999;
    if (!this.#overview.hidden) drawWave(this.#overview, this.#peaks, view);
    this.#drawSpectrum();
    this.#drawStrip();
  }

  #second(share: number): number {
    return this.#window.startS + share * (this.#window.endS - this.#window.startS);
  }

  #lookAt(share: number): void {
    const half = (this.#window.endS - this.#window.startS) / 2;
    const startS = Math.max(0, Math.min(share * this.#durationS - half, this.#durationS - 2 * half));
    this.#look({ startS, endS: startS + 2 * half });
  }

  #look(stretch: Cut): void {
    this.#window = stretch;
    this.#heard = null;
    this.draw();
    this.#samples?.(stretch.startS, stretch.endS).then(
      (buffer) => {
        if (this.#window !== stretch) return;
        this.#heard = buffer;
        this.draw();
      },
      () => {},
    );
  }

  #drawSpectrum(): void {
    const canvas = this.#spectrum;
    const columns = Math.min(MOST_COLUMNS, canvas.clientWidth);
    const context = canvas.getContext("2d");
    if (!columns || !context) return;
    canvas.width = columns;
    canvas.height = ROWS;
    if (!this.#heard) return;
    if (this.#levels?.of !== this.#heard || this.#levels.columns !== columns) {
      const levels = spectrogram(this.#heard.getChannelData(0), this.#heard.sampleRate, columns, ROWS);
      this.#levels = { of: this.#heard, columns, levels };
    }
    const { levels } = this.#levels;
    const image = context.createImageData(columns, ROWS);
    const colours = ramp();
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < ROWS; row++) {
        const [red = 0, green = 0, blue = 0] = colours[Math.round((levels[column * ROWS + row] ?? 0) * 255)] ?? [];
        const at = ((ROWS - 1 - row) * columns + column) * 4;
        image.data[at] = red;
        image.data[at + 1] = green;
        image.data[at + 2] = blue;
        image.data[at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }

  #drawStrip(): void {
    const canvas = this.#strip;
    const context = canvas.getContext("2d");
    canvas.width = canvas.clientWidth;
    canvas.height = canvas.clientHeight;
    if (!context || !canvas.width) return;
    const { startS, endS } = this.#window;
    const place = (second: number) => ((second - startS) / (endS - startS)) * canvas.width;
    for (const { startS: from, endS: to, like } of this.#segments) {
      context.globalAlpha = like === null ? 0.25 : Math.max(0.06, like);
      context.fillStyle = cssValue(like === null ? "--wave-dim" : "--accent");
      context.fillRect(place(from), 0, Math.max(1, place(to) - place(from) - 1), canvas.height);
    }
  }
}

/** 256 colours from the ground over the accent to the text's colour. */
function ramp(): number[][] {
  const [ground, accent, text] = ["--panel", "--wave", "--text"].map((name) => hex(cssValue(name))) as [number[], number[], number[]];
  return Array.from({ length: 256 }, (_, i) => {
    const share = i / 255;
    const [from, to, part] = share < 0.7 ? [ground, accent, share / 0.7] : [accent, text, (share - 0.7) / 0.3];
    return from.map((value, at) => Math.round(value + ((to[at] ?? 0) - value) * part));
  });
}

function hex(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}
