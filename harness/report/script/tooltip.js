// A box beside the pointer. Text only, never markup: it comes from the history.

/** @typedef {[string, string]} Line A text, and its class ("title", "dim" or "") */

const tip = /** @type {HTMLElement} */ (document.getElementById("tip"));

/** @param {HTMLElement} element @param {Line[]} lines */
export function fill(element, lines) {
  element.replaceChildren(...lines.map(([text, kind]) => {
    const line = document.createElement(kind === "title" ? "strong" : "div");
    if (kind && kind !== "title") line.className = kind;
    line.textContent = text;
    return line;
  }));
}

/** @param {{clientX: number, clientY: number}} event @param {Line[] | null} lines */
export function showTip(event, lines) {
  tip.hidden = !lines;
  if (!lines) return;
  fill(tip, lines);
  const box = tip.getBoundingClientRect();
  const left = event.clientX + 16 + box.width > innerWidth ? event.clientX - 16 - box.width : event.clientX + 16;
  const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}
