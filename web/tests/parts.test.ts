import { describe, expect, it } from "vitest";
import { addPart, canTurn, changePart, partsOf, removePart } from "../src/parts";
import { EMPTY, formatView, parseView, type View } from "../src/state";
import { closeText } from "../src/steering";
import { shownTheme } from "../src/theme";

const A = "0123456789abcdef0123456789abcdef";
const B = "ffffffffffffffffffffffffffffffff";

describe("the parts of a query", () => {
  const asked = addPart(addPart(EMPTY, A, { startS: 1, endS: 2 }, 1), B, null, -1);

  it("are added and subtracted, in order, and come back from the URL", () => {
    expect(partsOf(asked)).toEqual([
      { soundId: A, cut: { startS: 1, endS: 2 }, weight: 1 },
      { soundId: B, cut: null, weight: -1 },
    ]);
    expect(formatView(asked)).toBe(`?like=${A}@1-2&like=${B}*-1`);
    expect(partsOf(parseView(formatView(asked)))).toEqual(partsOf(asked));
  });

  it("can stand beside a dropped file, which is the first", () => {
    const view: View = { ...asked, drop: "x.wav", dropWeight: 2 };
    expect(partsOf(view).map((part) => part.weight)).toEqual([2, 1, -1]);
    expect(removePart(view, 0)).toMatchObject({ drop: null, cut: null, dropWeight: 1, like: asked.like });
    expect(changePart(view, 0, { cut: { startS: 0, endS: 1 } })).toMatchObject({ cut: { startS: 0, endS: 1 }, like: asked.like });
  });

  it("are changed one at a time", () => {
    const cut = changePart(asked, 1, { cut: { startS: 3, endS: 4 } });
    expect(partsOf(cut)[1]).toEqual({ soundId: B, cut: { startS: 3, endS: 4 }, weight: -1 });
    expect(partsOf(cut)[0]).toEqual(partsOf(asked)[0]);
    expect(partsOf(changePart(asked, 0, { weight: 4 }))[0]?.weight).toBe(4);
  });

  it("end with the last that is asked for, and steering with them", () => {
    expect(removePart({ ...asked, least: 0.5, different: true }, 0)).toEqual({ ...EMPTY, like: [] });
    expect(removePart(asked, 1).like).toHaveLength(1);
    expect([canTurn(partsOf(asked), 0), canTurn(partsOf(asked), 1)]).toEqual([false, true]);
  });
});

describe("words for what is shown", () => {
  it("count the close ones, and say when the list is cut off", () => {
    expect(closeText(null, 200, 200, true)).toBe("any");
    expect(closeText(0.5, 1, 200, true)).toBe("0.50 · 1 sound");
    expect(closeText(0.1, 200, 200, true)).toBe("0.10 · 200 sounds and more");
    expect(closeText(0.1, 7, 7, false)).toBe("0.10 · 7 sounds");
  });

  it("name the colours", () => {
    expect([shownTheme("system", true), shownTheme("system", false), shownTheme("light", true)]).toEqual(["dark", "light", "light"]);
  });
});
