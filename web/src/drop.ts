// A file from outside: dropped anywhere on the page, or chosen.

const SHOWN = "dropping";

/** Call `then` with the first file that is dropped on the page. */
export function listenDrop(then: (file: File) => void): void {
  const root = document.documentElement;
  const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    root.classList.add(SHOWN);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) root.classList.remove(SHOWN);
  });
  addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    root.classList.remove(SHOWN);
    const file = event.dataTransfer?.files[0];
    if (file) then(file);
  });
}

/** A file from outside, decoded as far as this browser can. */
export interface Dropped {
  file: File;
  buffer: AudioBuffer | null;
}

/** Files that were dropped while this page was open, by number; the server keeps none of them. */
export class DropStore {
  #files = new Map<number, Dropped>();
  #next = 1;

  add(dropped: Dropped): number {
    this.#files.set(this.#next, dropped);
    return this.#next++;
  }

  get(number: number | null): Dropped | null {
    return number === null ? null : (this.#files.get(number) ?? null);
  }
}

/** A range of samples as a buffer of its own. */
export function cutBuffer(buffer: AudioBuffer, startS: number, endS: number): AudioBuffer {
  const from = Math.round(startS * buffer.sampleRate);
  const length = Math.max(1, Math.min(buffer.length, Math.round(endS * buffer.sampleRate)) - from);
  const { numberOfChannels, sampleRate } = buffer;
  const cut = new AudioBuffer({ length, numberOfChannels, sampleRate });
  for (let channel = 0; channel < numberOfChannels; channel++) {
    cut.copyToChannel(buffer.getChannelData(channel).subarray(from, from + length), channel);
  }
  return cut;
}
