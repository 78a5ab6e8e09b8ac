// Decoded stretches of the library's sounds, fetched ahead of time and kept up to so many seconds.

const KEPT_S = 300;

export class SliceStore {
  #fetch: (soundId: string, startS: number, endS: number) => Promise<ArrayBuffer>;
  #decode: (data: ArrayBuffer) => Promise<AudioBuffer>;
  #kept = new Map<string, { buffer: Promise<AudioBuffer>; seconds: number }>();

  constructor(
    fetch: (soundId: string, startS: number, endS: number) => Promise<ArrayBuffer>,
    decode: (data: ArrayBuffer) => Promise<AudioBuffer>,
  ) {
    this.#fetch = fetch;
    this.#decode = decode;
  }

  /** The samples of a range; the same promise for the same range until it has been pushed out. */
  get(soundId: string, startS: number, endS: number): Promise<AudioBuffer> {
    const key = `${soundId}@${startS.toFixed(6)}-${endS.toFixed(6)}`;
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    const entry = known ?? { buffer: this.#load(soundId, startS, endS), seconds: endS - startS };
    this.#kept.set(key, entry);
    if (!known) {
      entry.buffer.catch(() => this.#kept.delete(key));
      this.#forget();
    }
    return entry.buffer;
  }

  async #load(soundId: string, startS: number, endS: number): Promise<AudioBuffer> {
    return this.#decode(await this.#fetch(soundId, startS, endS));
  }

  #forget(): void {
    let seconds = 0;
    for (const entry of this.#kept.values()) seconds += entry.seconds;
    for (const [key, entry] of this.#kept) {
      if (seconds <= KEPT_S || this.#kept.size <= 1) return;
      this.#kept.delete(key);
      seconds -= entry.seconds;
    }
  }
}
