// The page: controls, chart, read-out, table, and an address that holds what is set.
const $ = (id) => document.getElementById(id);
const SUFFIX = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];
function human(v) {
  for (const [size, s] of SUFFIX) if (v >= size && v < 1e18) return +(v / size).toPrecision(3) + s;
  const short = +v.toPrecision(3);
  return v >= 1e18 ? short.toExponential().replace("e+", "e") : String(short);
}
// 1e22, 7B, 1.5T, 350,000 -> a number; NaN for anything else.
function parsed(text) {
  const found = text.trim().replace(/,/g, "").match(/^(\d*\.?\d+(?:e[+-]?\d+)?)\s*([kmbt]?)$/i);
  if (!found) return /^none$/i.test(text.trim()) ? 0 : NaN;
  return parseFloat(found[1]) * ({ k: 1e3, m: 1e6, b: 1e9, t: 1e12 }[found[2].toLowerCase()] ?? 1);
}
const sane = (c, value) => value <= 1e40 && (value > 0 || (c.none && value === 0));
function node(tag, attributes = {}, text = "") {  // text only as text: names are the user's
  const made = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) made.setAttribute(k, v);
  made.textContent = text;
  return made;
}
function shape(tag, attributes, parent, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) made.setAttribute(k, v);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

// ---- what is set ------------------------------------------------------------------------------------------------
const CONTROLS = DATA.controls;  // name, label, low, high, start; by logarithm where log
const START = Object.fromEntries(CONTROLS.map((c) => [c.name, c.start]));
let set = { ...START };
function state() {
  const { C, U_D, T, ...more } = set;
  return { C, U_D, T, more };
}
function remembered() {
  const words = new URLSearchParams();
  for (const c of CONTROLS) if (set[c.name] !== START[c.name]) words.set(c.name, String(set[c.name]));
  const off = laws.flatMap((law, i) => (law.on ? [] : [i]));
  if (off.length) words.set("off", off.join(","));
  try { history.replaceState(null, "", "#" + words); } catch { /* a frame may forbid it */ }
}
function recalled() {
  const words = new URLSearchParams(location.hash.slice(1));
  set = { ...START };
  for (const c of CONTROLS) {
    const value = Number(words.get(c.name));
    if (words.has(c.name) && sane(c, value)) set[c.name] = value;
  }
  const off = (words.get("off") ?? "").split(",").filter(Boolean).map(Number);
  laws.forEach((law, i) => { law.on = !off.includes(i); });
}
const toSlider = (c, value) => (c.log ? (value > 0 ? Math.log10(value) : c.low) : value);
const fromSlider = (c, at) => (c.none && at <= c.low ? 0 : c.log ? 10 ** at : at);
function show() {
  for (const c of CONTROLS) {
    $(c.name).value = toSlider(c, set[c.name]);
    $(c.name).setAttribute("aria-valuetext", set[c.name] ? human(set[c.name]) : "none");
    if (document.activeElement !== $("box-" + c.name)) $("box-" + c.name).value = set[c.name] ? human(set[c.name]) : "none";
    $("box-" + c.name).removeAttribute("aria-invalid");
  }
  laws.forEach((law, i) => { $("law-" + i).checked = law.on; });
}
function build() {
  for (const c of CONTROLS) {
    const row = node("div", { class: "control" });
    row.append(node("label", { for: c.name, id: "label-" + c.name }, c.label));
    const slider = node("input", { type: "range", id: c.name, min: c.low, max: c.high, step: c.log ? 0.01 : (c.high - c.low) / 500 });
    const box = node("input", { type: "text", id: "box-" + c.name, "aria-label": c.label + ", as a number", autocomplete: "off", spellcheck: "false" });
    slider.addEventListener("input", () => { set[c.name] = fromSlider(c, +slider.value); update(); });
    box.addEventListener("input", () => {
      const value = parsed(box.value);
      if (!sane(c, value)) { box.setAttribute("aria-invalid", "true"); return; }
      set[c.name] = value; update();
    });
    box.addEventListener("blur", show);
    row.append(slider, box);
    $("controls").append(row);
  }
  const styles = ["solid", "dashed", "dotted", "dash-dot", "short dashes", "sparse dots"];
  laws.forEach((law, i) => {
    const label = node("label"), box = node("input", { type: "checkbox", id: "law-" + i }), swatch = node("span", { class: "swatch" });
    swatch.style.background = law.color;
    box.addEventListener("change", () => { law.on = box.checked; update(); });
    label.append(box, " ", swatch, ` ${law.label}: ${law.family === "unstated" ? "" : law.family + ", "}${styles[i % 6]}`);
    $("laws").append(label);
  });
}
function update() { show(); draw(); remembered(); }

// ---- words ------------------------------------------------------------------------------------------------------
const MANY_EPOCHS = 4;  // beyond which a law that takes every token as fresh says nothing
const NEAR = 1.6;  // factor of compute, and of its own variables, within which a run is drawn
const repetition = (law, at, s) => {
  const epochs = at.D / s.U_D, shown = +epochs.toPrecision(3);
  return law.repeats ? String(shown) : epochs > MANY_EPOCHS ? `${shown}: not in this law` : `${shown}, taken as fresh`;
};
const share = (part) => part > 0.999 ? "all" : part < 1e-4 ? "< 0.01 %" : +(100 * part).toPrecision(2) + " %";
function outside(law, at, s) {
  let worst = 1;
  const seen = { ...s.more, [law.size]: at.N, D: at.D, C: price(law, s) * at.N * at.D };
  if (law.repeats) { seen.epochs = at.epochs; seen.U_D = s.U_D; }
  for (const k of Object.keys(seen)) {
    const r = law.range[k];
    if (r && r[0] > 0) worst = Math.max(worst, seen[k] / r[1], r[0] / seen[k]);
  }
  return !Object.keys(law.range).length ? "unknown" : worst <= 1 ? "inside" : "×" + +worst.toPrecision(3);
}
const close = (a, b) => Math.max(a / b, b / a) <= NEAR;
function runsNear(law, s) {
  return law.runs.filter((run) => close(run.C, s.C) && (!law.repeats || close(run.U_D, s.U_D))
    && Object.keys(law.own).every((k) => close(run[k] ?? s.more[k], s.more[k])));
}

// ---- chart ------------------------------------------------------------------------------------------------------
const DASHES = ["", "7 4", "2 3", "9 3 2 3", "4 2", "1 4"];
let scene = null;  // what the read-out needs of the last drawing

function draw() {
  const s = state(), shown = laws.filter((law) => law.on);
  const W = Math.max(300, Math.min(960, $("plot").clientWidth)), H = Math.min(460, Math.max(300, W * 0.6));
  const optima = shown.map((law) => wisest(law, s));
  const spent = shown.map((_, i) => ({ ...s, C: optima[i]?.C ?? s.C }));
  const centers = optima.filter(Boolean).map((o) => Math.log(o.N));
  const middle = 0.5 * Math.log(s.C / 120);
  const x0 = Math.min(...centers, middle) - 2.6, x1 = Math.max(...centers, middle) + 2.6, points = 90;
  const xs = Array.from({ length: points }, (_, i) => x0 + ((x1 - x0) * i) / (points - 1));
  shown.forEach((law, i) => {
    const kink = onePass(law, spent[i]);
    if (law.repeats && kink > x0 && kink < x1) xs.push(kink);
  });
  xs.sort((a, b) => a - b);
  const curves = shown.map((law, i) => ({
    law, s: spent[i], best: optima[i], y: xs.map((v) => lossOf(law, law.p, spent[i], v)),
    band: law.many.length ? xs.map((v) => {
      const all = law.many.map((p) => lossOf(law, p, spent[i], v));
      return [percentile(all, 0.05), percentile(all, 0.95)];
    }) : null,
    runs: runsNear(law, s).filter((run) => Math.log(run.N) > x0 && Math.log(run.N) < x1),
  }));
  const seen = curves.flatMap((c) => c.runs.map((run) => run.loss));
  const lows = curves.flatMap((c) => c.y.filter(Number.isFinite));
  const bottom = Math.min(...lows, ...seen, ...curves.flatMap((c) => (c.band ?? []).map((b) => b[0]).filter(Number.isFinite)));
  // High enough for every law's optimum and its runs, whatever their loss.
  const highest = Math.max(...optima.filter(Boolean).map((o) => o.loss), bottom);
  const y0 = bottom - 0.03, y1 = Math.max(highest + 0.3, Math.min(Math.max(...lows), bottom * 1.45), ...seen) + 0.02;
  const M = { l: 52, r: 12, t: 10, b: 44 };
  const X = (v) => M.l + ((v - x0) / (x1 - x0)) * (W - M.l - M.r),
    // Far outside the picture a curve may exceed what SVG can hold.
    Y = (v) => Math.max(-1e4, Math.min(1e4, H - M.b - ((v - y0) / (y1 - y0)) * (H - M.t - M.b)));
  const svg = $("chart");
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  svg.style.maxWidth = W + "px";
  const frame = { x: M.l, y: M.t, width: W - M.l - M.r, height: H - M.t - M.b };
  shape("rect", frame, shape("clipPath", { id: "inside" }, svg));
  const narrow = W < 500;
  for (let d = Math.ceil(x0 / Math.LN10); d <= x1 / Math.LN10; d++) {
    const x = X(d * Math.LN10);
    shape("path", { d: `M${x} ${M.t}V${H - M.b}`, stroke: "var(--line)" }, svg);
    if (!narrow || d % 2 === 0 || x1 - x0 < 10) shape("text", { x, y: H - M.b + 18, "text-anchor": "middle" }, svg, human(10 ** d));
  }
  const raw = (y1 - y0) / 5, base = 10 ** Math.floor(Math.log10(raw)), gap = [1, 2, 5, 10].map((k) => k * base).find((k) => k >= raw);
  for (let v = Math.ceil(y0 / gap) * gap; v < y1; v += gap) {
    shape("path", { d: `M${M.l} ${Y(v)}H${W - M.r}`, stroke: "var(--line)" }, svg);
    shape("text", { x: M.l - 6, y: Y(v) + 4, "text-anchor": "end" }, svg, v.toFixed(gap < 0.1 ? 2 : 1));
  }
  const path = (ys) => { let pen = "M"; return ys.map((y, i) => {
    if (!Number.isFinite(y)) { pen = "M"; return ""; }
    const out = `${pen}${X(xs[i]).toFixed(2)} ${Y(y).toFixed(2)}`; pen = "L"; return out; }).join(""); };
  const inside = shape("g", { "clip-path": "url(#inside)" }, svg);
  for (const { law, y, band, best, runs } of curves) {
    if (band) {
      const good = xs.map((_, j) => j).filter((j) => Number.isFinite(band[j][0]));
      const edge = [...good.map((j) => [xs[j], band[j][0]]), ...good.reverse().map((j) => [xs[j], band[j][1]])];
      if (edge.length) shape("path", { fill: law.color, opacity: 0.18, d: `M${edge.map(([a, b]) => `${X(a).toFixed(2)} ${Y(b).toFixed(2)}`).join("L")}Z` }, inside);
    }
    const dash = DASHES[laws.indexOf(law) % 6];
    shape("path", { fill: "none", stroke: law.color, "stroke-width": 2.2, "stroke-dasharray": dash, d: path(y) }, inside);
    for (const run of runs) shape("circle", { class: "run", cx: X(Math.log(run.N)), cy: Y(run.loss), r: 3.5, fill: law.color, stroke: "var(--bg)" }, inside);
    if (best) shape("circle", { cx: X(Math.log(best.N)), cy: Y(best.loss), r: 6, fill: "var(--bg)", stroke: law.color, "stroke-width": 2.5 }, inside);
  }
  shape("text", { x: (W + M.l) / 2, y: H - 6, "text-anchor": "middle" }, svg, DATA.size);
  shape("text", { transform: `translate(14 ${H / 2}) rotate(-90)`, "text-anchor": "middle" }, svg, DATA.loss);
  scene = { x0, x1, X, Y, W, M, H, curves, s, cross: shape("g", {}, svg) };
  const near = curves.reduce((n, c) => n + c.runs.length, 0), own = curves.some((c) => c.law.runs.length);
  $("points").textContent = !own ? "" : near ? `Dots: runs whose compute is within a factor ${NEAR} of C (${near}).` : `No run is within a factor ${NEAR} of this C.`;
  $("points").hidden = !own;
  $("mixed").hidden = new Set(shown.map((law) => law.family)).size < 2;
  tabulate(curves, s);
  read(reading === null ? null : Math.min(x1, Math.max(x0, reading)));
}

function tabulate(curves, s) {
  const labels = ["law", "best N", "tokens D", "epochs", "of C", "loss", "90 % band", "outside its runs"];
  $("best").replaceChildren(...curves.map(({ law, best }) => {
    const row = node("tr"), cell = (text, i, span = 1) => {
      const made = node("td", { "data-label": labels[i], ...(span > 1 ? { colspan: span } : {}), ...(i === 0 || i === 3 ? { class: "words" } : {}) });
      made.append(node("span", {}, text));
      row.append(made);
    };
    cell(law.label, 0);
    if (!best) { cell("no interior optimum", 1, 7); return row; }
    const all = law.many.map((p) => lossAt(law, p, best.N, best.D, s.U_D, s.more));
    const band = all.length ? `${percentile(all, 0.05).toFixed(3)} … ${percentile(all, 0.95).toFixed(3)}` : "–";
    [human(best.N), human(best.D), repetition(law, best, s), share(best.C / s.C), best.loss.toFixed(4), band, outside(law, best, s)]
      .forEach((text, i) => cell(text, i + 1));
    return row;
  }));
}

// ---- read-out: by pointer, finger or arrow keys -----------------------------------------------------------------
let reading = null;  // log N
function read(at) {
  reading = at;
  const { x0, x1, X, Y, M, H, curves, s, cross } = scene;
  cross.replaceChildren();
  $("plot").setAttribute("aria-valuemin", x0.toFixed(2));
  $("plot").setAttribute("aria-valuemax", x1.toFixed(2));
  $("plot").setAttribute("aria-valuenow", (at ?? (x0 + x1) / 2).toFixed(2));
  if (at === null) {
    $("plot").setAttribute("aria-valuetext", "no size read off");
    $("readout").textContent = "Point at the chart, or focus it and use the arrow keys, to read it off.";
    return;
  }
  const N = Math.exp(at), parts = [`N = ${human(N)}`];
  shape("path", { d: `M${X(at)} ${M.t}V${H - M.b}`, stroke: "var(--soft)", "stroke-dasharray": "3 3" }, cross);
  for (const { law, s: own } of curves) {
    const loss = lossOf(law, law.p, own, at), D = tokens(law, own, N);
    if (!Number.isFinite(loss)) { parts.push(`${law.label}: beyond the budget`); continue; }
    shape("circle", { cx: X(at), cy: Y(loss), r: 3.5, fill: law.color }, cross);
    parts.push(`${law.label}: ${loss.toFixed(3)} on ${human(D)} tokens${law.repeats ? `, ${+(D / s.U_D).toPrecision(3)} epochs` : ""}`);
  }
  const nearest = curves.flatMap((c) => c.runs).map((run) => [Math.abs(Math.log(run.N) - at), run]).sort((a, b) => a[0] - b[0])[0];
  if (nearest && nearest[0] < 0.08) {
    const run = nearest[1];
    shape("circle", { cx: X(Math.log(run.N)), cy: Y(run.loss), r: 7, fill: "none", stroke: "var(--fg)", "stroke-width": 1.5 }, cross);
    parts.push(`run ${run.name}: ${run.loss.toFixed(3)} at N = ${human(run.N)}, C = ${human(run.C)}`);
  }
  $("readout").textContent = parts.join("; ");
  $("plot").setAttribute("aria-valuetext", parts.join("; "));
}
function pointed(event) {
  const box = $("chart").getBoundingClientRect(), { W, M, x0, x1 } = scene;
  const inside = ((event.clientX - box.left) * W) / box.width - M.l;
  read(Math.min(x1, Math.max(x0, x0 + (inside / (W - M.l - M.r)) * (x1 - x0))));
}
$("plot").addEventListener("pointermove", pointed);
$("plot").addEventListener("pointerdown", pointed);
$("plot").addEventListener("keydown", (event) => {
  const { x0, x1, curves } = scene, from = reading ?? Math.log(curves.find((c) => c.best)?.best.N ?? Math.exp((x0 + x1) / 2));
  const step = (x1 - x0) / (event.shiftKey ? 20 : 100);
  const to = { ArrowLeft: from - step, ArrowDown: from - step, ArrowRight: from + step, ArrowUp: from + step, Home: x0, End: x1 }[event.key];
  if (event.key === "Escape") read(null);
  if (to === undefined) return;
  event.preventDefault();
  read(Math.min(x1, Math.max(x0, to)));
});

// ---- begin ------------------------------------------------------------------------------------------------------
$("reset").addEventListener("click", () => { history.replaceState(null, "", "#"); reading = null; recalled(); update(); });
$("link").addEventListener("click", async () => {
  const before = $("link").textContent;
  try { await navigator.clipboard.writeText(location.href); $("link").textContent = "Copied"; } catch { $("link").textContent = "The address bar has it"; }
  setTimeout(() => { $("link").textContent = before; }, 1500);
});
addEventListener("hashchange", () => { recalled(); show(); draw(); });
addEventListener("resize", draw);
build();
recalled();
show();
draw();
if (parent !== window) {  // a page that shows this in a frame can fit the frame to it
  const tell = () => parent.postMessage({ explorerHeight: Math.ceil(document.querySelector("main").getBoundingClientRect().height) }, "*");
  new ResizeObserver(tell).observe(document.querySelector("main"));
}
// For tests and the curious: the numbers behind the picture.
window.quokka = { laws, lossAt, best, wisest, state, percentile };
