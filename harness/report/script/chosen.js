// What the reader has picked: an operation, a moment, and which operations are shown.

import { END, completedAt, ops } from "./data.js";
import { invalidate } from "./paint.js";
import { View } from "./view.js";

/** The interval that all plots over the whole run share. */
export const overview = new View(0, END * 1.005, 1e4);
/** The interval of the diagram of messages, which are too fast for that. */
export const closeUp = new View(0, END * 1.005, 1e4);

/** @typedef {{row: number, moment: number | null, anomaly: number}} Picked `row` is -1 without an operation;
 * `anomaly` is the one whose evidence is drawn close up */
/** @type {Picked} */
export const picked = { row: -1, moment: null, anomaly: 0 };
/** @type {Uint8Array | null} */
let kept = null;
/** @type {(() => void)[]} */
const listeners = [];

/** @param {() => void} listener Called when something else is picked */
export const onPicked = (listener) => { listeners.push(listener); };
const CLOSE_NS = 60e6;

/** @param {number} row @param {number | null} moment Else when it was answered, or called */
export function pickOp(row, moment = null) {
  picked.row = row;
  picked.moment = moment ?? (row < 0 ? null : completedAt(row) < 0 ? ops.invoked[row] : completedAt(row));
  if (row >= 0) overview.reveal(ops.invoked[row], picked.moment ?? ops.invoked[row]);
  tell();
}
/** @param {number | null} moment */
export function pickMoment(moment) {
  picked.moment = moment;
  tell();
}
function tell() {
  const { moment, row } = picked;
  if (moment !== null) {
    const from = row < 0 ? moment : Math.min(ops.invoked[row], moment);
    const half = Math.max(Math.min(closeUp.span / 2, CLOSE_NS), (moment - from) * 0.8);
    const middle = (from + moment) / 2;
    closeUp.show(middle - half, middle + half);
  }
  for (const listener of listeners) listener();
  invalidate();
}

/** @param {Uint8Array | null} mask A one for each operation that is shown; null for all */
export function keep(mask) {
  kept = mask;
  invalidate();
}
/** @param {number} row */
export const isKept = (row) => kept === null || kept[row] === 1;
export const keptMask = () => kept;
