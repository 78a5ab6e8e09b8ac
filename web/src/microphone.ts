// The microphone as a query: a level meter with a gate, a take that ends by itself, takes that are kept.

import { el, setText } from "./dom";
import { timeText } from "./format";
import { Gate, levelDb, wavOf } from "./take";

export interface MicrophoneEvents {
  /** The microphone is about to be opened: what is heard would be heard by it. */
  onOpen: () => void;
  onTake: (file: File) => void;
  onError: (text: string) => void;
}

const GATE = "soundkin.gate";
const LEAST_DB = -80;
const LEAST_S = 0.02;
const INSECURE =
  "Browsers give the microphone only to secure pages. Open the page as http://localhost on the server's own machine, or start the server with: soundkin serve --cert FILE --key FILE";

/** Why the microphone cannot be had, in words. */
export function refusal(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The browser was told not to give the microphone to this page. Allow it beside the address, then press Record again.";
  if (name === "NotFoundError") return "There is no microphone. Connect one and press Record again, or drop a file.";
  return `The microphone could not be opened: ${error instanceof Error ? error.message : String(error)}`;
}

export class Microphone {
  readonly root: HTMLElement;
  #events: MicrophoneEvents;
  #bar = el("div", { class: "level-bar" });
  #gate = el("input", { type: "range", min: String(LEAST_DB), max: "0", step: "1" });
  #said = el("p", { class: "numbers", aria: { role: "status" } });
  #done = el("button", { type: "button", class: "main" }, "Search now");
  #again = el("button", { type: "button", class: "main" }, "Record again");
  #takes = el("ul", { class: "takes", aria: { label: "Takes" } });
  #open: { context: AudioContext; stream: MediaStream; gate: Gate } | null = null;
  #count = 0;
  #starting = false;

  constructor(events: MicrophoneEvents) {
    this.#events = events;
    this.#gate.value = localStorage.getItem(GATE) ?? "-45";
    this.#gate.setAttribute("aria-label", "Gate: the level at which a take begins");
    this.#gate.addEventListener("input", () => this.#setGate());
    this.#done.addEventListener("click", () => this.#finish());
    this.#again.addEventListener("click", () => void this.start());
    const close = el("button", { type: "button" }, "Close");
    close.addEventListener("click", () => this.close());
    this.root = el(
      "section",
      { class: "microphone", hidden: true, aria: { label: "Microphone" } },
      el("div", { class: "level", title: "The level, and the gate at which a take begins" }, this.#bar, this.#gate),
      this.#said,
      this.#done,
      this.#again,
      this.#takes,
      close,
    );
  }

  get state(): { open: boolean; taking: boolean; takes: number } {
    return { open: this.#open !== null, taking: this.#open?.gate.open ?? false, takes: this.#count };
  }

  /** Open when closed, search what there is when open. */
  toggle(): void {
    if (this.#open) this.#finish();
    else void this.start();
  }

  async start(): Promise<void> {
    if (this.#open || this.#starting) return;
    // On insecure pages `mediaDevices` is not there, whatever the types say.
    if (!(navigator.mediaDevices as MediaDevices | undefined)) {
      this.#events.onError(INSECURE);
      return;
    }
    this.#starting = true;
    this.#events.onOpen();
    try {
      await this.#listen();
    } catch (error) {
      this.#release();
      this.#events.onError(refusal(error));
    } finally {
      this.#starting = false;
    }
    this.#show();
  }

  close(): void {
    this.#release();
    this.root.hidden = true;
  }

  async #listen(): Promise<void> {
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: raw });
    const context = new AudioContext();
    this.#open = { context, stream, gate: new Gate(context.sampleRate, Number(this.#gate.value)) };
    await context.audioWorklet.addModule(new URL("./recorder.worklet.js", import.meta.url));
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = (event: MessageEvent<Float32Array>) => this.#hear(event.data);
    context.createMediaStreamSource(stream).connect(recorder);
    await context.resume();
    this.root.hidden = false;
  }

  #hear(block: Float32Array): void {
    const open = this.#open;
    if (!open) return;
    const level = levelDb(block);
    this.#bar.style.transform = `scaleX(${Math.max(0, 1 - level / LEAST_DB)})`;
    this.#bar.classList.toggle("loud", level >= open.gate.gateDb);
    const complete = open.gate.push(block);
    this.#show();
    if (complete) this.#finish();
  }

  #setGate(): void {
    localStorage.setItem(GATE, this.#gate.value);
    if (this.#open) this.#open.gate.gateDb = Number(this.#gate.value);
    this.#show();
  }

  #finish(): void {
    const open = this.#open;
    if (!open) return;
    const { gate, context } = open;
    const samples = gate.take();
    const rateHz = context.sampleRate;
    this.#release();
    this.#show();
    if (!samples || samples.length < LEAST_S * rateHz) {
      setText(this.#said, "Nothing louder than the gate was heard.");
      return;
    }
    const name = `Take ${++this.#count}`;
    const file = new File([wavOf(samples, rateHz)], `${name}.wav`, { type: "audio/wav" });
    const kept = el("button", { type: "button", title: "Search with this take again" }, `${name} · ${timeText(samples.length / rateHz)}`);
    kept.addEventListener("click", () => this.#events.onTake(file));
    this.#takes.append(el("li", {}, kept));
    this.#events.onTake(file);
  }

  #release(): void {
    this.#open?.stream.getTracks().forEach((track) => track.stop());
    void this.#open?.context.close();
    this.#open = null;
    this.#bar.style.transform = "scaleX(0)";
  }

  #show(): void {
    const gate = this.#open?.gate;
    this.#done.hidden = !gate;
    this.#again.hidden = gate !== undefined;
    if (gate?.open) setText(this.#said, `Recording ${timeText(gate.seconds)}: it ends with silence`);
    else if (gate) setText(this.#said, `Listening: begins above ${this.#gate.value} dB`);
    else setText(this.#said, "The microphone is off.");
  }
}
