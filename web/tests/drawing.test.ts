import { describe, expect, it } from "vitest";
import { endText, progressText } from "../src/progress";
import { rangeText, spanText, timeText } from "../src/format";
import { peaksOf } from "../src/peaks";
import { pieces } from "../src/player";
import { fitCut, windowFor } from "../src/query-panel";
import { spanOf } from "../src/region";
import { MOST_PX, OVERSCAN, scrollFor, scrollScale, stretch } from "../src/virtual-list";
import { columns, drawGain, markPixels } from "../src/waveform";

describe("times", () => {
  it.each([
    [0, "0:00.00"],
    [0.004, "0:00.00"],
    [1.2, "0:01.20"],
    [59.999, "1:00.00"],
    [75.26, "1:15.3"],
    [599.98, "10:00.0"],
    [600.4, "10:00"],
    [3725, "1:02:05"],
  ])("%d s is %s", (seconds, text) => expect(timeText(seconds)).toBe(text));

  it("ranges and spans", () => {
    expect(rangeText(0.5, 1.25)).toBe("0:00.50–0:01.25");
    expect([spanText(45), spanText(600), spanText(12_000)]).toEqual(["45 s", "10 min", "3 h 20 min"]);
  });
});

describe("peaks", () => {
  it("are the lowest and highest of each stretch", () => {
    const samples = Float32Array.from([0, 1, -0.5, 0.25, 0, 0, -1, 0.5]);
    expect([...peaksOf(samples, 4)]).toEqual([0, 127, -63, 32, 0, 0, -127, 64]);
  });

  it("of fewer samples than stretches are those samples", () => {
    const peaks = peaksOf(Float32Array.from([0.5, -0.5]), 8);
    expect(peaks).toHaveLength(16);
    expect(Math.max(...peaks)).toBe(64);
    expect(Math.min(...peaks)).toBe(-63);
  });

  it("seen from afar keep the extremes, seen closely are the same pairs", () => {
    const peaks = Int8Array.from([-1, 2, -30, 4, -5, 60, -7, 8]);
    expect([...columns(peaks, 4, { from: 0, to: 1 })]).toEqual([...peaks]);
    expect([...columns(peaks, 1, { from: 0, to: 1 })]).toEqual([-30, 60]);
    expect([...columns(peaks, 2, { from: 0.5, to: 1 })]).toEqual([-5, 60, -7, 8]);
  });

  it("are enlarged when quiet, eight times at most", () => {
    expect(drawGain(Int8Array.from([-127, 50]))).toBe(1);
    expect(drawGain(Int8Array.from([-63, 0]))).toBeCloseTo(127 / 63);
    expect(drawGain(Int8Array.from([0, 1]))).toBe(8);
  });
});

describe("marks", () => {
  const whole = { from: 0, to: 1 };
  it("are three pixels at least, also at the edges", () => {
    expect(markPixels({ from: 0.25, to: 0.5 }, whole, 400)).toEqual([100, 200]);
    for (const at of [0, 0.00001, 0.5, 0.99999]) {
      const [from, to] = markPixels({ from: at, to: at + 0.00001 }, whole, 300);
      expect(to - from).toBeGreaterThanOrEqual(3);
      expect(from).toBeGreaterThanOrEqual(0);
      expect(to).toBeLessThanOrEqual(300);
    }
  });

  it("a drag is a span whichever way it goes, kept inside", () => {
    expect(spanOf(30, 10, 100)).toEqual({ from: 0.1, to: 0.3 });
    expect(spanOf(-20, 150, 100)).toEqual({ from: 0, to: 1 });
  });
});

describe("the query's window", () => {
  it("is the whole of a short sound and some seconds of a long one", () => {
    expect(windowFor(59, null)).toEqual({ startS: 0, endS: 59 });
    expect(windowFor(1000, null)).toEqual({ startS: 0, endS: 30 });
    expect(windowFor(1000, { startS: 500, endS: 502 })).toEqual({ startS: 486, endS: 516 });
    expect(windowFor(1000, { startS: 998, endS: 1000 })).toEqual({ startS: 970, endS: 1000 });
    const wide = windowFor(1000, { startS: 100, endS: 200 });
    expect(wide.startS).toBeLessThanOrEqual(100);
    expect(wide.endS).toBeGreaterThanOrEqual(200);
  });

  it("a cut stays inside and can be heard", () => {
    expect(fitCut({ startS: -1, endS: 5 }, 3)).toEqual({ startS: 0, endS: 3 });
    const least = fitCut({ startS: 1, endS: 1 }, 3);
    expect(least.endS - least.startS).toBeCloseTo(0.02);
    expect(fitCut({ startS: 3, endS: 3 }, 3).endS).toBe(3);
  });
});

describe("pieces of a long take", () => {
  it("cover it without gap or overlap, the first one short", () => {
    expect(pieces(2, 20)).toEqual([[2, 20]]);
    const parts = pieces(10, 100.5);
    expect(parts[0]).toEqual([10, 15]);
    expect(parts.at(-1)?.[1]).toBe(100.5);
    for (const [index, part] of parts.entries()) {
      if (index) expect(part[0]).toBe(parts[index - 1]?.[1]);
      expect(part[1]).toBeGreaterThan(part[0]);
    }
  });
});

describe("the long list", () => {
  it("has only what is in sight, and a little more", () => {
    expect(stretch(0, 460, 46, 5000)).toEqual([0, 10 + OVERSCAN]);
    expect(stretch(46_000, 460, 46, 5000)).toEqual([1000 - OVERSCAN, 1010 + OVERSCAN]);
    expect(stretch(0, 460, 46, 3)).toEqual([0, 3]);
    expect(stretch(99_999, 460, 46, 3)).toEqual([3, 3]);
    expect(stretch(0, 460, 46, 0)).toEqual([0, 0]);
  });

  it("scrolls no farther than it must", () => {
    expect(scrollFor(5, 0, 460, 46)).toBe(0);
    expect(scrollFor(10, 0, 460, 46)).toBe(46);
    expect(scrollFor(2, 460, 460, 46)).toBe(92);
  });
});

describe("progress in words", () => {
  const state = {
    state: "running" as const, folder: "/x/Drums", phase: "decode", done: 100, total: 1000, failed: 2,
    seconds_of_sound: 50, elapsed_s: 2, path: "", error: null,
  };
  it("says how far, how fast, how long still, what failed", () => {
    expect(progressText(state)).toBe("Indexing Drums · 100 of 1,000 files · 50 files/s · 18 s left · 2 failed");
    expect(progressText({ ...state, phase: "scan", elapsed_s: 0, failed: 0 })).toBe("Indexing Drums · looking for sounds");
  });
  it("says how it ended", () => {
    expect(endText({ ...state, state: "finished", done: 1000, failed: 0 })).toBe("Indexed Drums: 1,000 files");
    expect(endText({ ...state, state: "stopped" })).toContain("Stopped after 100 files");
    const error = { code: "storage", found: "the disk is full", expected: "", todo: "make room", message: "", reason: null, position: null };
    expect(endText({ ...state, state: "failed", error })).toBe("Indexing Drums failed. The disk is full. Make room.");
  });
});

describe("a list taller than browsers can scroll", () => {
  it("is scrolled to its very end, and shorter ones pixel by pixel", () => {
    expect(scrollScale(MOST_PX, 600)).toBe(1);
    const whole = 1_000_000 * 46;
    const last = (MOST_PX - 600) * scrollScale(whole, 600);
    expect(last).toBeCloseTo(whole - 600, 3);
    expect(stretch(last, 600, 46, 1_000_000)[1]).toBe(1_000_000);
  });
});
