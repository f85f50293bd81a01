// What the page was made from: harness/report/payload.py writes it, this reads it.

/**
 * @typedef {{number: number, kind: string, nodes: string[], detail: string, began: number, ended: number,
 *   lane: number, cuts: [string, string][]}} Fault
 * @typedef {{at: Float64Array, value: Float64Array}} Track
 * @typedef {{name: string, boots: [number, number, number][], down: [number, number, string][], roles: Track,
 *   terms: Track, commits: Track, logIndex: Track, logTerm: Track, sources: Track}} NodeLife
 * @typedef {{kind: string, at: number, from: number, to: number, evidence: number[], culprit: number | null,
 *   order: number[], nodes: string[], states: string[]}} Anomaly
 */

/** Columns travel as base64 of LEB128 of the zigzag of their differences, their length first.
 * @param {string} text @returns {Float64Array} */
export function unpack(text) {
  const raw = atob(text);
  let place = 0;
  const next = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = raw.charCodeAt(place++);
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  const column = new Float64Array(next());
  let last = 0;
  for (let i = 0; i < column.length; i++) {
    const zigzag = next();
    last += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
    column[i] = last;
  }
  return column;
}

/** @type {any} */
const raw = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("data")).textContent ?? "{}");

/** @param {{at: string, value: string}} track @returns {Track} */
const unpackTrack = (track) => ({ at: unpack(track.at), value: unpack(track.value) });

/** The end of the run; all times are nanoseconds since its start. @type {number} */
export const END = raw.end;
export const OUTCOMES = ["ok", "fail", "info"];
/** @type {Fault[]} */
export const faults = raw.faults;
/** @typedef {{name: string, rates: number[][], quantiles: (number | null)[][]}} FunctionSeries */
/** @type {{width: number, all: FunctionSeries, functions: FunctionSeries[]}} */
export const series = raw.series;
/** @type {[number, number][]} */
export const unavailable = raw.unavailable;
/** @type {Anomaly[]} */
export const anomalies = raw.anomalies;

const columns = raw.ops;
/** One array a column, rows by invocation. `took` is the latency, -1 where nobody answered. */
export const ops = {
  count: /** @type {number} */ (columns.count),
  index: unpack(columns.index),
  process: unpack(columns.process),
  lane: unpack(columns.lane),
  invoked: unpack(columns.invoked),
  took: unpack(columns.took),
  outcome: unpack(columns.outcome),
  f: unpack(columns.f),
  keyset: unpack(columns.keyset),
  call: unpack(columns.call),
  answer: unpack(columns.answer),
  trail: unpack(columns.trail),
  fs: /** @type {string[]} */ (columns.fs),
  keys: /** @type {string[]} */ (columns.keys),
  keysets: /** @type {number[][]} */ (columns.keysets),
  texts: /** @type {string[]} */ (columns.texts),
  evidence: new Set(/** @type {number[]} */ (columns.evidence)),
  remark: /** @type {string | null} */ (columns.remark),
};

/** @type {string[]} */
export const ROLES = raw.cluster.roles;
/** All names that stand in tracks and messages: the nodes, clients, and others that were told of. */
export const names = /** @type {string[]} */ (raw.cluster.names);
/** @type {NodeLife[]} */
export const nodes = raw.cluster.nodes.map((/** @type {any} */ node) => ({
  ...node,
  roles: unpackTrack(node.roles), terms: unpackTrack(node.terms), commits: unpackTrack(node.commits),
  logIndex: unpackTrack(node.logIndex), logTerm: unpackTrack(node.logTerm), sources: unpackTrack(node.sources),
}));

const told = raw.messages;
/** Arrows by departure; `took` is -1 for what did not arrive, as far as is known. */
export const messages = {
  departed: unpack(told.departed),
  took: unpack(told.took),
  source: unpack(told.source),
  target: unpack(told.target),
  kind: unpack(told.kind),
  text: unpack(told.text),
  kinds: /** @type {string[]} */ (told.kinds),
  texts: /** @type {string[]} */ (told.texts),
  remark: /** @type {string} */ (told.remark),
};

/** The last place whose time is not later than `time`, -1 if there is none.
 * @param {ArrayLike<number>} times @param {number} time */
export function lastBefore(times, time) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1; else high = middle;
  }
  return low - 1;
}

/** What a track says at `time`, null before it begins. @param {Track} track @param {number} time */
export function valueAt(track, time) {
  const place = lastBefore(track.at, time);
  return place < 0 ? null : track.value[place];
}

/** The row of the operation with that index of the run, -1 if it is not drawn. @param {number} index */
export function rowOf(index) {
  const place = lastBefore(ops.index, index);
  return place >= 0 && ops.index[place] === index ? place : -1;
}

/** @param {number} row */
export const callOf = (row) => ops.texts[ops.call[row]];
/** @param {number} row */
export const answerOf = (row) => ops.texts[ops.answer[row]];
/** Since when the answer was known, -1 if it never was. @param {number} row */
export const completedAt = (row) => ops.took[row] < 0 ? -1 : ops.invoked[row] + ops.took[row];
/** @param {Fault} fault */
export const nameOfFault = (fault) => `${fault.number} ${fault.kind} ${fault.nodes.join(", ")}`.trim();
/** @param {number} from @param {number} to */
export const faultsDuring = (from, to) => faults.filter((fault) => fault.began <= to && fault.ended >= from);
