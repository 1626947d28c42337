// What the laws say: losses, percentiles of draws, the best model of a budget. No page in here.
const laws = DATA.laws.map((law, i) => {
  const named = (row) => Object.fromEntries(law.names.map((name, j) => [name, row[j] ?? NaN]));
  const middle = Object.fromEntries(Object.entries(law.own).map(([name, own]) => [name, own.middle]));
  return { ...law, f: SOURCES[i], p: named(law.values), many: law.draws.map(named), middle, color: `var(--law-${i % 6})`, on: true };
});

// Loss of one law at raw data; ``more`` are variables of its own, such as a sparsity; N is its size, whatever it counts.
function lossAt(law, p, N, D, U_D, more) {
  return law.f(p, { ...law.middle, ...more, N, [law.size]: N, D, U_D, epochs: D / U_D, C: law.flops * N * D });
}
// FLOPs per unit of size and token: of a sparse model only its active share computes.
const price = (law, s) => law.flops * (law.sparse ? 1 - (s.more?.[law.sparse] ?? law.middle[law.sparse]) : 1);
// Tokens that the budget leaves for training.
const tokens = (law, s, N) => s.C / (price(law, s) * N) - (2 * s.T) / law.flops;
const lossOf = (law, p, s, logN) => {
  const N = Math.exp(logN), D = tokens(law, s, N);
  return D > 0 ? lossAt(law, p, N, D, s.U_D, s.more) : NaN;
};
// Percentile with linear interpolation, as numpy.
function percentile(values, q) {
  const v = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!v.length) return NaN;
  const at = q * (v.length - 1), low = Math.floor(at);
  return v[low] + (at - low) * ((v[low + 1] ?? v[low]) - v[low]);
}
// log N at which the budget pays for one pass over the unique tokens.
const onePass = (law, s) => Math.log(s.C / (price(law, s) * (s.U_D + (2 * s.T) / law.flops)));
// Where a fourth-order difference of f changes sign between a and b.
function stationary(f, a, b, h, steps) {
  const slope = (v) => 8 * (f(v + h) - f(v - h)) - (f(v + 2 * h) - f(v - 2 * h));
  for (let i = 0; i < steps; i++) { const m = (a + b) / 2; if (slope(m) < 0) a = m; else b = m; }
  return (a + b) / 2;
}
// The lowest loss when all of C is spent: a grid over log N, then the point without slope.
function best(law, s) {
  const top = Math.log(s.C / (price(law, s) * (1 + (2 * s.T) / law.flops)));
  const f = (v) => lossOf(law, law.p, s, v);
  const low = Math.log(1e3), count = 600, step = (top - low) / count;
  let at = -1, least = Infinity;
  for (let i = 0; i <= count; i++) { const y = f(low + i * step); if (y < least) { least = y; at = i; } }
  if (at <= 0 || at >= count - 1) return null;
  let found = stationary(f, low + (at - 1) * step, low + (at + 1) * step, Math.min(0.01, step / 4), 60);
  // A law of repeated data has a kink where every token is seen once: no slope vanishes there.
  if (law.repeats && f(onePass(law, s)) <= f(found)) found = onePass(law, s);
  const N = Math.exp(found), D = tokens(law, s, N);
  return { N, D, C: s.C, epochs: D / s.U_D, loss: lossAt(law, law.p, N, D, s.U_D, s.more) };
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
