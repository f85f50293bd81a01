// The strip of faults, and who led which term: two small canvases on the shared time axis.
"use strict";
Hearsay.cluster = (() => {
  const H = Hearsay, { faults, cluster } = H.data;
  const AXIS = 22, STRIP_ROW = 26, NODE_ROW = 34, TOP = 6;
  const TERM_COLOURS = ["p50", "p99", "other", "info", "p95", "ok"];
  const nameOf = (fault) => `${fault.number} ${fault.kind} ${fault.nodes.join(", ")}`.trim();

  function clipped(context, width, top, bottom, paint) {
    context.save();
    context.beginPath();
    context.rect(H.GUTTER, top, H.plotWidth(width), bottom - top);
    context.clip();
    paint();
    context.restore();
  }
  // The longest of `options` that fits, at the left end of what is visible of the box.
  function labelled(context, options, left, right, y) {
    const from = Math.max(left, H.GUTTER) + 6, room = right - from - 3;
    const text = options.find((option) => context.measureText(option).width <= room);
    if (text) context.fillText(text, from, y);
  }
  function rowLabel(context, text, y) {
    context.fillStyle = H.colour("muted");
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.font = `12px ${H.colour("sans")}`;
    context.fillText(text.length > 12 ? `${text.slice(0, 11)}…` : text, H.GUTTER - 8, y);
    context.textAlign = "left";
  }

  function startFaults() {
    const plot = document.getElementById("faults");
    if (!faults.length) return H.message(plot, "No fault was injected.");
    const rows = Math.max(...faults.map((fault) => fault.row)) + 1;
    const bottom = TOP + rows * STRIP_ROW, canvas = H.sharpCanvas(plot);
    H.redraws.push(() => {
      const width = plot.clientWidth, context = canvas.resize(width, bottom + AXIS);
      H.drawTicks(context, width, TOP, bottom, true);
      context.font = `600 12px ${H.colour("sans")}`;
      context.textBaseline = "middle";
      context.textAlign = "left";
      clipped(context, width, 0, bottom, () => {
        for (const fault of faults) {
          const left = H.xOf(fault.began, width), right = Math.max(H.xOf(fault.ended, width), left + 2);
          if (right < H.GUTTER || left > width) continue;
          const y = TOP + fault.row * STRIP_ROW + 2;
          context.fillStyle = H.tinted(H.faultColour(fault), 0.3);
          context.fillRect(left, y, right - left, STRIP_ROW - 4);
          context.fillStyle = H.colour(H.faultColour(fault));
          context.fillRect(left, y, 2, STRIP_ROW - 4);
          context.fillStyle = H.colour("ink");
          const from = Math.max(left, H.GUTTER) + 7;
          context.fillText(H.faultLabel(context, fault, from, width), from, y + STRIP_ROW / 2 - 2);
        }
      });
    });
    H.navigable(plot, {
      label: `${faults.length} faults over time`,
      hover: (event) => {
        const box = canvas.canvas.getBoundingClientRect(), width = plot.clientWidth;
        const row = Math.floor((event.clientY - box.top - TOP) / STRIP_ROW), x = event.clientX - box.left;
        const fault = faults.find((one) => one.row === row && H.xOf(one.began, width) - 2 <= x && H.xOf(one.ended, width) + 2 >= x);
        return fault ? [[nameOf(fault), "title"], [fault.detail, ""],
          [`${H.instant(fault.began)} for ${H.duration(fault.ended - fault.began)}`, "dim"]] : null;
      },
      click: () => plot.focus({ preventScroll: true }),
    });
    return null;
  }

  const colourOfTerm = (term) => TERM_COLOURS[term % TERM_COLOURS.length];
  const isDown = (fault) => /kill|crash|pause|stop/.test(fault.kind);
  function startLeaders() {
    const plot = document.getElementById("leaders"), { nodes } = cluster;
    if (!nodes.length) return H.message(plot, "No node left a trace.");
    const bottom = TOP + nodes.length * NODE_ROW, canvas = H.sharpCanvas(plot);
    const rowOf = new Map(nodes.map((name, row) => [name, row]));
    H.redraws.push(() => {
      const width = plot.clientWidth, context = canvas.resize(width, bottom + AXIS);
      H.drawTicks(context, width, TOP, bottom, true);
      H.shadeFaults(context, width, TOP, bottom);
      nodes.forEach((name, row) => rowLabel(context, name, TOP + (row + 0.5) * NODE_ROW));
      clipped(context, width, 0, bottom, () => {
        context.fillStyle = H.colour("rule");
        nodes.forEach((_, row) => context.fillRect(H.GUTTER, TOP + (row + 0.5) * NODE_ROW - 0.5, H.plotWidth(width), 1));
        nodes.forEach((_, row) => drawTerms(context, width, row));
        context.font = `600 12px ${H.colour("sans")}`;
        context.textBaseline = "middle";
        for (const lead of cluster.leaderships) drawLead(context, width, lead);
        for (const fault of faults) if (isDown(fault)) drawDown(context, width, fault);
      });
      for (const boot of cluster.boots) drawBoot(context, width, boot);
    });
    function drawLead(context, width, lead) {
      const row = rowOf.get(lead.node);
      const left = H.xOf(lead.began, width), right = Math.max(H.xOf(lead.ended, width), left + 2);
      if (row === undefined || right < H.GUTTER || left > width) return;
      const y = TOP + row * NODE_ROW + 6;
      context.fillStyle = H.colour(colourOfTerm(lead.term));
      context.fillRect(left, y, right - left, NODE_ROW - 12);
      context.fillStyle = H.colour("on-bar");
      labelled(context, [`term ${lead.term}`, `${lead.term}`], left, right, y + NODE_ROW / 2 - 6);
    }
    function drawDown(context, width, fault) {
      for (const node of fault.nodes) {
        const row = rowOf.get(node);
        if (row === undefined) continue;
        const left = H.xOf(fault.began, width), right = H.xOf(fault.ended, width);
        const y = TOP + row * NODE_ROW + 6;
        context.fillStyle = H.tinted("paper", 0.82);
        context.fillRect(left, y, right - left, NODE_ROW - 12);
        context.strokeStyle = H.colour(H.faultColour(fault));
        context.setLineDash([4, 3]);
        context.strokeRect(left + 0.5, y + 0.5, right - left - 1, NODE_ROW - 13);
        context.setLineDash([]);
        context.fillStyle = H.colour(H.faultColour(fault));
        context.font = `12px ${H.colour("sans")}`;
        context.textBaseline = "middle";
        labelled(context, [/pause/.test(fault.kind) ? "paused" : "down"], left, right - 6, y + NODE_ROW / 2 - 6);
      }
    }
    function drawTerms(context, width, row) {
      const points = cluster.terms[row], led = cluster.leaderships.filter((lead) => lead.node === nodes[row]);
      const y = TOP + (row + 0.5) * NODE_ROW;
      context.fillStyle = H.colour("muted");
      context.font = `11px ${H.colour("sans")}`;
      context.textBaseline = "middle";
      points.forEach(([at, term], i) => {
        const left = H.xOf(at, width), right = i + 1 < points.length ? H.xOf(points[i + 1][0], width) : width - H.RIGHT;
        if (right < H.GUTTER || left > width) return;
        context.fillRect(left, y - 5, 1, 10);
        if (!led.some((lead) => lead.term === term)) labelled(context, [`term ${term}`, `${term}`], left, right, y - 7);
      });
    }
    function drawBoot(context, width, boot) {
      const row = rowOf.get(boot.node), x = H.xOf(boot.at, width);
      if (row === undefined || x < H.GUTTER - 1 || x > width - H.RIGHT + 1) return;
      const y = TOP + (row + 0.5) * NODE_ROW;
      context.fillStyle = H.colour("ink");
      context.strokeStyle = H.colour("paper");
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x, y - 6);
      context.lineTo(x + 6, y + 5);
      context.lineTo(x - 6, y + 5);
      context.closePath();
      context.stroke();
      context.fill();
    }
    function termAt(row, time) {
      const points = cluster.terms[row].filter(([at]) => at <= time);
      return points.length ? points[points.length - 1][1] : null;
    }
    H.navigable(plot, {
      label: "Leaders and terms by node",
      hover: (event) => {
        const box = canvas.canvas.getBoundingClientRect(), width = plot.clientWidth;
        const x = event.clientX - box.left, node = nodes[Math.floor((event.clientY - box.top - TOP) / NODE_ROW)];
        if (node === undefined || x < H.GUTTER) return null;
        const time = H.timeAt(x, width);
        const leads = cluster.leaderships.filter((l) => l.node === node && l.began <= time && l.ended >= time)
          .map((l) => [`leader of term ${l.term} from ${H.instant(l.began)} for ${H.duration(l.ended - l.began)}`, ""]);
        const term = termAt(nodes.indexOf(node), time);
        const boots = cluster.boots.filter((boot) => boot.node === node && Math.abs(H.xOf(boot.at, width) - x) < 8)
          .map((boot) => [`${boot.text} at ${H.instant(boot.at)}`, ""]);
        const suffers = faults.filter((f) => f.nodes.includes(node) && f.began <= time && f.ended >= time).map((f) => [nameOf(f), "dim"]);
        return [[`${node}  ${H.secondsLabel(time, (H.view.to - H.view.from) / 1000)}`, "title"],
          ...(leads.length || term === null ? leads : [[`in term ${term}`, ""]]), ...boots, ...suffers];
      },
      click: () => plot.focus({ preventScroll: true }),
    });
    return null;
  }
  return { start: () => { startFaults(); startLeaders(); } };
})();
