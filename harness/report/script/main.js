// Starts every plot, and connects the toolbar, the anomalies and the keys.

import * as charts from "./charts.js";
import * as cluster from "./cluster.js";
import * as details from "./details.js";
import * as bands from "./faults.js";
import * as filters from "./filters.js";
import * as messages from "./messages.js";
import * as timeline from "./timeline.js";
import { END, anomalies, faults, ops, rowOf } from "./data.js";
import { closeUp, overview, picked, pickMoment, pickOp } from "./chosen.js";
import { seconds } from "./format.js";
import { always, invalidate, repaint } from "./paint.js";

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** The first anomaly of which the moment is known, -1 without one. */
const first = anomalies.findIndex((anomaly) => anomaly.at >= 0);

/** The moment of an anomaly, and what is around it. @param {number} number */
function goTo(number) {
  const { at, from, to, culprit } = anomalies[number];
  picked.anomaly = number;
  const pad = Math.max((to - from) * 0.15, 20e6);
  overview.show(from - pad, to + pad);
  const row = culprit === null ? -1 : rowOf(culprit);
  if (row >= 0) pickOp(row, at); else { picked.row = -1; pickMoment(at); }
}

function scrollToPlots() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId("over-time").scrollIntoView({ behavior: calm ? "auto" : "smooth" });
}

function connectToolbar() {
  const range = byId("range");
  always(() => {
    const step = overview.span / 500;
    range.textContent = `${seconds(overview.from, step)} to ${seconds(Math.min(overview.to, END), step)}`;
  });
  /** @type {Record<string, () => void>} */
  const actions = {
    in: () => overview.zoom(0.5), out: () => overview.zoom(2), all: () => overview.showAll(),
    closer: () => closeUp.zoom(0.5), wider: () => closeUp.zoom(2), help,
  };
  for (const button of document.querySelectorAll("[data-do]"))
    button.addEventListener("click", actions[/** @type {HTMLElement} */ (button).dataset.do ?? ""]);
  for (const button of document.querySelectorAll("[data-anomaly]"))
    button.addEventListener("click", () => {
      goTo(Number(/** @type {HTMLElement} */ (button).dataset.anomaly));
      scrollToPlots();
    });
}

/** A link to what is closed opens it. */
function openWhatIsNamed() {
  const named = location.hash && document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDetailsElement) named.open = true;
  if (named) named.scrollIntoView();
}

function help() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("help"));
  if (dialog.open) dialog.close(); else dialog.showModal();
}

function connectKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event;
    if (event.key === "Escape" && !/** @type {HTMLDialogElement} */ (byId("help")).open) {
      if (target instanceof HTMLInputElement) target.blur(); else pickOp(-1);
      return;
    }
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
    /** @type {Record<string, () => void>} */
    const keys = {
      "?": help, "/": () => byId("search").focus(), "[": () => timeline.step(-1), "]": () => timeline.step(1),
      "+": () => overview.zoom(0.6), "-": () => overview.zoom(1 / 0.6), "0": () => overview.showAll(), f: filters.clear,
    };
    if (first >= 0) keys.g = () => { goTo(first); scrollToPlots(); };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
}

function connectCopying() {
  if (!navigator.clipboard) return;
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-copy]"))) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(byId(button.dataset.copy ?? "").textContent ?? "");
      button.textContent = "copied";
    });
  }
}

function start() {
  for (const part of [bands, timeline, cluster, messages, filters, charts, details]) part.start();
  connectToolbar();
  connectKeys();
  addEventListener("hashchange", openWhatIsNamed);
  openWhatIsNamed();
  connectCopying();
  if (first >= 0) {
    const { from, to, at } = anomalies[first], half = Math.max(Math.min(to - from, 400e6) * 0.7, 60e6);
    closeUp.show(at - half * 1.4, at + half * 0.6);
  } else {
    const begun = faults.length ? faults[0].began : 0;
    closeUp.show(begun - 100e6, begun + 400e6);
  }
  new ResizeObserver(() => invalidate()).observe(byId("panels"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint());
  const printing = (/** @type {boolean} */ on) => {
    for (const each of document.querySelectorAll("details.first"))
      if (each instanceof HTMLDetailsElement) each.open ||= on;
    document.documentElement.classList.toggle("printing", on);
    repaint(true);
  };
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  invalidate();
}

start();
/** For tests, and for who wants to look behind the page. */
Object.assign(globalThis, { hearsay: { ops, overview, closeUp, picked, pickOp, pickMoment, goTo } });
