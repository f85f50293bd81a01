// Colours from the style sheet, sharp canvases, and when they are painted: once a frame, if seen.

/** @type {CSSStyleDeclaration | null} */
let styles = null;

/** A colour (or font) of report.css. @param {string} name */
export function colour(name) {
  styles ??= getComputedStyle(document.documentElement);
  return styles.getPropertyValue(`--${name}`).trim();
}

/** @type {Map<string, string>} */
const tints = new Map();
/** @param {string} name @param {number} alpha */
export function tinted(name, alpha) {
  const known = tints.get(name + alpha);
  if (known !== undefined) return known;
  const hex = colour(name);
  const part = (/** @type {number} */ at) => parseInt(hex.slice(at, at + 2), 16);
  const made = `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  tints.set(name + alpha, made);
  return made;
}

const NODE_COLOURS = ["node-0", "node-1", "node-2", "node-3", "node-4", "node-5", "node-6", "node-7", "node-8"];
/** @param {number} place */
export const nodeColour = (place) => NODE_COLOURS[place % NODE_COLOURS.length];
const TERM_COLOURS = ["term-0", "term-1", "term-2", "term-3", "term-4", "term-5"];
/** @param {number} term */
export const termColour = (term) => TERM_COLOURS[term % TERM_COLOURS.length];

/** @typedef {{element: HTMLElement, paint: () => void, dirty: boolean, seen: boolean}} Painter */
/** @type {Painter[]} */
const painters = [];
let pending = false;
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries)
    for (const painter of painters)
      if (painter.element === entry.target) painter.seen = entry.isIntersecting;
  schedule();
}, { rootMargin: "200px" });

/** `paint` is called in a frame when something has changed and `element` is on the screen, or nearly.
 * @param {HTMLElement} element @param {() => void} paint */
export function whenSeen(element, paint) {
  painters.push({ element, paint, dirty: true, seen: true });
  observer.observe(element);
}
/** `paint` is called in every frame in which something has changed. @param {() => void} paint */
export const always = (paint) => { painters.push({ element: document.body, paint, dirty: true, seen: true }); };

function schedule() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    paintWhatIsDue(false);
  });
}
/** @param {boolean} all */
function paintWhatIsDue(all) {
  for (const painter of painters) {
    if (!all && !(painter.dirty && painter.seen)) continue;
    painter.dirty = false;
    painter.paint();
  }
}
export function invalidate() {
  for (const painter of painters) painter.dirty = true;
  schedule();
}
/** After a change of colours. @param {boolean} now Do not wait for a frame: the page is being printed. */
export function repaint(now = false) {
  styles = null;
  tints.clear();
  if (now) paintWhatIsDue(true); else invalidate();
}

/** A canvas with as many pixels as the screen has. @param {HTMLElement} parent */
export function sharpCanvas(parent) {
  const canvas = document.createElement("canvas");
  parent.append(canvas);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  return {
    canvas,
    /** Cleared and ready, in CSS pixels. @param {number} width @param {number} height */
    begin(width, height) {
      const ratio = window.devicePixelRatio || 1;
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) {
        canvas.width = w;
        canvas.height = h;
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      return context;
    },
  };
}

/** Paints within a box only.
 * @param {CanvasRenderingContext2D} context @param {number} left @param {number} top @param {number} width
 * @param {number} height @param {() => void} paint */
export function clipped(context, left, top, width, height, paint) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  paint();
  context.restore();
}

/** The first of `options` that fits between `left` and `right`.
 * @param {CanvasRenderingContext2D} context @param {string[]} options @param {number} left @param {number} right
 * @param {number} y */
export function fitted(context, options, left, right, y) {
  const text = options.find((option) => context.measureText(option).width <= right - left);
  if (text) context.fillText(text, left, y);
}
