"""Panels of several losses: one each, along compute or the first variable that varies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import quokka_laws as ql
from quokka_laws.reporting.plot.losses import along, loss_panel, loss_panels


def test_a_panel_for_each_loss() -> None:
    C = np.geomspace(1e18, 1e21, 12)
    runs = pd.DataFrame({"C": C, "a": 1 + 40 * C**-0.1, "b": 2 + 60 * C**-0.1, "step": np.arange(12.0)})
    fits = ql.fit("E + K/C^kappa", runs, loss=["a", "b"])
    panels = loss_panels(fits).figure.axes
    assert [ax.get_title().split()[0] for ax in panels] == ["a", "b"]
    assert panels[0].get_xscale() == "log"
    assert along(fits["a"]) == "C"
    drawn = loss_panel(fits["b"], "b").lines[0]
    assert sorted(drawn.get_ydata()) == sorted(runs["b"])

    own = Figure().subplots(1, 3)
    assert ql.plot.loss_panels(fits, ax=own) is own[0]
    assert [ax.get_title().split()[0] for ax in own[:2]] == ["a", "b"]
    assert own[1].get_xlabel() == "training compute C (FLOPs)"
    with pytest.raises(ql.ArgumentError, match="1 axes for 2 losses"):
        ql.plot.loss_panels(fits, ax=own[0])


def test_without_compute_the_first_variable_is_the_axis() -> None:
    S = np.linspace(0.1, 1.0, 10)
    fit = ql.fit("E + K*S", pd.DataFrame({"S": S, "loss": 1 + 0.3 * S}))
    assert along(fit) == "S"
    assert loss_panel(fit, "loss").get_xscale() == "linear"
