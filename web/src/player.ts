// One voice: a new sound always stops the old one. Long sounds are played piece by piece, without a gap.

/** Something that can be heard: a range in seconds of a sound that gives its samples piece by piece. */
export interface Take {
  key: string;
  soundId: string | null;
  name: string;
  startS: number;
  endS: number;
  /** Heard because the pointer rests on it, as long as it does. */
  hovered?: boolean;
  /** How long it fades in; 2 ms unless told. */
  fadeS?: number;
  /** How much faster it is to be played, by its first samples; null: it cannot be said; undefined: as it is. */
  rateOf?: (first: AudioBuffer) => Promise<number | null | undefined>;
  /** Exactly the samples from `startS` to `endS`. */
  load(startS: number, endS: number): Promise<AudioBuffer>;
}

const FADE_IN_S = 0.002;
const FADE_OUT_S = 0.012;
const WHOLE_S = 20;
const FIRST_PIECE_S = 5;

/** Cut a range into pieces: one up to 20 s, else a short first one so that it starts at once. */
export function pieces(startS: number, endS: number): [number, number][] {
  if (endS - startS <= WHOLE_S) return [[startS, endS]];
  const out: [number, number][] = [[startS, startS + FIRST_PIECE_S]];
  for (let at = startS + FIRST_PIECE_S; at < endS; at += WHOLE_S) out.push([at, Math.min(at + WHOLE_S, endS)]);
  return out;
}

interface Voice {
  take: Take;
  /** 1 is as it is. */
  rate: number;
  gain: GainNode;
  sources: AudioBufferSourceNode[];
  parts: [number, number][];
  /** Pieces that have been scheduled: on the clock of the context, and in the sound. */
  plan: { whenS: number; startS: number; endS: number }[];
}

export class Player {
  loop = false;
  onChange: () => void = () => {};
  onError: (error: unknown) => void = () => {};
  onBlocked: () => void = () => {};
  #context: AudioContext | null = null;
  #master: GainNode | null = null;
  #analyser: AnalyserNode | null = null;
  #voice: Voice | null = null;
  #wanted: Take | null = null;
  #volume = 1;
  /** How much faster than it is the take is heard; null: that was asked for, but could not be said. */
  speed: number | null = 1;

  /** The take that is heard, or will be as soon as its samples have come. */
  get take(): Take | null {
    return this.#wanted;
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    if (this.#master && this.#context) {
      this.#master.gain.setTargetAtTime(this.#volume ** 2, this.#context.currentTime, 0.01);
    }
  }

  /** Decode without playing; needs no gesture of the user. */
  async decode(data: ArrayBuffer): Promise<AudioBuffer> {
    return (this.#context ?? new OfflineAudioContext(1, 1, 44100)).decodeAudioData(data);
  }

  /** Whether the context exists, so that what is decoded now is decoded at its rate. */
  get ready(): boolean {
    return this.#context !== null;
  }

  async play(take: Take): Promise<void> {
    const context = this.#open();
    this.#wanted = take;
    this.onChange();
    const parts = pieces(take.startS, take.endS);
    const slow = setTimeout(() => this.#silence(), 30);
    try {
      const [piece] = await Promise.all([take.load(...(parts[0] as [number, number])), this.#wake(context)]);
      const asked = take.rateOf ? await take.rateOf(piece) : undefined;
      if (this.#wanted !== take) return;
      this.#silence();
      const gain = context.createGain();
      gain.connect(this.#master as GainNode);
      this.speed = asked === undefined ? 1 : asked;
      const voice: Voice = { take, rate: asked ?? 1, gain, sources: [], parts, plan: [] };
      this.#voice = voice;
      const whenS = context.currentTime + 0.004;
      gain.gain.setValueAtTime(0, whenS);
      gain.gain.linearRampToValueAtTime(1, whenS + (take.fadeS ?? FADE_IN_S));
      this.#schedule(voice, 0, whenS, piece);
      this.onChange();
    } catch (error) {
      if (this.#wanted !== take) return;
      this.stop();
      this.onError(error);
    } finally {
      clearTimeout(slow);
    }
  }

  stop(): void {
    this.#wanted = null;
    this.#silence();
    this.onChange();
  }

  toggleLoop(): void {
    this.loop = !this.loop;
    const voice = this.#voice;
    if (voice?.parts.length === 1 && voice.sources[0]) voice.sources[0].loop = this.loop;
    this.onChange();
  }

  /** Where in the sound the playhead is, in seconds; null in silence. */
  get positionS(): number | null {
    const voice = this.#voice;
    if (!voice || !this.#context || this.#wanted !== voice.take) return null;
    const now = this.#context.currentTime;
    const piece = voice.plan.findLast((part) => part.whenS <= now) ?? voice.plan[0];
    if (!piece) return null;
    const into = Math.max(0, now - piece.whenS) * voice.rate;
    const length = piece.endS - piece.startS;
    return piece.startS + (voice.parts.length === 1 ? into % length : Math.min(into, length));
  }

  /** What is heard now, measured at the output: level (RMS) and the loudest frequency. */
  measure(): { state: string; rms: number; peakHz: number; voices: number } {
    const analyser = this.#analyser;
    if (!analyser || !this.#context) return { state: "closed", rms: 0, peakHz: 0, voices: 0 };
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.reduce((best, value, at) => (value > (bins[best] ?? -Infinity) ? at : best), 0);
    return {
      state: this.#context.state,
      rms: Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length),
      peakHz: (loudest * this.#context.sampleRate) / analyser.fftSize,
      voices: this.#voice ? 1 : 0,
    };
  }

  #open(): AudioContext {
    if (this.#context) return this.#context;
    const context = new AudioContext({ latencyHint: "interactive" });
    this.#master = context.createGain();
    this.#master.gain.value = this.#volume ** 2;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 4096;
    this.#analyser.smoothingTimeConstant = 0;
    this.#master.connect(this.#analyser).connect(context.destination);
    this.#context = context;
    return context;
  }

  /** Browsers keep a context asleep until the user has clicked or typed. */
  async #wake(context: AudioContext): Promise<void> {
    if (context.state === "running") return;
    const woken = context.resume().then(() => true);
    const slow = new Promise<false>((then) => setTimeout(() => then(false), 800));
    if (!(await Promise.race([woken, slow]))) this.onBlocked();
    await woken;
  }

  #silence(): void {
    const voice = this.#voice;
    if (!voice || !this.#context) return;
    this.#voice = null;
    const now = this.#context.currentTime;
    voice.gain.gain.cancelScheduledValues(now);
    voice.gain.gain.setTargetAtTime(0, now, FADE_OUT_S / 4);
    for (const source of voice.sources) {
      source.onended = null;
      source.stop(now + FADE_OUT_S);
    }
    setTimeout(() => voice.gain.disconnect(), FADE_OUT_S * 1000 + 200);
  }

  #schedule(voice: Voice, index: number, whenS: number, buffer: AudioBuffer): void {
    const [startS, endS] = voice.parts[index] as [number, number];
    const source = (this.#context as AudioContext).createBufferSource();
    source.buffer = buffer;
    source.playbackRate.value = voice.rate;
    source.loop = this.loop && voice.parts.length === 1;
    source.connect(voice.gain);
    source.start(whenS);
    voice.sources.push(source);
    voice.plan.push({ whenS, startS, endS });
    const last = index + 1 === voice.parts.length;
    if (!last) void this.#prepare(voice, index + 1, whenS + (endS - startS) / voice.rate);
    source.onended = () => this.#ended(voice, source, last);
  }

  /** Load the next piece while the present one is heard, and put it right behind it. */
  async #prepare(voice: Voice, index: number, whenS: number): Promise<void> {
    const context = this.#context as AudioContext;
    try {
      const wait = Math.max(0, whenS - context.currentTime - 8);
      if (wait > 0) await new Promise((then) => setTimeout(then, wait * 1000));
      if (this.#voice !== voice) return;
      const piece = await voice.take.load(...(voice.parts[index] as [number, number]));
      if (this.#voice !== voice) return;
      this.#schedule(voice, index, Math.max(whenS, context.currentTime + 0.004), piece);
    } catch (error) {
      if (this.#voice !== voice) return;
      this.stop();
      this.onError(error);
    }
  }

  #ended(voice: Voice, source: AudioBufferSourceNode, last: boolean): void {
    voice.sources = voice.sources.filter((other) => other !== source);
    if (this.#voice !== voice || !last || voice.sources.length) return;
    if (this.loop) void this.play(voice.take);
    else this.stop();
  }
}
