// Duplicates: groups to listen through side by side, each member with the reason; nothing is deleted.

import * as api from "./api";
import { el, replaceKept, setText } from "./dom";
import { countOf, countText, timeText } from "./format";

export interface DuplicateEvents {
  onPlay: (member: api.MemberOut) => void;
  onOpen: (soundId: string) => void;
  onError: (error: unknown) => void;
}

type Kind = api.GroupOut["kind"];

const PAGE = 100;
const LOOK_MS = 400;
const KINDS: readonly { kind: Kind | null; label: string; title: string }[] = [
  { kind: null, label: "All", title: "Every group" },
  { kind: "exact", label: "Exact", title: "The same samples, in whatever container" },
  { kind: "near", label: "Near", title: "The same sound at another level, trim or encoding" },
  { kind: "version", label: "Versions", title: "Much alike, and not the same recording" },
];

/** How far the search for duplicates is, in words. */
export function searchText(found: api.DuplicatesOut): string {
  const { job, sounds, total } = found;
  if (job.state === "running") {
    const done = job.total ? `: ${countText(job.done)} of ${countOf(job.total, "pair")}` : "";
    return `Looking${done}…${total ? ` ${countOf(total, "group")} so far` : ""}`;
  }
  if (job.state === "failed") return job.error?.message ?? "The search failed.";
  if (job.state === "idle" && !sounds) return "Nobody has looked yet.";
  const rest = found.unread ? ` · ${countText(found.unread)} could not be read` : "";
  return `${countOf(total, "group")} among ${countOf(sounds, "sound")}${rest}`;
}

export class DuplicatesView {
  readonly root: HTMLElement;
  #events: DuplicateEvents;
  #said = el("p", { aria: { role: "status" } });
  #start = el("button", { type: "button", class: "main" }, "Look for duplicates");
  #stop = el("button", { type: "button" }, "Stop");
  #kinds = el("div", { class: "switch", aria: { role: "group", label: "Kind" } });
  #export = el("span", { class: "export" });
  #list = el("div", { class: "groups" });
  #more = el("button", { type: "button" }, "Show more");
  #kind: Kind | null = null;
  #shown = PAGE;
  #groups: readonly api.GroupOut[] = [];
  #heard = -1;
  #apart = new Map<string, HTMLElement>();
  #timer = 0;
  #asked = 0;

  constructor(events: DuplicateEvents) {
    this.#events = events;
    this.#start.addEventListener("click", () => void api.lookForDuplicates().then(() => this.load(), events.onError));
    this.#stop.addEventListener("click", () => void api.stopDuplicates().then(() => this.load(), events.onError));
    this.#more.addEventListener("click", () => {
      this.#shown += PAGE;
      void this.load();
    });
    for (const format of ["csv", "json"]) {
      this.#export.append(el("a", { class: "button", href: `/api/duplicates/export?fmt=${format}`, download: "" }, `Export ${format.toUpperCase()}`));
    }
    this.root = el(
      "section",
      { class: "duplicates", hidden: true, aria: { label: "Duplicates" } },
      el("header", {}, this.#said, this.#start, this.#stop, this.#kinds, this.#export),
      el("p", { class: "dim" }, "Soundkin deletes nothing: listen, say what is no duplicate, take the list with you."),
      this.#list,
      this.#more,
    );
  }

  /** The member that was heard last, for tests and for moving on. */
  get heard(): api.MemberOut | null {
    return this.#members[this.#heard] ?? null;
  }

  /** Show or leave; what is shown is fetched anew and followed as long as the search runs. */
  show(shown: boolean): void {
    clearTimeout(this.#timer);
    if (shown === !this.root.hidden) return;
    this.root.hidden = !shown;
    this.#apart.clear();
    if (shown) void this.load();
  }

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    try {
      const found = await api.duplicates(this.#kind, this.#shown);
      if (this.root.hidden || asked !== this.#asked) return;
      this.#fill(found);
      if (found.job.state === "running") this.#timer = window.setTimeout(() => void this.load(), LOOK_MS);
    } catch (error) {
      this.#events.onError(error);
    }
  }

  /** Hear the next or previous member, across groups. */
  move(by: number): void {
    const members = this.#members;
    if (!members.length) return;
    this.#hear(Math.max(0, Math.min(this.#heard + by, members.length - 1)));
  }

  get #members(): api.MemberOut[] {
    return this.#groups.flatMap((group) => group.members);
  }

  #hear(index: number): void {
    const member = this.#members[index];
    if (!member) return;
    this.#heard = index;
    this.#mark()?.scrollIntoView({ block: "nearest" });
    this.#events.onPlay(member);
  }

  /** Mark the row of the member that was heard last, and return it. */
  #mark(): HTMLElement | undefined {
    const rows = [...this.#list.querySelectorAll<HTMLElement>(".member")];
    rows.forEach((row, at) => row.setAttribute("aria-current", String(at === this.#heard)));
    return rows[this.#heard];
  }

  #fill(found: api.DuplicatesOut): void {
    const { job, by_kind, total } = found;
    const running = job.state === "running";
    setText(this.#said, searchText(found));
    this.#start.hidden = running;
    this.#stop.hidden = !running;
    setText(this.#start, found.sounds ? "Look again" : "Look for duplicates");
    this.#kinds.hidden = this.#export.hidden = !found.sounds;
    replaceKept(this.#kinds, KINDS.map((one) => this.#choice(one, by_kind)));
    const same = JSON.stringify(found.groups) === JSON.stringify(this.#groups);
    const heard = this.heard;
    this.#groups = found.groups;
    this.#more.hidden = found.groups.length >= total;
    if (same && this.#list.childElementCount) return;
    this.#heard = heard ? this.#members.findIndex((one) => one.sound_id === heard.sound_id && one.path === heard.path) : -1;
    let first = 0;
    const cards = found.groups.map((group) => {
      const card = this.#card(group, first);
      first += group.members.length;
      return card;
    });
    this.#list.replaceChildren(...this.#apart.values(), ...cards);
    this.#mark();
  }

  #choice({ kind, label, title }: (typeof KINDS)[number], counts: Record<string, number>): HTMLButtonElement {
    const count = kind === null ? Object.values(counts).reduce((sum, n) => sum + n, 0) : (counts[kind] ?? 0);
    const button = el("button", { type: "button", title }, `${label} ${countText(count)}`);
    button.setAttribute("aria-pressed", String(kind === this.#kind));
    button.addEventListener("click", () => {
      this.#kind = kind;
      this.#shown = PAGE;
      void this.load();
    });
    return button;
  }

  #card(group: api.GroupOut, first: number): HTMLElement {
    const apart = el("button", { type: "button", title: "Remembered: these are not shown together again" }, "Not duplicates");
    apart.addEventListener("click", () => this.#tellApart(group, card));
    const label = KINDS.find(({ kind }) => kind === group.kind)?.label ?? group.kind;
    const card = el(
      "article",
      { class: "group", aria: { label: `${label}: ${group.members[0]?.name ?? ""}` } },
      el("header", {}, el("strong", {}, label), el("span", { class: "dim" }, countOf(group.members.length, "file")), apart),
      el("ul", {}, ...group.members.map((member, at) => this.#member(member, first + at, at === 0))),
    );
    return card;
  }

  #member(member: api.MemberOut, index: number, isFirst: boolean): HTMLLIElement {
    const play = el("button", { type: "button", class: "plain" }, "▶");
    play.setAttribute("aria-label", `Play ${member.path}`);
    play.addEventListener("click", () => this.#hear(index));
    const open = el("button", { type: "button", class: "plain name", title: "Open the sound's page" }, member.name);
    open.addEventListener("click", () => this.#events.onOpen(member.sound_id));
    const facts = `${timeText(member.duration_s)} · ${member.format} · ${(member.rate_hz / 1000).toLocaleString("en")} kHz`;
    return el(
      "li",
      { class: "member" },
      play,
      open,
      el("span", { class: "numbers dim" }, facts),
      el("span", { class: "reason" }, isFirst ? "the one to keep, when one is kept" : member.reason),
      member.state === "present" ? null : el("span", { class: "badge" }, member.state),
      el("span", { class: "path dim" }, member.path),
    );
  }

  /** Take a group off the list for good, with a way back. */
  #tellApart(group: api.GroupOut, card: HTMLElement): void {
    const ids = [...new Set(group.members.map((member) => member.sound_id))];
    const undo = el("button", { type: "button" }, "Undo");
    const takeBack = (): void => {
      this.#apart.delete(group.group_id);
      this.#groups = [];
      void this.load();
    };
    undo.addEventListener("click", () => void api.joinAgain(ids).then(takeBack, this.#events.onError));
    api.tellApart(ids).then(() => {
      this.#apart.set(group.group_id, card); // a list that still grows keeps it in sight
      replaceKept(card, [el("p", { class: "dim" }, `Not duplicates: ${group.members[0]?.name ?? ""} and the others. `, undo)]);
    }, this.#events.onError);
  }
}
