// Links and forms marked with data-soft change what the screen shows without loading it anew; the address follows.

const PAUSE = 150;

function wanted(form) {
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value) asked.set(name, value);
  }
  return `${form.getAttribute("action")}${asked.size ? "?" : ""}${asked}`;
}

export function soft(live) {
  let timer = 0;

  async function go(address, { replace = false } = {}) {
    clearTimeout(timer);
    history[replace ? "replaceState" : "pushState"](null, "", address);
    if (!(await live.refresh())) location.assign(address);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-soft]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(link.getAttribute("href")); // of a link in a drawing, `href` is no text;
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-soft]")) return;
    event.preventDefault();
    go(wanted(event.target));
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-soft=input]");
    if (!form) return;
    clearTimeout(timer);
    timer = setTimeout(() => go(wanted(form), { replace: true }), PAUSE);
  });
  addEventListener("popstate", () => live.refresh());
}
