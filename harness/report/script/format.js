// Numbers in words, as harness/report/wording.py writes them.

/** @param {number} nanos */
export function duration(nanos) {
  const [value, unit] = nanos >= 1e9 ? [nanos / 1e9, "s"] : nanos >= 1e6 ? [nanos / 1e6, "ms"]
    : nanos >= 1e3 ? [nanos / 1e3, "µs"] : [nanos, "ns"];
  if (unit === "ns") return `${Math.round(value)} ns`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

/** A round number of nanoseconds, with no more digits than it has. @param {number} nanos */
export function roundDuration(nanos) {
  return nanos >= 1e9 ? `${nanos / 1e9} s` : nanos >= 1e6 ? `${nanos / 1e6} ms`
    : nanos >= 1e3 ? `${nanos / 1e3} µs` : `${nanos} ns`;
}

/** To the microsecond. @param {number} nanos */
export const instant = (nanos) => `${(nanos / 1e9).toFixed(6)} s`;

/** As many decimals as tell apart what is `step` apart. @param {number} nanos @param {number} step */
export function seconds(nanos, step) {
  const digits = Math.min(9, Math.max(0, Math.ceil(-Math.log10(step / 1e9) - 1e-9)));
  return `${(nanos / 1e9).toFixed(digits)} s`;
}

/** @param {number} number */
export const grouped = (number) => number.toLocaleString("en");
