import { expect, it } from "vitest";
import { PeakStore } from "../src/peaks";
import { SliceStore } from "../src/slices";

const later = () => new Promise((then) => setTimeout(then));

it("a slice is fetched once and kept; a failed one is fetched again", async () => {
  const asked: string[] = [];
  let fail = true;
  const slices = new SliceStore(
    async (id, from, to) => {
      asked.push(`${id}@${from}-${to}`);
      if (id === "b" && fail) throw new Error("offline");
      return new ArrayBuffer(1);
    },
    async () => ({}) as AudioBuffer,
  );
  expect(await slices.get("a", 0, 1)).toBe(await slices.get("a", 0, 1));
  await slices.get("a", 0, 2);
  await expect(slices.get("b", 0, 1)).rejects.toThrow("offline");
  await later();
  fail = false;
  await slices.get("b", 0, 1);
  expect(asked).toEqual(["a@0-1", "a@0-2", "b@0-1", "b@0-1"]);
});

it("keeps five minutes: the least lately heard goes first", async () => {
  const asked: string[] = [];
  const slices = new SliceStore(
    async (id) => {
      asked.push(id);
      return new ArrayBuffer(1);
    },
    async () => ({}) as AudioBuffer,
  );
  await slices.get("a", 0, 100);
  await slices.get("b", 0, 100);
  await slices.get("a", 0, 100);
  await slices.get("c", 0, 150);
  await slices.get("a", 0, 100);
  await slices.get("b", 0, 100);
  expect(asked).toEqual(["a", "b", "c", "b"]);
});

it("peaks are fetched together, what is wanted later when there is room, each once", async () => {
  const asked: string[][] = [];
  const open: (() => void)[] = [];
  const peaks = new PeakStore((ids) => {
    asked.push([...ids]);
    return new Promise((then) => open.push(() => then(ids.map((_, at) => new Int8Array([1, at])))));
  });
  let drawn = 0;
  const want = async (...ids: string[]) => {
    for (const id of ids) peaks.want(id, () => drawn++);
    await later();
  };
  await want("a", "b", "a");
  await want("c");
  await want("d", "a", "e");
  expect(asked).toEqual([["a", "b"], ["c"]]);
  open[0]?.();
  await later();
  expect(asked).toEqual([["a", "b"], ["c"], ["d", "e"]]);
  expect(drawn).toBe(4);
  expect(peaks.get("b")).toEqual(new Int8Array([1, 1]));
  expect(peaks.get("c")).toBeNull();
});

it("peaks that could not be had are asked for again, once they are wanted again", async () => {
  const answers = [() => Promise.reject(new Error("away")), () => Promise.resolve([new Int8Array([1, 2])])];
  let asked = 0;
  const peaks = new PeakStore(() => (answers[asked++] as () => Promise<Int8Array[]>)());
  let drawn = 0;
  for (const times of [1, 2]) {
    peaks.want("a", () => drawn++);
    await later();
    expect([asked, drawn]).toEqual([times, times - 1]);
  }
  expect(peaks.get("a")).toEqual(new Int8Array([1, 2]));
});
