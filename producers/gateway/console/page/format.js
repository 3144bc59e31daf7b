// Numbers and times as people read them. All clocks are Asia/Shanghai, as in the log and the command.

import { say, spoken } from "./words.js";

const ZONE = "Asia/Shanghai";
const SPANS = [["d", 86400], ["h", 3600], ["min", 60]];
const kept = new Map();

function maker(kind, options) {
  const name = spoken() + JSON.stringify(options);
  if (!kept.has(name)) kept.set(name, new kind(spoken() === "zh" ? "zh-CN" : "en-GB", options));
  return kept.get(name);
}

export function count(value) {
  return maker(Intl.NumberFormat, { maximumFractionDigits: 0 }).format(value);
}

/** Return a rate: one digit behind the point where it is small. */
export function rate(value) {
  return maker(Intl.NumberFormat, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

export function amount(text) {
  return maker(Intl.NumberFormat, { maximumFractionDigits: 3 }).format(Number(text));
}

/** Return a share from 0 to 1 in words. */
export function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`;
}

/** Return how long something takes: 340 ms, 1.2 s, 4 min. */
export function took(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10000) return `${(ms / 1000).toFixed(1).replace(".0", "")} s`;
  return age(ms / 1000);
}

/** Return how long ago something was, or how long it lasts. */
export function age(seconds) {
  for (const [unit, size] of SPANS) {
    if (seconds >= size * (unit === "min" ? 2 : 1.5)) return say(`age.${unit}`, { n: Math.round(seconds / size) });
  }
  return say("age.s", { n: Math.max(0, Math.round(seconds)) });
}

export function clock(time) {
  const options = { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return maker(Intl.DateTimeFormat, options).format(new Date(time));
}

/** Return a moment to the millisecond. */
export function precisely(time) {
  return `${moment(time)}.${String(new Date(time).getMilliseconds()).padStart(3, "0")}`;
}

/** Return a moment: with its day unless that is today. */
export function moment(time) {
  const options = { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" };
  const days = maker(Intl.DateTimeFormat, options);
  const then = new Date(time);
  if (days.format(then) === days.format(new Date())) return clock(then);
  const day = maker(Intl.DateTimeFormat, { timeZone: ZONE, month: "2-digit", day: "2-digit" });
  return `${day.format(then)} ${clock(then)}`;
}

const TONES = {
  delivered: "good", submitted: "good", accepted: "calm", scheduled: "calm", submitting: "calm", replayed: "calm",
  unknown: "doubtful", suppressed: "doubtful", cancelled: "doubtful", undelivered: "bad", rejected: "bad", expired: "bad",
};

export function tone(status) {
  return TONES[status] ?? "calm";
}

export function scopeName(scope) {
  if (scope === "all") return say("everywhere");
  return scope.startsWith("sign:") ? `【${scope.slice(5)}】` : scope;
}
