"""``fit.plot()``: what suits the law, every kind by its name, a kind that there is not."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.exceptions import ArgumentError
from quokka_laws.reporting.plot.kinds import KINDS, figure


@pytest.mark.parametrize(
    ("law", "kind"),
    [
        (ql.laws.Chinchilla(), "frontier"),
        (ql.laws.PowerLaw("C"), "residuals"),
        (ql.laws.EffectiveData(), "epochs"),
    ],
    ids=lambda v: getattr(v, "name", v),
)
def test_what_suits_the_law(law: ql.laws.Law, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    for name in KINDS:
        monkeypatch.setitem(KINDS, name, lambda fit, name=name, **options: drawn.append(name))
    figure(ql.FittedLaw(law, dict.fromkeys(law.names, 1.0)))  # type: ignore[arg-type]
    assert drawn == [kind]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("frontier", {"C": 1e21}), ("contours", {"C": 1e21}), ("residuals", {}), ("profile", {"name": "E"})],
)
def test_a_fit_by_kind_on_the_axes_given(noisy_fit: ql.FitResult, kind: str, options: dict) -> None:
    ax = plot.new_axes()
    assert figure(noisy_fit, kind, ax=ax, **options) is ax
    assert isinstance(ax, Axes)
    assert ax.get_xlabel()
    assert ax.has_data()


def test_a_kind_that_there_is_not(noisy_fit: ql.FitResult) -> None:
    with pytest.raises(ArgumentError) as caught:
        figure(noisy_fit, "pie")
    assert all(name in str(caught.value) for name in KINDS)
