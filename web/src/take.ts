// A take from the microphone: when it begins and ends, its silence cut off, its samples as a WAV file.

const PRE_ROLL_S = 0.06;
const HANG_S = 0.6;
const MOST_S = 30;
const TRIM_S = 0.005;

/** The level of samples (RMS) in dB below full scale, -100 at the least. */
export function levelDb(samples: Float32Array): number {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  return Math.max(-100, 10 * Math.log10(power / Math.max(1, samples.length) + 1e-12));
}

/** Collects blocks: a take begins when one is louder than the gate and ends after a while of silence. */
export class Gate {
  gateDb: number;
  #rateHz: number;
  #blocks: Float32Array[] = [];
  #open = false;
  #quietS = 0;

  constructor(rateHz: number, gateDb: number) {
    this.#rateHz = rateHz;
    this.gateDb = gateDb;
  }

  /** Whether something louder than the gate has come. */
  get open(): boolean {
    return this.#open;
  }

  /** How long the take is so far, in seconds. */
  get seconds(): number {
    return this.#open ? this.#length / this.#rateHz : 0;
  }

  /** Take in a block; true when the take is complete. */
  push(block: Float32Array): boolean {
    this.#blocks.push(block);
    const loud = levelDb(block) >= this.gateDb;
    this.#open ||= loud;
    this.#quietS = loud ? 0 : this.#quietS + block.length / this.#rateHz;
    if (!this.#open) {
      while (this.#length - (this.#blocks[0]?.length ?? 0) > PRE_ROLL_S * this.#rateHz) this.#blocks.shift();
      return false;
    }
    return this.#quietS >= HANG_S || this.seconds >= MOST_S;
  }

  /** What was taken, its silent ends cut off; null when nothing was loud enough. */
  take(): Float32Array | null {
    if (!this.#open) return null;
    const all = new Float32Array(this.#length);
    let at = 0;
    for (const block of this.#blocks) {
      all.set(block, at);
      at += block.length;
    }
    return trim(all, this.#rateHz, this.gateDb);
  }

  get #length(): number {
    return this.#blocks.reduce((sum, block) => sum + block.length, 0);
  }
}

/** Samples without their ends of 5 ms blocks below the gate; a block is kept at either side. */
export function trim(samples: Float32Array, rateHz: number, gateDb: number): Float32Array {
  const size = Math.max(1, Math.round(TRIM_S * rateHz));
  let first = -1;
  let last = -1;
  for (let at = 0; at < samples.length; at += size) {
    if (levelDb(samples.subarray(at, at + size)) < gateDb) continue;
    if (first < 0) first = at;
    last = at;
  }
  if (first < 0) return samples.subarray(0, 0);
  return samples.subarray(Math.max(0, first - size), Math.min(samples.length, last + 2 * size));
}

/** Mono samples as a WAV file of 32-bit floats, bit for bit. */
export function wavOf(samples: Float32Array, rateHz: number): ArrayBuffer {
  const data = samples.length * 4;
  const buffer = new ArrayBuffer(44 + data);
  const view = new DataView(buffer);
  const text = (at: number, word: string) => [...word].forEach((sign, i) => view.setUint8(at + i, sign.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + data, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 3, true); // floating point
  view.setUint16(22, 1, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, rateHz * 4, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 32, true);
  text(36, "data");
  view.setUint32(40, data, true);
  new Float32Array(buffer, 44).set(samples);
  return buffer;
}
