// The operations by process, on a canvas: only what is visible is drawn, and no pixel twice.
//
// Operations are sorted by invocation. To find those that reach into the visible interval, `reach[i]` is
// the latest end among operations 0..i; it only grows, so a binary search finds where to begin.

import { END, OUTCOMES, answerOf, callOf, completedAt, faultsDuring, nameOfFault, ops } from "./data.js";
import { isKept, keptMask, overview, pickOp, picked } from "./chosen.js";
import { markMoment, shadeFaults } from "./faults.js";
import { duration, instant } from "./format.js";
import { message, navigable } from "./navigation.js";
import { clipped, colour, invalidate, sharpCanvas, tinted, whenSeen } from "./paint.js";
import { GUTTER, plotWidth } from "./view.js";

/** @typedef {import("./tooltip.js").Line} Line */

const AXIS = 22, TOP = 6, LABELS_MAX = 120, { count } = ops, view = overview;
const lanes = ops.lane.reduce((most, lane) => Math.max(most, lane + 1), 0);
const rowHeight = Math.max(9, Math.min(24, Math.floor(520 / Math.max(lanes, 1))));
const bar = Math.max(4, rowHeight - 5), pad = (rowHeight - bar) / 2;
/** How much of the rows is visible at once, and what is scrolled away above. */
const HEIGHT_MAX = 620, PRINTED_MAX = 4000;
let bottom = TOP + Math.min(lanes * rowHeight, HEIGHT_MAX), shift = 0;
/** @param {number} lane */
const topOf = (lane) => TOP + lane * rowHeight - shift;
const ends = new Float64Array(count), reach = new Float64Array(count), isEvidence = new Uint8Array(count);
/** The operations of each row. @type {number[][]} */
const ofLane = Array.from({ length: lanes }, () => []);

/** An operation without an answer is drawn until another process takes its row, or to the end. */
function prepare() {
  const rowTakenAt = new Float64Array(lanes).fill(END);
  for (let i = count - 1; i >= 0; i--) {
    const answered = completedAt(i);
    ends[i] = answered < 0 ? Math.max(rowTakenAt[ops.lane[i]], ops.invoked[i]) : answered;
    rowTakenAt[ops.lane[i]] = ops.invoked[i];
  }
  let latest = 0;
  for (let i = 0; i < count; i++) {
    reach[i] = latest = Math.max(latest, ends[i]);
    isEvidence[i] = ops.evidence.has(ops.index[i]) ? 1 : 0;
    ofLane[ops.lane[i]].push(i);
  }
}

/** The first operation that may end at `time` or later. @param {number} time */
function firstReaching(time) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reach[middle] < time) low = middle + 1; else high = middle;
  }
  return low;
}

/** Rectangles of one colour, painted one after the other: a path of thousands is slower by far. */
class Batch {
  constructor() { this.sides = /** @type {number[]} */ ([]); }
  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  add(x, y, width, height) { this.sides.push(x, y, width, height); }
  /** @param {CanvasRenderingContext2D} context @param {string} style */
  paint(context, style) {
    const { sides } = this;
    context.fillStyle = style;
    for (let i = 0; i < sides.length; i += 4) context.fillRect(sides[i], sides[i + 1], sides[i + 2], sides[i + 3]);
  }
}

/** @typedef {[row: number, left: number, y: number, right: number]} Box */

/** Bars side by side that look alike and touch are one. Returns what is to be written on and marked. */
function layOut(/** @type {number} */ width) {
  const batches = [0, 1, 2].map(() => ({ in: new Batch(), out: new Batch(), edge: new Batch() }));
  const from = new Float64Array(lanes), to = new Float64Array(lanes).fill(-1), style = new Int8Array(lanes).fill(-1);
  const scale = plotWidth(width) / view.span, origin = GUTTER - view.from * scale;
  /** @type {Box[]} */
  const marked = [];
  /** @type {Box[]} */
  const wide = [];
  const flush = (/** @type {number} */ lane) => {
    const kind = style[lane];
    if (kind < 0) return;
    const { in: inside, out } = batches[kind >> 1];
    (kind & 1 ? out : inside).add(from[lane], topOf(lane) + pad, to[lane] - from[lane], bar);
  };
  const mask = keptMask(), last = view.to;
  const highest = Math.floor(shift / rowHeight), lowest = Math.floor((shift + bottom - TOP) / rowHeight);
  for (let i = firstReaching(view.from); i < count && ops.invoked[i] <= last; i++) {
    if (ends[i] < view.from) continue;
    const lane = ops.lane[i], outcome = ops.outcome[i];
    if (lane < highest || lane > lowest) continue;
    const left = ops.invoked[i] * scale + origin, right = Math.max(ends[i] * scale + origin, left + 1.5);
    const kind = outcome * 2 + (mask !== null && !mask[i] ? 1 : 0);
    const isMarked = i === picked.row || isEvidence[i] === 1;
    // A gap of half a pixel cannot be seen; bars that are wide enough for it get one.
    if (style[lane] === kind && left <= to[lane] + 0.5 && right - left < 3 && !isMarked) {
      if (right > to[lane]) to[lane] = right;
    } else {
      flush(lane);
      from[lane] = Math.max(left, to[lane] > left ? Math.min(to[lane], right) : left);
      to[lane] = right - left < 3 ? right : right - 0.5;
      style[lane] = kind;
    }
    if (right - left > 3 && outcome === 2) {
      const y = topOf(lane) + pad;
      batches[2].edge.add(left, y, Math.min(3, right - left), bar);
      batches[2].edge.add(left, y + bar - 1.5, right - left, 1.5);
    }
    const y = topOf(lane) + pad;
    if (isMarked) marked.push([i, left, y, right]);
    if (right - left > 44 && rowHeight >= 13 && !(kind & 1)) wide.push([i, left, y, right]);
  }
  for (let lane = 0; lane < lanes; lane++) flush(lane);
  return { batches, marked, wide };
}

/** @param {CanvasRenderingContext2D} context @param {number} width */
function drawBars(context, width) {
  const { batches, marked, wide } = layOut(width);
  OUTCOMES.forEach((name, outcome) => batches[outcome].out.paint(context, tinted(name, 0.15)));
  batches[0].in.paint(context, colour("ok"));
  batches[1].in.paint(context, colour("fail"));
  batches[2].in.paint(context, tinted("info", view.span > END / 2 ? 0.35 : 0.22));
  batches[2].edge.paint(context, colour("info"));
  context.font = `${Math.min(11.5, rowHeight * 0.56)}px ${colour("mono")}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const letter = context.measureText("m").width;
  // Where there are that many, texts would hide more than they tell, and take long.
  for (const [i, left, y, right] of wide.length > LABELS_MAX ? [] : wide) {
    const begin = Math.max(left, GUTTER) + 5, room = Math.min(right, width) - begin - 4;
    const text = [`${callOf(i)} ${answerOf(i)}`, callOf(i)].find((option) => option.length * letter <= room);
    if (!text) continue;
    context.fillStyle = colour(ops.outcome[i] === 2 ? "ink" : "on-bar");
    context.fillText(text, begin, y + bar / 2 + 0.5);
  }
  for (const [i, left, y, right] of marked) mark(context, i === picked.row, left, y, right);
}

/** @param {CanvasRenderingContext2D} context @param {boolean} isPicked @param {number} left @param {number} y
 * @param {number} right */
function mark(context, isPicked, left, y, right) {
  context.lineWidth = 2;
  context.strokeStyle = context.fillStyle = colour(isPicked ? "focus" : "evidence");
  context.strokeRect(left - 1.5, y - 1.5, Math.max(right - left + 3, 4), bar + 3);
  if (right - left >= 6) return;
  context.beginPath();
  context.moveTo(left + 1, y - 2);
  context.lineTo(left - 4, y - 8);
  context.lineTo(left + 6, y - 8);
  context.fill();
}

/** The operation of a row that is under way at `time`, or the one before. @param {number} lane @param {number} time */
function latestOf(lane, time) {
  const rows = ofLane[lane];
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ops.invoked[rows[middle]] <= time) low = middle + 1; else high = middle;
  }
  return low - 1;
}

/** The processes of each row, as far as they are visible. @param {CanvasRenderingContext2D} context */
function drawLabels(context) {
  context.font = `${Math.max(9, Math.min(11.5, rowHeight * 0.6))}px ${colour("sans")}`;
  context.fillStyle = colour("muted");
  context.textAlign = "right";
  context.textBaseline = "middle";
  ofLane.forEach((rows, lane) => {
    if (topOf(lane + 1) < TOP || topOf(lane) > bottom - rowHeight / 2) return;
    const last = rows[latestOf(lane, view.to)], before = latestOf(lane, view.from);
    const first = rows[before < 0 || ends[rows[before]] < view.from ? before + 1 : before];
    if (first === undefined || last === undefined || last < first) return;
    const [one, other] = [ops.process[first], ops.process[last]];
    context.fillText(one === other ? `${one}` : `${one} … ${other}`, GUTTER - 8, topOf(lane + 0.5));
  });
  context.save();
  context.translate(12, Math.max((TOP + bottom) / 2, 40));
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.font = `11px ${colour("sans")}`;
  context.fillText("process", 0, 0);
  context.restore();
}

/** What there is to say of an operation in a few lines. @param {number} row @returns {Line[]} */
export function described(row) {
  const begun = ops.invoked[row], ended = completedAt(row), during = faultsDuring(begun, ends[row]);
  const evidence = ops.evidence.has(ops.index[row]) ? " · evidence of an anomaly" : "";
  return [
    [`${callOf(row)}  ${answerOf(row)}`, "title"],
    [`operation ${ops.index[row]} · process ${ops.process[row]} · ${OUTCOMES[ops.outcome[row]]}${evidence}`, ""],
    [ended < 0 ? `called at ${instant(begun)}, never answered: may take effect at any time after that`
      : `${instant(begun)} to ${instant(ended)}, ${duration(ended - begun)}`, "dim"],
    .../** @type {Line[]} */ (during.length ? [[`during ${during.map(nameOfFault).join("; ")}`, "dim"]] : []),
  ];
}

/** The next operation that is shown, in the order of calls. @param {number} by 1 or -1 */
export function step(by) {
  let row = picked.row < 0 ? firstReaching(view.from) - by : picked.row;
  do row += by; while (row >= 0 && row < count && !isKept(row));
  if (row >= 0 && row < count) pickOp(row);
}

/** The next operation that is shown in the row of the picked one. @param {number} by */
function stepInLane(by) {
  const lane = ops.lane[picked.row];
  let row = picked.row;
  do row += by; while (row >= 0 && row < count && (ops.lane[row] !== lane || !isKept(row)));
  if (row >= 0 && row < count) pickOp(row);
}

/** The operation of the next row that is nearest to the picked one. @param {number} by */
function changeLane(by) {
  const time = ops.invoked[picked.row];
  for (let lane = ops.lane[picked.row] + by; lane >= 0 && lane < lanes; lane += by) {
    let best = -1;
    for (let i = 0; i < count; i++) {
      if (ops.lane[i] !== lane || !isKept(i)) continue;
      if (best < 0 || Math.abs(ops.invoked[i] - time) < Math.abs(ops.invoked[best] - time)) best = i;
      else if (ops.invoked[i] > time) break;
    }
    if (best >= 0) return pickOp(best);
  }
}

/** @param {KeyboardEvent} event */
function keyed(event) {
  if (picked.row < 0) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp" || event.key === "Enter") { step(1); return true; }
    return false;
  }
  if (event.shiftKey) return false;
  switch (event.key) {
    case "ArrowLeft": stepInLane(-1); return true;
    case "ArrowRight": stepInLane(1); return true;
    case "ArrowUp": changeLane(-1); return true;
    case "ArrowDown": changeLane(1); return true;
    default: return false;
  }
}

export function start() {
  const plot = /** @type {HTMLElement} */ (document.getElementById("timeline"));
  /** @type {HTMLElement} */ (document.getElementById("remark")).textContent = ops.remark ?? "";
  if (count === 0) return message(plot, "No operation was recorded.");
  prepare();
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  plot.append(scroll);
  // The canvas stays in sight; what stands behind it is as tall as all rows are, to be scrolled.
  const { canvas, begin } = sharpCanvas(scroll), behind = document.createElement("div");
  behind.style.height = `${Math.max(0, lanes * rowHeight - HEIGHT_MAX)}px`;
  scroll.append(behind);
  scroll.style.maxHeight = `${TOP + HEIGHT_MAX + AXIS}px`;
  scroll.addEventListener("scroll", invalidate);
  whenSeen(plot, () => {
    const isPrinting = document.documentElement.classList.contains("printing");
    bottom = TOP + Math.min(lanes * rowHeight, isPrinting ? PRINTED_MAX : HEIGHT_MAX);
    shift = isPrinting ? 0 : scroll.scrollTop;
    const width = plot.clientWidth, context = begin(width, bottom + AXIS);
    context.fillStyle = colour("raised");
    clipped(context, GUTTER, TOP, plotWidth(width), bottom - TOP, () => {
      for (let lane = 0; lane < lanes; lane += 2) context.fillRect(GUTTER, topOf(lane), plotWidth(width), rowHeight);
    });
    view.drawTicks(context, width, TOP, bottom);
    shadeFaults(context, view, width, TOP, bottom);
    clipped(context, GUTTER, shift ? TOP : 0, plotWidth(width), shift ? bottom - TOP : bottom, () => {
      drawBars(context, width);
      markMoment(context, view, width, TOP, bottom);
    });
    drawLabels(context);
  });

  /** The operation under the pointer, the nearest within two pixels. @param {PointerEvent} event */
  function at(event) {
    const box = canvas.getBoundingClientRect(), width = plot.clientWidth;
    const x = event.clientX - box.left, lane = Math.floor((event.clientY - box.top - TOP + shift) / rowHeight);
    if (event.clientY - box.top > bottom || lane < 0 || lane >= lanes || x < GUTTER) return -1;
    const time = view.timeAt(x, width), slack = view.timeAt(x + 2, width) - time;
    let found = -1, best = Infinity;
    for (let i = firstReaching(time - slack); i < count && ops.invoked[i] <= time + slack; i++) {
      if (ops.lane[i] !== lane || ends[i] < time - slack) continue;
      const off = Math.max(ops.invoked[i] - time, time - ends[i], 0);
      if (off <= best) [found, best] = [i, off];
    }
    return found;
  }
  navigable(plot, view, {
    label: `Timeline of ${count} operations by process`,
    hover: (event) => { const row = at(event); return row < 0 ? null : described(row); },
    click: (event) => {
      const row = at(event);
      pickOp(row, row < 0 ? view.timeUnder(event, plot) : null);
    },
    key: keyed,
  });
}
