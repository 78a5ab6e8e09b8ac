// The page starts here.

import { Page } from "./page";

declare global {
  interface Window {
    /** What the page does right now, for tests and for reports of what went wrong. */
    soundkin: { inspect: () => unknown; pixelsOf: (segmentId: string) => [number, number] | null };
  }
}

const host = document.getElementById("page");
if (!host) throw new Error("index.html has no #page");
const page = new Page(host);

window.soundkin = {
  pixelsOf: (segmentId) => page.mapSide.map.pixelsOf(segmentId),
  inspect: () => ({
    view: page.navigator.view,
    selected: page.results.row(),
    count: page.results.count,
    busy: page.list.isAsking,
    playing: page.player.take && {
      key: page.player.take.key,
      soundId: page.player.take.soundId,
      name: page.player.take.name,
      startS: page.player.take.startS,
      endS: page.player.take.endS,
    },
    positionS: page.player.positionS,
    speed: page.player.speed,
    loop: page.player.loop,
    map: page.mapSide.map.state,
    duplicate: page.duplicates.heard,
    microphone: page.microphone.state,
    output: page.player.measure(),
  }),
};

page.start();
