// Points of the timeline as columns for a chart: one for the moments, one for each worker, one for their sum.

const GAP_STEPS = 3; // a worker that told nothing for longer was not there, or hung
const LATE_STEPS = 2; // in the newest steps not every worker has told something yet

export const nameOf = ({ host, pid, started_at }) => `${host}/${pid}/${started_at}`;

export class Points {
  constructor() {
    this.clear();
  }

  clear() {
    this.workers = new Map();
    this.events = new Map();
  }

  // Takes an answer of the API over; what it tells of a moment again replaces what was known.
  add({ points, events, step_seconds: step }) {
    this.step = step;
    for (const point of points) {
      const name = nameOf(point);
      if (!this.workers.has(name)) this.workers.set(name, { name, host: point.host, pid: point.pid, at: new Map() });
      this.workers.get(name).at.set(Date.parse(point.at) / 1000, point.rss_bytes);
    }
    for (const event of events) this.events.set(`${event.at} ${nameOf(event)} ${event.type}`, event);
  }

  // Forgets what is older than this moment.
  since(moment) {
    for (const [name, worker] of this.workers) {
      for (const at of worker.at.keys()) if (at < moment - this.step) worker.at.delete(at);
      if (!worker.at.size) this.workers.delete(name);
    }
    for (const [key, event] of this.events) if (Date.parse(event.at) / 1000 < moment) this.events.delete(key);
  }

  get newest() {
    return Math.max(...[...this.workers.values()].flatMap((worker) => [...worker.at.keys()]), 0);
  }

  happened() {
    return [...this.events.values()].map((event) => ({ ...event, seconds: Date.parse(event.at) / 1000 }));
  }

  columns() {
    const told = [...this.workers.values()].sort((a, b) => (a.name < b.name ? -1 : 1)); // each keeps its colour
    const moments = [...new Set(told.flatMap((worker) => [...worker.at.keys()]))].sort((a, b) => a - b);
    const each = told.map((worker) => filled(moments, worker.at, this.step));
    const sum = moments.map((_, place) => {
      const known = each.map((column) => column[place]).filter((value) => value !== null);
      return known.length ? known.reduce((total, value) => total + value, 0) : null;
    });
    return { moments, sum, each, workers: told };
  }
}

// A worker's values at all moments: in a short gap, and until it is late, the one before; where it was not there null.
function filled(moments, at, step) {
  const end = Math.max(...at.keys());
  const goesOn = moments[moments.length - 1] - end <= LATE_STEPS * step;
  let last = null;
  let when = -Infinity;
  return moments.map((moment) => {
    if (at.has(moment)) {
      last = at.get(moment);
      when = moment;
    } else if ((moment > end && !goesOn) || moment - when > GAP_STEPS * step) {
      last = null;
    }
    return last;
  });
}
