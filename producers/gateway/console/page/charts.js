// Charts of lines over time, and sparklines: SVG, drawn here. A chart can be read by pointer, by
// arrow keys and by a screen reader; every line has a word and a value beside its colour.

import { make, put } from "./elements.js";
import { clock, moment } from "./format.js";
import { say } from "./words.js";

const HEIGHT = 128;
const EDGE = { top: 8, right: 4, bottom: 18, left: 46 };
const STEPS = { count: [1, 2, 4, 10], time: [2, 10, 20, 60, 120, 600, 1200, 3600, 7200, 36000, 72000, 172800, 864000] };
const DECADES = [10, 100, 1000, 10000, 60000, 600000, 3600000, 36000000];

export function svg(kind, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Return where the axis ends: a round number, whose half is round too. */
export function top(most, kind) {
  if (kind === "whole" && most < 2) return 2;
  if (kind === "time") return STEPS.time.find((each) => each >= most) ?? most;
  const size = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return STEPS.count.map((each) => each * size).find((each) => each >= most) ?? 10 * size;
}

/** Return an axis: its ticks, and where a value stands on it, from 0 to 1. */
export function axis(values, kind) {
  const most = values.reduce((one, other) => Math.max(one, other), 0);
  if (kind !== "log") {
    const end = top(most, kind);
    return { ticks: [0, end / 2, end], place: (value) => value / end };
  }
  const end = DECADES.find((each) => each >= Math.max(most, 1000)) ?? most;
  const low = Math.log10(DECADES[0]);
  const place = (value) => (Math.log10(Math.max(value, DECADES[0])) - low) / (Math.log10(end) - low);
  return { ticks: DECADES.filter((each) => each <= end), place };
}

/** Return a path through points; where one is missing it is interrupted. */
export function path(points) {
  let text = "";
  let drawn = false;
  for (const point of points) {
    if (point) text += `${drawn ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}${drawn ? "" : "h.01"}`;
    drawn = point !== null;
  }
  return text;
}

export class Chart {
  /** name: of its title; lines: names of its series; kind: of its axis: count, whole, time or log. */
  constructor(name, lines, { kind, format, filled = false }) {
    Object.assign(this, { name, lines, kind, format, filled, times: [], values: {}, chosen: null });
    this.title = make("h3");
    this.at = make("span.muted");
    this.legend = make("ul.legend", ...lines.map((line) => this.#entry(line)));
    this.picture = svg("svg", { role: "img", tabindex: "0", height: HEIGHT });
    this.none = make("p.muted.none");
    this.element = make("figure.chart.panel", make("figcaption", this.title, this.at), this.picture, this.none, this.legend);
    this.element.dataset.chart = name;
    this.picture.addEventListener("pointermove", (event) => this.#choose(this.#index(event)));
    this.picture.addEventListener("pointerleave", () => this.#choose(null));
    this.picture.addEventListener("blur", () => this.#choose(null));
    this.picture.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#paint()).observe(this.element);
  }

  /** Show: times in ms since 1970, for each line as many values; null where there is none. */
  draw(times, values) {
    Object.assign(this, { times, values });
    this.#paint();
  }

  #entry(line) {
    const entry = make("li", make("i"), make("span"), make("b"));
    entry.classList.add(`line-${line}`);
    return entry;
  }

  #index(event) {
    const box = this.picture.getBoundingClientRect();
    const part = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    return Math.max(0, Math.min(this.times.length - 1, Math.round(part * (this.times.length - 1))));
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[event.key];
    if (event.key === "Escape") this.#choose(null);
    if (!step || !this.times.length) return;
    event.preventDefault();
    const now = this.chosen ?? this.times.length - 1;
    this.#choose(Math.max(0, Math.min(this.times.length - 1, now + step)));
  }

  #choose(index) {
    this.chosen = index;
    this.#paint();
  }

  #paint() {
    const width = this.element.clientWidth - 24;
    if (width <= 0) return;
    const all = this.lines.flatMap((line) => this.values[line] ?? []).filter((each) => each !== null);
    const scale = axis(all, this.kind);
    const shown = this.chosen === null ? this.times.length - 1 : Math.min(this.chosen, this.times.length - 1);
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.replaceChildren(...this.#axes(width, scale), ...this.#curves(width, scale), ...this.#cross(width, scale, shown));
    this.none.hidden = all.length > 0;
    put(this.none, say("chart.none"));
    this.#words(shown);
  }

  #x(width, index) {
    return EDGE.left + ((width - EDGE.left - EDGE.right) * index) / Math.max(1, this.times.length - 1);
  }

  #y(part) {
    return HEIGHT - EDGE.bottom - (HEIGHT - EDGE.top - EDGE.bottom) * part;
  }

  #axes(width, scale) {
    const made = scale.ticks.flatMap((tick) => {
      const y = this.#y(scale.place(tick));
      const text = svg("text", { x: EDGE.left - 6, y: y + 4, class: "tick end" });
      text.textContent = this.format(tick);
      return [svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: "rule" }), text];
    });
    const last = this.times.length - 1;
    const places = last < 1 ? [] : [[0, ""], [Math.round(last / 2), "middle"], [last, "end"]];
    for (const [index, anchor] of places) {
      const text = svg("text", { x: this.#x(width, index), y: HEIGHT - 3, class: `tick ${anchor}` });
      text.textContent = clock(this.times[index]).slice(0, 5);
      made.push(text);
    }
    return made;
  }

  #curves(width, scale) {
    return this.lines.flatMap((line, place) => {
      const values = this.values[line] ?? [];
      const points = values.map((value, index) => (value === null ? null : [this.#x(width, index), this.#y(scale.place(value))]));
      const curve = svg("path", { d: path(points), class: `curve line-${line}` });
      if (!this.filled || place > 0 || !points.length || points.includes(null)) return [curve];
      const base = this.#y(0);
      const area = `${path(points)}L${points.at(-1)[0]} ${base}L${points[0][0]} ${base}Z`;
      return [svg("path", { d: area, class: `area line-${line}` }), curve];
    });
  }

  #cross(width, scale, shown) {
    if (this.chosen === null || shown < 0) return [];
    const x = this.#x(width, shown);
    const dots = this.lines
      .filter((line) => (this.values[line]?.[shown] ?? null) !== null)
      .map((line) => svg("circle", { cx: x, cy: this.#y(scale.place(this.values[line][shown])), r: 3, class: `dot line-${line}` }));
    return [svg("line", { x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom, class: "cross" }), ...dots];
  }

  #words(shown) {
    put(this.title, say(`chart.${this.name}`));
    put(this.at, this.chosen === null || shown < 0 ? "" : say("chart.at", { time: clock(this.times[shown]) }));
    const told = this.lines.map((line, place) => {
      const value = this.values[line]?.[shown] ?? null;
      const [, word, number] = this.legend.children[place].children;
      put(word, say(`series.${line}`));
      put(number, value === null ? "–" : this.format(value));
      return `${word.textContent} ${number.textContent}`;
    });
    const label = `${this.title.textContent} ${this.at.textContent}: ${told.join(", ")}. ${say("chart.keys")}`;
    this.picture.setAttribute("aria-label", label);
  }
}

const SPARK = { width: 132, height: 26, edge: 3 };

/** Return a small line of points [ms, value]; from its lowest to its highest, the last one marked. */
export function sparkline(points, format) {
  const { width, height, edge } = SPARK;
  const picture = svg("svg", { role: "img", width, height, viewBox: `0 0 ${width} ${height}`, class: "spark" });
  if (points.length < 2) return picture;
  const [first, last] = [points[0], points.at(-1)];
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (time) => edge + ((width - 2 * edge) * (time - first[0])) / Math.max(1, last[0] - first[0]);
  const y = (value) => (high === low ? height / 2 : height - edge - ((height - 2 * edge) * (value - low)) / (high - low));
  const places = points.map(([time, value]) => [x(time), y(value)]);
  const [endX, endY] = places.at(-1);
  const said = { first: format(first[1]), last: format(last[1]), span: `${moment(first[0])} – ${moment(last[0])}` };
  picture.setAttribute("aria-label", say("spark", said));
  picture.append(svg("path", { d: path(places), class: "curve" }), svg("circle", { cx: endX, cy: endY, r: 2.5, class: "dot" }));
  return picture;
}
