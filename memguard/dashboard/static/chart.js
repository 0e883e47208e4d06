// One chart of RSS over time: lines, ceilings, and marks for what happened.
import uPlot from "./vendor/uplot/uPlot.esm.js";
import { marks } from "./marks.js";
import { bytes } from "./words.js";

const HUES = 8;

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export const hue = (place) => colour(`--series-${(place % HUES) + 1}`);

function axis(extra) {
  return {
    stroke: colour("--quiet"),
    font: `12px ${colour("--sans")}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1, size: 5 },
    ...extra,
  };
}

// Room above the highest line; a ceiling that is near belongs into the picture, one far above would press it flat.
function room(least, most, ceilings) {
  if (least === null || most === null) return [0, 1];
  const near = ceilings.map(({ size }) => size).filter((size) => size <= most * 1.35);
  const top = Math.max(most, ...near);
  const pad = Math.max((top - least) * 0.12, top * 0.02);
  return [Math.max(0, least - pad), top + pad];
}

// A chart in an element. `lines` are {label, stroke, fill, dash, shown}; `on` has what to call for a choice and a cursor.
export function chart(element, { height, lines, span, ceilings, events, group, on }) {
  const options = {
    width: element.clientWidth,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    legend: { show: false },
    padding: [18, 28, 0, 0],
    cursor: {
      sync: { key: group },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      y: false,
    },
    scales: {
      x: { time: true, range: () => span() },
      y: { range: (self, least, most) => room(least, most, ceilings) },
    },
    axes: [
      axis({
        space: 70,
        size: 32,
        values: (self, splits, _, space, step) => splits.map((at) => tick(at, step)),
      }),
      axis({ size: 72, space: 34, values: (self, splits) => splits.map((size) => bytes(size)) }),
    ],
    series: [{}, ...lines.map((line) => ({ ...line, show: line.shown, width: line.width ?? 1.5, points: { show: false }, spanGaps: false }))],
    plugins: [marks({ events, ceilings })],
    hooks: {
      setSelect: [
        (self) => {
          const { left, width } = self.select;
          if (width > 4) on.chosen(self.posToVal(left, "x"), self.posToVal(left + width, "x"));
          self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
      setCursor: [(self) => on.pointed(self.cursor.idx)],
    },
  };
  return new uPlot(options, [[], ...lines.map(() => [])], element);
}

function tick(at, step) {
  const iso = new Date(at * 1000).toISOString();
  const midnight = iso.slice(11, 19) === "00:00:00";
  if (step >= 86400 || midnight) return iso.slice(5, 10);
  return step < 60 ? iso.slice(11, 19) : iso.slice(11, 16);
}
