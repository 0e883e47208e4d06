// Figures as people read them, the same as the server writes them; times are UTC, as everywhere on the page.

export function bytes(count) {
  let size = Math.abs(count);
  let unit = "B";
  for (const next of ["kB", "MB", "GB", "TB"]) {
    if (Math.round(size) < 1000) break;
    size /= 1000;
    unit = next;
  }
  if (unit === "B") return `${Math.round(count)} B`;
  const digits = Number(size.toFixed(2)) < 10 ? 2 : Number(size.toFixed(1)) < 100 ? 1 : 0;
  return `${count < 0 ? "-" : ""}${size.toFixed(digits)} ${unit}`;
}

export function clock(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

export function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}
