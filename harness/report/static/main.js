// Starts every plot, and connects the toolbar and the keys.
"use strict";
(() => {
  const H = Hearsay;
  H.cluster.start();
  H.timeline.start();
  H.charts.start();

  const range = document.getElementById("range");
  H.redraws.push(() => {
    const step = (H.view.to - H.view.from) / 500;
    range.textContent = `${H.secondsLabel(H.view.from, step)} to ${H.secondsLabel(Math.min(H.view.to, H.data.end), step)}`;
  });
  const actions = { in: () => H.zoom(0.5), out: () => H.zoom(2), all: () => H.show(0, H.FULL_TO) };
  for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  const field = document.getElementById("filter"), told = document.getElementById("filtered");
  field.addEventListener("input", () => { told.textContent = H.timeline.filter(field.value); });

  document.getElementById("panels").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "[" || event.key === "]") H.timeline.step(event.key === "]" ? 1 : -1);
    else if (event.key === "Escape") H.timeline.select(-1);
    else if (H.keyed(event) === null) return;
    event.preventDefault();
  });

  const copy = document.getElementById("copy"), replay = document.getElementById("replay");
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(replay.textContent);
      copy.textContent = "copied";
    });
  }
  new ResizeObserver(H.redraw).observe(document.getElementById("panels"));
  const printing = (on) => { document.documentElement.classList.toggle("printing", on); H.repaint(true); };
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  H.redraw();
})();
