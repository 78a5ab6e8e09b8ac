import { describe, expect, it } from "vitest";
import type { HitOut, SoundOut, SoundPage } from "../src/api";
import { HitRows, PAGE, PagedRows } from "../src/rows";

function hit(id: string, further: number): HitOut {
  const ranges = Array.from({ length: further }, (_, n) => ({
    segment_id: `${id}-${n + 1}`, start_s: n + 1, end_s: n + 2, distance: 0.2, band: "related",
  }));
  return {
    rank: 1, sound_id: id, segment_id: `${id}-0`, name: id, path: `/x/${id}`, root: "/x", folder: "",
    start_s: 0, end_s: 1, duration_s: 9, distance: 0.1, closeness: 0.9, band: "close",
    bands: ["close"], further: ranges, tags: [], state: "present",
  };
}

describe("rows of a search", () => {
  it("fold and unfold the further ranges of a hit", () => {
    const rows = new HitRows([hit("a", 2), hit("b", 0), hit("c", 1)]);
    const keys = () => Array.from({ length: rows.count }, (_, index) => rows.get(index)?.key);
    expect(keys()).toEqual(["a-0", "b-0", "c-0"]);
    expect(rows.toggle("a-0")).toBe("a-0");
    expect(keys()).toEqual(["a-0", "a-1", "a-2", "b-0", "c-0"]);
    expect(rows.get(1)).toMatchObject({ child: true, startS: 1, endS: 2, band: "related", further: 0 });
    expect(rows.toggle("a-2", false)).toBe("a-0");
    expect(keys()).toEqual(["a-0", "b-0", "c-0"]);
    expect(rows.toggle("b-0")).toBeNull();
    expect(rows.indexOf("c-0")).toBe(2);
  });

  it("take new tags, also when unfolded", () => {
    const rows = new HitRows([hit("a", 1)]);
    rows.toggle("a-0");
    rows.setTags("a", ["favourite"]);
    expect([rows.get(0)?.tags, rows.get(1)?.tags]).toEqual([["favourite"], ["favourite"]]);
  });
});

describe("browsed rows", () => {
  const total = 2 * PAGE + 50;
  const sound = (at: number): SoundOut => ({
    sound_id: `s${at}`, name: `s${at}`, path: "", root: "", folder: "", duration_s: 1, rate_hz: 1, channels: 1,
    format: "WAV", tags: [], state: "present", added_at: "", n_segments: 1,
  });
  const page = (offset: number, limit: number): SoundPage => ({
    total, offset, sounds: Array.from({ length: Math.min(limit, total - offset) }, (_, n) => sound(offset + n)),
  });

  it("come page by page, each asked for once", async () => {
    const asked: number[] = [];
    let loads = 0;
    const rows = new PagedRows(
      async (offset, limit) => {
        asked.push(offset);
        return page(offset, limit);
      },
      () => loads++,
    );
    await rows.start();
    expect(rows.count).toBe(total);
    expect(rows.get(PAGE)).toBeNull();
    rows.ensure(PAGE - 5, PAGE + 5);
    rows.ensure(PAGE, total + 99);
    await new Promise((then) => setTimeout(then));
    expect(asked).toEqual([0, PAGE, 2 * PAGE]);
    expect(loads).toBe(2);
    expect(rows.get(total - 1)?.name).toBe(`s${total - 1}`);
    expect(rows.get(total)).toBeNull();
    expect(rows.indexOf(`s${PAGE + 3}`)).toBe(PAGE + 3);
  });

  it("ask again for a page that failed", async () => {
    let fail = true;
    const rows = new PagedRows(
      async (offset, limit) => {
        if (offset && fail) throw new Error("offline");
        return page(offset, limit);
      },
      () => {},
    );
    await rows.start();
    rows.ensure(PAGE, PAGE + 1);
    await new Promise((then) => setTimeout(then));
    expect(rows.get(PAGE)).toBeNull();
    fail = false;
    rows.ensure(PAGE, PAGE + 1);
    await new Promise((then) => setTimeout(then));
    expect(rows.get(PAGE)?.name).toBe(`s${PAGE}`);
  });
});
