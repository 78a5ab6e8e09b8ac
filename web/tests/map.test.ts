import { describe, expect, it } from "vitest";
import { fit, fromPixels, pan, toPixels, zoom } from "../src/camera";
import { boundsOf, isInside, PointGrid, type Spot } from "../src/point-grid";
import { movingSize, nextMost } from "../src/map-surface";
import { closenessColours, closenessRange, parsePoints, pointsOf, segmentOf } from "../src/map-points";
import { spreadOrder } from "../src/points";
import { fft, hertzAt, spectrogram } from "../src/spectrogram";

/** Numbers in 0 to 1 that are the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function some(count: number, seed: number): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: count * 2 }, () => next() * 4 - 1);
}

describe("a map that moves", () => {
  it("draws as many points as the machine does in time, whatever it began with", () => {
    for (const pointMs of [1e-5, 2e-4, 6e-4, 2e-3]) {
      let most = 30_000;
      for (let frame = 0; frame < 60; frame++) most = nextMost(most, Math.max(16.7, most * pointMs));
      expect(most * pointMs <= 36 || most === 10_000).toBe(true);
      expect(most).toBeGreaterThanOrEqual(Math.min(1_000_000, 0.4 * (36 / pointMs)));
    }
  });

  it("makes dots a little larger while some are left out, never smaller", () => {
    expect(movingSize(1000, 30_000)).toBe(1);
    expect(movingSize(200_000, Infinity)).toBe(1);
    expect(movingSize(64 * 30_000, 30_000)).toBe(1.6);
    expect(movingSize(200_000, 30_000)).toBeCloseTo(1.372, 3);
  });
});

describe("points in the plane", () => {
  it("are found as by looking at every one", () => {
    const next = random(3);
    for (const count of [0, 1, 2, 7, 500]) {
      const xy = some(count, count + 1);
      const grid = new PointGrid(xy);
      for (let round = 0; round < 60; round++) {
        const [x, y, most] = [next() * 6 - 2, next() * 6 - 2, next() * 0.8];
        let best = -1;
        for (let i = 0; i < count; i++) {
          const far = Math.hypot(xy[2 * i]! - x, xy[2 * i + 1]! - y);
          if (far <= most && (best < 0 || far < Math.hypot(xy[2 * best]! - x, xy[2 * best + 1]! - y))) best = i;
        }
        expect(grid.nearest(x, y, most)).toBe(best);
      }
    }
  });

  it("inside an outline are those that its corners surround", () => {
    const xy = some(400, 9);
    const circle: Spot[] = Array.from({ length: 360 }, (_, i) => [1 + Math.cos(i / 57.3), 1 + Math.sin(i / 57.3)]);
    const expected = Array.from({ length: 400 }, (_, i) => i).filter((i) => {
      const far = Math.hypot(xy[2 * i]! - 1, xy[2 * i + 1]! - 1);
      expect(Math.abs(far - 1) > 1e-3 || far < 2).toBe(true);
      return far < 1;
    });
    const found = new PointGrid(xy).inside(circle);
    expect(found.filter((i) => !expected.includes(i)).length + expected.filter((i) => !found.includes(i)).length).toBeLessThan(3);
    expect(found.length).toBeGreaterThan(50);
    expect(new PointGrid(xy).inside([[0, 0], [1, 1]])).toEqual([]);
    // a notch: the spot in it is outside
    const notched: Spot[] = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]];
    expect([isInside(notched, 2, 3), isInside(notched, 2, 0.5), isInside(notched, 0.5, 2)]).toEqual([false, true, true]);
  });

  it("have bounds", () => {
    expect(boundsOf(Float32Array.from([3, 4, -1, 9]))).toEqual([-1, 4, 3, 9]);
    expect(boundsOf(new Float32Array(0))).toEqual([0, 0, 1, 1]);
  });
});

describe("the points of a map", () => {
  it("are taken apart, named and found again", () => {
    const ids = ["00112233445566778899aabbccddeeff", "ff000000000000000000000000000001"];
    const data = new ArrayBuffer(18 * 4 + 16 * 2);
    new Float32Array(data, 0, 8).set([0, 0, 1, 0, 0, 1, 1, 1]);
    new Uint32Array(data, 32, 4).set([0, 1, 1, 0]);
    new Uint32Array(data, 48, 4).set([3, 0, 7, 4]);
    new Uint16Array(data, 64, 4).set([0, 1, 1, 0]);
    ids.forEach((id, i) => new Uint8Array(data, 72 + 16 * i, 16).set(id.match(/../g)!.map((byte) => Number.parseInt(byte, 16))));
    const points = parsePoints(data, 4, 2, "v");
    expect([0, 1, 2, 3].map((i) => segmentOf(points, i))).toEqual([`${ids[0]}-3`, `${ids[1]}-0`, `${ids[1]}-7`, `${ids[0]}-4`]);
    expect(pointsOf(points, ids[1]!)).toEqual([1, 2]);
    expect(pointsOf(points, ids[0]!, 4)).toEqual([3]);
    expect(pointsOf(points, "ff000000000000000000000000000002")).toEqual([]);
    expect(Array.from(points.cluster)).toEqual([0, 1, 1, 0]);
  });

  it("are coloured from the middle of all closenesses to the nearest ones", () => {
    const near = Uint8Array.from({ length: 1000 }, (_, i) => 40 + Math.floor(i / 10));
    expect(closenessRange(near)).toEqual([90, 139]);
    const alpha = (value: number) => closenessColours(Uint8Array.from([...near, value]), false).at(-1);
    expect([alpha(0), alpha(90), alpha(139), alpha(255)]).toEqual([70, 70, 255, 255]);
    expect(closenessRange(new Uint8Array(4))).toEqual([0, 1]);
  });

  it("come in an order whose beginning is spread over all", () => {
    for (const count of [0, 1, 2, 3, 10, 1000, 65_536]) {
      const order = spreadOrder(count);
      expect(new Set(order).size).toBe(count);
      const some = Array.from(order.subarray(0, count / 10), (at) => Math.floor((10 * at) / count));
      for (let tenth = 0; count >= 1000 && tenth < 10; tenth++) {
        expect(some.filter((one) => one === tenth).length / some.length).toBeCloseTo(0.1, 1);
      }
    }
  });
});

describe("the camera", () => {
  it("shows all of it at first", () => {
    const camera = fit([-2, 10, 6, 14], 800, 300);
    for (const [x, y] of [[-2, 10], [6, 14], [2, 12]] as const) {
      const [px, py] = toPixels(camera, x, y, 800, 300);
      expect(px >= 0 && px <= 800 && py >= 0 && py <= 300).toBe(true);
      expect(fromPixels(camera, px, py, 800, 300)[0]).toBeCloseTo(x, 6);
      expect(fromPixels(camera, px, py, 800, 300)[1]).toBeCloseTo(y, 6);
    }
  });

  it("keeps what lies below the pointer while it zooms, and moves it along while it pans", () => {
    const camera = { x: 3, y: -1, scale: 40 };
    const spot = fromPixels(camera, 100, 50, 640, 480);
    const near = zoom(camera, 2.5, 100, 50, 640, 480);
    expect(toPixels(near, ...spot, 640, 480)[0]).toBeCloseTo(100, 6);
    expect(toPixels(near, ...spot, 640, 480)[1]).toBeCloseTo(50, 6);
    const moved = toPixels(pan(camera, 7, -9), ...spot, 640, 480);
    expect([moved[0], moved[1]]).toEqual([expect.closeTo(107, 6), expect.closeTo(41, 6)]);
  });
});

describe("the spectrogram", () => {
  it("transforms as the sum says", () => {
    const next = random(5);
    const re = Float64Array.from({ length: 16 }, () => next() - 0.5);
    const im = Float64Array.from({ length: 16 }, () => next() - 0.5);
    const [a, b] = [re.slice(), im.slice()];
    fft(re, im);
    for (let k = 0; k < 16; k++) {
      let [x, y] = [0, 0];
      for (let n = 0; n < 16; n++) {
        const angle = (-2 * Math.PI * k * n) / 16;
        x += a[n]! * Math.cos(angle) - b[n]! * Math.sin(angle);
        y += a[n]! * Math.sin(angle) + b[n]! * Math.cos(angle);
      }
      expect(re[k]).toBeCloseTo(x, 9);
      expect(im[k]).toBeCloseTo(y, 9);
    }
  });

  it("is brightest where the tone is, in time and frequency", () => {
    const rate = 16_000;
    const samples = Float32Array.from({ length: rate }, (_, i) => (i > rate / 2 ? Math.sin((2 * Math.PI * 1000 * i) / rate) : 0));
    const [columns, rows] = [40, 96];
    const levels = spectrogram(samples, rate, columns, rows);
    const column = levels.subarray(30 * rows, 31 * rows);
    const brightest = column.indexOf(Math.max(...column));
    expect(hertzAt(brightest / rows, rate)).toBeLessThan(1050);
    expect(hertzAt((brightest + 1) / rows, rate)).toBeGreaterThan(950);
    expect(Math.max(...levels.subarray(0, 10 * rows))).toBe(0);
    expect(Math.max(...levels)).toBe(1);
  });
});
