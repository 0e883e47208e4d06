// The workers of the chart, each with its colour: a button hides its line, and it tells the value under the cursor.
import { hue } from "./chart.js";
import { bytes } from "./words.js";

function swatch(place) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawn.setAttribute("viewBox", "0 0 10 10");
  drawn.setAttribute("class", "swatch");
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of Object.entries({ cx: 5, cy: 5, r: 4.5, fill: hue(place) })) dot.setAttribute(name, value);
  drawn.append(dot);
  return drawn;
}

function line(worker, place, hidden, toggle) {
  const button = document.createElement("button");
  const value = document.createElement("span");
  button.type = "button";
  button.setAttribute("aria-pressed", String(!hidden.has(worker.name)));
  button.title = `${worker.host}, started ${worker.name.split("/").pop().slice(0, 19).replace("T", " ")} UTC`;
  value.className = "value";
  button.append(swatch(place), `${worker.pid} `, value);
  button.addEventListener("click", () => toggle(worker.name));
  return { button, value };
}

// Fills the element; returns what shows a value for each of the workers.
export function legend(element, workers, hidden, toggle) {
  const focused = [...element.children].indexOf(document.activeElement);
  const lines = workers.map((worker, place) => line(worker, place, hidden, toggle));
  element.replaceChildren(...lines.map(({ button }) => button));
  if (focused >= 0) element.children[focused]?.focus();
  return (sizes) => {
    lines.forEach(({ value }, number) => {
      value.textContent = sizes[number] === null ? "" : bytes(sizes[number]);
    });
  };
}
