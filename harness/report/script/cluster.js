// The life of the cluster: of every node its role and term, when it was down, whom it pulled from, and
// from whom it was cut off.

import { ROLES, END, faults, faultsDuring, lastBefore, nameOfFault, names, nodes, valueAt } from "./data.js";
import { overview, pickMoment } from "./chosen.js";
import { faultColour, markMoment, shadeFaults } from "./faults.js";
import { grouped, instant, seconds } from "./format.js";
import { message, navigable } from "./navigation.js";
import { clipped, colour, fitted, nodeColour, sharpCanvas, termColour, tinted, whenSeen } from "./paint.js";
import { GUTTER, RIGHT, plotWidth } from "./view.js";

/** @typedef {import("./data.js").NodeLife} NodeLife */
/** @typedef {import("./data.js").Track} Track */
/** @typedef {import("./tooltip.js").Line} Line */

const ROW = 58, BAND = 24, STRIP = 9, TOP = 6, AXIS = 22, view = overview;
const LEADER = ROLES.indexOf("leader"), FOLLOWER = ROLES.indexOf("follower"), DOWN = ROLES.indexOf("down");
const bottom = TOP + nodes.length * ROW;

/** Each value of a track that is visible, with the interval in which it held.
 * @param {Track} track @param {number} from @param {number} to
 * @param {(value: number, from: number, to: number) => void} visit */
export function eachStep(track, from, to, visit) {
  for (let i = Math.max(0, lastBefore(track.at, from)); i < track.at.length && track.at[i] <= to; i++)
    visit(track.value[i], track.at[i], i + 1 < track.at.length ? track.at[i + 1] : END);
}

/** From whom a node was cut off, and when. @param {NodeLife} node */
function cutsOf(node) {
  return faults.flatMap((fault) => {
    const others = new Set(fault.cuts.filter((pair) => pair.includes(node.name)).map(([a, b]) => (a === node.name ? b : a)));
    return others.size ? [{ fault, others: [...others].sort() }] : [];
  });
}
const cuts = new Map(nodes.map((node) => [node.name, cutsOf(node)]));
const paused = new Map(nodes.map((node) => [node.name,
  faults.filter((fault) => /pause|stop/.test(fault.kind) && fault.nodes.includes(node.name))]));

/** What a node was doing at `time`. @param {NodeLife} node @param {number} time */
export function stateAt(node, time) {
  const down = node.down.find(([from, to]) => from <= time && time < to);
  const isUnborn = node.boots.length > 0 && time < node.boots[0][0];
  const isPaused = (paused.get(node.name) ?? []).some((fault) => fault.began <= time && time < fault.ended);
  const cutOff = (cuts.get(node.name) ?? []).filter(({ fault }) => fault.began <= time && time < fault.ended)
    .flatMap(({ others }) => others);
  const role = valueAt(node.roles, time), source = valueAt(node.sources, time);
  const index = valueAt(node.logIndex, time), term = valueAt(node.logTerm, time);
  const isUp = !down && !isUnborn;
  return {
    life: isUnborn ? "not started" : down ? `down${down[2] ? ` (${down[2]})` : ""}` : isPaused ? "paused" : "running",
    isUp,
    role: isUp && role !== null ? ROLES[role].replace("_", "-") : "–",
    term: valueAt(node.terms, time),
    commit: valueAt(node.commits, time),
    last: index === null ? "–" : `${grouped(index)} (term ${term})`,
    source: isUp && role === FOLLOWER && source !== null ? names[source] : "–",
    cutOff: [...new Set(cutOff)],
  };
}

/** @param {CanvasRenderingContext2D} context @param {number} left @param {number} right @param {number} y
 * @param {number} height @param {string} name @param {string[]} texts */
function box(context, left, right, y, height, name, texts) {
  context.fillStyle = tinted("paper", 0.85);
  context.fillRect(left, y, right - left, height);
  context.strokeStyle = context.fillStyle = colour(name);
  context.lineWidth = 1;
  context.setLineDash([4, 3]);
  context.strokeRect(left + 0.5, y + 0.5, right - left - 1, height - 1);
  context.setLineDash([]);
  fitted(context, texts, Math.max(left, GUTTER) + 6, right - 4, y + height / 2);
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {NodeLife} node @param {number} top */
function drawRoles(context, width, node, top) {
  const y = top + 3;
  context.fillStyle = colour("rule");
  context.fillRect(GUTTER, y + BAND / 2 - 1, plotWidth(width), 2);
  eachStep(node.roles, view.from, view.to, (role, from, to) => {
    if (role === FOLLOWER || role === DOWN) return;
    const left = view.xOf(from, width), right = Math.max(view.xOf(to, width), left + 2);
    const term = valueAt(node.terms, from) ?? 0;
    context.fillStyle = role === LEADER ? colour(termColour(term)) : tinted("candidate", 0.55);
    context.fillRect(left, y, right - left, BAND);
    context.fillStyle = colour(role === LEADER ? "on-bar" : "ink");
    context.font = `600 12px ${colour("sans")}`;
    const words = role === LEADER ? [`leader, term ${term}`, `term ${term}`, `${term}`] : [ROLES[role].replace("_", "-")];
    fitted(context, words, Math.max(left, GUTTER) + 6, Math.min(right, width - RIGHT) - 3, y + BAND / 2);
  });
  context.font = `11px ${colour("sans")}`;
  let free = 0;
  eachStep(node.terms, view.from, view.to, (term, from, to) => {
    const left = view.xOf(from, width);
    if (left < free || valueAt(node.roles, from) === LEADER) return;
    context.fillStyle = colour("muted");
    if (left >= GUTTER) context.fillRect(left, y + BAND / 2 - 5, 1, 10);
    if (to > from && valueAt(node.roles, Math.min(to, view.to) - 1) !== LEADER)
      fitted(context, [`term ${term}`, `${term}`], Math.max(left, GUTTER) + 4, view.xOf(to, width) - 2, y + 4);
    free = left + 6;
  });
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {NodeLife} node @param {number} top */
function drawSources(context, width, node, top) {
  const y = top + 3 + BAND + 4;
  context.font = `10px ${colour("sans")}`;
  let painted = -1;
  eachStep(node.sources, view.from, view.to, (source, from, to) => {
    const left = view.xOf(from, width), right = Math.max(view.xOf(to, width), left + 1);
    if (right <= painted) return;
    context.fillStyle = tinted(nodeColour(source), 0.55);
    context.fillRect(left, y, right - left, STRIP);
    painted = right;
    context.fillStyle = colour("ink");
    fitted(context, [`pulls from ${names[source]}`, names[source]], Math.max(left, GUTTER) + 5,
      Math.min(right, width - RIGHT) - 2, y + STRIP / 2 + 0.5);
  });
  // A leader pulls from nobody.
  eachStep(node.roles, view.from, view.to, (role, from, to) => {
    if (role === FOLLOWER) return;
    context.fillStyle = colour("paper");
    context.fillRect(view.xOf(from, width), y, Math.max(view.xOf(to, width) - view.xOf(from, width), 1), STRIP);
  });
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {NodeLife} node @param {number} top */
function drawTroubles(context, width, node, top) {
  const y = top + 3;
  context.font = `12px ${colour("sans")}`;
  for (const fault of paused.get(node.name) ?? [])
    box(context, view.xOf(fault.began, width), view.xOf(fault.ended, width), y, BAND, faultColour(fault), ["paused"]);
  for (const [from, to, reason] of node.down) {
    const left = view.xOf(from, width), right = Math.max(view.xOf(to, width), left + 3);
    box(context, left, right, y, BAND + 4 + STRIP, "kill", [reason ? `down: ${reason}` : "down", "down"]);
  }
  context.font = `10px ${colour("sans")}`;
  for (const { fault, others } of cuts.get(node.name) ?? []) {
    const left = view.xOf(fault.began, width), right = view.xOf(fault.ended, width), at = y + BAND + STRIP + 6;
    if (right < GUTTER || left > width) continue;
    context.fillStyle = colour("cut");
    context.fillRect(left, at, right - left, 2);
    context.fillStyle = colour("ink");
    fitted(context, [`cut off from ${others.join(", ")}`, `cut: ${others.join(", ")}`, others.join(", ")],
      Math.max(left, GUTTER) + 4, Math.min(right, width - RIGHT), at + 8);
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {NodeLife} node @param {number} top */
function drawBoots(context, width, node, top) {
  context.fillStyle = colour("ink");
  context.strokeStyle = colour("paper");
  context.lineWidth = 2;
  for (const [at] of node.boots) {
    const x = view.xOf(at, width), y = top + 3 + BAND / 2;
    if (x < GUTTER - 1 || x > width - RIGHT + 1) continue;
    context.beginPath();
    context.moveTo(x, y - 6);
    context.lineTo(x + 6, y + 5);
    context.lineTo(x - 6, y + 5);
    context.closePath();
    context.stroke();
    context.fill();
  }
}

/** Names of nodes left of their rows.
 * @param {CanvasRenderingContext2D} context @param {string} text @param {number} y @param {string} name */
export function rowLabel(context, text, y, name = "ink") {
  context.fillStyle = colour(name);
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.font = `600 12px ${colour("sans")}`;
  context.fillText(text.length > 12 ? `${text.slice(0, 11)}…` : text, GUTTER - 10, y);
  context.textAlign = "left";
}

export function start() {
  const plot = /** @type {HTMLElement} */ (document.getElementById("cluster"));
  if (!nodes.length) return message(plot, "No node left a trace.");
  const { canvas, begin } = sharpCanvas(plot);
  whenSeen(plot, () => {
    const width = plot.clientWidth, context = begin(width, bottom + AXIS);
    view.drawTicks(context, width, TOP, bottom);
    shadeFaults(context, view, width, TOP, bottom);
    nodes.forEach((node, row) => {
      const top = TOP + row * ROW;
      rowLabel(context, node.name, top + 3 + BAND / 2);
      context.fillStyle = colour(nodeColour(names.indexOf(node.name)));
      context.fillRect(GUTTER - 6, top + 3, 3, BAND + 4 + STRIP);
      clipped(context, GUTTER, 0, plotWidth(width), bottom, () => {
        drawRoles(context, width, node, top);
        drawSources(context, width, node, top);
        drawTroubles(context, width, node, top);
      });
      drawBoots(context, width, node, top);
    });
    clipped(context, GUTTER, 0, plotWidth(width), bottom, () => markMoment(context, view, width, TOP, bottom));
  });
  navigable(plot, view, {
    label: `Life of ${nodes.length} nodes: roles, terms, sources, partitions`,
    hover: (event) => {
      const area = canvas.getBoundingClientRect(), x = event.clientX - area.left;
      const node = nodes[Math.floor((event.clientY - area.top - TOP) / ROW)];
      if (node === undefined || x < GUTTER) return null;
      const time = view.timeAt(x, plot.clientWidth), state = stateAt(node, time);
      return /** @type {Line[]} */ ([
        [`${node.name}  ${seconds(time, view.span / 1000)}`, "title"],
        [`${state.life}, ${state.role} in term ${state.term ?? "–"}`, ""],
        [`log ends with ${state.last}, committed up to ${state.commit ?? "–"}`, ""],
        ...(state.source === "–" ? [] : [[`pulls from ${state.source}`, ""]]),
        ...(state.cutOff.length ? [[`cut off from ${state.cutOff.join(", ")}`, ""]] : []),
        ...node.boots.filter(([at]) => Math.abs(view.xOf(at, plot.clientWidth) - x) < 8)
          .map(([at, incarnation, term]) => [`booted at ${instant(at)}, incarnation ${incarnation}, term ${term}`, ""]),
        ...faultsDuring(time, time).map((fault) => [nameOfFault(fault), "dim"]),
      ]);
    },
    click: (event) => pickMoment(view.timeUnder(event, plot)),
  });
}
