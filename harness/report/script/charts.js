// Latency, rates and commit points over time, drawn by uPlot on the time axis of the overview.
//
// uPlot's own zooming is off: the view of the page sets the horizontal scale of every chart.

import uPlot from "uplot";
import { END, OUTCOMES, faultsDuring, lastBefore, nameOfFault, nodes, names, ops, series, unavailable } from "./data.js";
import { isKept, overview, pickMoment } from "./chosen.js";
import { LABELS_HEIGHT, markMoment, nameFaults, shadeFaults } from "./faults.js";
import { duration, grouped, roundDuration, seconds } from "./format.js";
import { message, navigable } from "./navigation.js";
import { colour, nodeColour, tinted, whenSeen } from "./paint.js";
import { GUTTER, RIGHT } from "./view.js";

/** @typedef {import("./tooltip.js").Line} Line */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/** @typedef {{name: string, colour: string, dash?: number[], width?: number, fill?: boolean}} Series */
/** @typedef {(number | null)[]} Values */
/** @typedef {(context: CanvasRenderingContext2D, plot: uPlot, box: Box) => void} Paint */

const AXIS = 26, view = overview;
const FUNCTION_COLOURS = ["p50", "p95", "p99", "info", "other", "max"];
const steppedAfter = /** @type {any} */ (uPlot.paths).stepped({ align: 1 });
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** A value between two gaps is no line: it gets a dot. @param {uPlot} plot @param {number} at */
function lonely(plot, at) {
  const values = /** @type {Values} */ (plot.data[at]), found = [];
  const missing = (/** @type {number} */ i) => values[i] === null || values[i] === undefined;
  for (let i = 0; i < values.length; i++) if (!missing(i) && missing(i - 1) && missing(i + 1)) found.push(i);
  return found;
}

/** Runs `paint` in CSS pixels: uPlot's canvas is in device pixels.
 * @param {uPlot} plot @param {(context: CanvasRenderingContext2D, box: Box) => void} paint */
function onPixels(plot, paint) {
  const ratio = uPlot.pxRatio, { ctx, bbox } = plot;
  ctx.save();
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint(ctx, { left: bbox.left / ratio, top: bbox.top / ratio,
    right: (bbox.left + bbox.width) / ratio, bottom: (bbox.top + bbox.height) / ratio });
  ctx.restore();
}

/** What the colours mean. @param {string} id @param {[string, string][]} parts Names and colours */
function key(id, parts) {
  byId(id).replaceChildren(...parts.flatMap(([name, shade]) => {
    const mark = document.createElement("i");
    mark.style.background = `var(--${shade})`;
    return [mark, name];
  }));
}

/** @param {ArrayLike<number>} instants @param {number} time */
function nearest(instants, time) {
  const at = lastBefore(instants, time);
  if (at < 0) return instants.length ? 0 : -1;
  return at + 1 < instants.length && instants[at + 1] - time < time - instants[at] ? at + 1 : at;
}

/**
 * @typedef {{label: string, height: number, instants: number[], values: Values[], lines: Series[], scale: object,
 *   format: (value: number, short: boolean) => string, under?: Paint, over?: Paint, stepped?: boolean,
 *   splits?: () => number[]}} Chart `values`: one array for each line
 */
/** @type {Map<string, {plot: HTMLElement, host: HTMLElement, chart: Chart, drawn: uPlot}>} */
const charts = new Map();

/** Draws a chart where there was none, or another one. @param {string} id @param {Chart} chart */
function show(id, chart) {
  const known = charts.get(id);
  if (known) {
    known.drawn.destroy();
    known.chart = chart;
    known.drawn = draw(known.plot, known.host, chart);
    return;
  }
  const plot = byId(id), host = document.createElement("div");
  plot.append(host);
  const shown = { plot, host, chart, drawn: draw(plot, host, chart) };
  charts.set(id, shown);
  whenSeen(plot, () => {
    const { drawn } = shown;
    if (drawn.width !== plot.clientWidth) drawn.setSize({ width: plot.clientWidth, height: shown.chart.height });
    drawn.batch(() => {
      drawn.setScale("x", { min: view.from, max: view.to });
      drawn.redraw(false, true);
    });
  });
  navigable(plot, view, {
    label: chart.label,
    hover: (event) => described(shown.chart, view.timeUnder(event, plot)),
    click: (event) => pickMoment(view.timeUnder(event, plot)),
  });
}

/** What the lines say at `time`. @param {Chart} chart @param {number} time @returns {Line[] | null} */
function described({ instants, values, lines, format, stepped }, time) {
  const at = stepped ? lastBefore(instants, time) : nearest(instants, time);
  if (time < view.from || time > view.to || at < 0) return null;
  const said = lines.flatMap((one, i) => {
    const value = values[i][at];
    return value === null || value === undefined ? [] : [/** @type {Line} */ ([`${one.name}  ${format(value, false)}`, ""])];
  });
  const during = faultsDuring(time, time).map((fault) => /** @type {Line} */ ([nameOfFault(fault), "dim"]));
  return [[seconds(time, view.span / 1000), "title"], ...said, ...during];
}

/** @param {HTMLElement} plot @param {HTMLElement} host @param {Chart} chart */
function draw(plot, host, { height, instants, values, lines, scale, format, under, over, stepped, splits }) {
  const axis = {
    stroke: () => colour("muted"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  const options = {
    width: plot.clientWidth, height, padding: [8 + LABELS_HEIGHT, RIGHT, 0, 0], legend: { show: false },
    cursor: { drag: { x: false, y: false }, x: false, y: false, points: { size: 7 }, bind: { dblclick: () => null } },
    scales: { x: { time: false, auto: false, min: view.from, max: view.to }, y: scale },
    axes: [
      { ...axis, size: AXIS, gap: 4,
        splits: () => view.ticks(plot.clientWidth).found,
        values: (/** @type {uPlot} */ _, /** @type {number[]} */ at) => {
          const { step } = view.ticks(plot.clientWidth);
          return at.map((time) => seconds(time, step));
        } },
      { ...axis, size: GUTTER, gap: 8, splits,
        values: (/** @type {uPlot} */ _, /** @type {Values} */ at) => at.map((v) => (v === null ? null : format(v, true))) },
    ],
    series: [{}, ...lines.map((one) => ({
      label: one.name, stroke: () => colour(one.colour), width: one.width ?? 1.6, dash: one.dash,
      points: { show: !stepped, size: 4, filter: lonely },
      fill: one.fill ? () => tinted(one.colour, 0.14) : undefined, paths: stepped ? steppedAfter : undefined,
      spanGaps: false,
    }))],
    hooks: {
      drawClear: [(/** @type {uPlot} */ u) => onPixels(u, (context, box) => {
        shadeFaults(context, view, plot.clientWidth, box.top, box.bottom);
        nameFaults(context, view, plot.clientWidth, box.top);
        under?.(context, u, box);
      })],
      draw: [(/** @type {uPlot} */ u) => onPixels(u, (context, box) => {
        over?.(context, u, box);
        markMoment(context, view, plot.clientWidth, box.top, box.bottom);
      })],
    },
  };
  return new uPlot(/** @type {any} */ (options), /** @type {any} */ ([instants, ...values]), host);
}

/** The quantiles and rates of one function, or of all. @param {string} name */
const seriesOf = (name) => series.functions.find((one) => one.name === name) ?? series.all;
let chosenFunction = "";

function startLatency() {
  const { width } = series, { quantiles, rates } = seriesOf(chosenFunction);
  if (!ops.outcome.some((outcome) => outcome === 0))
    return message(byId("latency"), "No call was acknowledged, so there is no latency.");
  const instants = rates[0].map((_, i) => (i + 0.5) * width);
  let least = Infinity, most = 0;
  for (const took of ops.took) if (took >= 0) { least = Math.min(least, took); most = Math.max(most, took); }
  least = Math.max(least, 1);
  const range = [least * 0.7, Math.max(most, least) * 1.5], marks = /** @type {number[]} */ ([]);
  for (let decade = 10 ** Math.floor(Math.log10(range[0])); decade <= range[1]; decade *= 10)
    for (const at of range[1] > range[0] * 100 ? [decade] : [decade, 2 * decade, 5 * decade])
      if (at >= range[0] && at <= range[1]) marks.push(at);
  show("latency", {
    label: "Latency over time, logarithmic", height: 270, instants, values: quantiles.slice(0, 3),
    lines: [["median", "p50"], ["95 %", "p95"], ["99 %", "p99"]].map(([name, shade]) => ({ name, colour: shade, width: 2 })),
    splits: () => marks, scale: { distr: 3, log: 10, range: () => range },
    format: (value, short) => (short ? roundDuration(value) : duration(value)), under: scatter,
  });
  return key("latency-key", [["median", "p50"], ["95 %", "p95"], ["99 %", "p99"], ["one ok call", "ok"],
    ["one failed call", "fail"], ["info, at its call (top edge)", "info"]]);
}

/** One dot a call, and no dot twice; calls that were never answered have no latency and sit on the top edge.
 * @type {Paint} */
function scatter(context, plot, box) {
  const [low, high] = [plot.scales.y.min, plot.scales.y.max].map((end) => Math.log(/** @type {number} */ (end)));
  const visible = ops.count * view.span / END;
  const size = visible > 20000 ? 2 : visible > 2000 ? 2.5 : visible > 200 ? 4 : 5;
  const columns = Math.ceil((box.right - box.left) / size) + 1, tall = Math.ceil((box.bottom - box.top) / size) + 1;
  const styles = [tinted("ok", visible > 2000 ? 0.45 : 0.75), tinted("fail", 0.9), tinted("info", 0.9)];
  const taken = new Uint8Array(columns * tall), dots = styles.map(() => /** @type {number[]} */ ([]));
  const height = box.bottom - box.top, scale = height / (high - low), across = (box.right - box.left) / view.span;
  for (let i = Math.max(0, lastBefore(ops.invoked, view.from - longest)); i < ops.count && ops.invoked[i] <= view.to; i++) {
    if (!isKept(i)) continue;
    const outcome = ops.outcome[i], at = outcome === 2 ? ops.invoked[i] : ops.invoked[i] + ops.took[i];
    if (at < view.from || at > view.to) continue;
    const x = (at - view.from) * across;
    if (outcome === 2) {
      dots[2].push(box.left + x - 1.5, box.top, 3, 9);
      continue;
    }
    const y = height - Math.max(0, (Math.log(Math.max(ops.took[i], 1)) - low) * scale);
    const cell = Math.floor(y / size) * columns + Math.floor(x / size);
    if (taken[cell] > outcome) continue;
    taken[cell] = outcome + 1;
    dots[outcome].push(box.left + x - size / 2, box.top + y - size / 2, size, size);
  }
  dots.forEach((sides, outcome) => {
    context.fillStyle = styles[outcome];
    for (let i = 0; i < sides.length; i += 4) context.fillRect(sides[i], sides[i + 1], sides[i + 2], sides[i + 3]);
  });
}
let longest = 0;
for (const took of ops.took) longest = Math.max(longest, took);

/** @param {number} value */
const perSecond = (value) => `${value >= 100 ? grouped(Math.round(value)) : Math.round(value * 10) / 10}/s`;
let splitByFunction = false;

function startRate() {
  const { width, functions } = series, { rates } = seriesOf(chosenFunction);
  const busiest = Math.max(...series.all.rates.map((rate) => rate.reduce((a, b) => Math.max(a, b), 0)));
  if (busiest === 0) return message(byId("rate"), "No operation was recorded.");
  const total = (/** @type {number[][]} */ of) => of[0].map((_, i) => of.reduce((sum, rate) => sum + rate[i], 0));
  const lines = splitByFunction
    ? functions.map((one, i) => ({ name: one.name, colour: FUNCTION_COLOURS[i % FUNCTION_COLOURS.length], width: 2 }))
    : OUTCOMES.map((name, i) => ({ name, colour: name, width: i ? 2 : 1.6, fill: i === 0 }));
  const drawn = splitByFunction ? functions.map((one) => total(one.rates)) : rates;
  const most = drawn.reduce((top, rate) => rate.reduce((a, b) => Math.max(a, b), top), 1);
  show("rate", {
    label: "Calls ended per second", height: 190, stepped: true, lines,
    instants: [...drawn[0].map((_, i) => i * width), END], values: drawn.map((rate) => [...rate, rate[rate.length - 1]]),
    scale: { range: () => [0, most * 1.08] }, format: perSecond,
    over: (context, plot, box) => {
      context.fillStyle = colour("evidence");
      for (const [began, ended] of unavailable) {
        const left = Math.max(view.xOf(began, plot.width), box.left);
        const right = Math.min(view.xOf(ended, plot.width), box.right);
        if (right > left) context.fillRect(left, box.bottom - 4, right - left, 4);
      }
    },
  });
  key("rate-key", [...lines.map((one) => /** @type {[string, string]} */ ([one.name, one.colour])),
    .../** @type {[string, string][]} */ (unavailable.length ? [["nothing acknowledged", "evidence"]] : [])]);
  return byId("rate-key").append(` · per ${roundDuration(width)}`);
}

function startCommits() {
  const instants = [...new Set([...nodes.flatMap((node) => [...node.commits.at]), END])].sort((a, b) => a - b);
  if (instants.length < 2) return message(byId("commits"), "No node told of a commit point.");
  const values = nodes.map((node) => {
    const { at, value } = node.commits;
    let place = -1;
    return instants.map((time) => {
      while (place + 1 < at.length && at[place + 1] <= time) place++;
      return place < 0 ? null : value[place];
    });
  });
  const most = nodes.reduce((top, node) => node.commits.value.reduce((a, b) => Math.max(a, b), top), 1);
  const lines = nodes.map(({ name }, i) => ({
    name, colour: nodeColour(names.indexOf(name)), dash: i ? [8, 3 + 2 * i] : undefined,
  }));
  show("commits", {
    label: "Commit point of each node", height: 190, instants, values, stepped: true, lines,
    scale: { range: () => [0, most * 1.05] }, format: (value) => grouped(Math.round(value)),
  });
  return key("commits-key", lines.map((one) => [one.name, one.colour]));
}

export function start() {
  startLatency();
  startRate();
  startCommits();
  byId("rate-split").addEventListener("change", (event) => {
    splitByFunction = /** @type {HTMLSelectElement} */ (event.target).value === "function";
    startRate();
  });
  byId("by-f").addEventListener("change", (event) => {
    const { selectedOptions } = /** @type {HTMLSelectElement} */ (event.target);
    chosenFunction = selectedOptions[0].value === "" ? "" : selectedOptions[0].text;
    startLatency();
    startRate();
  });
}
