const $ = (id) => document.getElementById(id);
const laws = DATA.laws.map((law, i) => {
  const named = (row) => Object.fromEntries(law.names.map((name, j) => [name, row[j] ?? NaN]));
  return { ...law, f: SOURCES[i], p: named(law.values), many: law.draws.map(named), on: true };
});

// Loss of one law at raw data; U_D = Infinity is never passed: laws without epochs do not look at it.
function lossAt(law, p, N, D, U_D) {
  return law.f(p, { N, D, U_D, epochs: D / U_D, C: law.flops * N * D });
}
// Tokens that the budget leaves for training.
const tokens = (law, s, N) => s.C / (law.flops * N) - (2 * s.T) / law.flops;
const lossOf = (law, p, s, logN) => {
  const N = Math.exp(logN), D = tokens(law, s, N);
  return D > 0 ? lossAt(law, p, N, D, s.U_D) : NaN;
};
// Percentile with linear interpolation, as numpy.
function percentile(values, q) {
  const v = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!v.length) return NaN;
  const at = q * (v.length - 1), low = Math.floor(at);
  return v[low] + (at - low) * ((v[low + 1] ?? v[low]) - v[low]);
}
// log N at which the budget pays for one pass over the unique tokens.
const onePass = (law, s) => Math.log(s.C / (law.flops * s.U_D + 2 * s.T));
// Where a fourth-order difference of f changes sign between a and b.
function stationary(f, a, b, h, steps) {
  const slope = (v) => 8 * (f(v + h) - f(v - h)) - (f(v + 2 * h) - f(v - 2 * h));
  for (let i = 0; i < steps; i++) { const m = (a + b) / 2; if (slope(m) < 0) a = m; else b = m; }
  return (a + b) / 2;
}
// The lowest loss when all of C is spent: a grid over log N, then the point without slope.
function best(law, s) {
  const top = Math.log(s.C / (law.flops * (1 + (2 * s.T) / law.flops)));
  const f = (v) => lossOf(law, law.p, s, v);
  const low = Math.log(1e3), count = 600, step = (top - low) / count;
  let at = -1, least = Infinity;
  for (let i = 0; i <= count; i++) { const y = f(low + i * step); if (y < least) { least = y; at = i; } }
  if (at <= 0 || at >= count - 1) return null;
  let found = stationary(f, low + (at - 1) * step, low + (at + 1) * step, Math.min(0.01, step / 4), 60);
  // A law of repeated data has a kink where every token is seen once: no slope vanishes there.
  if (law.repeats && f(onePass(law, s)) <= f(found)) found = onePass(law, s);
  const N = Math.exp(found), D = tokens(law, s, N);
  return { N, D, C: s.C, epochs: D / s.U_D, loss: lossAt(law, law.p, N, D, s.U_D) };
}
// The lowest loss for at most C: a law of repeated data may rise again, and then less compute is better.
function wisest(law, s) {
  const all = best(law, s);
  if (!law.repeats || !all) return all;
  const f = (v) => best(law, { ...s, C: Math.exp(v) })?.loss ?? Infinity;
  const top = Math.log(s.C), step = 0.5, count = Math.floor((top - Math.log(law.flops * s.U_D * 1e3)) / step);
  let at = 0, least = all.loss;
  for (let i = 1; i <= count; i++) { const y = f(top - i * step); if (y < least) { least = y; at = i; } }
  if (at === 0) return all;
  const v = stationary(f, top - (at + 1) * step, top - (at - 1) * step, 0.01, 36);
  return best(law, { ...s, C: Math.exp(Math.min(v, top)) }) ?? all;
}
const SUFFIX = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];
function human(v) {
  for (const [size, s] of SUFFIX) if (v >= size && v < 1e18) return +(v / size).toPrecision(3) + s;
  return v >= 1e18 ? v.toExponential(2).replace("e+", "e") : String(+v.toPrecision(3));
}
function outside(law, at) {
  let worst = 1;
  const seen = { N: at.N, D: at.D, C: law.flops * at.N * at.D };
  if (law.repeats) { seen.epochs = at.epochs; seen.U_D = state().U_D; }
  for (const k of Object.keys(seen)) {
    const r = law.range[k];
    if (r) worst = Math.max(worst, seen[k] / r[1], r[0] / seen[k]);
  }
  return !Object.keys(law.range).length ? "unknown" : worst <= 1 ? "inside" : "×" + +worst.toPrecision(3);
}
function state() {
  const T = +$("T").value;
  return { C: 10 ** +$("C").value, U_D: 10 ** +$("U_D").value, T: T > 0 ? 10 ** T : 0 };
}
function escaped(text) { const e = document.createElement("i"); e.textContent = text; return e.innerHTML; }

const MANY_EPOCHS = 4;  // beyond which a law that takes every token as fresh says nothing
const repetition = (law, at, s) => {
  const epochs = at.D / s.U_D, shown = +epochs.toPrecision(3);
  return law.repeats ? shown : epochs > MANY_EPOCHS ? `${shown}: NOT IN THIS LAW` : `${shown}, taken as fresh`;
};
const share = (part) => part > 0.999 ? "all" : part < 1e-4 ? "< 0.01 %" : +(100 * part).toPrecision(2) + " %";

function draw() {
  const s = state(), shown = laws.filter((law) => law.on);
  $("out-C").textContent = human(s.C); $("out-U_D").textContent = human(s.U_D);
  $("out-T").textContent = s.T ? human(s.T) : "none";
  const W = Math.max(300, Math.min(960, $("chart").parentElement.clientWidth)), H = Math.min(460, Math.max(300, W * 0.6));
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
    law, y: xs.map((v) => lossOf(law, law.p, spent[i], v)),
    band: law.many.length ? xs.map((v) => {
      const all = law.many.map((p) => lossOf(law, p, spent[i], v));
      return [percentile(all, 0.05), percentile(all, 0.95)];
    }) : null,
  }));
  const lows = curves.flatMap((c) => c.y.filter(Number.isFinite));
  const bottom = Math.min(...lows, ...curves.flatMap((c) => (c.band ?? []).map((b) => b[0]).filter(Number.isFinite)));
  // High enough for every law's optimum, whatever its loss.
  const highest = Math.max(...optima.filter(Boolean).map((o) => o.loss), bottom);
  const y0 = bottom - 0.03, y1 = Math.max(highest + 0.3, Math.min(Math.max(...lows), bottom * 1.45)) + 0.02;
  const M = { l: 52, r: 12, t: 10, b: 44 };
  const X = (v) => M.l + ((v - x0) / (x1 - x0)) * (W - M.l - M.r), 
    // Far outside the picture a curve may exceed what SVG can hold.
    Y = (v) => Math.max(-1e4, Math.min(1e4, H - M.b - ((v - y0) / (y1 - y0)) * (H - M.t - M.b)));
  const parts = [`<clipPath id="inside"><rect x="${M.l}" y="${M.t}" width="${W - M.l - M.r}" height="${H - M.t - M.b}"/></clipPath>`];
  for (let d = Math.ceil(x0 / Math.LN10); d <= x1 / Math.LN10; d++) {
    const x = X(d * Math.LN10);
    parts.push(`<path d="M${x} ${M.t}V${H - M.b}" stroke="var(--line)"/><text x="${x}" y="${H - M.b + 18}" text-anchor="middle">${human(10 ** d)}</text>`);
  }
  const raw = (y1 - y0) / 5, base = 10 ** Math.floor(Math.log10(raw)), gap = [1, 2, 5, 10].map((k) => k * base).find((k) => k >= raw);
  for (let v = Math.ceil(y0 / gap) * gap; v < y1; v += gap)
    parts.push(`<path d="M${M.l} ${Y(v)}H${W - M.r}" stroke="var(--line)"/><text x="${M.l - 6}" y="${Y(v) + 4}" text-anchor="end">${v.toFixed(gap < 0.1 ? 2 : 1)}</text>`);
  const path = (ys) => { let pen = "M"; return ys.map((y, i) => {
    if (!Number.isFinite(y)) { pen = "M"; return ""; }
    const out = `${pen}${X(xs[i]).toFixed(2)} ${Y(y).toFixed(2)}`; pen = "L"; return out; }).join(""); };
  const dashes = ["", "7 4", "2 3", "9 3 2 3", "4 2", "1 4"];
  parts.push('<g clip-path="url(#inside)">');
  curves.forEach(({ law, y, band }, i) => {
    if (band) {
      const good = xs.map((_, j) => j).filter((j) => Number.isFinite(band[j][0]));
      const edge = [...good.map((j) => [xs[j], band[j][0]]), ...good.reverse().map((j) => [xs[j], band[j][1]])];
      if (edge.length) parts.push(`<path fill="${law.color}" opacity="0.18" d="M${edge.map(([a, b]) => `${X(a).toFixed(2)} ${Y(b).toFixed(2)}`).join("L")}Z"/>`);
    }
    parts.push(`<path fill="none" stroke="${law.color}" stroke-width="2.2" stroke-dasharray="${dashes[laws.indexOf(law) % 6]}" d="${path(y)}"/>`);
    if (optima[i]) parts.push(`<circle cx="${X(Math.log(optima[i].N))}" cy="${Y(optima[i].loss)}" r="5" fill="var(--bg)" stroke="${law.color}" stroke-width="2"/>`);
  });
  parts.push("</g>");
  parts.push(`<text x="${(W + M.l) / 2}" y="${H - 6}" text-anchor="middle">parameters N</text>`);
  parts.push(`<text transform="translate(14 ${H / 2}) rotate(-90)" text-anchor="middle">loss (nats/token)</text>`);
  $("chart").setAttribute("viewBox", `0 0 ${W} ${H}`);
  $("chart").style.maxWidth = W + "px";
  $("chart").innerHTML = parts.join("");
  const labels = ["law", "best N", "tokens D", "epochs", "of C", "loss", "90 % band", "outside its runs"];
  $("mixed").hidden = new Set(shown.map((law) => law.family)).size < 2;
  $("best").innerHTML = shown.map((law, i) => {
    const o = optima[i];
    if (!o) return `<tr><td class="words" data-label="law">${escaped(law.label)}</td><td colspan="7" data-label="best N">no interior optimum</td></tr>`;
    const all = law.many.map((p) => lossAt(law, p, o.N, o.D, s.U_D));
    const band = all.length ? `${percentile(all, 0.05).toFixed(3)} … ${percentile(all, 0.95).toFixed(3)}` : "–";
    const cells = [escaped(law.label), human(o.N), human(o.D), repetition(law, o, s), share(o.C / s.C), o.loss.toFixed(4), band, outside(law, o)];
    return "<tr>" + cells.map((c, j) => `<td class="${j === 0 || j === 3 ? "words" : ""}" data-label="${labels[j]}"><span>${c}</span></td>`).join("") + "</tr>";
  }).join("");
}

for (const [id, start] of [["C", DATA.bounds.start_C], ["U_D", DATA.bounds.start_U_D]]) {
  $(id).min = DATA.bounds[id][0]; $(id).max = DATA.bounds[id][1]; $(id).value = start;
}
const dash = ["solid", "dashed", "dotted", "dash-dot", "short dashes", "sparse dots"];
laws.forEach((law, i) => {
  const label = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("span");
  box.type = "checkbox"; box.checked = true; swatch.className = "swatch"; swatch.style.background = law.color;
  box.addEventListener("change", () => { law.on = box.checked; draw(); });
  label.append(box, " ", swatch, ` ${law.label}: ${law.family === "unstated" ? "" : law.family + ", "}${dash[i % 6]}`);
  $("laws").append(label);
});
for (const id of ["C", "U_D", "T"]) $(id).addEventListener("input", draw);
addEventListener("resize", draw);
draw();
if (parent !== window) {  // a page that shows this in a frame can fit the frame to it
  const tell = () => parent.postMessage({ explorerHeight: document.documentElement.scrollHeight }, "*");
  new ResizeObserver(tell).observe(document.body);
}
// For tests and the curious: the numbers behind the picture.
window.quokka = { laws, lossAt, best, wisest, state, percentile };
