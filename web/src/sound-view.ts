// The page of one sound: its picture, its facts, its tags, what is nearest to it.

import * as api from "./api";
import { el, setText } from "./dom";
import { countOf, timeText } from "./format";
import { errorText } from "./notice";
import { type PictureEvents, SoundPicture } from "./sound-picture";
import type { Cut } from "./state";
import { TagEditor, type TagEvents } from "./tag-editor";
import { TagsPerhaps } from "./tags-perhaps";

export interface SoundEvents extends TagEvents {
  onClose: () => void;
  onOpen: (soundId: string) => void;
  onPlay: (sound: Pick<api.SoundOut, "sound_id" | "name" | "duration_s">, second: number) => void;
  onRegion: (soundId: string, cut: Cut) => void;
  /** Look for what is like a sound, or like a range of it. */
  onSimilar: (soundId: string, cut: Cut | null) => void;
  /** The names of the library's spaces. */
  spaces: () => Promise<readonly string[]>;
  samples: (soundId: string, startS: number, endS: number) => Promise<AudioBuffer>;
}

const NEIGHBOURS = 8;
const NEIGHBOURS_EACH = 5;

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
  #facts = el("p", { class: "facts dim" });
  #path = el("p", { class: "path dim" });
  #state = el("span", { class: "badge", hidden: true });
  #picture: SoundPicture;
  #tags: TagEditor;
  #reveal = el("button", { type: "button", title: "Show the file in the file manager of this machine" }, "Reveal");
  #similar = el("button", { type: "button", title: "Find sounds like this one" }, "Similar");
  #moment = el("button", { type: "button", title: "Find sounds like the segment that was heard last", hidden: true }, "Like this moment");
  #perhaps: TagsPerhaps;
  #nearest = el("div", { class: "nearest" });
  #heard: Cut | null = null;
  #sound: api.SoundOut | null = null;
  #request = new AbortController();
  #compared = -1;
  #comparing = false;

  constructor(events: SoundEvents) {
    this.#events = events;
    const picture: PictureEvents = {
      onPlay: (second) => this.#sound && events.onPlay(this.#sound, second),
      onRegion: (cut) => this.#sound && events.onRegion(this.#sound.sound_id, cut),
    };
    this.#picture = new SoundPicture(picture);
    this.#tags = new TagEditor(events);
    this.#perhaps = new TagsPerhaps(events);
    this.#similar.addEventListener("click", () => this.soundId && events.onSimilar(this.soundId, null));
    this.#moment.addEventListener("click", () => this.soundId && events.onSimilar(this.soundId, this.#heard));
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
      el("header", {}, this.#title, this.#state, this.#similar, this.#reveal, close),
      this.#facts,
      this.#path,
      this.#picture.root,
      this.#moment,
      el("h3", {}, "Tags"),
      this.#tags.root,
      this.#perhaps.root,
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
    this.#heard = null;
    this.#moment.hidden = true;
    if (soundId === null) return;
    try {
      const sound = await api.sound(soundId);
      if (request.signal.aborted) return;
      this.#sound = sound;
      this.#fill(sound);
      this.#perhaps.ask(sound.sound_id, space, request.signal);
      await Promise.all([this.#draw(sound, request.signal), this.#listNearest(sound, space, request.signal)]);
    } catch (error) {
      if (request.signal.aborted) return;
      if (this.#sound) this.#events.onError(error);
      else this.#miss(error);
    }
  }

  /** A sound that cannot be had: why, and nothing that looks like one. */
  #miss(error: unknown): void {
    setText(this.#title, "This sound cannot be shown");
    setText(this.#facts, errorText(error));
    this.root.classList.add("missing");
  }

  setTags(soundId: string, tags: readonly string[]): void {
    if (this.soundId !== soundId) return;
    this.#tags.show(soundId, tags);
    this.#perhaps.without(tags);
  }

  playhead(soundId: string | null, second: number | null): void {
    const here = soundId === this.soundId ? second : null;
    this.#picture.playhead(here);
    if (here !== null && this.#sound) this.#compare(this.#sound, here);
  }

  /** Colour the segments by how much they are like what is heard now; asked anew when another one begins. */
  #compare(sound: api.SoundOut, second: number): void {
    const moment = Math.floor(second * 2);
    if (this.#comparing || moment === this.#compared || sound.n_segments < 2) return;
    this.#compared = moment;
    this.#comparing = true;
    void api.alike(sound.sound_id, second, this.#request.signal).then(
      ({ segments, segment_id }) => {
        if (this.#sound !== sound) return;
        const here = segments.find((one) => one.segment_id === segment_id);
        this.#heard = here ? { startS: here.start_s, endS: here.end_s } : null;
        this.#moment.hidden = !here;
        this.#picture.setSegments(
          segments.map((one) => ({ startS: one.start_s, endS: one.end_s, like: Math.max(0, one.closeness) ** 2 })),
        );
      },
      () => {},
    ).finally(() => (this.#comparing = false));
  }

  redraw(): void {
    if (this.#sound) this.#picture.draw();
  }

  #fill(sound: api.SoundOut): void {
    this.root.classList.remove("missing");
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
    const [[peaks], segments] = await Promise.all([api.peaks([sound.sound_id], signal), api.segments(sound.sound_id, signal)]);
    if (signal.aborted) return;
    if (peaks) this.#picture.setPeaks(peaks);
    this.#picture.setSegments(segments.map((one) => ({ startS: one.start_s, endS: one.end_s, like: null })));
  }

  /** List the neighbours in every space; with one space, in that. */
  async #listNearest(sound: api.SoundOut, space: string | null, signal: AbortSignal): Promise<void> {
    const spaces = await this.#events.spaces();
    const items = [{ sound_id: sound.sound_id }];
    const ask = (name: string | null, k: number) => api.search({ items, k, space: name, further: 0 }, signal).then(({ hits }) => hits);
    if (spaces.length < 2) {
      const hits = await ask(space, NEIGHBOURS);
      this.#nearest.replaceChildren(this.#neighbours(hits));
      return;
    }
    const found = await Promise.allSettled(spaces.map((name) => ask(name, NEIGHBOURS_EACH)));
    if (signal.aborted) return;
    const lists = found.map((one, at) => {
      const list = one.status === "fulfilled" ? this.#neighbours(one.value) : el("p", { class: "dim" }, errorText(one.reason));
      return el("section", {}, el("h4", {}, spaces[at] ?? ""), list);
    });
    this.#nearest.replaceChildren(...lists);
  }

  #neighbours(hits: readonly api.HitOut[]): HTMLElement {
    return hits.length ? el("ol", {}, ...hits.map((hit) => this.#neighbour(hit))) : el("p", { class: "dim" }, "No other sound is here.");
  }

  #neighbour(hit: api.HitOut): HTMLLIElement {
    const play = el("button", { type: "button", class: "plain", aria: { label: `Play ${hit.name}` } }, "▶");
    play.addEventListener("click", () => this.#events.onPlay(hit, hit.start_s));
    const open = el("button", { type: "button", class: "plain name", title: hit.path }, hit.name);
    open.addEventListener("click", () => this.#events.onOpen(hit.sound_id));
    return el("li", {}, play, open, el("span", { class: "dim" }, hit.band));
  }
}
