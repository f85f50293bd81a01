// All about what is picked: the operation, its place in a linearization, and every node at that moment.

import {
  END, OUTCOMES, anomalies, answerOf, callOf, completedAt, faultsDuring, nameOfFault, nodes, ops, rowOf,
} from "./data.js";
import { onPicked, picked, pickMoment, pickOp } from "./chosen.js";
import { stateAt } from "./cluster.js";
import { duration, grouped, instant } from "./format.js";

const panel = /** @type {HTMLElement} */ (document.getElementById("picked"));
const AROUND = 4;

/** @param {string} tag @param {string} text @param {string} [kind] */
function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

/** @param {string} title @param {(Node | string)[]} children */
function part(title, children) {
  const made = document.createElement("section");
  made.append(element("h3", title), ...children);
  return made;
}

/** @param {[string, string][]} pairs */
function facts(pairs) {
  const list = document.createElement("dl");
  for (const [name, value] of pairs) if (value) list.append(element("dt", name), element("dd", value));
  return list;
}

/** A button that picks an operation. @param {number} index Of the run @param {string} [kind] */
function link(index, kind) {
  const row = rowOf(index);
  const text = row < 0 ? `#${index}` : `#${index}  process ${ops.process[row]}: ${callOf(row)} ${answerOf(row)}`;
  const button = /** @type {HTMLButtonElement} */ (element("button", text, `op ${kind ?? ""}`));
  button.type = "button";
  button.disabled = row < 0;
  button.addEventListener("click", () => pickOp(row));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

/** @param {number} row */
function operation(row) {
  const proves = anomalies.flatMap((one, i) => (one.evidence.includes(ops.index[row]) ? [`${i + 1}. ${one.kind}`] : []));
  const ended = completedAt(row), begun = ops.invoked[row], keys = ops.keysets[ops.keyset[row]].map((key) => ops.keys[key]);
  return part(`Operation ${ops.index[row]}`, [
    element("p", `${callOf(row)}  ${answerOf(row)}`, "call"),
    facts([
      ["outcome", { ok: "ok: took effect, and this was the answer", fail: "fail: certainly never took effect",
        info: "info: nobody knows whether it took effect, or will" }[OUTCOMES[ops.outcome[row]]] ?? ""],
      ["client", `process ${ops.process[row]}`],
      ["key", keys.join(", ")],
      ["called", instant(begun)],
      ["answered", ended < 0 ? "never" : `${instant(ended)}, after ${duration(ended - begun)}`],
      ["way", ops.trail[row] < 0 ? "" : ops.texts[ops.trail[row]]],
      ["faults", faultsDuring(begun, ended < 0 ? END : ended).map(nameOfFault).join("; ") || "none at that time"],
      ["evidence", proves.join("; ")],
    ]),
  ]);
}

/** Where the operation stands in the order that explains all before the break. @param {number} row */
function linearization(row) {
  const index = ops.index[row];
  const about = anomalies.filter((one) => one.culprit === index || one.order.includes(index));
  const anomaly = about.find((one) => one.culprit === index) ?? about[0];
  if (!anomaly) return null;
  const { culprit, order } = anomaly, list = document.createElement("ol");
  list.className = "order";
  const place = index === culprit ? order.length : order.indexOf(index);
  const from = Math.max(0, place - AROUND), to = Math.min(order.length, place + AROUND + 1);
  list.start = from + 1;
  for (const other of order.slice(from, to)) list.append(link(other, other === index ? "here" : ""));
  /** @type {Node[]} */
  const more = [];
  if (culprit !== null) {
    if (to < order.length) more.push(element("p", `… ${grouped(order.length - to)} more, and then it breaks at`, "dim"));
    const broken = document.createElement("ul");
    broken.className = "order";
    broken.append(link(culprit, culprit === index ? "here broken" : "broken"));
    more.push(broken, ...anomaly.states.map((state) => element("p", state, "dim")));
  }
  const title = index === culprit ? "Here the linearization breaks"
    : `Linearized as number ${grouped(place + 1)} of ${grouped(order.length)}`;
  const lead = from > 0 ? [element("p", `… ${grouped(from)} before`, "dim")] : [];
  return part(title, [...lead, list, ...more]);
}

/** @param {number} moment */
function cluster(moment) {
  const wide = document.createElement("div"), table = document.createElement("table");
  wide.className = "wide";
  const header = table.createTHead().insertRow(), body = table.createTBody();
  const states = nodes.map((node) => stateAt(node, moment)), isCut = states.some((state) => state.cutOff.length);
  const names = ["node", "state", "role", "term", "committed", "last entry", "pulls from"];
  for (const name of [...names, ...(isCut ? ["cut off from"] : [])]) header.append(element("th", name));
  states.forEach((state, place) => {
    const row = body.insertRow(), cutOff = isCut ? [state.cutOff.join(", ") || "–"] : [];
    row.append(element("th", nodes[place].name));
    const cells = [state.life, state.role, state.term ?? "–", state.commit ?? "–", state.last, state.source, ...cutOff];
    for (const text of cells) row.insertCell().textContent = String(text);
    row.classList.toggle("leader", state.role === "leader");
    row.classList.toggle("down", !state.isUp || state.life === "paused");
  });
  wide.append(table);
  const during = faultsDuring(moment, moment).map(nameOfFault).join("; ");
  return part(`The cluster at ${instant(moment)}`, [
    ...(nodes.length ? [wide] : [element("p", "No node left a trace.", "dim")]),
    element("p", during ? `fault: ${during}` : "no fault at that moment", "dim"),
  ]);
}

/** Which moment of the operation the nodes are shown at. @param {number} row */
function moments(row) {
  const chosen = document.createElement("p"), ended = completedAt(row);
  chosen.className = "moments";
  /** @type {[string, number][]} */
  const both = [["when it was called", ops.invoked[row]], ["when it was answered", ended]];
  for (const [name, moment] of both) {
    if (moment < 0) continue;
    const button = /** @type {HTMLButtonElement} */ (element("button", name));
    button.type = "button";
    button.setAttribute("aria-pressed", String(moment === picked.moment));
    button.addEventListener("click", () => pickMoment(moment));
    chosen.append(button);
  }
  return chosen;
}

function show() {
  const { row, moment } = picked;
  panel.hidden = moment === null;
  document.documentElement.classList.toggle("has-picked", moment !== null);
  if (moment === null) return;
  const close = /** @type {HTMLButtonElement} */ (element("button", "close (Esc)", "close"));
  close.type = "button";
  close.addEventListener("click", () => pickOp(-1));
  const nodesThen = cluster(moment);
  if (row >= 0) nodesThen.append(moments(row));
  const order = row < 0 ? null : linearization(row);
  panel.replaceChildren(close, ...(row < 0 ? [] : [operation(row)]), ...(order ? [order] : []), nodesThen);
}

export const start = () => onPicked(show);
