// Draws what happened as upright lines with a sign on top, and ceilings as level ones.
import { colour } from "./chart.js";

// The sign and the colour of each kind of event; the list under the chart says the same in words.
export const SIGNS = {
  started: ["▲", "--clean"],
  stopped: ["■", "--quiet"],
  recycle: ["↻", "--link"],
  died: ["✕", "--leak"],
  gone: ["✕", "--leak"],
  killer: ["‼", "--leak"],
  finding: ["!", "--leak"],
  ceiling: ["⚑", "--suspect"],
  alert: ["◆", "--suspect"],
};
const OVER = ["◇", "--clean"]; // an alert whose cause is gone
const CROWD = 14; // signs that would lie closer than this many pixels share one place

const signOf = ({ type, detail }) => (type === "alert" && detail?.state === "resolved" ? OVER : SIGNS[type]);

function upright(context, x, top, bottom, stroke, ratio) {
  context.strokeStyle = stroke;
  context.lineWidth = ratio;
  context.setLineDash([3 * ratio, 3 * ratio]);
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, bottom);
  context.stroke();
}

function drawEvents(self, events) {
  const { ctx: context, bbox } = self;
  const ratio = devicePixelRatio;
  let last = -Infinity;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.font = `600 ${12 * ratio}px ${colour("--sans")}`;
  for (const event of [...events()].sort((a, b) => a.seconds - b.seconds)) {
    const known = signOf(event);
    const x = Math.round(self.valToPos(event.seconds, "x", true));
    if (!known || x < bbox.left || x > bbox.left + bbox.width) continue;
    context.globalAlpha = 0.55;
    upright(context, x, bbox.top, bbox.top + bbox.height, colour(known[1]), ratio);
    context.globalAlpha = 1;
    if (x - last < CROWD * ratio) continue;
    last = x;
    context.fillStyle = colour(known[1]);
    context.fillText(known[0], x, bbox.top - 5 * ratio);
  }
}

function drawCeilings(self, ceilings) {
  const { ctx: context, bbox } = self;
  const ratio = devicePixelRatio;
  for (const { name, size } of ceilings) {
    const y = Math.round(self.valToPos(size, "y", true));
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    const hue = colour(name === "hard" ? "--leak" : "--suspect");
    context.strokeStyle = hue;
    context.lineWidth = 1.5 * ratio;
    context.setLineDash([7 * ratio, 4 * ratio]);
    context.beginPath();
    context.moveTo(bbox.left, y);
    context.lineTo(bbox.left + bbox.width, y);
    context.stroke();
    context.fillStyle = hue;
    context.textAlign = "left";
    context.font = `${11 * ratio}px ${colour("--sans")}`;
    context.fillText(name === "hard" ? "hard ceiling" : "ceiling", bbox.left + 4 * ratio, y - 6 * ratio);
  }
}

export function marks({ events, ceilings }) {
  const draw = (self) => {
    self.ctx.save();
    drawCeilings(self, ceilings);
    drawEvents(self, events);
    self.ctx.restore();
  };
  return { hooks: { draw } };
}
