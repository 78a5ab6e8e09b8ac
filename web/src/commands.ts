// What the keys do: one list, from which bindings and sheet are made.

import type { Command } from "./keys";

export interface Actions {
  move: (by: number) => void;
  page: (by: number) => void;
  first: () => void;
  last: () => void;
  playOrStop: () => void;
  stop: () => void;
  loop: () => void;
  autoplay: () => void;
  similar: () => void;
  add: (weight: number) => void;
  surprise: () => void;
  record: () => void;
  open: () => void;
  find: () => void;
  favourite: () => void;
  keep: () => void;
  takeOff: () => void;
  moveRow: (by: number) => void;
  unfold: (open: boolean) => void;
  search: () => void;
  sheet: () => void;
}

export function commandsOf(actions: Actions): Command[] {
  return [
    { keys: ["ArrowDown", "j"], label: "next sound, heard", run: () => actions.move(1) },
    { keys: ["ArrowUp", "k"], label: "previous sound, heard", run: () => actions.move(-1) },
    { keys: ["PageDown"], label: "a page down", run: () => actions.page(1) },
    { keys: ["PageUp"], label: "a page up", run: () => actions.page(-1) },
    { keys: ["Home"], label: "first sound", run: actions.first },
    { keys: ["End"], label: "last sound", run: actions.last },
    { keys: [" "], label: "play and stop", run: actions.playOrStop },
    { keys: ["Escape"], label: "stop", run: actions.stop },
    { keys: ["l"], label: "loop on and off", run: actions.loop },
    { keys: ["a"], label: "hear what is selected, on and off", run: actions.autoplay },
    { keys: ["s"], label: "find similar sounds", run: actions.similar },
    { keys: ["+", "="], label: "add this sound to the query", run: () => actions.add(1) },
    { keys: ["-"], label: "subtract it from the query", run: () => actions.add(-1) },
    { keys: ["x"], label: "surprise: a sound drawn by lot", run: actions.surprise },
    { keys: ["r"], label: "record from the microphone; again: search now", run: actions.record },
    { keys: ["Enter"], label: "open or close the sound's own page", run: actions.open },
    { keys: ["m"], label: "find this sound on the map", run: actions.find },
    { keys: ["f"], label: "favourite on and off", run: actions.favourite },
    { keys: ["p"], label: "put this sound on a list", run: actions.keep },
    { keys: ["Delete"], label: "take it off the list that is shown", run: actions.takeOff },
    { keys: ["["], label: "up in the list that is shown", run: () => actions.moveRow(-1) },
    { keys: ["]"], label: "down in it", run: () => actions.moveRow(1) },
    { keys: ["ArrowRight"], label: "show further hits in this sound", run: () => actions.unfold(true) },
    { keys: ["ArrowLeft"], label: "fold them again", run: () => actions.unfold(false) },
    { keys: ["/"], label: "to the search box", run: actions.search },
    { keys: ["?"], label: "these keys", run: actions.sheet },
  ];
}
