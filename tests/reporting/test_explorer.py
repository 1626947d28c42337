"""The explorer page: its numbers are the library's, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import WIDTHS, grave_faults, opened, overflow, seen_as
from click.testing import CliRunner
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.laws import from_name, registry
from quokka_laws.reporting.explorer import explorer, write_explorer
from quokka_laws.reporting.javascript import law_source
from quokka_laws.runs.quantities import parse_quantity as quantity

QUOKKA_EQ13 = {"E": 2.413, "A": 798.6, "alpha": 0.379, "B": 4604.9, "beta": 0.378}
MOST_BYTES = 300_000
SIZE_AND_DATA = {"N", "D", "U_D", "epochs"}
N, U_D, EPOCHS = [1e7, 4e8, 7e9, 3e10], [1e8, 3e9], [0.3, 1.0, 1.5, 8.0, 300.0]


def every_law(fit: ql.FitResult) -> list[ql.FittedLaw]:
    """The fit, printed coefficients, and every law of size and data at coefficients of its starting range,
    every published law of size and data."""
    laws: list[ql.FittedLaw] = [fit, ql.FittedLaw(ql.laws.Chinchilla(), QUOKKA_EQ13, name="Quokka Eq. 13")]
    laws += [
        v
        for v in ql.published.values()
        if isinstance(v, ql.FittedLaw) and {"N"} < set(v.law.variables) <= SIZE_AND_DATA
    ]
    for name in registry():
        law = from_name(name)
        if not {"N"} < set(law.variables) <= SIZE_AND_DATA:
            continue
        middle = {c.name: float(np.mean(c.start)) for c in law.coefficients}
        sizes = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
        laws.append(ql.FittedLaw(law, {**middle, **{k: v for k, v in sizes.items() if k in middle}}))
    return laws


def test_the_page_computes_what_the_library_computes(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    laws = every_law(noisy_fit)
    path = write_explorer(laws, tmp_path / "explore.html")
    grid = [(n, u, e) for n in N for u in U_D for e in EPOCHS]
    script = """points => quokka.laws.map(law =>
        points.map(([n, u, e]) => quokka.lossAt(law, law.p, n, u * e, u)))"""
    budgets = [1e19, 1e21, 1e24]
    with opened(path, 1280) as (page, complaints):
        found = page.evaluate(script, grid)
        best = page.evaluate("cs => cs.map(C => quokka.best(quokka.laws[0], {C, U_D: 1e9, T: 0}))", budgets)
        edges = page.evaluate("""() => { const all = quokka.laws[0].many.map(p => quokka.lossAt(quokka.laws[0], p, 7e9, 1e12, 1e12));
            return [all.length, ...[0.05, 0.95].map(q => quokka.percentile(all, q))]; }""")
    assert complaints == []
    n, u, e = np.array(grid).T
    for law, losses in zip(laws, found, strict=True):
        data = {"N": n, "U_D": u, "epochs": e} if "epochs" in law.law.variables else {"N": n, "D": u * e}
        mine = np.array([np.nan if v is None else v for v in losses])
        np.testing.assert_allclose(mine, law(**data), rtol=1e-6, err_msg=law.label)
    plan = ql.plan.compute_optimal(noisy_fit, budgets)
    for name in ("N", "D", "loss"):
        np.testing.assert_allclose([b[name] for b in best], plan[name], rtol=1e-6)
    at = noisy_fit.predict(N=7e9, D=1e12, level=0.9).iloc[0]
    np.testing.assert_allclose(edges, [50, at["loss_lower"], at["loss_upper"]], rtol=1e-6)


def test_best_size_of_a_repeated_law_is_the_library_s(tmp_path: Path) -> None:
    """Also where it rises again, and spends less than it may."""
    law = ql.published["quokka-2025/repeated"]
    assert isinstance(law, ql.FittedLaw)
    path = write_explorer([law], tmp_path / "explore.html")
    asked = [(1e18, 1e9), (1e19, 1e9), (1e20, 1e9), (1e24, 1e8)]
    with opened(path, 1280) as (page, complaints):
        script = "asked => asked.map(([C, U_D]) => quokka.wisest(quokka.laws[0], {C, U_D, T: 0}))"
        every = page.evaluate(script, asked)
    assert complaints == []
    for (C, U_D), found in zip(asked, every, strict=True):
        plan = ql.plan.compute_and_data_optimal(law, C, U_D).iloc[0]
        assert (plan["unused"] > 0) == (C > 1e20)
        for name in ("N", "D", "epochs", "loss"):
            assert found[name] == pytest.approx(plan[name], rel=1e-6)


def test_the_page_in_use(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    """One load: widths and themes, sliders, number boxes, keyboard, pointer, runs, an address to share, reset."""
    printed = ql.FittedLaw(ql.laws.Chinchilla(), QUOKKA_EQ13, name="Quokka <Eq. 13>")
    path = write_explorer([noisy_fit, printed], tmp_path / "explore.html")
    assert path.stat().st_size <= MOST_BYTES
    with opened(path, 1280) as (page, complaints):
        for width in WIDTHS:
            for dark in (False, True):
                seen_as(page, width, dark=dark)
                assert overflow(page) <= 0, (width, dark)
        assert grave_faults(page) == []
        before = page.inner_text("#best")
        assert "Quokka <Eq. 13>" in before

        page.focus("#T")
        page.keyboard.press("End")
        assert page.input_value("#box-T") == "1000T"
        assert page.inner_text("#best") != before
        page.fill("#box-T", "none")
        assert page.evaluate("quokka.state().T") == 0
        run = noisy_fit.runs.iloc[3]
        page.fill("#box-C", f"{run['C']:.6g}")
        assert page.evaluate("quokka.state().C") == pytest.approx(run["C"], rel=1e-5)
        near = np.abs(np.log(noisy_fit.runs["C"] / run["C"])) <= np.log(1.6)
        assert 1 <= page.locator("#chart .run").count() <= near.sum()
        page.fill("#box-C", "seven")
        assert page.get_attribute("#box-C", "aria-invalid") == "true"
        assert page.evaluate("quokka.state().C") == pytest.approx(run["C"], rel=1e-5)

        page.focus("#plot")
        page.keyboard.press("ArrowRight")
        first = page.inner_text("#readout")
        page.keyboard.press("Shift+ArrowRight")
        assert first.startswith("N = ")
        assert page.inner_text("#readout") != first
        assert page.get_attribute("#plot", "aria-valuetext") == page.inner_text("#readout")
        page.hover("#plot", position={"x": 200, "y": 100})
        N = page.evaluate("document.getElementById('readout').textContent.match(/N = ([^;]+);/)[1]")
        loss = page.evaluate(
            "N => quokka.lossAt(quokka.laws[1], quokka.laws[1].p, N, quokka.state().C / 6 / N, 1e9)", quantity(N)
        )
        assert f"Quokka <Eq. 13>: {loss:.2f}" in page.inner_text("#readout")

        page.fill("#box-C", "1e21")
        page.uncheck("#law-1")
        address = page.evaluate("location.hash")
        assert address == "#C=1e%2B21&off=1"
        page.click("#reset")
        assert page.evaluate("location.hash") == ""
        assert page.is_checked("#law-1")
        page.goto(path.as_uri() + address)
        page.reload()
        assert page.evaluate("quokka.state().C") == 1e21
        assert not page.is_checked("#law-1")
    assert complaints == []


def test_variables_of_a_formula_are_sliders(tmp_path: Path) -> None:
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "g": 0.3, "B": 2100.0, "beta": 0.37}
    rng = np.random.default_rng(0)
    N, D, sparsity = 10 ** rng.uniform(7, 9.5, 40), 10 ** rng.uniform(9, 11, 40), rng.uniform(0.1, 0.9, 40)
    loss = 1.8 + 480 / N**0.35 * (1 + sparsity) ** -0.3 + 2100 / D**0.37
    table = pd.DataFrame({"N": N, "D": D, "sparsity": sparsity, "loss": loss * np.exp(rng.normal(0, 0.003, 40))})
    fit = ql.fit("E + A/N^alpha*(1+sparsity)^-g + B/D^beta", ql.check_runs(table))
    assert fit.values == pytest.approx(values, rel=0.5)
    with opened(write_explorer([fit], tmp_path / "e.html"), 1280) as (page, complaints):
        page.fill("#box-sparsity", "0.5")
        found = page.evaluate("quokka.best(quokka.laws[0], quokka.state())")
        page.fill("#box-sparsity", "0.9")
        assert page.evaluate("quokka.best(quokka.laws[0], quokka.state())")["loss"] < found["loss"]
    mine = fit(N=found["N"], D=found["D"], sparsity=0.5)
    assert found["loss"] == pytest.approx(float(np.ravel(mine)[0]), rel=1e-9)
    assert complaints == []


def test_mixtures_of_experts_have_their_own_sliders_and_pay_for_what_computes(tmp_path: Path) -> None:
    law = from_name("moe-abnar")
    values = {"e": 1.8, "a": 400.0, "alpha": 0.35, "b": 2000.0, "beta": 0.37}
    values |= {"c": 0.1, "lam": 0.1, "d": 10.0, "delta": 0.1, "gamma": 0.3}
    moe = ql.FittedLaw(law, {k: values[k] for k in law.names})
    with opened(write_explorer([moe], tmp_path / "e.html"), 1280) as (page, complaints):
        page.fill("#box-sparsity", "0.9")
        found = page.evaluate("quokka.best(quokka.laws[0], {...quokka.state(), C: 1e21})")
        assert "N_total" in page.evaluate("document.getElementById('chart').textContent")
    assert complaints == []
    assert 6 * 0.1 * found["N"] * found["D"] == pytest.approx(1e21, rel=1e-9)
    sizes = found["N"] * np.array([0.99, 1.0, 1.01])
    loss = moe(N_total=sizes, D=1e21 / (6 * 0.1 * sizes), sparsity=0.9)
    assert found["loss"] == pytest.approx(loss[1], rel=1e-9)
    assert loss[1] < loss[0]
    assert loss[1] < loss[2]


def test_repetition_and_kinds_of_loss_are_said(tmp_path: Path) -> None:
    names = ("besiroglu-2024", "quokka-2025/repeated")
    path = write_explorer([law for n in names if isinstance(law := ql.published[n], ql.FittedLaw)], tmp_path / "e.html")
    with opened(path, 1280) as (page, complaints):
        single, repeated = page.inner_text("#best").splitlines()[:2]
        assert "not in this law" in single
        assert "not in this law" not in repeated
        assert "do not compare" in page.inner_text("#mixed")
        assert "autoregressive" in page.inner_text("#laws")
        page.uncheck("#law-0")
        assert not page.is_visible("#mixed")
    assert complaints == []


def test_many_large_fits_make_a_page_that_can_be_sent(noisy_fit: ql.FitResult) -> None:
    draws = pd.concat([noisy_fit.draws] * 20, ignore_index=True)
    runs = pd.concat([noisy_fit.runs] * 20, ignore_index=True)
    runs.attrs = noisy_fit.runs.attrs
    many = [replace(noisy_fit, name=f"fit {i}", draws=draws, runs=runs) for i in range(6)]
    assert len(explorer(many).encode()) <= MOST_BYTES


def test_laws_without_data_are_refused(noisy_fit: ql.FitResult) -> None:
    law = from_name("power")
    values = {c.name: 1.0 for c in law.coefficients}
    with pytest.raises(ql.FitError, match="explorer draws laws of N and data"):
        explorer([ql.FittedLaw(law, values)])
    with pytest.raises(ql.FitError, match="at least one"):
        explorer([])
    assert "Math.exp" in law_source(law)


def test_command_writes_several_fits(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    one, two, out = (tmp_path / n for n in ("one.json", "two.json", "explore.html"))
    noisy_fit.to_json(one)
    replace(noisy_fit, name="second </script>").to_json(two)
    done = CliRunner().invoke(main, ["explore", str(one), str(two), "-o", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    assert "second </script>" not in text
    assert "one" in text
    done = CliRunner().invoke(main, ["explore", "--law", "besiroglu-2024", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "besiroglu-2024" in out.read_text(encoding="utf-8")
    for wrong in (["--law", "besirogl"], ["--law", "llama3-2024"], []):
        done = CliRunner().invoke(main, ["explore", *wrong])
        assert done.exit_code in (1, 2), done.output


def test_a_law_with_a_value_for_each_corpus_is_a_law_for_each_of_them() -> None:
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=40, noise=0.002)
    corpus = np.where(np.arange(40) % 2, "web", "code")
    fit = ql.fit("E[corpus] + A/N^alpha + B/D^beta", runs.assign(corpus=corpus, loss=runs["loss"] + (corpus == "web")))
    page = explorer([fit])
    assert page.count('"equation": "E_web +') == page.count('"equation": "E_code +') == 1
    web = fit.law.at_levels({"corpus": "web"})
    assert web.loss({k: fit.values[k] for k in web.names}, N=1e9, D=2e10) == fit(N=1e9, D=2e10, corpus="web")
