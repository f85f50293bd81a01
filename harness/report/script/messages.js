// The space-time diagram (Lamport 1978): who told whom what around the picked moment.

import {
  OUTCOMES, ROLES, anomalies, answerOf, callOf, completedAt, lastBefore, messages, names, nodes, ops, rowOf, valueAt,
} from "./data.js";
import { closeUp, picked, pickOp, pickMoment } from "./chosen.js";
import { eachStep, rowLabel, stateAt } from "./cluster.js";
import { markMoment, shadeFaults } from "./faults.js";
import { duration, instant } from "./format.js";
import { message, navigable } from "./navigation.js";
import { clipped, colour, fitted, invalidate, sharpCanvas, termColour, tinted, whenSeen } from "./paint.js";
import { GUTTER, RIGHT, plotWidth } from "./view.js";

/** @typedef {import("./tooltip.js").Line} Line */

const ROW = 66, BAR = 17, TOP = 8, AXIS = 22, ARROWS_MAX = 3000, LABELS_MAX = 40, BARS_MAX = 8, view = closeUp;
/** How many there are of each kind. */
const counts = messages.kinds.map(() => 0);
for (const kind of messages.kind) counts[kind]++;
// Gossip hides all else, so it is shown at first only where there is nothing else.
const isAlone = counts.every((number, kind) => !number || messages.kinds[kind] === "gossip");
const shownKinds = messages.kinds.map((kind) => kind !== "gossip" || isAlone);
const rows = new Map([...nodes.map((node) => node.name)].map((name, row) => [names.indexOf(name), row]));
const clients = names.indexOf("clients");
let longest = 0;
for (const took of messages.took) longest = Math.max(longest, took);

/** Operations drawn as bars above the nodes: the picked one, then the visible evidence of the anomaly at hand. */
function barsOf() {
  const evidence = anomalies.filter((_, place) => place === picked.anomaly)
    .flatMap((anomaly) => [...anomaly.evidence, ...(anomaly.culprit === null ? [] : [anomaly.culprit])]);
  const wanted = [...new Set([picked.row, ...evidence.map(rowOf)])];
  return wanted.filter((row) => {
    if (row < 0) return false;
    const ended = completedAt(row) < 0 ? view.to : completedAt(row);
    return ops.invoked[row] <= view.to && ended >= view.from;
  }).slice(0, BARS_MAX).sort((one, other) => one - other);
}

/** @param {number} bars */
const clientsAt = (bars) => TOP + bars * (BAR + 4) + 10;
/** @param {number} name @param {number} bars */
function yOf(name, bars) {
  if (name === clients) return clientsAt(bars);
  const row = rows.get(name);
  return row === undefined ? null : clientsAt(bars) + (row + 1) * ROW;
}

/** Visible arrows, as far as their kinds are shown. @returns {number[]} */
function visible() {
  const found = [];
  for (let i = Math.max(0, lastBefore(messages.departed, view.from - longest)); i < messages.departed.length; i++) {
    if (messages.departed[i] > view.to) break;
    if (!shownKinds[messages.kind[i]]) continue;
    if (messages.departed[i] + Math.max(messages.took[i], 0) < view.from) continue;
    found.push(i);
    if (found.length >= ARROWS_MAX) break;
  }
  return found;
}

/** Where an arrow begins and ends; one that did not arrive ends on its way.
 * @param {number} i @param {number} width @param {number} bars */
function lineOf(i, width, bars) {
  const y1 = yOf(messages.source[i], bars), y2 = yOf(messages.target[i], bars);
  if (y1 === null || y2 === null) return null;
  const x1 = view.xOf(messages.departed[i], width), arrived = messages.departed[i] + messages.took[i];
  if (messages.took[i] >= 0) return { x1, y1, x2: view.xOf(arrived, width), y2, arrived: true };
  return { x1, y1, x2: x1 + 14, y2: y1 + (y2 - y1) * 0.45, arrived: false };
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} bars */
function drawArrows(context, width, bars) {
  const found = visible();
  const labelled = found.length <= LABELS_MAX;
  context.lineWidth = found.length > 400 ? 0.8 : 1.3;
  context.font = `10.5px ${colour("sans")}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  /** @type {{x: number, y: number, length: number}[]} */
  const placed = [];
  for (const i of found) {
    const line = lineOf(i, width, bars);
    if (!line) continue;
    const { x1, y1, x2, y2, arrived } = line;
    context.strokeStyle = context.fillStyle = colour(`message-${messages.kinds[messages.kind[i]]}`);
    context.setLineDash(arrived ? [] : [3, 3]);
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.setLineDash([]);
    if (arrived) head(context, x1, y1, x2, y2);
    else cross(context, x2, y2);
    if (!labelled) continue;
    const x = Math.max((x1 + x2) / 2 + 5, GUTTER + 4), y = (y1 + y2) / 2;
    const text = messages.texts[messages.text[i]], short = text.length > 38 ? `${text.slice(0, 37)}…` : text;
    const length = context.measureText(short).width;
    if (placed.some((other) => Math.abs(other.y - y) < 13 && other.x < x + length && x < other.x + other.length)) continue;
    placed.push({ x, y, length });
    context.fillStyle = tinted("paper", 0.8);
    context.fillRect(x - 2, y - 6, length + 4, 13);
    context.fillStyle = colour("ink");
    context.fillText(short, x, y);
  }
  return found.length;
}

/** @param {CanvasRenderingContext2D} context @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
function head(context, x1, y1, x2, y2) {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  context.beginPath();
  context.moveTo(x2, y2);
  context.lineTo(x2 - 8 * Math.cos(angle - 0.35), y2 - 8 * Math.sin(angle - 0.35));
  context.lineTo(x2 - 8 * Math.cos(angle + 0.35), y2 - 8 * Math.sin(angle + 0.35));
  context.fill();
}
/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y */
function cross(context, x, y) {
  context.beginPath();
  context.moveTo(x - 4, y - 4);
  context.lineTo(x + 4, y + 4);
  context.moveTo(x + 4, y - 4);
  context.lineTo(x - 4, y + 4);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number[]} bars */
function drawOps(context, width, bars) {
  context.font = `11px ${colour("mono")}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  bars.forEach((row, place) => {
    const y = TOP + place * (BAR + 4), ended = completedAt(row);
    const left = view.xOf(ops.invoked[row], width);
    const right = Math.max(ended < 0 ? width : view.xOf(ended, width), left + 3);
    context.fillStyle = tinted(OUTCOMES[ops.outcome[row]], 0.3);
    context.fillRect(left, y, right - left, BAR);
    context.strokeStyle = colour(row === picked.row ? "focus" : "evidence");
    context.lineWidth = 1.5;
    context.strokeRect(left, y, right - left, BAR);
    context.fillStyle = colour("ink");
    const text = `#${ops.index[row]} p${ops.process[row]}  ${callOf(row)} ${answerOf(row)}`;
    const room = width - RIGHT - Math.max(left, GUTTER) - 6;
    const length = context.measureText(text).width;
    // Beside a bar that is too short for it, or before one at the right end.
    const x = length < room ? Math.max(left, GUTTER) + 5 : Math.max(GUTTER + 5, Math.min(left, width - RIGHT) - length - 6);
    context.fillText(text, x, y + BAR / 2 + 0.5);
  });
}

/** A line of life for each node, thick and coloured while it leads, gone while it is down.
 * @param {CanvasRenderingContext2D} context @param {number} width @param {number} bars */
function drawLives(context, width, bars) {
  const leader = ROLES.indexOf("leader");
  nodes.forEach((node) => {
    const y = yOf(names.indexOf(node.name), bars) ?? 0;
    context.fillStyle = colour("muted");
    context.fillRect(GUTTER, y - 0.5, plotWidth(width), 1);
    eachStep(node.roles, view.from, view.to, (role, from, to) => {
      if (ROLES[role] === "follower" || ROLES[role] === "down") return;
      const left = view.xOf(from, width), right = view.xOf(to, width), term = valueAt(node.terms, from) ?? 0;
      context.fillStyle = role === leader ? colour(termColour(term)) : colour("candidate");
      context.fillRect(left, y - 3, right - left, 6);
      context.font = `600 11px ${colour("sans")}`;
      context.textBaseline = "top";
      fitted(context, [role === leader ? `leader, term ${term}` : ROLES[role].replace("_", "-")], Math.max(left, GUTTER) + 4,
        Math.min(right, width - RIGHT), y + 6);
    });
    for (const [from, to] of node.down) {
      const left = view.xOf(from, width), right = view.xOf(to, width);
      if (right < GUTTER || left > width) continue;
      context.fillStyle = colour("paper");
      context.fillRect(left, y - 4, right - left, 8);
      context.strokeStyle = context.fillStyle = colour("kill");
      context.lineWidth = 1;
      context.setLineDash([4, 3]);
      context.strokeRect(left, y - 4, right - left, 8);
      context.setLineDash([]);
      context.textBaseline = "top";
      fitted(context, ["down"], Math.max(left, GUTTER) + 4, Math.min(right, width - RIGHT), y + 6);
    }
  });
  context.fillStyle = colour("muted");
  context.fillRect(GUTTER, clientsAt(bars) - 0.5, plotWidth(width), 1);
}

/** @param {HTMLElement} bar */
function toolbar(bar) {
  messages.kinds.forEach((kind, place) => {
    if (!counts[place]) return;
    const label = document.createElement("label"), box = document.createElement("input"), mark = document.createElement("i");
    box.type = "checkbox";
    box.checked = shownKinds[place];
    box.addEventListener("change", () => { shownKinds[place] = box.checked; invalidate(); });
    mark.className = `message-${kind}`;
    label.append(box, mark, kind);
    bar.append(label);
  });
}

export function start() {
  const plot = /** @type {HTMLElement} */ (document.getElementById("messages"));
  /** @type {HTMLElement} */ (document.getElementById("messages-remark")).textContent = messages.remark;
  if (!messages.departed.length) return message(plot, "No message is known.");
  toolbar(/** @type {HTMLElement} */ (document.getElementById("messages-kinds")));
  const { canvas, begin } = sharpCanvas(plot);
  const range = /** @type {HTMLElement} */ (document.getElementById("messages-range"));
  whenSeen(plot, () => {
    const bars = barsOf(), width = plot.clientWidth, low = clientsAt(bars.length) + nodes.length * ROW + 26;
    const context = begin(width, low + AXIS);
    view.drawTicks(context, width, TOP, low);
    shadeFaults(context, view, width, TOP, low);
    rowLabel(context, "clients", clientsAt(bars.length));
    nodes.forEach((node) => {
      const y = yOf(names.indexOf(node.name), bars.length) ?? 0;
      rowLabel(context, node.name, y);
      const state = stateAt(node, picked.moment ?? (view.from + view.to) / 2);
      context.font = `10.5px ${colour("sans")}`;
      context.textAlign = "right";
      context.fillStyle = colour("muted");
      context.fillText(state.isUp ? state.role : "down", GUTTER - 10, y + 15);
      context.textAlign = "left";
    });
    let drawn = 0;
    clipped(context, GUTTER, 0, plotWidth(width), low, () => {
      drawLives(context, width, bars.length);
      drawn = drawArrows(context, width, bars.length);
      drawOps(context, width, bars);
      markMoment(context, view, width, TOP, low);
    });
    const more = drawn >= ARROWS_MAX ? ", the first of them: zoom in" : "";
    range.textContent = `${instant(view.from)} to ${instant(view.to)} (${duration(view.span)}), ${drawn} messages${more}`;
  });

  /** The arrow under the pointer. @param {PointerEvent} event */
  function at(event) {
    const area = canvas.getBoundingClientRect(), bars = barsOf().length;
    const x = event.clientX - area.left, y = event.clientY - area.top;
    let found = -1, best = 7;
    for (const i of visible()) {
      const line = lineOf(i, plot.clientWidth, bars);
      if (!line) continue;
      const dx = line.x2 - line.x1, dy = line.y2 - line.y1;
      const along = Math.max(0, Math.min(1, ((x - line.x1) * dx + (y - line.y1) * dy) / (dx * dx + dy * dy || 1)));
      const off = Math.hypot(x - line.x1 - along * dx, y - line.y1 - along * dy);
      if (off < best) [found, best] = [i, off];
    }
    return found;
  }
  /** @param {PointerEvent} event */
  function barAt(event) {
    const area = canvas.getBoundingClientRect();
    const row = barsOf()[Math.floor((event.clientY - area.top - TOP) / (BAR + 4))];
    return row === undefined ? -1 : row;
  }
  navigable(plot, view, {
    label: "Messages between clients and nodes around the picked moment",
    hover: (event) => {
      const i = at(event);
      if (i < 0) return null;
      const gone = messages.departed[i], took = messages.took[i];
      return /** @type {Line[]} */ ([
        [messages.texts[messages.text[i]], "title"],
        [`${names[messages.source[i]]} to ${names[messages.target[i]]}, ${messages.kinds[messages.kind[i]]}`, ""],
        [took < 0 ? `left at ${instant(gone)}; not known to have arrived`
          : `${instant(gone)} to ${instant(gone + took)}, ${duration(took)}`, "dim"],
      ]);
    },
    click: (event) => {
      const row = barAt(event);
      if (row >= 0) pickOp(row);
      else pickMoment(view.timeUnder(event, plot));
    },
  });
}
