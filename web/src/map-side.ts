// The map beside the list: what is heard, pinned, outlined and found on it.

import { type Cards, firstOfEach, KeyedRows } from "./cards";
import type { Found } from "./finder";
import { countOf } from "./format";
import type { Hearing } from "./hearing";
import { segmentOf } from "./map-points";
import { MapView } from "./map-view";
import { partsOf } from "./parts";
import type { Spot } from "./point-grid";
import { spaceOf, type View } from "./state";

export interface MapSideEvents {
  onView: (change: Partial<View>) => void;
  /** The points have come: rows that depend on them can be shown. */
  onPoints: () => void;
  onError: (error: unknown) => void;
}

const CORNERS = 48;
const HOVER_FADE_S = 0.01;

/** An outline with few enough corners for a URL. */
export function simplified(outline: readonly Spot[]): Spot[] {
  const step = Math.max(1, Math.ceil(outline.length / CORNERS));
  const short = (value: number) => Number(value.toPrecision(5));
  return outline.filter((_, at) => at % step === 0).map(([x, y]) => [short(x), short(y)]);
}

export class MapSide {
  readonly map: MapView;
  #cards: Cards;
  #hearing: Hearing;
  #heard: string | null = null;
  #wanted: string | null = null;

  constructor(cards: Cards, hearing: Hearing, events: MapSideEvents) {
    this.#cards = cards;
    this.#hearing = hearing;
    this.map = new MapView({
      onHear: (segmentId) => void this.#hear(segmentId).catch(events.onError),
      onAhead: (segmentId) => void this.#cards.row(segmentId).then((row) => hearing.audition.prepare([row]), () => {}),
      onPin: (segmentId) => {
        events.onView({ sound: segmentId.slice(0, 32) });
        void this.#pin(segmentId).catch(events.onError);
      },
      onLasso: (outline) => events.onView({ lasso: simplified(outline), at: null }),
      onMade: () => {
        if (this.#wanted) this.map.find(this.#wanted);
        this.#wanted = null;
        events.onPoints();
      },
      onError: events.onError,
    });
  }

  /** The segment that was pointed at last, until a row is selected; null for none. */
  get pointed(): string | null {
    return this.#heard;
  }

  pointAtNothing(): void {
    this.#heard = null;
  }

  show(view: View): void {
    const parts = view.drop === null ? partsOf(view) : [];
    const items = parts.map(({ soundId, cut, weight }) => ({
      sound_id: soundId,
      start_s: cut?.startS ?? null,
      end_s: cut?.endS ?? null,
      weight,
    }));
    this.map.show(view.show === "map", items, spaceOf(view));
    this.map.outline(view.lasso);
  }

  /** Look at a sound on the map as soon as the map is there. */
  find(soundId: string): void {
    this.#wanted = soundId;
    this.map.find(soundId);
  }

  /** The rows of what was outlined. */
  async picked(outline: readonly Spot[], onLoad: () => void): Promise<Found> {
    const points = await this.map.points();
    const ids = points ? points.grid.inside(outline).map((index) => segmentOf(points, index)) : [];
    const source = new KeyedRows(firstOfEach(ids), (id) => this.#cards.row(id), onLoad);
    const status = `${countOf(source.count, "sound")} outlined on the map · ${countOf(ids.length, "segment")}`;
    return { source, status, remark: "", query: [] };
  }

  /** Hear a dot that is pressed, as a row is heard: a finger cannot rest on it. */
  async #pin(segmentId: string): Promise<void> {
    const { audition, autoplay, player } = this.#hearing;
    if (!autoplay) return;
    const row = await this.#cards.row(segmentId);
    if (player.take?.key !== segmentId) audition.play(row);
  }

  /** Hear a segment that the pointer rests on; when it leaves, stop what it began. */
  async #hear(segmentId: string | null): Promise<void> {
    this.#heard = segmentId;
    const { player } = this.#hearing;
    if (segmentId === null) {
      if (player.take?.hovered) player.stop();
      return;
    }
    const row = await this.#cards.row(segmentId);
    if (this.#heard !== segmentId) return;
    this.map.ring(row.soundId, segmentId);
    if (player.take?.key !== segmentId) this.#hearing.audition.play(row, null, HOVER_FADE_S);
  }
}
