import { describe, expect, it } from "vitest";
import { type Focus, Keys, keyName, type Press } from "../src/keys";

const run = () => {};
const keys = new Keys([
  { keys: ["ArrowDown", "j"], label: "next", run },
  { keys: [" "], label: "play", run },
  { keys: ["?"], label: "keys", run },
]);

function press(key: string, more: Partial<Press> = {}): Press {
  return { key, ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false, isComposing: false, ...more };
}

const found = (key: string, focus: Focus = "elsewhere", more: Partial<Press> = {}) =>
  keys.find(press(key, more), focus)?.label ?? null;

describe("the registry", () => {
  it.each([
    ["j", "next"],
    ["J", "next"],
    ["ArrowDown", "next"],
    [" ", "play"],
    ["?", "keys"],
    ["x", null],
  ])("finds %s", (key, label) => expect(found(key)).toBe(label));

  it("leaves typing, shortcuts and handled keys alone", () => {
    for (const key of ["j", " ", "?"]) expect(found(key, "text")).toBeNull();
    for (const held of ["ctrlKey", "metaKey", "altKey", "defaultPrevented", "isComposing"]) {
      expect(found("j", "elsewhere", { [held]: true })).toBeNull();
    }
  });

  it("leaves Space to a focused button, but not the other keys", () => {
    expect(found(" ", "control")).toBeNull();
    expect(found("j", "control")).toBe("next");
  });

  it("leaves arrows to a focused slider, but not letters or Space", () => {
    for (const key of ["ArrowDown", "Home", "PageUp"]) expect(found(key, "slider")).toBeNull();
    expect(found("j", "slider")).toBe("next");
    expect(found(" ", "slider")).toBe("play");
  });

  it("refuses two commands for one key", () => {
    const twice = [
      { keys: ["j"], label: "a", run },
      { keys: ["J"], label: "b", run },
    ];
    expect(() => new Keys(twice)).toThrow("two commands for the key J");
  });

  it("names keys as they are printed on the keyboard", () => {
    expect(["ArrowDown", " ", "s", "Escape"].map(keyName)).toEqual(["↓", "Space", "S", "Esc"]);
  });
});
