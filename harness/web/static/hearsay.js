"use strict";

// Two runs are chosen, or none can be compared.
const compare = document.getElementById("compare");
if (compare) {
  const boxes = [...document.querySelectorAll("input[name=run]")];
  const update = () => {
    compare.disabled = boxes.filter((box) => box.checked).length !== 2;
  };
  boxes.forEach((box) => box.addEventListener("change", update));
  update();
}

// A run under way tells of itself until it is judged.
const live = document.querySelector("[data-events]");
if (live) {
  const show = (id, text) => {
    document.getElementById(id).textContent = text;
  };
  const source = new EventSource(live.dataset.events);
  source.addEventListener("message", (message) => {
    const now = JSON.parse(message.data);
    const seconds = now.time / 1e9;
    show("time", `${seconds.toFixed(1)} s`);
    show("faults", now.faults.join(", "));
    for (const name of ["invoked", "ok", "failed", "unknown"]) {
      show(name, now[name].toLocaleString("en"));
    }
    const whole = Number(live.dataset.seconds);
    document.getElementById("meter").value = whole ? Math.min(1, seconds / whole) : 0;
    const list = document.getElementById("events");
    list.replaceChildren(
      ...now.events.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }),
    );
    list.scrollTop = list.scrollHeight;
  });
  source.addEventListener("over", () => {
    source.close();
    location.reload();
  });
}
