import { describe, expect, it } from "vitest";
import { Gate, levelDb, trim, wavOf } from "../src/take";

const RATE = 8000;
const sine = (seconds: number, level: number) =>
  Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) => level * Math.sin((2 * Math.PI * 440 * i) / RATE));
const joined = (...parts: Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]));
const blocks = (samples: Float32Array, size = 256) =>
  Array.from({ length: Math.floor(samples.length / size) }, (_, i) => samples.slice(i * size, (i + 1) * size));

describe("a take", () => {
  it("has the level of its power", () => {
    expect(levelDb(sine(1, 1))).toBeCloseTo(-3.01, 1);
    expect(levelDb(sine(1, 0.1))).toBeCloseTo(-23.01, 1);
    expect(levelDb(new Float32Array(100))).toBe(-100);
  });

  it("begins above the gate, ends after silence, and is cut to what was heard", () => {
    const gate = new Gate(RATE, -40);
    const all = joined(sine(2, 0.001), sine(0.5, 0.5), sine(2, 0.001));
    const complete = blocks(all).findIndex((block) => gate.push(block));
    expect(complete * 256).toBeGreaterThan(2.5 * RATE);
    expect(complete * 256).toBeLessThan(3.3 * RATE);
    const taken = gate.take();
    expect((taken as Float32Array).length / RATE).toBeGreaterThanOrEqual(0.5);
    expect((taken as Float32Array).length / RATE).toBeLessThan(0.53);
  });

  it("is nothing when nothing was loud enough, and stops at its longest", () => {
    const quiet = new Gate(RATE, -40);
    expect(blocks(sine(3, 0.001)).some((block) => quiet.push(block))).toBe(false);
    expect(quiet.take()).toBeNull();
    const endless = new Gate(RATE, -40);
    const end = blocks(sine(40, 0.5)).findIndex((block) => endless.push(block));
    expect((end * 256) / RATE).toBeCloseTo(30, 0);
  });

  it("keeps every sample between its ends", () => {
    const heard = sine(0.25, 0.5);
    const cut = trim(joined(new Float32Array(4000), heard, new Float32Array(900)), RATE, -40);
    expect([...cut].findIndex((value, at) => value === heard[1] && cut[at + 1] === heard[2])).toBeGreaterThan(0);
    expect(trim(new Float32Array(500), RATE, -40)).toHaveLength(0);
  });

  it("is a WAV file of its own samples", () => {
    const samples = sine(0.1, 0.7);
    const wav = wavOf(samples, RATE);
    expect(new TextDecoder().decode(wav.slice(0, 4)) + new TextDecoder().decode(wav.slice(8, 12))).toBe("RIFFWAVE");
    expect(new DataView(wav).getUint32(24, true)).toBe(RATE);
    expect([...new Float32Array(wav, 44)]).toEqual([...samples]);
  });
});
