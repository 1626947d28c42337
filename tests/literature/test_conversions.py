"""Laws in other conventions: what is converted, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.laws.converted import Converted
from quokka_laws.literature.conversions import OMEGA, convert, total_from_non_embedding

JOINT = ql.published["kaplan-2020/joint"]


def test_total_parameters() -> None:
    law = convert(JOINT, total_N=True)  # type: ignore[arg-type]
    assert isinstance(law, ql.FittedLaw)
    n = np.geomspace(1e5, 1e12, 8)
    np.testing.assert_allclose(law(N=total_from_non_embedding(n), D=1e10), JOINT(N=n, D=1e10), rtol=1e-12)  # type: ignore[operator]
    assert law.conventions.N_counts == "total"
    assert law.label == JOINT.label
    assert convert(law, total_N=True) is law


@pytest.mark.parametrize("C", [1e17, 1e20, 1e24])
def test_the_optimum_is_sought_again_under_the_new_count(C: float) -> None:
    law = convert(JOINT, total_N=True)  # type: ignore[arg-type]
    plan = ql.plan.compute_optimal(law, C).iloc[0]
    N = plan["N"] * np.geomspace(0.5, 2, 2001)
    loss = law(N=N, D=C / (6 * N))  # type: ignore[operator]
    assert plan["loss"] <= loss.min() * (1 + 1e-12)
    assert plan["N"] == pytest.approx(N[loss.argmin()], rel=2e-3)


def test_derivatives_of_the_conversion() -> None:
    law = Converted(ql.laws.Kaplan(), omega=OMEGA)
    theta = law.to_theta({k: np.array([v]) for k, v in JOINT.values.items()})  # type: ignore[union-attr]
    from quokka_laws.laws.jet import variables
    from quokka_laws.plan.minimise import derivatives

    p = {c.coordinate: theta[:, [j]] for j, c in enumerate(law.coefficients)}

    def slope(t: float) -> tuple[float, float]:
        (x,) = variables(np.array([[t]]))
        g, h = derivatives(law.log_terms(p, {"log_N": x, "log_D": np.log(1e10)}), 1)
        return float(g[0, 0]), float(h[0, 0, 0])

    at, step = np.log(3e7), 1e-5
    up, down = slope(at + step)[0], slope(at - step)[0]
    assert slope(at)[1] == pytest.approx((up - down) / (2 * step), rel=1e-6)
    x = {"log_D": np.log(1e10)}
    ends = [float(law.log_loss(JOINT.values, {**x, "log_N": np.array([at + s])})[0, 0]) for s in (step, -step)]  # type: ignore[union-attr]
    assert slope(at)[0] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


def test_allocation_in_total_parameters() -> None:
    own = ql.published["kaplan-2020/allocation"]
    law = convert(own, total_N=True)  # type: ignore[arg-type]
    row = ql.plan.compute_optimal(own, 1e19).iloc[0]
    N = float(total_from_non_embedding(row["N"]))
    there = ql.plan.compute_optimal(law, 1e19 * N / row["N"]).iloc[0]
    assert there[["N", "D"]].tolist() == pytest.approx([N, row["D"]], rel=1e-12)


def test_kaplan_and_chinchilla_reconciled() -> None:
    """Chinchilla's law seen in non-embedding counts over Kaplan's range has the exponent .78 (Pearce & Song 2024)."""
    v = ql.published["besiroglu-2024"].values  # type: ignore[union-attr]
    n = np.geomspace(794.3282347242813, 1584893192.4611108, 400)
    N = total_from_non_embedding(n)
    slope = (n + OMEGA / 3 * np.cbrt(n)) / N  # d log N / d log n
    D = (v["beta"] * v["B"] * N ** v["alpha"] / (v["alpha"] * v["A"] * slope)) ** (1 / v["beta"])
    log_C = np.log(6 * n * D)
    even = np.linspace(log_C[0], log_C[-1], 400)  # budgets evenly spread
    exponent = np.polyfit(even, np.interp(even, log_C, np.log(n)), 1)[0]
    assert exponent == pytest.approx(0.78, rel=0.01)


def test_bits_per_byte() -> None:
    law = ql.published["besiroglu-2024"]
    bits = convert(law, tokens_per_byte=0.3)  # type: ignore[arg-type]
    factor = 0.3 / np.log(2)
    assert bits(N=1e9, D=2e10) == pytest.approx(factor * law(N=1e9, D=2e10), rel=1e-14)  # type: ignore[operator]
    same = [ql.plan.compute_to_loss(f, loss)["C"].iloc[0] for f, loss in ((law, 2.1), (bits, 2.1 * factor))]
    assert same[0] == pytest.approx(same[1], rel=1e-10)
    plans = [ql.plan.compute_optimal(f, 1e22)["N"].iloc[0] for f in (law, bits)]
    assert plans[0] == pytest.approx(plans[1], rel=1e-12)
    gidd = convert(ql.published["gidd-2025/masked"], tokens_per_byte=0.23653)  # type: ignore[arg-type]
    assert ql.plan.compute_optimal(gidd, 1e21)["loss"].iloc[0] == pytest.approx(2.4721 * 0.23653 / np.log(2), rel=1e-3)


def test_what_cannot_be_converted_is_refused() -> None:
    with pytest.raises(ql.FitError, match="only non-embedding parameters convert"):
        convert(ql.published["deepseek-2024"], total_N=True)  # type: ignore[arg-type]
    with pytest.raises(ql.FitError, match="only nats/token converts"):
        convert(ql.published["farseer-2025"], tokens_per_byte=0.3)  # type: ignore[arg-type]


def test_laws_side_by_side_are_aligned() -> None:
    names = ["besiroglu-2024", "kaplan-2020/allocation", "smdm-2024"]
    with pytest.warns(ql.plan.ConventionsDiffer, match="kaplan-2020/allocation were converted") as caught:
        table = ql.plan.compute_optimal([ql.published[n] for n in names], 1e22).set_index("law")
    assert "smdm-2024 [secondary] counts non-embedding parameters of another vocabulary" in str(caught[0].message)
    alone = ql.plan.compute_optimal(convert(ql.published[names[1]], total_N=True), 1e22)  # type: ignore[arg-type]
    assert table.loc[names[1], "N"] == alone["N"].iloc[0]


def test_one_loss_for_different_tokenizers_is_refused() -> None:
    laws = [ql.published["besiroglu-2024"], ql.published["kaplan-2020/joint"]]
    with pytest.raises(ql.FitError, match="one loss cannot be the target"):
        ql.plan.compute_to_loss(laws, 2.5)
    both = [convert(f, tokens_per_byte=0.29) for f in laws]  # type: ignore[arg-type]
    with pytest.warns(ql.plan.ConventionsDiffer, match="training, validation"):
        table = ql.plan.compute_to_loss(both, 1.0)
    assert len(table) == 2


def test_plan_in_bits_per_byte() -> None:
    args = ["plan", "-C", "1e22", "--law", "kaplan-2020/joint", "--law", "gidd-2025/masked", "--format", "csv"]
    done = CliRunner().invoke(main, [*args, "--tokens-per-byte", "GPT-2 BPE=0.29335,BPE 131k=0.23653"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("bits/byte") >= 2
    assert CliRunner().invoke(main, [*args, "--tokens-per-byte", "all=-1"]).exit_code == 2
