// The operations by process, on a canvas: only what is visible is drawn.
//
// Operations are sorted by invocation. To find those that reach into the visible interval, `reach[i]` is
// the latest end among operations 0..i; it only grows, so a binary search finds where to begin.
"use strict";
Hearsay.timeline = (() => {
  const H = Hearsay, ops = H.data.ops, count = ops.index.length;
  const OUTCOMES = ["ok", "fail", "info"];
  const AXIS = 22, TOP = 6;
  const lanes = ops.lane.reduce((most, lane) => Math.max(most, lane + 1), 0);
  const evidence = new Set(ops.evidence);
  const ends = new Float64Array(count), reach = new Float64Array(count);
  const plot = document.getElementById("timeline");
  let kept = null, selected = -1, canvas, shown = [];

  // An operation without an answer is drawn until another process takes its row, or to the end.
  function prepare() {
    const rowTakenAt = new Float64Array(lanes).fill(H.data.end);
    for (let i = count - 1; i >= 0; i--) {
      ends[i] = ops.completed[i] < 0 ? Math.max(rowTakenAt[ops.lane[i]], ops.invoked[i]) : ops.completed[i];
      rowTakenAt[ops.lane[i]] = ops.invoked[i];
    }
    let latest = 0;
    for (let i = 0; i < count; i++) reach[i] = latest = Math.max(latest, ends[i]);
  }
  function firstReaching(time) {
    let low = 0, high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (reach[middle] < time) low = middle + 1; else high = middle;
    }
    return low;
  }

  const rowHeight = Math.max(9, Math.min(24, Math.floor(520 / Math.max(lanes, 1))));
  const height = TOP + lanes * rowHeight + AXIS;
  const callOf = (i) => ops.texts[ops.call[i]], answerOf = (i) => ops.texts[ops.answer[i]];

  function draw() {
    const width = plot.clientWidth;
    const context = canvas.resize(width, height);
    const bottom = height - AXIS;
    drawRows(context, width, bottom);
    H.drawTicks(context, width, TOP, bottom, true);
    H.shadeFaults(context, width, TOP, bottom);
    context.save();
    context.beginPath();
    context.rect(H.GUTTER, 0, H.plotWidth(width), bottom);
    context.clip();
    drawBars(context, width);
    context.restore();
    drawLabels(context);
  }

  function drawRows(context, width, bottom) {
    context.fillStyle = H.colour("raised");
    for (let lane = 0; lane < lanes; lane += 2)
      context.fillRect(H.GUTTER, TOP + lane * rowHeight, H.plotWidth(width), rowHeight);
    context.strokeStyle = H.colour("rule");
    context.strokeRect(H.GUTTER + 0.5, TOP + 0.5, H.plotWidth(width) - 1, bottom - TOP - 1);
  }

  function drawBars(context, width) {
    const palette = OUTCOMES.map((name) => H.colour(name));
    const pale = OUTCOMES.map((name) => H.tinted(name, 0.14)), infoPale = H.tinted("info", 0.2);
    const red = H.colour("evidence"), onBar = H.colour("on-bar"), ink = H.colour("ink"), paper = H.colour("paper");
    const bar = Math.max(4, rowHeight - 5), pad = (rowHeight - bar) / 2;
    const painted = new Float64Array(lanes).fill(-1), paintedAs = new Int8Array(lanes).fill(-1);
    const marked = [];
    shown = Array.from({ length: lanes }, () => []);
    context.font = `${Math.min(11.5, rowHeight * 0.56)}px ${H.colour("mono")}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (let i = firstReaching(H.view.from); i < count && ops.invoked[i] <= H.view.to; i++) {
      if (ends[i] < H.view.from) continue;
      const lane = ops.lane[i], outcome = ops.outcome[i];
      const rowOf = shown[lane];
      if (rowOf.length < 2 && rowOf[rowOf.length - 1] !== ops.process[i]) rowOf.push(ops.process[i]);
      else if (rowOf.length === 2) rowOf[1] = ops.process[i];
      const left = H.xOf(ops.invoked[i], width), right = Math.max(H.xOf(ends[i], width), left + 1.5);
      const isMarked = evidence.has(ops.index[i]) || i === selected;
      const isOut = kept !== null && !kept[i];
      // Within one pixel of what is painted already nothing new can be seen.
      if (!isMarked && outcome === 0 && right <= painted[lane] && paintedAs[lane] === Number(isOut)) continue;
      if (right > painted[lane]) { painted[lane] = Math.ceil(right); paintedAs[lane] = Number(isOut); }
      const y = TOP + lane * rowHeight + pad;
      if (isOut) {
        context.fillStyle = pale[outcome];
        context.fillRect(left, y, right - left, bar);
      } else if (outcome === 2) {
        context.fillStyle = paper;
        context.fillRect(left, y, right - left, bar);
        context.fillStyle = infoPale;
        context.fillRect(left, y, right - left, bar);
        context.fillStyle = palette[2];
        context.fillRect(left, y, Math.min(3, right - left), bar);
        context.fillRect(left, y + bar - 1.5, right - left, 1.5);
      } else {
        context.fillStyle = palette[outcome];
        context.fillRect(left, y, Math.max(right - left - 0.5, 1), bar);
      }
      if (isMarked) marked.push([i, left, y, right]);
      if (!isOut && right - left > 44 && rowHeight >= 13) label(context, i, left, right, y + bar / 2, outcome === 2 ? ink : onBar);
    }
    for (const [i, left, y, right] of marked) {
      context.lineWidth = 2;
      context.strokeStyle = i === selected ? H.colour("focus") : red;
      context.fillStyle = context.strokeStyle;
      context.strokeRect(left - 1.5, y - 1.5, Math.max(right - left + 3, 4), bar + 3);
      if (right - left < 6) {
        context.beginPath();
        context.moveTo(left + 1, y - 2);
        context.lineTo(left - 4, y - 8);
        context.lineTo(left + 6, y - 8);
        context.fill();
      }
    }
  }

  function label(context, i, left, right, y, colour) {
    const from = Math.max(left, H.GUTTER) + 5, room = right - from - 4;
    const letter = context.measureText("m").width;
    const text = [`${callOf(i)} ${answerOf(i)}`, callOf(i)].find((option) => option.length * letter <= room);
    if (!text) return;
    context.fillStyle = colour;
    context.fillText(text, from, y + 0.5);
  }

  function drawLabels(context) {
    context.font = `${Math.max(9, Math.min(11.5, rowHeight * 0.6))}px ${H.colour("sans")}`;
    context.fillStyle = H.colour("muted");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let lane = 0; lane < lanes; lane++) {
      const [first, last] = shown[lane];
      if (first === undefined) continue;
      const text = last === undefined || last === first ? `${first}` : `${first} … ${last}`;
      context.fillText(text, H.GUTTER - 8, TOP + (lane + 0.5) * rowHeight);
    }
    context.save();
    context.translate(12, Math.max(TOP + (lanes * rowHeight) / 2, 40));
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.font = `11px ${H.colour("sans")}`;
    context.fillText("process", 0, 0);
    context.restore();
  }

  // The operation under the pointer, the latest invoked one if several are within two pixels.
  function at(event) {
    const box = canvas.canvas.getBoundingClientRect(), width = plot.clientWidth;
    const x = event.clientX - box.left, lane = Math.floor((event.clientY - box.top - TOP) / rowHeight);
    if (lane < 0 || lane >= lanes || x < H.GUTTER) return -1;
    const slack = H.timeAt(x + 2, width) - H.timeAt(x, width), time = H.timeAt(x, width);
    let found = -1, best = Infinity;
    for (let i = firstReaching(time - slack); i < count && ops.invoked[i] <= time + slack; i++) {
      if (ops.lane[i] !== lane || ends[i] < time - slack) continue;
      const off = Math.max(ops.invoked[i] - time, time - ends[i], 0);
      if (off <= best) [found, best] = [i, off];
    }
    return found;
  }

  function describe(i) {
    const begun = ops.invoked[i], ended = ops.completed[i];
    const during = H.data.faults.filter((fault) => fault.began <= ends[i] && fault.ended >= begun);
    return [
      [`${callOf(i)}  ${answerOf(i)}`, "title"],
      [`operation ${ops.index[i]} · process ${ops.process[i]} · ${OUTCOMES[ops.outcome[i]]}` +
        (evidence.has(ops.index[i]) ? " · evidence of an anomaly" : ""), ""],
      [ended < 0 ? `called at ${H.instant(begun)}, never answered: may take effect at any time after that`
        : `${H.instant(begun)} to ${H.instant(ended)}, ${H.duration(ended - begun)}`, "dim"],
      ...(during.length ? [[`during ${during.map((f) => `${f.number} ${f.kind} ${f.nodes.join(", ")}`).join("; ")}`, "dim"]] : []),
    ];
  }

  function select(i) {
    selected = i;
    const box = document.getElementById("selected");
    box.hidden = i < 0;
    if (i >= 0) {
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = "close";
      close.addEventListener("click", () => select(-1));
      H.fill(box, describe(i));
      box.prepend(close);
      const outside = ends[i] < H.view.from || ops.invoked[i] > H.view.to;
      const half = (H.view.to - H.view.from) / 2;
      if (outside) H.show(ops.invoked[i] - half, ops.invoked[i] + half);
    }
    H.redraw();
  }
  // The next operation in the order of invocation, among those that pass the filter.
  function step(by) {
    let i = selected < 0 ? firstReaching(H.view.from) - by : selected;
    do i += by; while (i >= 0 && i < count && kept !== null && !kept[i]);
    if (i >= 0 && i < count) select(i);
  }

  // Every word must occur: "read k3", "p12", "info", "#417".
  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    kept = null;
    let matching = count;
    if (words.length) {
      kept = new Uint8Array(count);
      matching = 0;
      const lower = ops.texts.map((one) => one.toLowerCase());
      for (let i = 0; i < count; i++) {
        const whole = `${lower[ops.call[i]]} ${lower[ops.answer[i]]} ${OUTCOMES[ops.outcome[i]]} `;
        if (words.every((word) => whole.includes(word) || word === `p${ops.process[i]}` || word === `#${ops.index[i]}`)) {
          kept[i] = 1;
          matching++;
        }
      }
    }
    H.redraw();
    return words.length ? `${matching.toLocaleString("en")} of ${count.toLocaleString("en")}` : "";
  }

  function start() {
    document.getElementById("remark").textContent = ops.remark ?? "";
    if (count === 0) return H.message(plot, "No operation was recorded.");
    prepare();
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    plot.append(scroll);
    canvas = H.sharpCanvas(scroll);
    H.navigable(plot, {
      label: `Timeline of ${count} operations. Arrow keys move, plus and minus zoom, brackets step through operations.`,
      hover: (event) => { const i = at(event); return i < 0 ? null : describe(i); },
      click: (event) => { plot.focus({ preventScroll: true }); select(at(event)); },
    });
    H.redraws.push(draw);
    return null;
  }
  return { start, filter, select, step, describe, kept: (i) => kept === null || kept[i] === 1 };
})();
