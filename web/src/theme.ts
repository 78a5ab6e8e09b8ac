// Dark and light: as the system says, unless one was chosen here.

import { el } from "./dom";

export type Theme = "system" | "light" | "dark";

const KEPT = "soundkin.theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const SIGNS: Record<Theme, string> = { system: "◐", light: "☀", dark: "☾" };

/** The colours to show for a choice and what the system prefers. */
export function shownTheme(theme: Theme, systemIsDark: boolean): "light" | "dark" {
  return theme === "system" ? (systemIsDark ? "dark" : "light") : theme;
}

function kept(): Theme {
  const theme = localStorage.getItem(KEPT);
  return theme === "light" || theme === "dark" ? theme : "system";
}

/** A button that switches colours; `onChange` is called whenever other colours are shown. */
export function themeSwitch(onChange: () => void): HTMLButtonElement {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = el("button", { type: "button", class: "plain" });
  let theme = kept();
  const show = () => {
    document.documentElement.dataset["theme"] = shownTheme(theme, system.matches);
    button.textContent = SIGNS[theme];
    button.title = `Colours: ${theme === "system" ? "as the system" : theme}`;
    button.setAttribute("aria-label", `${button.title}; press for ${NEXT[theme]}`);
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem(KEPT, theme);
    show();
    onChange();
  });
  system.addEventListener("change", () => {
    show();
    onChange();
  });
  show();
  return button;
}
