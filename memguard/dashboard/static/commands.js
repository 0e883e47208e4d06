// Asks workers to do something, after a confirmation that says what it costs them.
import { Trouble, askJson } from "./fetching.js";

function dialog({ title, costs, verb }) {
  const box = document.createElement("dialog");
  const heading = document.createElement("h2");
  const told = document.createElement("p");
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "buttons";
  for (const [value, words] of [["", "Cancel"], ["yes", verb]]) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = words;
    if (value) button.className = "primary";
    form.append(button);
  }
  heading.id = "confirm-title";
  heading.textContent = title;
  told.textContent = costs;
  box.setAttribute("aria-labelledby", heading.id);
  box.append(heading, told, form);
  return box;
}

function confirmed(words) {
  const box = dialog(words);
  document.body.append(box);
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "yes");
    });
  });
}

const workerOf = ({ host, pid, startedAt }) => ({ host, pid: Number(pid), started_at: startedAt });

function many(workers, alive) {
  if (workers === "all") return alive === 1 ? "the one worker that is alive" : "all workers";
  return workers.length === 1 ? `worker ${workers[0].pid}` : `${workers.length} workers`;
}

async function ask(target, body) {
  const told = await askJson(target, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Memguard": "1" },
    body: JSON.stringify(body),
  });
  const count = told.commands.length;
  return `Asked ${count} worker${count === 1 ? "" : "s"}. What it gives is listed among the actions.`;
}

// "request GET /users/<id>" is a kind and a name.
function followingOf(operation, units) {
  if (!operation) return {};
  const kind = operation.split(" ", 1)[0];
  return { operation: { kind, name: operation.slice(kind.length + 1) }, ...(units ? { units } : {}) };
}

// What is wanted of objects; cycles and what is uncollectable have no name.
function questionOf({ way, name }) {
  const named = !["cycles", "uncollectable"].includes(way.value);
  return { way: way.value, ...(named ? { name: name.value.trim() } : {}) };
}

// What an action takes besides workers and seconds.
function particularsOf(action, fields) {
  if (action === "lines") return followingOf(fields.operation.value, Number(fields.units.value));
  return action === "inspect" ? questionOf(fields) : {};
}

// What came of what a button asked for. The screen may be made anew while somebody confirms or the server answers, and the
// button with it: so it is said beside whichever one is there, each time the screen is shown.
const outcomes = new Map();
const sameness = (button) => JSON.stringify({ ...button.dataset });

function tellAll() {
  for (const button of document.querySelectorAll("button[data-action]")) {
    const words = outcomes.get(sameness(button));
    const said = button.nextElementSibling;
    if (words && said.textContent !== words) said.textContent = words;
  }
}

// Asks, and says what came of it.
async function go({ target, action, name, costs, workers, seconds, particulars, alive, say, live }) {
  const lasts = seconds ? ` for ${seconds} s` : "";
  const sure = await confirmed({ title: `${name}${lasts} in ${many(workers, alive)}?`, costs, verb: name });
  if (!sure) return;
  try {
    say(await ask(target, { action, workers, ...(seconds ? { seconds } : {}), ...particulars }));
  } catch (error) {
    say(`Not asked: ${error instanceof Trouble ? error.message : error}`);
  }
  live.refresh();
}

function fromForm(form, live) {
  const chosen = form.querySelector("input[name=action]:checked");
  const picked = [...form.querySelectorAll("input[name=worker]:checked")];
  const { name, costs } = chosen.closest("label").dataset;
  go({
    target: form.dataset.target,
    action: chosen.value,
    name,
    costs,
    workers: picked.length ? picked.map((box) => workerOf(box.dataset)) : "all",
    seconds: chosen.value === "trace" ? Number(form.elements.seconds.value) : 0,
    particulars: particularsOf(chosen.value, form.elements),
    alive: form.querySelectorAll("input[name=worker]").length,
    say: (words) => {
      document.getElementById("asked").textContent = words;
    },
    live,
  });
}

function fromButton(button, live) {
  const { target, action, name, costs, seconds, operation, pid } = button.dataset;
  const workers = pid ? [workerOf(button.dataset)] : "all";
  const key = sameness(button);
  const say = (words) => {
    outcomes.set(key, words);
    tellAll();
  };
  go({ target, action, name, costs, workers, seconds: Number(seconds ?? 0), particulars: followingOf(operation), alive: 0, say, live });
}

// "All" and single workers exclude each other.
function exclude({ target }) {
  const form = target.closest("#asking");
  if (!form) return;
  const all = form.querySelector("input[name=which]");
  const boxes = [...form.querySelectorAll("input[name=worker]")];
  if (target === all) for (const box of boxes) box.checked = false;
  else all.checked = !boxes.some((box) => box.checked);
}

export function commands(live) {
  document.addEventListener("change", exclude);
  document.addEventListener("memguard:shown", tellAll);
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "asking") return;
    event.preventDefault();
    fromForm(event.target, live);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (button) fromButton(button, live);
  });
}
