// The sheet that `?` shows: made from the registry, so it cannot lie.

import { el } from "./dom";
import { keyName, type Keys } from "./keys";

const MOUSE: readonly [string, string][] = [
  ["Click", "select and play"],
  ["Ctrl-click", "select without playing"],
  ["Press a waveform", "play from there"],
  ["Drag a waveform", "search for that range"],
  ["Drop a file", "search for sounds like it"],
  ["Rest on a dot", "hear it on the map; click: open its sound"],
  ["Shift-drag", "outline dots of the map to list them"],
  ["Alt-drag", "hear the dots along a path"],
];

export function keySheet(keys: Keys): HTMLDialogElement {
  const rows = keys.commands.map((command) =>
    el("tr", {}, el("td", {}, ...command.keys.map((key) => el("kbd", {}, keyName(key)))), el("td", {}, command.label)),
  );
  const mouse = MOUSE.map(([what, label]) => el("tr", {}, el("td", {}, what), el("td", {}, label)));
  const close = el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close"));
  const sheet = el(
    "dialog",
    { class: "sheet", aria: { labelledby: "keys-title" } },
    el("header", {}, el("h2", { id: "keys-title" }, "Keys"), close),
    el(
      "div",
      { class: "columns" },
      el("table", {}, el("tbody", {}, ...rows)),
      el("div", {}, el("h2", {}, "Mouse and touch"), el("table", {}, el("tbody", {}, ...mouse))),
    ),
  );
  sheet.addEventListener("click", (event) => {
    if (event.target === sheet) sheet.close();
  });
  return sheet;
}
