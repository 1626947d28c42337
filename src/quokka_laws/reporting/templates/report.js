// Tables that sort, copy and download; sections that are all open on paper.
"use strict";
const SIZES = { P: 1e15, T: 1e12, B: 1e9, M: 1e6, k: 1e3 };
const ALL = JSON.parse(document.getElementById("numbers").textContent);

// The first number of a cell: 7.04B, 1e+22, ×12, -0.3 %; texts sort as texts.
function rank(text) {
  const found = text.replace(/[−–]/g, "-").match(/^[×±+]?\s*(-?[\d,]*\.?\d+(?:e[+-]?\d+)?)\s*([PTBMk])?/);
  return found ? parseFloat(found[1].replace(/,/g, "")) * (SIZES[found[2]] ?? 1) : text;
}
function compared(a, b) {
  const number = typeof a === "number";
  if (number !== (typeof b === "number")) return number ? -1 : 1;
  return number ? a - b : a.localeCompare(b);
}
function sort(heading) {
  const table = heading.closest("table"), body = table.tBodies[0], column = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].sort((a, b) => {
    const order = compared(...[a, b].map((row) => rank(row.cells[column].innerText.trim())));
    return down ? -order : order;
  });
  body.append(...rows);
}
async function copy(button, table) {
  const cells = (row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s+/g, " ")).join("\t");
  const text = [...table.rows].map(cells).join("\n");
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page opened from a file may not reach the clipboard in this way
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(button, "Copied");
}
function download(button) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([ALL[button.dataset.csv]], { type: "text/csv" }));
  link.download = button.dataset.csv + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function say(button, word) {
  const before = button.textContent;
  button.textContent = word;
  setTimeout(() => { button.textContent = before; }, 1500);
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.sort !== undefined) sort(button.closest("th"));
  else if (button.dataset.copy !== undefined) copy(button, document.getElementById(button.dataset.copy));
  else if (button.dataset.csv !== undefined) download(button);
});
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const section of folded) section.open = true;
});
addEventListener("afterprint", () => { for (const section of folded) section.open = false; });
