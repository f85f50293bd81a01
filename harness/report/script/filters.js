// Which operations are shown: by process, key, function and outcome, and by words in them.

import { OUTCOMES, ops } from "./data.js";
import { keep } from "./chosen.js";
import { grouped } from "./format.js";

const LISTED_MAX = 500;

/** @param {string} id @param {[string, string][]} options Values and texts */
function fillSelect(id, options) {
  const select = /** @type {HTMLSelectElement} */ (document.getElementById(id));
  for (const [value, text] of options.slice(0, LISTED_MAX)) select.add(new Option(text, value));
  select.addEventListener("change", apply);
  return select;
}

/** @type {Record<"process" | "key" | "f" | "outcome", HTMLSelectElement>} */
let selects;
const field = /** @type {HTMLInputElement} */ (document.getElementById("search"));
const told = /** @type {HTMLElement} */ (document.getElementById("filtered"));
/** @type {string[] | null} */
let lower = null;

/** A test of every word: "read k3", "p12", "info", "#417". @param {string[]} words @returns {(row: number) => boolean} */
function containing(words) {
  if (!words.length) return () => true;
  lower ??= ops.texts.map((text) => text.toLowerCase());
  const texts = lower;
  return (row) => {
    const whole = `${texts[ops.call[row]]} ${texts[ops.answer[row]]} ${OUTCOMES[ops.outcome[row]]}`;
    return words.every((word) => whole.includes(word) || word === `p${ops.process[row]}` || word === `#${ops.index[row]}`);
  };
}

export function apply() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const { process, key, f, outcome } = selects;
  const chosen = [process, key, f, outcome].some((select) => select.value !== "");
  for (const select of [process, key, f, outcome]) select.classList.toggle("active", select.value !== "");
  if (!chosen && !words.length) {
    told.textContent = "";
    return keep(null);
  }
  const wanted = [process, key, f, outcome].map((select) => (select.value === "" ? -1 : Number(select.value)));
  const sets = ops.keysets.map((set) => wanted[1] < 0 || set.includes(wanted[1]));
  const matches = containing(words), mask = new Uint8Array(ops.count);
  let matching = 0;
  for (let row = 0; row < ops.count; row++) {
    if (wanted[0] >= 0 && ops.process[row] !== wanted[0]) continue;
    if (!sets[ops.keyset[row]]) continue;
    if (wanted[2] >= 0 && ops.f[row] !== wanted[2]) continue;
    if (wanted[3] >= 0 && ops.outcome[row] !== wanted[3]) continue;
    if (!matches(row)) continue;
    mask[row] = 1;
    matching++;
  }
  told.textContent = `${grouped(matching)} of ${grouped(ops.count)}`;
  return keep(mask);
}

export function clear() {
  for (const select of Object.values(selects)) select.value = "";
  field.value = "";
  apply();
}

export function start() {
  const processes = [...new Set(ops.process)].sort((a, b) => a - b);
  const natural = new Intl.Collator("en", { numeric: true });
  const keys = ops.keys.map((key, place) => /** @type {[string, string]} */ ([`${place}`, key]));
  selects = {
    process: fillSelect("by-process", processes.map((process) => [`${process}`, `${process}`])),
    key: fillSelect("by-key", keys.sort((one, other) => natural.compare(one[1], other[1]))),
    f: fillSelect("by-f", ops.fs.map((name, place) => [`${place}`, name])),
    outcome: fillSelect("by-outcome", OUTCOMES.map((name, place) => [`${place}`, name])),
  };
  field.addEventListener("input", apply);
  /** @type {HTMLElement} */ (document.getElementById("clear")).addEventListener("click", clear);
}
