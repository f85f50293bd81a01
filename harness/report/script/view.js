// A visible interval of time, and where its instants are on the screen.

import { seconds } from "./format.js";
import { colour, invalidate } from "./paint.js";

/** What is kept free for labels left and right of all plots, in pixels. */
export const GUTTER = 96, RIGHT = 30;

/** @param {number} width */
export const plotWidth = (width) => Math.max(width - GUTTER - RIGHT, 50);

export class View {
  /** @param {number} from @param {number} to The whole @param {number} shortest The closest one can look, in ns */
  constructor(from, to, shortest) {
    this.whole = { from, to };
    this.shortest = shortest;
    this.from = from;
    this.to = to;
  }
  get span() { return this.to - this.from; }

  /** @param {number} from @param {number} to */
  show(from, to) {
    const { whole } = this;
    const span = Math.min(Math.max(to - from, this.shortest), whole.to - whole.from);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - span / 2, whole.from), whole.to - span);
    this.to = this.from + span;
    invalidate();
  }
  showAll() { this.show(this.whole.from, this.whole.to); }
  /** @param {number} factor @param {number} around What stays where it is */
  zoom(factor, around = (this.from + this.to) / 2) {
    const span = Math.min(Math.max(this.span * factor, this.shortest), this.whole.to - this.whole.from);
    const share = (around - this.from) / this.span;
    this.show(around - share * span, around + (1 - share) * span);
  }
  /** @param {number} share Of what is visible, to the right */
  move(share) { this.show(this.from + this.span * share, this.to + this.span * share); }
  /** Moves no further than needed to have [from, to] in sight. @param {number} from @param {number} to */
  reveal(from, to) {
    if (from >= this.from && to <= this.to) return;
    const half = Math.max(this.span, (to - from) * 1.2) / 2, middle = (from + to) / 2;
    this.show(middle - half, middle + half);
  }

  /** @param {number} nanos @param {number} width Of the whole plot */
  xOf(nanos, width) { return GUTTER + ((nanos - this.from) / this.span) * plotWidth(width); }
  /** @param {number} x @param {number} width */
  timeAt(x, width) { return this.from + ((x - GUTTER) / plotWidth(width)) * this.span; }

  /** What the pointer points at. @param {{clientX: number}} event @param {HTMLElement} plot */
  timeUnder(event, plot) {
    return this.timeAt(event.clientX - plot.getBoundingClientRect().left, plot.clientWidth);
  }

  /** Round instants, and how far they are apart. @param {number} width */
  ticks(width) {
    const wanted = this.span / Math.max(2, plotWidth(width) / 95);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((by) => by * power).find((by) => by >= wanted) ?? wanted;
    const found = [];
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) found.push(at);
    return { step, found };
  }

  /** Lines down from `top` to `bottom`, and the instants under them.
   * @param {CanvasRenderingContext2D} context @param {number} width @param {number} top @param {number} bottom */
  drawTicks(context, width, top, bottom) {
    const { step, found } = this.ticks(width);
    context.strokeStyle = colour("grid");
    context.fillStyle = colour("muted");
    context.font = `11px ${colour("sans")}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.lineWidth = 1;
    context.beginPath();
    for (const at of found) {
      const x = Math.round(this.xOf(at, width)) + 0.5;
      context.moveTo(x, top);
      context.lineTo(x, bottom);
      context.fillText(seconds(at, step), x, bottom + 5);
    }
    context.stroke();
  }
}
