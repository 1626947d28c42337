"""The report page: complete, self-contained, and laid out in a real browser."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import WIDTHS, grave_faults, opened, overflow, seen_as
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.reporting.page import report
from quokka_laws.reporting.templating import markdown
from quokka_laws.results.storage import data_hash

ANSWERS = {"training_code": "https://example.org/<code>"}
SECTIONS = 6
MOST_BYTES = 1_500_000
A4_WIDTH = 680  # pixels between margins of 15 mm


@pytest.fixture(scope="module")
def page(quokka_fit: ql.FitResult) -> str:
    return report(quokka_fit, C=[1e22], compare=True, answers=ANSWERS, command="quokka-laws report fit.json")


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures and the refits behind them."""
    monkeypatch.setattr("quokka_laws.reporting.page.figures", lambda *_: ())


def test_says_everything(page: str, quokka_fit: ql.FitResult) -> None:
    optimum = ql.plan.compute_optimal(quokka_fit, 1e22).iloc[0]
    joint = ql.consensus(quokka_fit.runs, 1e22).table.iloc[0]
    for words in (
        f"{optimum['N'] / 1e9:.3g}B", f"{joint['N'] / 1e9:.3g}B", data_hash(quokka_fit.runs), "numpy", "seed",
        "quokka-laws report fit.json", "beyond your largest run", "https://example.org/&lt;code&gt;",
    ):  # fmt: skip
        assert words in page
    assert re.findall("<h3>(.*?)</h3>", page)[:4] == [
        "Loss against compute",
        "IsoFLOP profiles",
        "Loss contours",
        "Residuals",
    ]
    assert page.count("<svg") == 6
    assert page.count("<details") == SECTIONS
    assert len(page.encode()) <= MOST_BYTES
    iso = ql.fit_isoflops(quokka_fit.runs).allocate(np.array([1e22]))
    assert f"{iso['N'].iloc[0] / 1e9:.3g}B" in page


@pytest.mark.usefixtures("words_only")
def test_without_a_law_named_the_headline_is_the_answer_of_all_methods(quokka87: pd.DataFrame) -> None:
    text = report(ql.fit(quokka87), C=1e22, form="md")
    joint = ql.consensus(quokka87, 1e22).table.iloc[0]
    assert f"{joint['N'] / 1e9:.3g}B parameters" in text.split("**")[1]


@pytest.mark.usefixtures("words_only")
def test_headline_says_where_other_methods_lie_outside_its_interval(quokka_fit: ql.FitResult, text: str) -> None:
    """IsoFLOP profiles give twice the size; Skaling's interval holds what they say."""
    answer = text.split("**")[1]
    for words in ("IsoFLOP profiles", "outside the interval of N", "for the range"):
        assert words in answer
    skaling = ql.fit(ql.laws.Skaling(), quokka_fit.runs, bootstrap=50, seed=0)
    assert "disagree" not in report(skaling, C=[1e23], form="md")


def test_loads_nothing(page: str) -> None:
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_page_in_use(page: str, quokka_fit: ql.FitResult, tmp_path: Path) -> None:
    """One load: widths, themes, folding, sorting, copying, numbers as CSV, paper."""
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    with opened(tmp_path / "report.html", 1280) as (tab, complaints):
        for width in WIDTHS:
            for dark in (False, True):
                seen_as(tab, width, dark=dark)
                assert overflow(tab) <= 0, (width, dark)
                shade = tab.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (shade == "rgb(255, 255, 255)") is not dark
                turned = tab.evaluate("getComputedStyle(document.querySelector('svg.figure')).filter")
                assert (turned == "none") is not dark
        assert grave_faults(tab) == []

        seen_as(tab, 1280)
        assert tab.locator("details[open]").count() == SECTIONS - 2
        tab.click("summary >> nth=-1")
        assert tab.locator("details[open]").count() == SECTIONS - 1
        column = "[...document.querySelectorAll('#t-held-out tbody tr')].map(r => r.cells[4].innerText)"
        tab.click("#t-held-out th:nth-child(5) button")
        assert [float(v.split()[0]) for v in tab.evaluate(column)] == sorted(
            float(v.split()[0]) for v in tab.evaluate(column)
        )
        assert tab.get_attribute("#t-held-out th:nth-child(5)", "aria-sort") == "ascending"
        tab.click("#t-held-out th:nth-child(5) button")
        assert tab.get_attribute("#t-held-out th:nth-child(5)", "aria-sort") == "descending"
        tab.click("[data-copy=t-coefficients]")
        tab.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
        tab.focus("#pasted")
        tab.keyboard.press("Control+V")
        assert f"E\t{quokka_fit.values['E']:.6g}" in tab.input_value("#pasted")
        tab.evaluate("document.getElementById('pasted').remove()")
        for name, numbers in (("coefficients", quokka_fit.summary), ("residuals", quokka_fit.residuals)):
            with tab.expect_download() as waited:
                tab.click(f"[data-csv={name}]")
            table = pd.read_csv(waited.value.path())
            assert waited.value.suggested_filename == f"{name}.csv"
            assert len(table) == len(numbers)
            for column_of in ("value", "lower") if name == "coefficients" else ("loss", "residual"):
                np.testing.assert_allclose(table[column_of], numbers[column_of], rtol=1e-6)

        pdf = tab.pdf(prefer_css_page_size=True)
        assert pdf.startswith(b"%PDF")
        tab.emulate_media(media="print")
        seen_as(tab, A4_WIDTH)
        assert overflow(tab) <= 0
        cut = "[...document.querySelectorAll('table, svg.figure')].filter(t => t.getBoundingClientRect().right > innerWidth + 1).length"
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert tab.evaluate(cut) == 0
        assert tab.locator("details:not([open])").count() == 0
        tab.evaluate("dispatchEvent(new Event('afterprint'))")
        assert tab.locator("details:not([open])").count() == 1
    assert complaints == []


def test_markdown_has_the_same_numbers(text: str, page: str) -> None:
    assert re.search(r"\*\*Train .* on .*\*\*", text)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert table[1].startswith("|---|")
    assert len({line.count("|") for line in table[:3]}) == 1
    for number in re.findall(r"\d\.\d{3}", text.split("## Coefficients")[0]):
        assert number in page


def test_same_fit_same_bytes(quokka_fit: ql.FitResult, page: str) -> None:
    again = report(quokka_fit, C=[1e22], compare=True, answers=ANSWERS, command="quokka-laws report fit.json")
    assert again == page


def test_runs_that_were_not_fitted_are_predicted(quokka87: pd.DataFrame) -> None:
    small = quokka87[quokka87["C"] < 5e20].reset_index(drop=True)
    text = report(ql.fit(ql.laws.Chinchilla(), small), runs=quokka87, form="md")
    assert f"{len(quokka87) - len(small)} of the runs given were not fitted" in text


@pytest.mark.usefixtures("words_only")
def test_without_draws_there_are_no_intervals(quokka87: pd.DataFrame) -> None:
    assert "no bootstrap draws" in report(ql.fit(ql.laws.Chinchilla(), quokka87))


def test_checklist_is_the_librarys(quokka_fit: ql.FitResult, text: str) -> None:
    table = ql.checklist(quokka_fit)
    for item in table[table["missing"] == ""].itertuples():
        assert f"- {item.question} {markdown(item.answer)}" in text
    for key in table.loc[~table["known"], "missing"]:
        assert key in text.split("What a reader will ask for")[1]
    with pytest.raises(ql.ArgumentError, match="no_such"):
        report(quokka_fit, answers={"no_such": "x"})


def test_thousands_of_checkpoints_make_a_page_that_can_be_sent() -> None:
    rng = np.random.default_rng(0)
    N, last = np.repeat(10 ** rng.uniform(7, 9.6, 60), 50), np.repeat(10 ** rng.uniform(9, 11, 60), 50)
    D = last * np.tile(np.geomspace(0.03, 1.0, 50), 60)
    loss = (1.8 + 480 / N**0.35 + 2100 / D**0.37) * np.exp(rng.normal(0, 0.005, len(N)))
    runs = pd.DataFrame({"run_id": np.repeat([f"r{i}" for i in range(60)], 50), "N": N, "D": D, "loss": loss})
    page = report(ql.fit("chinchilla", ql.check_runs(runs)))
    assert page.count("<svg") == 4
    assert len(page.encode()) <= MOST_BYTES


def test_repeated_data_asks_for_epochs() -> None:
    law = ql.laws.QuokkaRepeated()
    values = {k: ql.published["quokka-2025/repeated"].values[k] for k in law.names}
    N, U_D, epochs = (v.ravel() for v in np.meshgrid([3e7, 1e8, 4e8, 1e9], [1e7, 1e8], [2, 8, 40, 150, 500]))
    runs = pd.DataFrame({"N": N, "U_D": U_D, "epochs": epochs, "D": U_D * epochs})
    noise = np.random.default_rng(0).normal(0, 0.003, len(N))
    runs["loss"] = law.loss(values, N=N, U_D=U_D, epochs=epochs) * np.exp(noise)
    fit = ql.fit(law, ql.check_runs(runs), seed=0)
    page = report(fit, U_D=[1e8, 1e7, 9e6])
    at = ql.plan.data_optimal(fit, 1e8).iloc[0]
    assert f"{at['epochs']:.3g} epochs" in page
    assert page.count("<svg") == 5
    assert page.count("<h3>Loss contours at ") == page.count("<h3>Loss over epochs at ") == 2
    text = report(fit, C=[1e17, 1e18], U_D=[1e7, 1e8], form="md")
    every = ql.plan.compute_and_data_optimal(fit, C=[1e17, 1e17, 1e18, 1e18], U_D=[1e7, 1e8, 1e7, 1e8])
    rows = [line for line in text.splitlines() if line.startswith("| quokka-repeated |")]
    assert [f"{n / 1e6:.3g}M" in row for n, row in zip(every["N"], rows, strict=True)] == [True] * 4


def test_a_law_of_one_variable_has_a_page_too(quokka87: pd.DataFrame) -> None:
    text = report(ql.fit(ql.laws.PowerLaw("C"), quokka87), C=[1e22], form="md")
    assert text.startswith("# How does the loss follow C?")


@pytest.mark.usefixtures("words_only")
def test_from_runs_at_once(quokka87: pd.DataFrame, tmp_path: Path) -> None:
    quokka87.to_csv(tmp_path / "runs.csv", index=False)
    command = ["report", str(tmp_path / "runs.csv"), "-C", "1e22", "--bootstrap", "20", "-o", str(tmp_path / "page.md")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    optimum = ql.consensus(quokka87, 1e22).table.iloc[0]
    written = (tmp_path / "page.md").read_text(encoding="utf-8")
    for text in (done.stdout, written):
        assert f"Train {optimum['N'] / 1e9:.3g}B parameters" in text
    assert "20 of 20 bootstrap refits converged" in written
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    for wrong in ("notes.csv", ""):
        done = CliRunner().invoke(main, ["report", str(tmp_path / wrong)])
        assert done.exit_code in (1, 2)
        assert "Traceback" not in done.output


@pytest.mark.usefixtures("words_only")
def test_command(quokka_fit: ql.FitResult, tmp_path: Path) -> None:
    quokka_fit.to_json(tmp_path / "fit.json")
    out = tmp_path / "report.md"
    done = CliRunner().invoke(main, ["report", str(tmp_path / "fit.json"), "-C", "1e22", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert out.read_text(encoding="utf-8").startswith("# Which model size")
    broken = CliRunner().invoke(main, ["report", str(tmp_path / "nothing.json")])
    assert broken.exit_code == 1
    assert broken.output.count("\n") == 1


@pytest.mark.usefixtures("words_only")
def test_without_jinja2(quokka_fit: ql.FitResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ql.MissingDependencyError, match=r"quokka-laws\[report\]"):
        report(quokka_fit, form="md")


@pytest.mark.usefixtures("words_only")
@pytest.mark.parametrize("form", ["md", "html"])
def test_rows_left_out_are_listed_with_the_reason(quokka87: pd.DataFrame, form: str) -> None:
    fit = ql.fit(ql.laws.Chinchilla(), ql.read_runs(quokka87, drop={"few tokens <b>": "D / N < 4"}))
    text = report(fit, form=form)
    assert len(fit.excluded) == 13
    assert text.count("few tokens &lt;b&gt;" if form == "html" else "few tokens &lt;b>") >= 13


@pytest.mark.usefixtures("words_only")
def test_rows_left_out_are_shown_as_their_table_has_them(quokka87: pd.DataFrame) -> None:
    table = quokka87.astype({"D": int}).astype(object).assign(state="finished")
    table.loc[2, "state"], table.loc[3, "loss"], table.loc[4, "N"] = "crashed", "n/a", "tiny"
    table["D"] = table["D"].astype(str)
    fit = ql.fit(ql.laws.Chinchilla(), ql.read_runs(table, drop={"few tokens": "D / N < 20"}))
    text = report(fit, form="md")
    assert "tiny" in text
    assert "state crashed" in text
    few = int((fit.excluded["reason"] == "few tokens").sum())
    assert few > 20
    assert f"{few} rows" in text


@pytest.mark.usefixtures("words_only")
@pytest.mark.parametrize("form", ["md", "html"])
def test_past_forecasts_are_listed_with_what_became_of_them(quokka_fit: ql.FitResult, form: str) -> None:
    run = quokka_fit.runs.iloc[-1]
    made = [ql.forecast(quokka_fit, N=run["N"], D=run["D"]), ql.forecast(quokka_fit, N=9e11, D=9e12)]
    text = report(quokka_fit, C=[1e22], form=form, forecasts=made)
    assert f"{run['loss']:.4f}" in text
    assert f"{made[0].median:.4f}" in text
    assert "no run yet" in text
