// Wheel, drag, pinch and keys on one plot move the view of all that share it.

import { showTip } from "./tooltip.js";
import { GUTTER, RIGHT, plotWidth } from "./view.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./tooltip.js").Line} Line */

/** @type {{view: View, hair: HTMLElement}[]} */
const hairs = [];

/** @param {View} view @param {number | null} x */
function moveHairs(view, x) {
  for (const each of hairs) {
    if (each.view !== view) continue;
    each.hair.hidden = x === null;
    if (x !== null) each.hair.style.left = `${x}px`;
  }
}

/**
 * @param {HTMLElement} plot @param {View} view
 * @param {{label: string, hover?: (event: PointerEvent) => Line[] | null, click?: (event: PointerEvent) => void,
 *   key?: (event: KeyboardEvent) => boolean}} options `key` says whether it has dealt with the event
 */
export function navigable(plot, view, { label, hover, click, key }) {
  const hair = document.createElement("div");
  hair.className = "hair";
  hair.hidden = true;
  plot.append(hair);
  hairs.push({ view, hair });
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", `${label}. Question mark tells the keys.`);
  const xIn = (/** @type {MouseEvent} */ event) => event.clientX - plot.getBoundingClientRect().left;

  plot.addEventListener("wheel", (event) => {
    // A page is scrolled over its plots all the time: only a chosen plot, or Ctrl, zooms.
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!sideways && !event.ctrlKey && !event.metaKey && document.activeElement !== plot) return;
    event.preventDefault();
    if (sideways) view.move(event.deltaX / 1000);
    else view.zoom(Math.exp(Math.max(-200, Math.min(event.deltaY, 200)) / 400), view.timeAt(xIn(event), plot.clientWidth));
  }, { passive: false });

  /** @type {Map<number, PointerEvent>} */
  const down = new Map();
  /** @type {{x: number, from: number, to: number, moved: boolean} | null} */
  let grabbed = null;
  /** @type {{apart: number, from: number, to: number, around: number} | null} */
  let pinch = null;

  function beginPinch() {
    const [one, other] = [...down.values()];
    const around = view.timeAt((xIn(one) + xIn(other)) / 2, plot.clientWidth);
    pinch = { apart: Math.max(Math.abs(one.clientX - other.clientX), 10), from: view.from, to: view.to, around };
    grabbed = null;
  }
  function goOnPinching() {
    if (!pinch) return;
    const [one, other] = [...down.values()];
    const factor = pinch.apart / Math.max(Math.abs(one.clientX - other.clientX), 10);
    const share = (((xIn(one) + xIn(other)) / 2) - GUTTER) / plotWidth(plot.clientWidth);
    const span = (pinch.to - pinch.from) * factor;
    view.show(pinch.around - share * span, pinch.around + (1 - share) * span);
  }
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, event);
    if (down.size === 2) beginPinch();
    else grabbed = { x: event.clientX, from: view.from, to: view.to, moved: false };
  });
  plot.addEventListener("pointermove", (event) => {
    const x = xIn(event);
    moveHairs(view, x >= GUTTER && x <= plot.clientWidth - RIGHT ? x : null);
    if (down.has(event.pointerId)) down.set(event.pointerId, event);
    if (down.size === 2) return goOnPinching();
    if (!grabbed) return void (hover && showTip(event, hover(event)));
    const by = event.clientX - grabbed.x;
    if (!grabbed.moved && Math.abs(by) > 3) {
      grabbed.moved = true;
      try { plot.setPointerCapture(event.pointerId); } catch { /* The pointer is gone already. */ }
      plot.classList.add("moving");
      showTip(event, null);
    }
    if (grabbed.moved) {
      const shift = (by / plotWidth(plot.clientWidth)) * (grabbed.to - grabbed.from);
      view.show(grabbed.from - shift, grabbed.to - shift);
    }
  });
  const release = (/** @type {PointerEvent} */ event) => {
    down.delete(event.pointerId);
    if (grabbed && !grabbed.moved && event.type === "pointerup") {
      plot.focus({ preventScroll: true });
      click?.(event);
    }
    grabbed = pinch = null;
    plot.classList.remove("moving");
  };
  plot.addEventListener("pointerup", release);
  plot.addEventListener("pointercancel", release);
  plot.addEventListener("pointerleave", (event) => { moveHairs(view, null); showTip(event, null); });
  plot.addEventListener("dblclick", () => view.showAll());
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key?.(event) || moved(event, view)) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
}

/** @param {KeyboardEvent} event @param {View} view */
function moved(event, view) {
  switch (event.key) {
    case "ArrowLeft": view.move(event.shiftKey ? -0.8 : -0.2); return true;
    case "ArrowRight": view.move(event.shiftKey ? 0.8 : 0.2); return true;
    case "+": case "=": view.zoom(0.6); return true;
    case "-": view.zoom(1 / 0.6); return true;
    case "0": view.showAll(); return true;
    default: return false;
  }
}

/** What a plot says when it has nothing to draw. @param {HTMLElement} plot @param {string} text */
export function message(plot, text) {
  const note = document.createElement("div");
  note.className = "message";
  note.textContent = text;
  plot.replaceChildren(note);
}
