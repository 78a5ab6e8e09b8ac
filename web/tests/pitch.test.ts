import { describe, expect, it } from "vitest";
import { speedText } from "../src/matching";
import { folded, pitchHz } from "../src/pitch";
import { moved } from "../src/lists";

const RATE = 44_100;

function wave(seconds: number, at: (t: number) => number): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) => at(i / RATE));
}

describe("pitch", () => {
  it.each([61.7, 110, 233.1, 440, 1244.5])("finds %d Hz among its overtones", (hz) => {
    const tone = wave(0.4, (t) => [1, 0.6, 0.9, 0.3].reduce((sum, a, n) => sum + a * Math.sin(2 * Math.PI * (n + 1) * hz * t + n), 0));
    const found = pitchHz(tone, RATE);
    expect(1200 * Math.abs(Math.log2((found ?? 1) / hz))).toBeLessThan(5);
  });

  it("finds none in noise, in silence, in too little", () => {
    let seed = 1;
    const noise = wave(0.5, () => ((seed = (seed * 16807) % 2147483647) / 2147483647) * 2 - 1);
    expect(pitchHz(noise, RATE)).toBeNull();
    expect(pitchHz(wave(0.5, () => 0), RATE)).toBeNull();
    expect(pitchHz(wave(0.01, (t) => Math.sin(2000 * t)), RATE)).toBeNull();
  });

  it("looks where it is loud, not at the tail", () => {
    const struck = wave(1, (t) => Math.exp(-6 * t) * Math.sin(2 * Math.PI * 330 * t));
    expect(pitchHz(struck, RATE)).toBeCloseTo(330, 0);
  });
});

describe("folded", () => {
  it("stays within half an octave and keeps the note", () => {
    for (const ratio of [0.1, 0.5, 0.8, 1, 1.3, 2, 3, 7.9]) {
      const rate = folded(ratio);
      expect(rate).toBeGreaterThanOrEqual(Math.SQRT1_2 - 1e-9);
      expect(rate).toBeLessThanOrEqual(Math.SQRT2 + 1e-9);
      const octaves = Math.log2(ratio / rate);
      expect(octaves).toBeCloseTo(Math.round(octaves), 9);
    }
    expect(speedText(folded(3))).toBe("varispeed ×0.75 (−5.0 semitones)");
    expect(speedText(null)).toContain("as it is");
  });
});

describe("moved", () => {
  it("takes one item elsewhere and leaves the others in their order", () => {
    expect(moved(["a", "b", "c", "d"], 0, 2)).toEqual(["b", "c", "a", "d"]);
    expect(moved(["a", "b", "c", "d"], 3, 0)).toEqual(["d", "a", "b", "c"]);
    expect(moved(["a", "b"], 1, 1)).toEqual(["a", "b"]);
  });
});
