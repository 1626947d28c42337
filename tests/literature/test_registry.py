"""Published laws: every vector at its stated tolerance, every entry complete."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.literature.partial_laws import Repetition
from quokka_laws.literature.power_rules import rules
from quokka_laws.literature.registry import published

VECTORS = [
    pytest.param(name, vector, id=f"{name}-{i}")
    for name in published
    for i, vector in enumerate(published.entry(name)["vectors"])
]


@pytest.mark.parametrize(("name", "vector"), VECTORS)
def test_vector(name: str, vector: dict[str, object]) -> None:
    law, inputs, rtol = published[name], vector["inputs"], vector["rtol"]
    for quantity, expected in vector["expected"].items():  # type: ignore[attr-defined]
        if quantity == "worth":
            found = law.worth(**inputs)  # type: ignore[union-attr]
        elif quantity == "loss" and "C" not in law_variables_missing(law, inputs):
            found = law(**inputs)  # type: ignore[operator]
        elif "C" in inputs:  # type: ignore[operator]
            found = ql.plan.compute_optimal(law, inputs["C"])[quantity].iloc[0]  # type: ignore[index]
        else:  # a printed row: N given, C and D printed
            values = law.values  # type: ignore[union-attr]
            C = (inputs["N"] / values["k_N"]) ** (1 / values["a"])  # type: ignore[index]
            found = C if quantity == "C" else values["k_D"] * C ** values["b"]
        assert found == pytest.approx(expected, rel=rtol), quantity


def law_variables_missing(law: object, inputs: object) -> set[str]:
    """Which inputs a law of the loss lacks; an allocation lacks everything."""
    if not isinstance(law, ql.FittedLaw):
        return {"C"}
    given = set(inputs)  # type: ignore[call-overload]
    if {"N", "D"} <= given:
        given |= {"C"}
    if {"D", "U_D"} <= given:
        given |= {"epochs"}
    missing = set(law.law.variables) - given  # type: ignore[attr-defined]
    return {"C"} if missing else set()


@pytest.mark.parametrize("name", list(published))
def test_entries_are_complete(name: str) -> None:
    entry = published.entry(name)
    for key in ("title", "year", "arxiv", "source", "status", "conventions", "vectors"):
        assert entry[key], f"{name} lacks {key}"
    assert {"loss_kind"} <= set(entry["conventions"])
    assert entry["arxiv"] in published.cite(name)
    if not entry["status"].startswith(("confirmed", "reproduced")):
        assert not entry["default"]
        assert name not in published.defaults()
        assert published[name].label == f"{name} [secondary]"


def test_every_law_that_had_to_be_here_is() -> None:
    """A paper may be represented by several entries, or by a rule."""
    papers = {published.entry(name)["arxiv"] for name in published} | {rule.arxiv for rule in rules.values()}
    must = "2001.08361 2203.15556 2404.10102 2510.03280 2305.16264 2507.15857 2401.02954 2407.21783 2512.10858"
    must += " 2410.18514 2608.03457 2403.08540 2401.00448"
    should = "2608.07222 2506.10972 2509.14786 2503.04715 2409.19913 2404.06395 2411.04330 2406.19146"
    assert set((must + " " + should).split()) <= papers
    kaplan = {"parameters", "tokens", "compute", "joint", "steps", "allocation"}
    assert {f"kaplan-2020/{k}" for k in kaplan} <= set(published)


def test_repetition_goes_on_a_law_of_fresh_tokens() -> None:
    law = published["prabhudesai-2025/masked"]
    assert isinstance(law, Repetition)
    base = published["quokka-2025/parametric"]
    own = law.on(base)  # type: ignore[arg-type]
    U_D, small = 1e8, 1e5  # far below the size at which parameters are in excess
    assert own(N=small, D=U_D, U_D=U_D) == pytest.approx(base(N=small, D=U_D), rel=1e-12)  # type: ignore[operator]
    worth = float(law.worth(50.0))
    assert own(N=small, D=50 * U_D, U_D=U_D) == pytest.approx(base(N=small, D=worth * U_D), rel=1e-12)  # type: ignore[operator]
    assert own.label == "prabhudesai-2025/masked on quokka-2025/parametric"
    with pytest.raises(ql.FitError, match="Put it on a single-epoch fit"):
        ql.plan.compute_optimal(law, 1e20)
    with pytest.raises(ValueError, match="epochs = 0"):
        law.worth(0)


def test_listing_shows_status_and_conventions() -> None:
    table = published.table()
    assert len(table) == len(published) >= 28
    assert {"name", "year", "arxiv", "N_counts", "loss_kind", "loss_unit", "tokenizer", "corpus", "status"} <= set(
        table
    )
    assert set(published.defaults()) <= set(table[table["default"]]["name"])


def test_published_laws_plan_like_fits() -> None:
    plan = ql.plan.compute_optimal(
        ql.published["quokka-2025/repeated"].law.base and ql.published["besiroglu-2024"], [1e22]
    )  # type: ignore[union-attr]
    assert plan["N"].iloc[0] == pytest.approx(9.05764e9, rel=1e-5)
    epochs = ql.plan.max_epochs(ql.published["quokka-2025/repeated"], N=1e9, U_D=1e9)  # type: ignore[arg-type]
    assert epochs["epochs"].iloc[0] == pytest.approx(260, abs=0.5)


def test_rounding_of_printed_coefficients_is_visible() -> None:
    """Rounding alone moves D/N at Chinchilla's own budget from 59 to 93."""
    ratios = [
        ql.plan.compute_optimal(ql.published[f"chinchilla-2022/{kind}"], 5.76e23)["tokens_per_param"].iloc[0]
        for kind in ("parametric", "parametric-rounded")
    ]
    assert ratios == pytest.approx([58.9, 92.6], rel=2e-3)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(KeyError, match="besiroglu-2024"):
        ql.published["besiroglu-2042"]
    result = CliRunner().invoke(main, ["plan", "-C", "1e23", "--law", "besiroglu"])
    assert result.exit_code == 2
    assert "did you mean besiroglu-2024" in result.output


def test_allocations_have_no_intervals() -> None:
    assert not {"level", "N_lower"} & set(ql.plan.compute_optimal("llama3-2024", 1e23, level=0.9))


def test_hardware() -> None:
    """1e22 FLOPs at 40 % on H100 are 7,019 GPU-hours (data sheet peak)."""
    assert ql.plan.hardware.flops(gpu="h100", count=1, hours=7019, mfu=0.4) == pytest.approx(1e22, rel=1e-3)
    assert ql.plan.hardware.flops(peak=1e15, count=2, hours=1, mfu=0.5) == 3.6e18
    with pytest.raises(ValueError, match="no peak is on record for 'H10'; did you mean H100"):
        ql.plan.hardware.flops(gpu="H10", count=1, hours=1, mfu=0.4)
    with pytest.raises(ValueError, match="mfu = 40"):
        ql.plan.hardware.flops(gpu="H100", count=1, hours=1, mfu=40)
    with pytest.raises(ValueError, match="give either gpu"):
        ql.plan.hardware.flops(count=1, hours=1, mfu=0.4)
    assert ql.plan.hardware.gpu_hours(5.76e23, gpu="A100", mfu=0.5) == pytest.approx(1.026e6, rel=1e-3)
    same = {"gpu": "H100", "mfu": 0.4}
    hours = ql.plan.hardware.flops(gpu_hours=400_000, **same)  # type: ignore[arg-type]
    assert ql.plan.hardware.flops(dollars=1e6, price=2.5, **same) == hours  # type: ignore[arg-type]
    for wrong in ({}, {"dollars": 1e6}, {"count": 8}, {"gpu_hours": 1, "count": 8, "hours": 2}):
        with pytest.raises(ValueError, match="say how much once"):
            ql.plan.hardware.flops(**same, **wrong)  # type: ignore[arg-type]


def test_plan_command() -> None:
    runner = CliRunner()
    rows = json.loads(runner.invoke(main, ["plan", "-C", "1e23", "--format", "json"]).stdout)
    assert {r["law"] for r in rows} == set(published.defaults())
    table = runner.invoke(main, ["plan", "--gpus", "64xH100", "--days", "14"])
    assert "3.06e+22 FLOPs" in table.stderr
    assert "disagree by a factor" in table.stdout
    assert "besiroglu-2024" in table.stdout
    paid = ["plan", "--dollars", "1M", "--price", "2.5", "--gpu", "H100", "--law", "besiroglu-2024", "--format", "json"]
    done = runner.invoke(main, paid)
    assert "400,000 GPU-hours of H100 at 40% MFU: 5.7e+23 FLOPs" in done.stderr
    assert json.loads(done.stdout)[0]["C"] == pytest.approx(400_000 * 3600 * 989e12 * 0.4)
    other = ["plan", "--gpus", "8xB200", "--peak", "2.25P", "--days", "1", "--format", "json"]
    assert runner.invoke(main, other).exit_code == 0
    for wrong in (
        ["-C", "1e23", "--days", "3"],
        [],
        ["--gpus", "many", "--days", "3"],
        ["--gpus", "8xH100"],
        ["-C", "1e23", "--mfu", "0.3"],
        ["-C", "1e23", "--gpu-hours", "1000"],
        ["--gpu-hours", "1000"],
        ["--dollars", "1M", "--gpu", "H100"],
        ["--gpus", "8xH10", "--days", "3"],
        ["-C", "1e23", "--law", "prabhudesai-2025/masked"],
    ):
        assert runner.invoke(main, ["plan", *wrong]).exit_code == 2


def test_plan_with_an_own_fit(noisy_fit: ql.FitResult, tmp_path: object) -> None:
    path = str(tmp_path) + "/fit.json"
    noisy_fit.to_json(path)
    result = CliRunner().invoke(
        main, ["plan", "-C", "1e22", "--law", path, "--law", "besiroglu-2024", "--format", "csv"]
    )
    assert result.exit_code == 0, result.output
    table = pd.read_csv(__import__("io").StringIO(result.stdout))
    assert table["N_lower"].notna().tolist() == [True, False]
    assert np.isfinite(table["N"]).all()


def test_laws_command() -> None:
    runner = CliRunner()
    assert len(json.loads(runner.invoke(main, ["laws", "--format", "json"]).stdout)) == len(published)
    one = runner.invoke(main, ["laws", "llama3-2024", "--format", "csv"])
    assert "status: confirmed" in one.stderr
    assert "k_D,0.299" in one.stdout
    assert "eprint = {2407.21783}" in runner.invoke(main, ["laws", "llama3-2024", "--cite"]).stdout


def test_plan_with_limited_data_and_with_serving() -> None:
    runner = CliRunner()
    limited = runner.invoke(main, ["plan", "-C", "1e21", "--unique-tokens", "1B", "--format", "json"])
    rows = {r["law"]: r for r in json.loads(limited.stdout)}
    assert {"quokka-2025/repeated", "muennighoff-2023"} <= set(rows)
    assert rows["muennighoff-2023"]["N"] == pytest.approx(1.76947e9, rel=2e-3)  # catalogue: C 1e21, U 1e9
    assert rows["muennighoff-2023"]["epochs"] == pytest.approx(94.19, rel=2e-3)
    assert rows["besiroglu-2024"]["epochs"] > 4
    assert "count a repeated token as a fresh one" in limited.stderr
    assert list(dict.fromkeys(r["family"] for r in rows.values())) == ["autoregressive", "diffusion"]
    assert rows["llama3-2024"]["note"] == "repeats ×56.6: not in this law"
    assert rows["muennighoff-2023"]["note"] == ""
    served = runner.invoke(main, ["plan", "-C", "1e22", "--inference-tokens", "1T", "--format", "json"])
    rows = {r["law"]: r for r in json.loads(served.stdout)}
    assert rows["besiroglu-2024"]["N"] == pytest.approx(4.63e9, rel=5e-3)
    assert "cannot weigh serving" in served.stderr
    both = ["plan", "-C", "1e22", "--inference-tokens", "1T", "--unique-tokens", "1T"]
    assert runner.invoke(main, both).exit_code == 2
    assert runner.invoke(main, ["plan", "-C", "1e22", "--law", "muennighoff-2023"]).exit_code == 2
    table = runner.invoke(main, ["plan", "-C", "1e21", "-U", "1B"])
    assert "epochs" in table.stdout
    (llama,) = (line for line in table.stdout.splitlines() if line.startswith("llama3-2024"))
    assert "56.6: not in law" in llama
    assert "inside" not in llama


def test_laws_of_the_chinchilla_runs_know_their_range(epoch245: pd.DataFrame, epoch240: pd.DataFrame) -> None:
    """Not the nine IsoFLOP budgets, 6e18 to 3e21: the parametric fits took the runs of fixed sizes too."""
    for name, runs in (
        ("besiroglu-2024", epoch240),
        ("chinchilla-2022/parametric", epoch245),
        ("chinchilla-2022/parametric-rounded", epoch245),
    ):
        for column, ends in ql.published[name].fitted_range.items():
            assert ends == pytest.approx((runs[column].min(), runs[column].max()), rel=1e-4), (name, column)
    assert ql.published["chinchilla-2022/isoflop"].fitted_range["C"] == (6e18, 3e21)
