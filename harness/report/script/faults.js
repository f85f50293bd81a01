// Faults: as lanes of their own, and as bands behind everything else.

import { faults, nameOfFault } from "./data.js";
import { overview, picked, pickMoment } from "./chosen.js";
import { duration, instant } from "./format.js";
import { message, navigable } from "./navigation.js";
import { clipped, colour, sharpCanvas, tinted, whenSeen } from "./paint.js";
import { GUTTER, RIGHT, plotWidth } from "./view.js";

/** @typedef {import("./data.js").Fault} Fault */
/** @typedef {import("./view.js").View} View */

const LANE = 24, TOP = 6, AXIS = 22, LABEL_ROW = 13, LABEL_ROWS_MAX = 3;
const lanes = faults.reduce((most, fault) => Math.max(most, fault.lane + 1), 0);
const labelRows = Math.min(lanes, LABEL_ROWS_MAX);
/** The height that `nameFaults` needs. */
export const LABELS_HEIGHT = labelRows * LABEL_ROW;

const CUTS = /isolat|partition|cut|halves|ring|bridge|one-way|shun|sieve|transitive|flapping/;

/** @param {Fault} fault */
export function faultColour(fault) {
  if (/kill|crash|power|terminate|disk|bit|sync|tear/.test(fault.kind)) return "kill";
  if (/pause|clock|skew|drift/.test(fault.kind)) return "pause";
  if (fault.cuts.length || CUTS.test(fault.kind)) return "cut";
  return "other";
}

/** The longest name that fits before the next fault of the lane; it may be wider than the fault itself.
 * @param {CanvasRenderingContext2D} context @param {View} view @param {Fault} fault @param {number} from
 * @param {number} width */
function label(context, view, fault, from, width) {
  const next = faults.reduce((least, other) => other.lane === fault.lane && other.began > fault.began
    ? Math.min(least, view.xOf(other.began, width)) : least, width - RIGHT);
  return [nameOfFault(fault), `${fault.number} ${fault.kind}`, `${fault.number}`]
    .find((text) => context.measureText(text).width <= next - from - 4) ?? "";
}

/** Names the visible faults in the lines above `top`, where no data is drawn.
 * @param {CanvasRenderingContext2D} context @param {View} view @param {number} width @param {number} top */
export function nameFaults(context, view, width, top) {
  context.font = `11px ${colour("sans")}`;
  context.textBaseline = "bottom";
  context.textAlign = "left";
  for (const fault of faults) {
    if (fault.lane >= labelRows || fault.ended < view.from || fault.began > view.to) continue;
    const left = Math.max(view.xOf(fault.began, width), GUTTER);
    const y = top - 2 - LABEL_ROW * (labelRows - 1 - fault.lane);
    context.fillStyle = colour(faultColour(fault));
    context.fillRect(left, y - 12, 2, top - y + 12);
    context.fillStyle = colour("ink");
    context.fillText(label(context, view, fault, left + 5, width), left + 5, y);
  }
}

/** Shades the visible faults between `top` and `bottom`, and marks the picked moment.
 * @param {CanvasRenderingContext2D} context @param {View} view @param {number} width @param {number} top
 * @param {number} bottom */
export function shadeFaults(context, view, width, top, bottom) {
  clipped(context, GUTTER, top, plotWidth(width), bottom - top, () => {
    for (const fault of faults) {
      if (fault.ended < view.from || fault.began > view.to) continue;
      const left = view.xOf(fault.began, width), right = Math.max(view.xOf(fault.ended, width), left + 1);
      context.fillStyle = tinted(faultColour(fault), 0.14);
      context.fillRect(left, top, right - left, bottom - top);
      context.fillStyle = tinted(faultColour(fault), 0.6);
      context.fillRect(left, top, 1, bottom - top);
      context.fillRect(right - 1, top, 1, bottom - top);
    }
  });
}

/** A line at the picked moment.
 * @param {CanvasRenderingContext2D} context @param {View} view @param {number} width @param {number} top
 * @param {number} bottom */
export function markMoment(context, view, width, top, bottom) {
  if (picked.moment === null || picked.moment < view.from || picked.moment > view.to) return;
  const x = Math.round(view.xOf(picked.moment, width));
  context.fillStyle = colour("focus");
  context.fillRect(x - 1, top, 2, bottom - top);
}

export function start() {
  const plot = /** @type {HTMLElement} */ (document.getElementById("faults"));
  if (!faults.length) return message(plot, "No fault was injected.");
  const bottom = TOP + lanes * LANE, { canvas, begin } = sharpCanvas(plot), view = overview;
  whenSeen(plot, () => {
    const width = plot.clientWidth, context = begin(width, bottom + AXIS);
    view.drawTicks(context, width, TOP, bottom);
    context.font = `600 12px ${colour("sans")}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    clipped(context, GUTTER, 0, plotWidth(width), bottom, () => {
      for (const fault of faults) {
        const left = view.xOf(fault.began, width), right = Math.max(view.xOf(fault.ended, width), left + 2);
        if (right < GUTTER || left > width) continue;
        const y = TOP + fault.lane * LANE + 2;
        context.fillStyle = tinted(faultColour(fault), 0.3);
        context.fillRect(left, y, right - left, LANE - 4);
        context.fillStyle = colour(faultColour(fault));
        context.fillRect(left, y, 2, LANE - 4);
        context.fillStyle = colour("ink");
        const from = Math.max(left, GUTTER) + 7;
        context.fillText(label(context, view, fault, from, width), from, y + LANE / 2 - 2);
      }
      markMoment(context, view, width, TOP, bottom);
    });
  });
  navigable(plot, view, {
    label: `${faults.length} faults over time`,
    hover: (event) => {
      const box = canvas.getBoundingClientRect(), width = plot.clientWidth;
      const lane = Math.floor((event.clientY - box.top - TOP) / LANE), x = event.clientX - box.left;
      const fault = faults.find((one) => one.lane === lane
        && view.xOf(one.began, width) - 2 <= x && view.xOf(one.ended, width) + 2 >= x);
      return fault ? [[nameOfFault(fault), "title"], [fault.detail, ""],
        [`${instant(fault.began)} for ${duration(fault.ended - fault.began)}`, "dim"]] : null;
    },
    click: (event) => pickMoment(view.timeUnder(event, plot)),
  });
}
