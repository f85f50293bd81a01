// Latency, rates and commit points, drawn by uPlot on the shared time axis.
//
// uPlot's own zooming is off: the view of the page sets the horizontal scale of every chart.
"use strict";
Hearsay.charts = (() => {
  const H = Hearsay, { data } = H;
  const AXIS = 26, NODE_COLOURS = ["p50", "p99", "p95", "info", "other", "ok", "fail", "max"];
  const steppedAfter = uPlot.paths.stepped({ align: 1 });

  // `series`: {name, colour (a CSS variable), dash}. `values`: one array for each.
  function chart(id, { label, height, instants, values, series, scale, format, under, over, stepped, splits, keyTo }) {
    const plot = document.getElementById(id);
    const host = document.createElement("div");
    plot.append(host);
    const axis = {
      stroke: () => H.colour("muted"), grid: { stroke: () => H.colour("grid"), width: 1 }, ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    const options = {
      width: plot.clientWidth, height, padding: [8 + H.LABELS_HEIGHT, H.RIGHT, 0, 0], legend: { show: false },
      cursor: { drag: { x: false, y: false }, x: false, y: false, points: { size: 7 }, bind: { dblclick: () => null } },
      scales: { x: { time: false, auto: false, min: H.view.from, max: H.view.to }, y: scale },
      axes: [
        { ...axis, size: AXIS, gap: 4,
          splits: () => H.ticks(plot.clientWidth).found,
          values: (_, at) => { const { step } = H.ticks(plot.clientWidth); return at.map((t) => H.secondsLabel(t, step)); } },
        { ...axis, size: H.GUTTER, gap: 8, values: (_, at) => at.map((v) => v === null ? null : format(v, true)), splits },
      ],
      series: [{}, ...series.map((one) => ({
        label: one.name, stroke: () => H.colour(one.colour), width: one.width ?? 1.6, dash: one.dash,
        points: { show: !stepped, size: 4, filter: lonely },
        fill: one.fill ? () => H.tinted(one.colour, 0.14) : undefined, paths: stepped ? steppedAfter : undefined,
        spanGaps: false,
      }))],
      hooks: {
        drawClear: [(u) => onPixels(u, (context, box) => {
          H.shadeFaults(context, plot.clientWidth, box.top, box.bottom);
          H.nameFaults(context, plot.clientWidth, box.top);
          under?.(context, u, box);
        })],
        draw: [(u) => onPixels(u, (context, box) => over?.(context, u, box))],
      },
    };
    const u = new uPlot(options, [instants, ...values], host);
    key(keyTo, series);
    H.redraws.push(() => {
      if (u.width !== plot.clientWidth) u.setSize({ width: plot.clientWidth, height });
      u.batch(() => { u.setScale("x", { min: H.view.from, max: H.view.to }); });
      u.redraw(false, true);
    });
    H.navigable(plot, {
      label,
      hover: (event) => {
        const box = plot.getBoundingClientRect();
        const time = H.timeAt(event.clientX - box.left, plot.clientWidth);
        const at = stepped ? lastBefore(instants, time) : nearest(instants, time);
        if (time < H.view.from || time > H.view.to || at < 0) return null;
        const lines = series.map((one, i) => [values[i][at], one.name])
          .filter(([value]) => value !== null && value !== undefined)
          .map(([value, name]) => [`${name}  ${format(value, false)}`, ""]);
        const during = data.faults.filter((fault) => fault.began <= time && fault.ended >= time)
          .map((fault) => [`${fault.number} ${fault.kind} ${fault.nodes.join(", ")}`, "dim"]);
        return [[H.secondsLabel(time, (H.view.to - H.view.from) / 1000), "title"], ...lines, ...during];
      },
      click: () => plot.focus({ preventScroll: true }),
    });
    return u;
  }

  // A value between two gaps is no line: it gets a dot.
  function lonely(u, at) {
    const values = u.data[at], missing = (i) => values[i] === null || values[i] === undefined;
    return values.reduce((found, _, i) => (!missing(i) && missing(i - 1) && missing(i + 1) ? [...found, i] : found), []);
  }

  // Runs `paint` in CSS pixels: uPlot's canvas is in device pixels.
  function onPixels(u, paint) {
    const ratio = uPlot.pxRatio, { ctx } = u;
    ctx.save();
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint(ctx, { left: u.bbox.left / ratio, top: u.bbox.top / ratio,
      right: (u.bbox.left + u.bbox.width) / ratio, bottom: (u.bbox.top + u.bbox.height) / ratio });
    ctx.restore();
  }
  function key(id, series, more = []) {
    const parts = [...series.map((one) => [one.name, one.colour]), ...more].flatMap(([name, colour]) => {
      const mark = document.createElement("i");
      mark.style.background = `var(--${colour})`;
      return [mark, name];
    });
    document.getElementById(id).append(...parts);
  }
  function lastBefore(instants, time) {
    let low = 0, high = instants.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (instants[middle] <= time) low = middle + 1; else high = middle;
    }
    return low - 1;
  }
  function nearest(instants, time) {
    const at = lastBefore(instants, time);
    if (at < 0) return instants.length ? 0 : -1;
    return at + 1 < instants.length && instants[at + 1] - time < time - instants[at] ? at + 1 : at;
  }

  function startLatency() {
    const { ops, series } = data, width = series.width;
    const acknowledged = ops.outcome.some((outcome) => outcome === 0);
    if (!acknowledged) return H.message(document.getElementById("latency"), "No call was acknowledged, so there is no latency.");
    const instants = series.rates[0].map((_, i) => (i + 0.5) * width);
    const latencies = [];
    ops.completed.forEach((completed, i) => { if (completed >= 0) latencies.push(completed - ops.invoked[i]); });
    const least = Math.max(latencies.reduce((a, b) => Math.min(a, b), Infinity), 1);
    const most = Math.max(latencies.reduce((a, b) => Math.max(a, b), 0), least);
    const range = [least * 0.7, most * 1.5];
    const marks = [];
    for (let decade = 10 ** Math.floor(Math.log10(range[0])); decade <= range[1]; decade *= 10)
      for (const at of range[1] > range[0] * 100 ? [decade] : [decade, 2 * decade, 5 * decade])
        if (at >= range[0] && at <= range[1]) marks.push(at);
    chart("latency", {
      label: "Latency over time, logarithmic", height: 270, instants, values: series.quantiles.slice(0, 3),
      series: [{ name: "median", colour: "p50", width: 2 }, { name: "95 %", colour: "p95", width: 2 }, { name: "99 %", colour: "p99", width: 2 }],
      splits: () => marks,
      scale: { distr: 3, log: 10, range: () => range }, keyTo: "latency-key",
      format: (value, onAxis) => (onAxis ? roundDuration(value) : H.duration(value)),
      under: (context, u, box) => scatter(context, u, box),
    });
    key("latency-key", [], [["one ok call", "ok"], ["one failed call", "fail"], ["info, at its call (top edge)", "info"]]);
    return null;
  }
  const roundDuration = (nanos) => nanos >= 1e9 ? `${nanos / 1e9} s` : nanos >= 1e6 ? `${nanos / 1e6} ms`
    : nanos >= 1e3 ? `${nanos / 1e3} µs` : `${nanos} ns`;

  // One dot a call, under the lines; calls that were never answered have no latency and sit on the top edge.
  function scatter(context, u, box) {
    const { ops } = data, width = u.width, count = ops.index.length;
    const [low, high] = [Math.log(u.scales.y.min), Math.log(u.scales.y.max)];
    const visible = count * (H.view.to - H.view.from) / H.FULL_TO;
    const dots = visible > 20000 ? 1.5 : visible > 2000 ? 2.5 : visible > 200 ? 4 : 5;
    const alpha = visible > 20000 ? 0.3 : visible > 2000 ? 0.5 : 0.75;
    const styles = [H.tinted("ok", alpha), H.tinted("fail", 0.9), H.tinted("info", 0.9)];
    for (const outcome of [0, 1, 2]) {
      context.fillStyle = styles[outcome];
      for (let i = 0; i < count; i++) {
        if (ops.outcome[i] !== outcome || !H.timeline.kept(i)) continue;
        const at = outcome === 2 ? ops.invoked[i] : ops.completed[i];
        if (at < H.view.from || at > H.view.to) continue;
        const x = H.xOf(at, width);
        if (outcome === 2) { context.fillRect(x - 1.5, box.top, 3, 9); continue; }
        const share = (Math.log(Math.max(at - ops.invoked[i], 1)) - low) / (high - low);
        const y = box.bottom - Math.max(0, share) * (box.bottom - box.top);
        context.fillRect(x - dots / 2, y - dots / 2, dots, dots);
      }
    }
  }

  function startRate() {
    const { series, unavailable } = data, { width, rates } = series;
    const busiest = Math.max(...rates.map((rate) => rate.reduce((a, b) => Math.max(a, b), 0)));
    if (busiest === 0) return H.message(document.getElementById("rate"), "No operation was recorded.");
    const instants = [...rates[0].map((_, i) => i * width), data.end];
    const values = rates.map((rate) => [...rate, rate[rate.length - 1]]);
    const per = (value) => value >= 100 ? Math.round(value).toLocaleString("en") : String(Math.round(value * 10) / 10);
    chart("rate", {
      label: "Calls ended per second", height: 190, instants, values, stepped: true, keyTo: "rate-key",
      series: [{ name: "ok", colour: "ok", fill: true }, { name: "fail", colour: "fail", width: 2 }, { name: "info", colour: "info", width: 2 }],
      scale: { range: () => [0, busiest * 1.08] }, format: (value) => `${per(value)}/s`,
      over: (context, u, box) => {
        context.fillStyle = H.colour("evidence");
        for (const [began, ended] of unavailable) {
          const left = Math.max(H.xOf(began, u.width), box.left), right = Math.min(H.xOf(ended, u.width), box.right);
          if (right > left) context.fillRect(left, box.bottom - 4, right - left, 4);
        }
      },
    });
    if (unavailable.length) key("rate-key", [], [["nothing acknowledged", "evidence"]]);
    document.getElementById("rate-key").append(` · per ${roundDuration(width)}`);
    return null;
  }

  function startCommits() {
    const { commits } = data.cluster;
    if (!commits.lines.some((line) => line.some((value) => value !== null)))
      return H.message(document.getElementById("commits"), "No node told of a commit point.");
    const most = commits.lines.flat().reduce((a, b) => Math.max(a, b ?? 0), 1);
    chart("commits", {
      label: "Commit point of each node", height: 190, instants: commits.at, values: commits.lines, stepped: true, keyTo: "commits-key",
      series: commits.nodes.map((name, i) => ({ name, colour: NODE_COLOURS[i % NODE_COLOURS.length], dash: i ? [8, 3 + 2 * i] : undefined })),
      scale: { range: () => [0, most * 1.05] }, format: (value) => Math.round(value).toLocaleString("en"),
    });
    return null;
  }
  return { start: () => { startLatency(); startRate(); startCommits(); } };
})();
