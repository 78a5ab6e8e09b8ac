// One registry makes both the bindings and the sheet that `?` shows.

export interface Command {
  /** `KeyboardEvent.key` values; the first is shown first. */
  keys: readonly string[];
  label: string;
  run: () => void;
}

const NAMES: Record<string, string> = {
  " ": "Space",
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
  PageDown: "Page Down",
  PageUp: "Page Up",
  Delete: "Del",
};

/** A key as it is shown: ↓, Space, S. */
export function keyName(key: string): string {
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

/** What a key press is about to act on, as far as the registry must know. */
export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  defaultPrevented: boolean;
  isComposing: boolean;
}

/** Where the focus is: keys that the focused element uses itself are left to it. */
export type Focus = "text" | "slider" | "control" | "elsewhere";

/** What a slider does itself; all other keys mean there what they mean elsewhere. */
const SLIDER_KEYS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);

export function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof HTMLElement)) return "elsewhere";
  if (target.isContentEditable || target.matches("textarea, select")) return "text";
  if (target.matches("input[type=range], [role=slider]")) return "slider";
  if (target.matches("input")) {
    return target.matches("[type=checkbox], [type=button], [type=file]") ? "control" : "text";
  }
  return target.matches("button, a[href], summary") ? "control" : "elsewhere";
}

/** Call `then` when a menu of the page was used with the pointer: it would keep the focus, and with it the arrow keys. */
export function listenChoice(then: () => void): void {
  let pointed = false;
  document.addEventListener("pointerdown", () => (pointed = true), true);
  document.addEventListener("keydown", () => (pointed = false), true);
  document.addEventListener("change", ({ target }) => {
    if (pointed && target instanceof HTMLSelectElement && !target.closest("dialog")) then();
  });
}

/** The commands of the page, found by key. */
export class Keys {
  readonly commands: readonly Command[];
  #byKey = new Map<string, Command>();

  constructor(commands: readonly Command[]) {
    this.commands = commands;
    for (const command of commands) {
      for (const key of command.keys) {
        const folded = fold(key);
        if (this.#byKey.has(folded)) throw new Error(`two commands for the key ${keyName(key)}`);
        this.#byKey.set(folded, command);
      }
    }
  }

  /** The command that a key press means, or null: it is text, a shortcut of the browser, or unknown. */
  find(press: Press, focus: Focus): Command | null {
    if (press.defaultPrevented || press.isComposing) return null;
    if (press.ctrlKey || press.metaKey || press.altKey) return null;
    if (focus === "text") return null;
    if (focus === "slider" && SLIDER_KEYS.has(press.key)) return null;
    if (focus === "control" && (press.key === " " || press.key === "Enter")) return null;
    return this.#byKey.get(fold(press.key)) ?? null;
  }
}

function fold(key: string): string {
  return key.length === 1 ? key.toLowerCase() : key;
}
