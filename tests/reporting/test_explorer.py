"""The explorer page: its numbers are the library's, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import WIDTHS, opened, overflow
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.laws import from_name, registry
from quokka_laws.reporting.explorer import explorer, write_explorer
from quokka_laws.reporting.javascript import law_source

QUOKKA_EQ13 = {"E": 2.413, "A": 798.6, "alpha": 0.379, "B": 4604.9, "beta": 0.378}
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
        edges = page.evaluate("quokka.laws[0].many.map(p => quokka.lossAt(quokka.laws[0], p, 1e9, 1e10, 1e9)).length")
    assert complaints == []
    n, u, e = np.array(grid).T
    for law, losses in zip(laws, found, strict=True):
        data = {"N": n, "U_D": u, "epochs": e} if "epochs" in law.law.variables else {"N": n, "D": u * e}
        mine = np.array([np.nan if v is None else v for v in losses])
        np.testing.assert_allclose(mine, law.predict(**data)["loss"], rtol=1e-6, err_msg=law.label)
    plan = ql.plan.compute_optimal(noisy_fit, budgets)
    for name in ("N", "D", "loss"):
        np.testing.assert_allclose([b[name] for b in best], plan[name], rtol=1e-6)
    assert edges == 50


@pytest.mark.parametrize("C", [1e18, 1e19, 1e20])
def test_best_size_of_a_repeated_law_is_the_library_s(tmp_path: Path, C: float) -> None:
    law = ql.published["quokka-2025/repeated"]
    assert isinstance(law, ql.FittedLaw)
    path = write_explorer([law], tmp_path / "explore.html")
    with opened(path, 1280) as (page, complaints):
        best = page.evaluate("C => quokka.best(quokka.laws[0], {C, U_D: 1e9, T: 0})", C)
    plan = ql.plan.compute_and_data_optimal(law, C, 1e9).iloc[0]
    assert complaints == []
    assert plan["unused"] == 0
    for name in ("N", "D", "epochs", "loss"):
        assert best[name] == pytest.approx(plan[name], rel=1e-6)


def test_a_law_that_rises_spends_less_than_it_may(tmp_path: Path) -> None:
    law = ql.published["quokka-2025/repeated"]
    assert isinstance(law, ql.FittedLaw)
    path = write_explorer([law], tmp_path / "explore.html")
    with opened(path, 1280) as (page, complaints):
        found = page.evaluate("quokka.wisest(quokka.laws[0], {C: 1e24, U_D: 1e8, T: 0})")
    plan = ql.plan.compute_and_data_optimal(law, 1e24, 1e8).iloc[0]
    assert complaints == []
    assert plan["unused"] > 0
    for name in ("N", "D", "epochs", "loss"):
        assert found[name] == pytest.approx(plan[name], rel=1e-6)


def test_percentiles_agree_with_numpy(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    path = write_explorer([noisy_fit], tmp_path / "explore.html")
    script = """() => [0.05, 0.95].map(q => quokka.percentile(
        quokka.laws[0].many.map(p => quokka.lossAt(quokka.laws[0], p, 7e9, 1e12, 1e12)), q))"""
    with opened(path, 1280) as (page, _):
        edges = page.evaluate(script)
    at = noisy_fit.predict(N=7e9, D=1e12, level=0.9).iloc[0]
    np.testing.assert_allclose(edges, [at["loss_lower"], at["loss_upper"]], rtol=1e-6)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_complaint_no_overflow_and_sliders_move_the_answer(
    noisy_fit: ql.FitResult, tmp_path: Path, width: int
) -> None:
    printed = ql.FittedLaw(ql.laws.Chinchilla(), QUOKKA_EQ13, name="Quokka <Eq. 13>")
    path = write_explorer([noisy_fit, printed], tmp_path / "explore.html")
    with opened(path, width) as (page, complaints):
        before = page.inner_text("#best")
        assert "Quokka <Eq. 13>" in before
        page.evaluate(
            "() => { const e = document.getElementById('T'); e.value = 13; e.dispatchEvent(new Event('input')); }"
        )
        assert page.inner_text("#best") != before
        assert overflow(page) <= 0
    assert complaints == []


def test_repetition_and_kinds_of_loss_are_said(tmp_path: Path) -> None:
    names = ("besiroglu-2024", "quokka-2025/repeated")
    path = write_explorer([law for n in names if isinstance(law := ql.published[n], ql.FittedLaw)], tmp_path / "e.html")
    with opened(path, 1280) as (page, complaints):
        single, repeated = page.inner_text("#best").splitlines()[:2]
        assert "NOT IN THIS LAW" in single
        assert "NOT IN THIS LAW" not in repeated
        assert "do not compare" in page.inner_text("#mixed")
        assert "autoregressive" in page.inner_text("#laws")
        page.uncheck("#laws input >> nth=0")
        assert not page.is_visible("#mixed")
    assert complaints == []


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
