// Makes one tree of elements like another and touches only what differs, so that focus, selection, scroll positions and
// what somebody has opened or typed stay as they are.

const KEPT = new Set(["open"]); // on <details>: whoever opened it wants it open

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id : "";
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function attributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !KEPT.has(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !KEPT.has(name)) {
      from.setAttribute(name, value);
      if (name === "value" && from !== document.activeElement) from.value = value;
    }
  }
}

function children(from, to) {
  const keyed = new Map();
  for (const node of from.childNodes) {
    if (keyOf(node)) keyed.set(keyOf(node), node);
  }
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const known = keyed.get(keyOf(wanted));
    keyed.delete(keyOf(wanted)); // a key that comes twice by mistake must not take back what is already in its place
    if (known && known !== here && alike(known, wanted)) {
      from.insertBefore(known, here);
      here = known;
    }
    if (here && alike(here, wanted)) {
      morph(here, wanted);
      here = here.nextSibling;
    } else {
      from.insertBefore(document.importNode(wanted, true), here);
    }
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

// Elements with data-own belong to a script: what is inside them is none of the server's.
export function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if ("own" in from.dataset) return;
  attributes(from, to);
  children(from, to);
}
