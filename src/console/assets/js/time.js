// @ts-check
// Times in the reader's zone, with the UTC time in `title` and `datetime`; numbers and sizes.

import { h } from "./dom.js";

const LOCALE = "en-GB";
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const shortClock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayMonth = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const dayMonthYear = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });
const weekday = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short" });
const numbers = new Intl.NumberFormat(LOCALE);

/** @param {string | number | Date} at */
export function utc(at) {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** @param {Date} a @param {Date} b Days of the calendar from `a` to `b`. */
function daysBetween(a, b) {
  const midnight = (/** @type {Date} */ date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(b) - midnight(a)) / 86_400_000);
}

/**
 * The time as text: `14:31:40` today, `tomorrow 14:05`, `3 Nov`, `3 Nov 2025`.
 * @param {string | number | Date} at
 * @param {boolean} [whole] Date and time, also for other days.
 */
export function timeText(at, whole = false) {
  const date = new Date(at);
  const now = new Date();
  const days = daysBetween(now, date);
  if (days === 0) return whole ? `today ${clock.format(date)}` : clock.format(date);
  if (days === 1) return `tomorrow ${shortClock.format(date)}`;
  if (days === -1) return `yesterday ${shortClock.format(date)}`;
  const day = date.getFullYear() === now.getFullYear() ? dayMonth.format(date) : dayMonthYear.format(date);
  return whole ? `${day} ${shortClock.format(date)}` : day;
}

/** `today, 15:32` or `Tue 1 Dec, 14:32`. @param {string | number | Date} at */
export function untilText(at) {
  const date = new Date(at);
  const day = daysBetween(new Date(), date) === 0 ? "today" : weekday.format(date).replace(",", "");
  return `${day}, ${shortClock.format(date)}`;
}

/** @param {Date} date @param {string} text */
function element(date, text) {
  return h("time", { datetime: date.toISOString(), title: utc(date) }, text);
}

/**
 * A `<time>` element; a dash in words if there is no time.
 * @param {string | null | undefined} at
 * @param {{ whole?: boolean, none?: string, until?: boolean }} [options]
 */
export function time(at, options = {}) {
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.getTime())) return h("span", { class: "muted" }, options.none ?? "never");
  return element(date, options.until ? untilText(date) : timeText(date, options.whole));
}

/** @param {number} value */
export function count(value) {
  return numbers.format(value);
}

/** @param {number} value @param {string} noun Such as `delivery`. @param {string} [plural] */
export function counted(value, noun, plural = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "not read";
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes;
  let unit = "B";
  for (const next of units) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** @param {number | null | undefined} milliseconds */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "-";
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${count(Math.round(milliseconds))} ms`;
}

/** The reader's zone, such as `Europe/Berlin (UTC+1)`. */
export function zone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return name === "UTC" ? "UTC" : `${name} (UTC)`;
  const hours = minutes / 60;
  return `${name} (UTC${hours > 0 ? "+" : "−"}${Math.abs(hours)})`;
}
