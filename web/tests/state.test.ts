import { describe, expect, it } from "vitest";
import {
  EMPTY,
  formatView,
  type Item,
  itemText,
  parseItem,
  parseView,
  sameRows,
  similarTo,
  type View,
} from "../src/state";
import { Navigator, type Place } from "../src/navigator";

const A = "0123456789abcdef0123456789abcdef";
const B = "ffffffffffffffffffffffffffffffff";

/** Numbers that are the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe("a view as a URL", () => {
  it("is empty for the empty view", () => {
    expect(formatView(EMPTY)).toBe("");
    expect(parseView("")).toEqual(EMPTY);
  });

  it("comes back as it went, whatever is in it", () => {
    const next = random(7);
    const words = ["kick", "a b", "100 %", "ü&=?#+", "/x/y", "'\"", "@1-2*3"];
    const word = () => words[Math.floor(next() * words.length)] as string;
    const some = <T>(make: () => T) => Array.from({ length: Math.floor(next() * 3) }, make);
    const seconds = () => Math.round(next() * 1e7) / 1e5;
    const item = (): Item => {
      const startS = seconds();
      const cut = next() < 0.5 ? { startS, endS: startS + 1.5 } : { startS: null, endS: null };
      return { soundId: next() < 0.5 ? A : B, ...cut, weight: next() < 0.5 ? 1 : -0.5 };
    };
    for (let round = 0; round < 500; round++) {
      const dropped = next() < 0.3;
      const view: View = {
        show: next() < 0.5 ? "list" : "map",
        sound: next() < 0.3 ? B : null,
        text: next() < 0.5 ? word() : "",
        like: some(item),
        drop: dropped ? word() : null,
        cut: dropped && next() < 0.5 ? { startS: 0.25, endS: 1.75 } : null,
        dropWeight: dropped && next() < 0.5 ? -0.5 : 1,
        space: next() < 0.5 ? "mfcc" : null,
        mix: next() < 0.5 ? { sound: 0.5, "a:b": 1 } : {},
        folders: some(word),
        notFolders: some(word),
        tags: some(word),
        notTags: some(word),
        least: next() < 0.5 ? 0.35 : null,
        different: next() < 0.5,
        lasso: next() < 0.5 ? [[0, 1.5], [-2, 3], [4.25, -1]] : [],
        list: next() < 0.3 ? "0a1b2c3d4e5f" : null,
        at: next() < 0.5 ? `${A}-12` : null,
      };
      const back = parseView(formatView(view));
      expect(formatView(back)).toBe(formatView(view));
      for (const [index, given] of view.like.entries()) {
        expect(back.like[index]?.endS ?? -1).toBeCloseTo(given.endS ?? -1, 4);
      }
      expect({ ...back, like: [] }).toEqual({ ...view, like: [] });
    }
  });

  it.each(["like=nonsense", "like=../../etc/passwd", `like=${A}@5-1`, `like=${A}@1-1`, "like=", `like=${A}x`, `like=${A}*x`])(
    "leaves out what cannot be understood: %s",
    (search) => expect(parseView(search).like).toEqual([]),
  );

  it("has no range of a file that is not named", () => {
    expect(parseView("cut=1-2").cut).toBeNull();
    expect(parseView("drop=a.wav&cut=2-1").cut).toBeNull();
    expect(parseView("drop=a.wav&cut=1-2").cut).toEqual({ startS: 1, endS: 2 });
  });
});

describe("an item as text", () => {
  it.each([
    [A, { soundId: A, startS: null, endS: null, weight: 1 }],
    [`${A}@0.5-1.25`, { soundId: A, startS: 0.5, endS: 1.25, weight: 1 }],
    [`${A}@0.5-1.25*-0.5`, { soundId: A, startS: 0.5, endS: 1.25, weight: -0.5 }],
    [`${A}*2`, { soundId: A, startS: null, endS: null, weight: 2 }],
  ])("%s", (text, item) => {
    expect(parseItem(text)).toEqual(item);
    expect(itemText(item)).toBe(text);
  });
});

it("the selected row does not change which rows are shown", () => {
  expect(sameRows(EMPTY, { ...EMPTY, at: A })).toBe(true);
  expect(sameRows(EMPTY, { ...EMPTY, text: "x" })).toBe(false);
});

it("finding similar keeps the filters and drops the text", () => {
  const view = { ...EMPTY, text: "kick", folders: ["drums"], tags: ["dry"], space: "mfcc", at: B };
  const like = [{ soundId: A, startS: 1, endS: 2, weight: 1 }];
  expect(similarTo(view, A, { startS: 1, endS: 2 })).toEqual({ ...view, text: "", at: null, like });
});

/** A browser's history in memory. */
class FakePlace implements Place {
  entries: [string, unknown][] = [["", null]];
  at = 0;
  then: () => void = () => {};
  search = () => (this.entries[this.at] as [string, unknown])[0].replace(/^\//, "");
  mark = () => (this.entries[this.at] as [string, unknown])[1];
  push(address: string, mark: unknown) {
    this.entries = [...this.entries.slice(0, ++this.at), [address, mark]];
  }
  replace(address: string, mark: unknown) {
    this.entries[this.at] = [address, mark];
  }
  onReturn(then: () => void) {
    this.then = then;
  }
  go(by: number) {
    this.at += by;
    this.then();
  }
}

describe("the navigator", () => {
  it("goes, replaces, and comes back", () => {
    const place = new FakePlace();
    const navigator = new Navigator(place);
    const seen: string[] = [];
    navigator.onChange((view, before) => seen.push(`${before.text}>${view.text}`));
    navigator.go({ ...EMPTY, text: "a" });
    navigator.go({ ...EMPTY, text: "b" });
    navigator.go({ ...EMPTY, text: "c" }, { replace: true });
    place.go(-1);
    place.go(1);
    expect(seen).toEqual([">a", "a>b", "b>c", "c>a", "a>c"]);
    expect(place.entries.map(([address]) => address)).toEqual(["", "/?q=a", "/?q=c"]);
  });

  it("goes nowhere from where it is, but to another file of the same name", () => {
    const place = new FakePlace();
    const navigator = new Navigator(place);
    navigator.go({ ...EMPTY, text: "a" });
    navigator.go({ ...EMPTY, text: "a" });
    expect(place.entries.map(([address]) => address)).toEqual(["", "/?q=a"]);
    navigator.go({ ...EMPTY, drop: "a.wav" }, { dropNumber: 1 });
    navigator.go({ ...EMPTY, drop: "a.wav" });
    navigator.go({ ...EMPTY, drop: "a.wav" }, { dropNumber: 2 });
    expect(place.entries).toHaveLength(4);
    expect(navigator.dropNumber).toBe(2);
  });

  it("keeps each dropped file's number with its place in the history", () => {
    const place = new FakePlace();
    const navigator = new Navigator(place);
    expect(navigator.dropNumber).toBeNull();
    navigator.go({ ...EMPTY, drop: "a.wav" }, { dropNumber: 1 });
    navigator.go({ ...EMPTY, drop: "a.wav", cut: { startS: 0, endS: 1 } });
    navigator.go({ ...EMPTY, drop: "a.wav" }, { dropNumber: 2 });
    expect(navigator.dropNumber).toBe(2);
    place.go(-1);
    expect(navigator.dropNumber).toBe(1);
    expect(navigator.view.cut).toEqual({ startS: 0, endS: 1 });
    navigator.go(EMPTY);
    expect(navigator.dropNumber).toBeNull();
  });
});
