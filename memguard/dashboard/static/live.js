// Keeps the screen fresh: asks for it again after as long as it says, and takes over what has changed. Says how old it is.
import { Trouble, ask, refusal } from "./fetching.js";
import { morph } from "./morph.js";

// The browser lets no other text become markup, nor a script: the page's policy asks for that (Trusted Types).
const policy = globalThis.trustedTypes?.createPolicy("memguard", { createHTML: (text) => text });

function parsed(text) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
}

const byId = (id) => document.getElementById(id);

function words(seconds) {
  const rounded = Math.max(0, Math.round(seconds));
  return rounded < 120 ? `${rounded} s` : rounded < 7200 ? `${Math.round(rounded / 60)} min` : `${Math.round(rounded / 3600)} h`;
}

class Live {
  constructor() {
    this.answered = performance.now();
    this.trouble = null;
    this.paused = false;
    this.asked = 0;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.pause(!this.paused));
    byId("status").append(this.button);
  }

  pause(paused) {
    this.paused = paused;
    this.tell();
    if (!paused) this.refresh();
  }

  // Takes the screen at an address over; true if it was shown, or if a later question has made it out of date.
  async refresh(address = location.href) {
    const turn = ++this.asked;
    try {
      const answer = await ask(address);
      const page = parsed(await answer.text());
      if (turn !== this.asked) return true;
      if (!page.querySelector("main[data-screen]")) throw refusal(answer);
      this.show(page);
      this.trouble = null;
      this.answered = performance.now();
      return true;
    } catch (error) {
      if (turn !== this.asked) return true;
      this.trouble = error;
      return false;
    } finally {
      this.tell();
    }
  }

  show(page) {
    document.title = page.title;
    for (const id of ["main", "glance"]) {
      if (byId(id) && page.getElementById(id)) morph(byId(id), page.getElementById(id));
    }
    document.dispatchEvent(new CustomEvent("memguard:shown"));
  }

  tell() {
    const old = words((performance.now() - this.answered) / 1000);
    const told = this.trouble ? "Not live" : this.paused ? "Paused" : "Live";
    // Only what changed, and the age apart from it: a screen reader speaks each change.
    if (byId("status-text").textContent !== told) byId("status-text").textContent = told;
    byId("age").textContent = this.trouble || this.paused ? `${old} old` : "";
    this.button.textContent = this.paused ? "Resume" : "Pause";
    byId("status").classList.toggle("lost", Boolean(this.trouble));
    byId("status").classList.toggle("live", !this.trouble && !this.paused);
    document.body.classList.toggle("stale", Boolean(this.trouble));
    this.banner();
  }

  banner() {
    const shown = byId("trouble");
    if (!this.trouble) {
      shown?.remove();
      return;
    }
    const said = this.trouble instanceof Trouble ? this.trouble.message : `This page has failed: ${this.trouble}`;
    if (shown?.dataset.said === said) return;
    const banner = document.createElement("p");
    Object.assign(banner, { id: "trouble", className: "trouble" });
    banner.setAttribute("role", "alert");
    banner.dataset.said = said;
    banner.append(said, " What you see is not the present. ");
    if (this.trouble.signIn) {
      const link = document.createElement("a");
      link.href = `${document.querySelector(".brand").getAttribute("href")}/login`;
      link.textContent = "Sign in";
      banner.append(link, ".");
    }
    if (shown) shown.replaceWith(banner);
    else document.querySelector("header.shell").append(banner);
  }

  async run() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, Number(byId("main").dataset.period)));
      if (!this.paused && !document.hidden) await this.refresh();
      else this.tell();
    }
  }
}

export function live() {
  const kept = new Live();
  const here = document.querySelector("nav [aria-current]");
  const screens = here?.closest("nav");
  // Not by scrollIntoView: the keyboard would then begin there, and not at the link that skips the header.
  if (screens) screens.scrollLeft = here.offsetLeft - (screens.clientWidth - here.offsetWidth) / 2;
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !kept.paused) kept.refresh();
  });
  kept.tell();
  kept.run();
  return kept;
}
