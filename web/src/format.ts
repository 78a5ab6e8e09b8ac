// Numbers as people read them.

/** A moment or length: 0:03.25, 12:07, 1:02:45. Hundredths below a minute, tenths below ten. */
export function timeText(seconds: number): string {
  const digits = seconds < 60 ? 2 : seconds < 600 ? 1 : 0;
  const scale = 10 ** digits;
  const rounded = Math.round(seconds * scale) / scale;
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A range: 0:01.00–0:02.00. */
export function rangeText(startS: number, endS: number): string {
  return `${timeText(startS)}–${timeText(endS)}`;
}

/** A count: 12,345. */
export function countText(count: number): string {
  return count.toLocaleString("en");
}

/** A count with its noun: 1 sound, 12 sounds. */
export function countOf(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A stretch of time in words: 45 s, 12 min, 3 h 20 min. */
export function spanText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A space's name without the hash of its settings. */
export function spaceName(id: string): string {
  return id.replace(/-[0-9a-f]{8}$/, "");
}

/** The names of the spaces that an answer was heard in. */
export function spaceNames(ids: string): string[] {
  return ids.split(" + ").map(spaceName);
}

/** Bytes as people say them: 812 kB, 1.4 GB. */
export function bytesText(bytes: number): string {
  const [size, unit] = bytes < 1e6 ? [bytes / 1e3, "kB"] : bytes < 1e9 ? [bytes / 1e6, "MB"] : [bytes / 1e9, "GB"];
  return `${size.toLocaleString("en", { maximumSignificantDigits: size < 100 ? 2 : 3 })} ${unit}`;
}
