import { describe, expect, it } from "vitest";
import { spaceNames } from "../src/format";
import { mixFrom, mixOf } from "../src/mixer";
import { HitRows } from "../src/rows";
import { EMPTY } from "../src/state";
import { mayFilter, withoutTerm } from "../src/terms";
import { whyText } from "../src/tags-perhaps";

describe("the sliders", () => {
  it("stand at the one space that is asked in, else at the blend", () => {
    expect(mixOf(EMPTY, ["sound", "voice"])).toEqual({ sound: 1 });
    expect(mixOf({ ...EMPTY, space: "voice" }, ["sound", "voice"])).toEqual({ voice: 1 });
    expect(mixOf({ ...EMPTY, mix: { voice: 0.4 } }, ["sound", "voice"])).toEqual({ voice: 0.4 });
    expect(mixOf(EMPTY, [])).toEqual({});
  });

  it("ask only in what counts", () => {
    expect(mixFrom([["sound", 1], ["voice", 0], ["tonal", 0.05]])).toEqual({ sound: 1, tonal: 0.05 });
    expect(mixFrom([["sound", 0]])).toEqual({});
  });

  it("leave a mark for each space on every hit", () => {
    expect(spaceNames("sound-0123abcd + my-own-89abcdef")).toEqual(["sound", "my-own"]);
    const hit = {
      rank: 1, sound_id: "a", segment_id: "a-0", name: "a", path: "/a", root: "/", folder: "", start_s: 0, end_s: 1, duration_s: 1,
      distance: 0, closeness: 1, band: "close", bands: ["close", "far"], further: [], tags: [], state: "present",
    };
    expect(new HitRows([hit], ["sound", "voice"]).get(0)?.bands).toEqual([{ space: "sound", band: "close" }, { space: "voice", band: "far" }]);
    expect(new HitRows([{ ...hit, bands: ["close"] }], ["sound"]).get(0)?.bands).toEqual([]);
  });
});

describe("filters that are typed", () => {
  it("are looked for only where there may be some", () => {
    expect(["kick", "a-b", "warm pad", ""].map(mayFilter)).toEqual([false, false, false, false]);
    expect(["-808", "kick -808", "tag:x", "dur<1", "dur>=2"].map(mayFilter)).toEqual([true, true, true, true, true]);
  });

  it("are taken out with their blanks, counted in characters", () => {
    expect(withoutTerm("kick -808 dur<1", 5, 9)).toBe("kick dur<1");
    expect(withoutTerm("dur<1", 0, 5)).toBe("");
    expect(withoutTerm("🥁 tag:😀 x", 2, 7)).toBe("🥁 x");
  });
});

describe("a tag that a sound may bear", () => {
  it("says who bears it", () => {
    const near = (name: string) => ({ sound_id: name, name, closeness: 0.9 });
    const guess = { tag: "kick", closeness: 0.9, band: "close", evidence: [near("a"), near("b"), near("c"), near("d")] };
    expect(whyText(guess)).toBe("close: like a, b and 2 more");
    expect(whyText({ ...guess, evidence: [near("a")] })).toBe("close: like a");
  });
});
