// The page of one sound: its picture, its facts, its tags, what is nearest to it.

import * as api from "./api";
import { el, setText } from "./dom";
import { countOf, timeText } from "./format";
import { type PictureEvents, SoundPicture } from "./sound-picture";
import type { Cut } from "./state";
import { TagEditor, type TagEvents } from "./tag-editor";

export interface SoundEvents extends TagEvents {
  onClose: () => void;
  onOpen: (soundId: string) => void;
  onPlay: (sound: api.SoundOut, second: number) => void;
  onRegion: (soundId: string, cut: Cut) => void;
  samples: (soundId: string, startS: number, endS: number) => Promise<AudioBuffer>;
}

const NEIGHBOURS = 8;

/** A sound's facts in one line. */
export function factsText(sound: api.SoundOut): string {
  const channels = sound.channels === 1 ? "mono" : sound.channels === 2 ? "stereo" : `${sound.channels} channels`;
  return [
    timeText(sound.duration_s),
    sound.format,
    `${(sound.rate_hz / 1000).toLocaleString("en")} kHz`,
    channels,
    countOf(sound.n_segments, "segment"),
    `added ${sound.added_at.slice(0, 10)}`,
  ].join(" · ");
}

export class SoundView {
  readonly root: HTMLElement;
  #events: SoundEvents;
  #title = el("h2");
  #facts = el("p", { class: "dim" });
  #path = el("p", { class: "path dim" });
  #state = el("span", { class: "badge", hidden: true });
  #picture: SoundPicture;
  #tags: TagEditor;
  #reveal = el("button", { type: "button", title: "Show the file in the file manager of this machine" }, "Reveal");
  #nearest = el("ol", { class: "nearest" });
  #sound: api.SoundOut | null = null;
  #request = new AbortController();
  #compared = -1;

  constructor(events: SoundEvents) {
    this.#events = events;
    const picture: PictureEvents = {
      onPlay: (second) => this.#sound && events.onPlay(this.#sound, second),
      onRegion: (cut) => this.#sound && events.onRegion(this.#sound.sound_id, cut),
    };
    this.#picture = new SoundPicture(picture);
    this.#tags = new TagEditor(events);
    const close = el("button", { type: "button", class: "plain", aria: { label: "Close the sound's page" } }, "✕");
    close.addEventListener("click", () => events.onClose());
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    this.#reveal.hidden = !local;
    this.#reveal.addEventListener("click", () => {
      if (this.soundId) api.reveal(this.soundId).catch(events.onError);
    });
    this.root = el(
      "aside",
      { class: "sound", hidden: true, aria: { label: "Sound" } },
      el("header", {}, this.#title, this.#state, this.#reveal, close),
      this.#facts,
      this.#path,
      this.#picture.root,
      el("h3", {}, "Tags"),
      this.#tags.root,
      el("h3", {}, "Nearest"),
      this.#nearest,
    );
  }

  get soundId(): string | null {
    return this.#sound?.sound_id ?? null;
  }

  /** Show a sound's page, or none. */
  async show(soundId: string | null, space: string | null): Promise<void> {
    if (soundId === this.soundId && soundId !== null) return;
    this.#request.abort();
    const request = (this.#request = new AbortController());
    this.root.hidden = soundId === null;
    this.#sound = null;
    this.#compared = -1;
    if (soundId === null) return;
    try {
      const sound = await api.sound(soundId);
      if (request.signal.aborted) return;
      this.#sound = sound;
      this.#fill(sound);
      await Promise.all([this.#draw(sound, request.signal), this.#listNearest(sound, space, request.signal)]);
    } catch (error) {
      if (!request.signal.aborted) this.#events.onError(error);
    }
  }

  setTags(soundId: string, tags: readonly string[]): void {
    if (this.soundId === soundId) this.#tags.show(soundId, tags);
  }

  playhead(soundId: string | null, second: number | null): void {
    const here = soundId === this.soundId ? second : null;
    this.#picture.playhead(here);
    if (here !== null && this.#sound) this.#compare(this.#sound, here);
  }

  /** Colour the segments by how much they are like what is heard now; asked anew when another one begins. */
  #compare(sound: api.SoundOut, second: number): void {
    const moment = Math.floor(second * 2);
    if (moment === this.#compared || sound.n_segments < 2) return;
    this.#compared = moment;
    api.alike(sound.sound_id, second, this.#request.signal).then(
      ({ segments }) => {
        if (this.#sound !== sound) return;
        this.#picture.setSegments(
          segments.map((one) => ({ startS: one.start_s, endS: one.end_s, like: Math.max(0, one.closeness) ** 2 })),
        );
      },
      () => {},
    );
  }

  redraw(): void {
    if (this.#sound) this.#picture.draw();
  }

  #fill(sound: api.SoundOut): void {
    setText(this.#title, sound.name);
    setText(this.#facts, factsText(sound));
    setText(this.#path, sound.path);
    setText(this.#state, sound.state);
    this.#state.hidden = sound.state === "present";
    this.#tags.show(sound.sound_id, sound.tags);
    this.#nearest.replaceChildren();
    this.#picture.show(sound.duration_s, (from, to) => this.#events.samples(sound.sound_id, from, to));
  }

  async #draw(sound: api.SoundOut, signal: AbortSignal): Promise<void> {
    const [peaks, segments] = await Promise.all([api.peaks(sound.sound_id, signal), api.segments(sound.sound_id, signal)]);
    if (signal.aborted) return;
    this.#picture.setPeaks(peaks);
    this.#picture.setSegments(segments.map((one) => ({ startS: one.start_s, endS: one.end_s, like: null })));
  }

  async #listNearest(sound: api.SoundOut, space: string | null, signal: AbortSignal): Promise<void> {
    const { hits } = await api.search({ items: [{ sound_id: sound.sound_id }], k: NEIGHBOURS, space }, signal);
    this.#nearest.replaceChildren(...hits.map((hit) => this.#neighbour(hit)));
  }

  #neighbour(hit: api.HitOut): HTMLLIElement {
    const open = el("button", { type: "button", class: "plain", title: hit.path }, hit.name);
    open.addEventListener("click", () => this.#events.onOpen(hit.sound_id));
    return el("li", {}, open, el("span", { class: "dim" }, hit.band));
  }
}
