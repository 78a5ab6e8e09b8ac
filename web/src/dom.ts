// Elements in one call. Text goes in as text, never as HTML.

type Child = Node | string | null;
type Props<K extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[K], "style" | "dataset" | "children">
> & {
  class?: string;
  data?: Record<string, string>;
  aria?: Record<string, string>;
};

/** Make an element: properties, `class`, `data`, `aria`, then children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<K> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: className, data, aria, ...rest } = props;
  if (className) element.className = className;
  if (data) Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria ?? {})) {
    element.setAttribute(name === "role" ? "role" : `aria-${name}`, value);
  }
  Object.assign(element, rest);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A label with a short form for narrow screens. */
export function short(wide: string, narrow: string): HTMLElement[] {
  return [el("span", { class: "wide" }, wide), el("span", { class: "narrow" }, narrow)];
}

/** Set text only where it differs, so that screen readers and layout are left in peace. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The value of a colour or size that the style sheet names. */
export function cssValue(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const PRESSED = "button:not(:disabled), select, input, a[href]";

/** What tells one control from its neighbours. */
function nameOf(control: Element): string {
  return control.getAttribute("aria-label") ?? control.textContent ?? "";
}

/**
 * Put children in place of those that are there. A control that has the focus passes it on to the new one of its
 * name, else to the one where it stood; where no control is left, `orphaned` says where the focus goes.
 */
export function replaceKept(host: HTMLElement, children: readonly Node[], orphaned: () => void = () => {}): void {
  const held = document.activeElement;
  const at = held ? [...host.querySelectorAll(PRESSED)].indexOf(held) : -1;
  host.replaceChildren(...children);
  if (!held || at < 0) return;
  const controls = [...host.querySelectorAll<HTMLElement>(PRESSED)];
  const heir = controls.find((one) => nameOf(one) === nameOf(held)) ?? controls[Math.min(at, controls.length - 1)];
  if (heir) heir.focus();
  else orphaned();
}
