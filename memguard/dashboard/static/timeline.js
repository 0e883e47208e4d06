// The timeline: the charts of an element, kept fresh; zoom and pan by mouse, buttons and keys.
import { chart, colour, hue } from "./chart.js";
import { askJson } from "./fetching.js";
import { legend } from "./legend.js";
import { Points } from "./points.js";
import { Span } from "./span.js";
import { bytes, clock, duration } from "./words.js";

const KEYS = {
  ArrowLeft: (span) => span.pan(-0.25),
  ArrowRight: (span) => span.pan(0.25),
  "+": (span) => span.zoom(0.5),
  "=": (span) => span.zoom(0.5),
  "-": (span) => span.zoom(2),
};
const number = (text) => (text ? Number(text) : null);

class Timeline {
  constructor(element, live) {
    const { source, seconds, since, until, ceilings } = element.dataset;
    this.element = element;
    this.live = live;
    this.source = source;
    this.ceilings = (ceilings ?? "").split(" ").filter(Boolean).map((told) => {
      const [name, size] = told.split(":");
      return { name, size: Number(size) };
    });
    this.span = new Span({ seconds: Number(seconds), since: number(since), until: number(until) });
    this.points = new Points();
    this.hidden = new Set();
    this.charts = [];
    this.held = this.waits = false;
    this.listen();
    this.load();
  }

  part(name) {
    return this.element.querySelector(`[data-part=${name}]`);
  }

  listen() {
    this.element.addEventListener("keydown", (event) => {
      if (!KEYS[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.move(KEYS[event.key]);
    });
    this.element.addEventListener("click", (event) => {
      const { key, follow } = event.target.closest("[data-key], [data-follow]")?.dataset ?? {};
      if (key) this.move(KEYS[key]);
      if (!follow) return;
      event.preventDefault();
      this.move((span) => span.follow(Number(follow)));
    });
    // Data that comes while somebody drags would take the chart from under the pointer.
    this.element.addEventListener("pointerdown", () => {
      this.held = true;
    });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => setTimeout(() => this.release()));
    document.addEventListener("memguard:shown", () => this.span.still || this.load({ tail: true }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw({ anew: true }));
    new ResizeObserver(() => this.resize()).observe(this.part("sum"));
  }

  release() {
    this.held = false;
    if (!this.waits) return;
    this.waits = false;
    this.draw();
  }

  move(how) {
    how(this.span);
    history.replaceState(null, "", `${location.pathname}${this.span.query}`);
    this.draw(); // what is known already, at once
    this.load();
    this.live.refresh();
  }

  async load({ tail = false } = {}) {
    const [since, until] = this.span.ends;
    const goesOn = tail && this.points.newest > since;
    const asked = new URLSearchParams({ since: (goesOn ? this.points.newest - this.points.step : since).toFixed(3) });
    if (this.span.still) asked.set("until", until.toFixed(3));
    if (goesOn) asked.set("step", this.points.step);
    try {
      const told = await askJson(`${this.source}?${asked}`);
      if (!goesOn) this.points.clear();
      this.points.add(told);
      this.points.since(since);
      this.part("trouble").textContent = "";
    } catch (error) {
      this.part("trouble").textContent = error.message;
    }
    this.draw();
  }

  resize() {
    for (const each of this.charts) each.setSize({ width: this.part("sum").clientWidth, height: each.height });
  }

  // New data goes into the charts that stand; they are made anew only where their lines or colours change.
  draw({ anew = false } = {}) {
    if (this.held) {
      this.waits = true;
      if (anew) this.lines = null;
      return;
    }
    const columns = this.points.columns();
    this.columns = columns;
    this.part("nothing").hidden = columns.moments.length > 0;
    for (const link of this.element.querySelectorAll("[data-follow]")) {
      const chosen = !this.span.still && Number(link.dataset.follow) === this.span.seconds;
      if (chosen) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const lines = columns.workers.map(({ name }) => name).join(" ");
    if (anew || lines !== this.lines) this.make(columns);
    this.lines = lines;
    const data = [[columns.moments, columns.sum], [columns.moments, ...columns.each]];
    this.charts.forEach((each, place) => each.select.width || each.setData(data[place]));
    if (columns.moments.length) this.tell(null);
  }

  make(columns) {
    for (const each of this.charts) each.destroy();
    this.charts = [];
    this.values = legend(this.part("legend"), columns.workers, this.hidden, (name) => this.toggle(name));
    const shared = {
      span: () => this.span.from(this.columns.moments[0]),
      events: () => this.points.happened(),
      group: "timeline",
      on: {
        chosen: (since, until) => this.move((span) => span.show(since, until)),
        pointed: (place) => this.tell(place),
      },
    };
    const sum = { stroke: colour("--link"), width: 2, shown: true };
    const each = columns.workers.map(({ name }, place) => ({ stroke: hue(place), shown: !this.hidden.has(name) }));
    this.charts = [
      chart(this.part("sum"), { ...shared, height: 170, lines: [sum], ceilings: [] }),
      chart(this.part("each"), { ...shared, height: 260, lines: each, ceilings: this.ceilings }),
    ];
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.draw({ anew: true });
  }

  // What is under the cursor, else what is newest.
  tell(place) {
    const { moments, sum, each } = this.columns;
    const [since, until] = this.span.from(moments[0]);
    const here = place ?? moments.length - 1;
    if (!(here in moments)) return;
    const alive = each.filter((column) => column[here] !== null).length;
    const told = sum[here] === null ? "no worker" : `${bytes(sum[here])} in ${alive} worker${alive === 1 ? "" : "s"}`;
    this.part("readout").textContent = `${clock(moments[here])}: ${told}`;
    this.part("width").textContent = `${duration(until - since)} shown`;
    this.values(each.map((column) => column[here]));
  }
}

export function timeline(live) {
  const element = document.getElementById("timeline");
  if (element) new Timeline(element, live);
}
