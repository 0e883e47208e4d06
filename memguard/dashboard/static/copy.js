// Buttons with data-copy put the text at that address on the clipboard.
import { ask } from "./fetching.js";

// Without https, and not on this machine, a page may not write to the clipboard by itself; a selection it may copy.
function copySelected(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

async function put(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return true;
  }
  return copySelected(text);
}

async function copy(button) {
  const told = document.getElementById("copied");
  try {
    const answer = await ask(button.dataset.copy);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    if (!(await put(await answer.text()))) throw new Error("the browser does not allow it");
    told.textContent = "Copied. Paste it into your issue tracker.";
  } catch (error) {
    told.textContent = `Not copied: ${error.message}`;
  }
}

export function copying() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
}
