// What all plots of the page share: the data, the visible part of the time axis, colours, the pointer.
//
// One time axis rules every plot: the same gutter on the left, the same padding on the right, the same
// visible interval. A plot registers a redraw and asks `xOf`; whoever moves the view calls `show`.
"use strict";
const Hearsay = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const GUTTER = 96, RIGHT = 30, SHORTEST_NS = 1e4;
  const FULL_TO = data.end * 1.005;
  const view = { from: 0, to: FULL_TO };
  const redraws = [], hairs = [];
  let pending = false, colours = null;

  function colour(name) {
    colours ??= getComputedStyle(document.documentElement);
    return colours.getPropertyValue("--" + name).trim();
  }
  function tinted(name, alpha) {
    const hex = colour(name);
    const part = (at) => parseInt(hex.slice(at, at + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  }

  function redraw() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      for (const draw of redraws) draw();
    });
  }
  function show(from, to) {
    const span = Math.min(Math.max(to - from, SHORTEST_NS), FULL_TO);
    const middle = (from + to) / 2;
    view.from = Math.min(Math.max(middle - span / 2, 0), FULL_TO - span);
    view.to = view.from + span;
    redraw();
  }
  function zoom(factor, around = (view.from + view.to) / 2) {
    const span = Math.min(Math.max((view.to - view.from) * factor, SHORTEST_NS), FULL_TO);
    const share = (around - view.from) / (view.to - view.from);
    show(around - share * span, around + (1 - share) * span);
  }
  function move(share) {
    const by = (view.to - view.from) * share;
    show(view.from + by, view.to + by);
  }

  const plotWidth = (width) => Math.max(width - GUTTER - RIGHT, 50);
  const xOf = (nanos, width) => GUTTER + ((nanos - view.from) / (view.to - view.from)) * plotWidth(width);
  const timeAt = (x, width) => view.from + ((x - GUTTER) / plotWidth(width)) * (view.to - view.from);

  function duration(nanos) {
    const [value, unit] = nanos >= 1e9 ? [nanos / 1e9, "s"] : nanos >= 1e6 ? [nanos / 1e6, "ms"]
      : nanos >= 1e3 ? [nanos / 1e3, "µs"] : [nanos, "ns"];
    if (unit === "ns") return `${Math.round(value)} ns`;
    return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
  }
  const instant = (nanos) => `${(nanos / 1e9).toFixed(6)} s`;
  function secondsLabel(nanos, step) {
    const digits = Math.max(0, Math.ceil(-Math.log10(step / 1e9) - 1e-9));
    return `${(nanos / 1e9).toFixed(digits)} s`;
  }
  function ticks(width) {
    const wanted = (view.to - view.from) / Math.max(2, plotWidth(width) / 95);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((by) => by * power).find((by) => by >= wanted);
    const found = [];
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) found.push(at);
    return { step, found };
  }

  function sharpCanvas(parent) {
    const canvas = document.createElement("canvas");
    parent.append(canvas);
    const resize = (width, height) => {
      const ratio = window.devicePixelRatio || 1;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      return context;
    };
    return { canvas, resize };
  }

  function faultColour(fault) {
    if (/kill|crash/.test(fault.kind)) return "kill";
    if (/pause|stop/.test(fault.kind)) return "pause";
    return /isolat|partition|cut|half|halves|ring|bridge|one|leader|minor|major/.test(fault.kind) ? "cut" : "other";
  }
  const faultRows = data.faults.reduce((most, fault) => Math.max(most, fault.row + 1), 0);
  const LABEL_ROW = 13, labelRows = Math.min(faultRows, 3);
  // The longest name of a fault that fits before the next fault of its row; it may be wider than the fault.
  function faultLabel(context, fault, from, width) {
    const next = data.faults.filter((other) => other.row === fault.row && other.began > fault.began)
      .reduce((least, other) => Math.min(least, xOf(other.began, width)), width - RIGHT);
    const nodes = fault.nodes.join(", ");
    return [`${fault.number} ${fault.kind} ${nodes}`, `${fault.number} ${fault.kind}`, `${fault.number}`]
      .find((text) => context.measureText(text).width <= next - from - 4) ?? "";
  }
  // Names the visible faults in the `labelRows` lines above `top`, where no data is drawn.
  function nameFaults(context, width, top) {
    context.font = `11px ${colour("sans")}`;
    context.textBaseline = "bottom";
    context.textAlign = "left";
    for (const fault of data.faults) {
      const left = Math.max(xOf(fault.began, width), GUTTER);
      if (fault.row >= labelRows || fault.ended < view.from || fault.began > view.to) continue;
      const y = top - 2 - LABEL_ROW * (labelRows - 1 - fault.row);
      context.fillStyle = colour(faultColour(fault));
      context.fillRect(left, y - 12, 2, top - y + 12);
      context.fillStyle = colour("ink");
      context.fillText(faultLabel(context, fault, left + 5, width), left + 5, y);
    }
  }
  // Shades the faults that are visible between `top` and `bottom`.
  function shadeFaults(context, width, top, bottom) {
    context.save();
    context.beginPath();
    context.rect(GUTTER, top, plotWidth(width), bottom - top);
    context.clip();
    for (const fault of data.faults) {
      if (fault.ended < view.from || fault.began > view.to) continue;
      const left = xOf(fault.began, width), right = Math.max(xOf(fault.ended, width), left + 1);
      context.fillStyle = tinted(faultColour(fault), 0.16);
      context.fillRect(left, top, right - left, bottom - top);
      context.fillStyle = tinted(faultColour(fault), 0.7);
      context.fillRect(left, top, 1, bottom - top);
      context.fillRect(right - 1, top, 1, bottom - top);
    }
    context.restore();
  }

  // The labels of the time axis, for plots that are not uPlot's.
  function drawTicks(context, width, top, bottom, labelled) {
    const { step, found } = ticks(width);
    context.strokeStyle = colour("grid");
    context.fillStyle = colour("muted");
    context.font = `11px ${colour("sans")}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.lineWidth = 1;
    for (const at of found) {
      const x = Math.round(xOf(at, width)) + 0.5;
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, bottom);
      context.stroke();
      if (labelled) context.fillText(secondsLabel(at, step), x, bottom + 5);
    }
  }

  const tip = document.getElementById("tip");
  // `lines`: [text, class] pairs. Text only, never markup: it comes from the history.
  function fill(element, lines) {
    element.replaceChildren(...lines.map(([text, kind]) => {
      const line = document.createElement(kind === "title" ? "strong" : "div");
      if (kind && kind !== "title") line.className = kind;
      line.textContent = text;
      return line;
    }));
  }
  function showTip(event, lines) {
    tip.hidden = !lines;
    if (!lines) return;
    fill(tip, lines);
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 16 + box.width > innerWidth ? event.clientX - 16 - box.width : event.clientX + 16;
    const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }
  function moveHairs(x) {
    for (const hair of hairs) {
      hair.hidden = x === null;
      if (x !== null) hair.style.left = `${x}px`;
    }
  }

  // Wheel, drag, touch and keys on one plot move the view of all of them.
  function navigable(plot, { hover = null, click = null, label }) {
    const hair = document.createElement("div");
    hair.className = "hair";
    hair.hidden = true;
    plot.append(hair);
    hairs.push(hair);
    plot.tabIndex = 0;
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", label);
    const widthOf = () => plot.clientWidth;
    const xIn = (event) => event.clientX - plot.getBoundingClientRect().left;
    plot.addEventListener("wheel", (event) => {
      // A page is scrolled over its plots all the time: only a chosen plot, or Ctrl, zooms.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== plot) return;
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return move(event.deltaX / 1000);
      zoom(Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 200) / 400), timeAt(xIn(event), widthOf()));
    }, { passive: false });
    let grabbed = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch" && !event.isPrimary) return;
      grabbed = { x: event.clientX, y: event.clientY, from: view.from, to: view.to, moved: false };
    });
    plot.addEventListener("pointermove", (event) => {
      const x = xIn(event);
      moveHairs(x >= GUTTER && x <= widthOf() - RIGHT ? x : null);
      if (grabbed) {
        const by = event.clientX - grabbed.x;
        if (!grabbed.moved && Math.abs(by) > 3) {
          grabbed.moved = true;
          plot.setPointerCapture(event.pointerId);
          plot.classList.add("moving");
          showTip(event, null);
        }
        if (grabbed.moved) {
          const shift = (by / plotWidth(widthOf())) * (grabbed.to - grabbed.from);
          show(grabbed.from - shift, grabbed.to - shift);
        }
        return;
      }
      if (hover) showTip(event, hover(event));
    });
    const release = (event) => {
      if (grabbed && !grabbed.moved && event.type === "pointerup" && click) click(event);
      grabbed = null;
      plot.classList.remove("moving");
    };
    plot.addEventListener("pointerup", release);
    plot.addEventListener("pointercancel", release);
    plot.addEventListener("pointerleave", (event) => { moveHairs(null); showTip(event, null); });
    plot.addEventListener("dblclick", () => show(0, FULL_TO));
  }

  function keyed(event) {
    switch (event.key) {
      case "ArrowLeft": return move(-0.2);
      case "ArrowRight": return move(0.2);
      case "+": case "=": return zoom(0.6);
      case "-": return zoom(1 / 0.6);
      case "0": case "Home": return show(0, FULL_TO);
      default: return null;
    }
  }

  // What a plot says when it has nothing to draw.
  function message(plot, text) {
    const note = document.createElement("div");
    note.className = "message";
    note.textContent = text;
    plot.replaceChildren(note);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint());
  function repaint(now = false) {
    colours = null;
    if (!now) redraw(); else for (const draw of redraws) draw();
  }
  return {
    data, view, GUTTER, RIGHT, FULL_TO, colour, tinted, redraw, redraws, repaint, show, zoom, move, plotWidth, xOf, timeAt,
    duration, instant, ticks, secondsLabel, sharpCanvas, faultColour, faultLabel, nameFaults, shadeFaults, LABELS_HEIGHT: labelRows * LABEL_ROW, drawTicks, fill, showTip,
    navigable, keyed, message,
  };
})();
