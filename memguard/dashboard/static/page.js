"use strict";

// Refreshes the page's main part by fetching the page itself: the server renders, this only swaps.
// Without it the page is the same and is refreshed by hand.

const PERIOD = 2000;
const PATIENCE = 5000;

const status = document.getElementById("status");
const text = document.getElementById("status-text");
const age = document.getElementById("age");
const main = () => document.getElementById("main");

let answered = performance.now();
let trouble = "";
let held = false;

function seconds(since) {
  const passed = Math.max(0, Math.round((performance.now() - since) / 1000));
  return passed < 120 ? `${passed} s` : passed < 7200 ? `${Math.round(passed / 60)} min` : `${Math.round(passed / 3600)} h`;
}

function tell() {
  const told = trouble || (held ? "Held still while you mark text." : "Live, refreshed every 2 s.");
  // Only what changed, and the age apart from it: a screen reader speaks each change.
  if (text.textContent !== told) text.textContent = told;
  age.textContent = trouble || held ? ` What you see is ${seconds(answered)} old.` : "";
  status.classList.toggle("lost", trouble !== "");
  status.classList.toggle("live", trouble === "" && !held);
}

function isInUse() {
  const selection = document.getSelection();
  const selects = selection && !selection.isCollapsed && main().contains(selection.anchorNode);
  return selects || main().contains(document.activeElement);
}

function show(page) {
  const fresh = page.getElementById("main");
  if (!fresh) throw new Error("The answer is not this page.");
  document.title = fresh.dataset.title;
  // Whoever marks or tabs through the text must not lose the place.
  held = isInUse();
  if (held) return;
  main().replaceWith(document.adoptNode(fresh));
  answered = performance.now();
}

async function refresh() {
  if (document.hidden) return;
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), PATIENCE);
  try {
    const answer = await fetch(location.pathname, { cache: "no-store", signal: control.signal });
    if (answer.ok) {
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      trouble = "";
    } else {
      trouble = answer.status === 404 ? "The server no longer shows this page to you." : `The server answered ${answer.status}.`;
    }
  } catch {
    trouble = "The server does not answer.";
  } finally {
    clearTimeout(timer);
  }
}

async function run() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PERIOD));
    await refresh();
    tell();
  }
}

document.addEventListener("visibilitychange", () => refresh().then(tell));
tell();
run();
