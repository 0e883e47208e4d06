// Starts what a page needs. The server renders every screen; these scripts keep it fresh and make it quicker to use.
import { commands } from "./commands.js";
import { copying } from "./copy.js";
import { live } from "./live.js";
import { soft } from "./soft.js";

const kept = live();
soft(kept);
commands(kept);
copying();
if (document.getElementById("timeline")) {
  const { timeline } = await import("./timeline.js");
  timeline(kept);
}
