"""The three examples of CONTRIBUTING do what it says, each as one file."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.importers.curves import Final, points
from quokka_laws.importers.options import Options
from quokka_laws.laws.base import NAMED

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def example(name: str, folder: Path) -> ModuleType:
    """The code of an example, imported as the file it would be."""
    text = PAGE.read_text(encoding="utf-8")
    code = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", text, flags=re.DOTALL)
    assert code is not None
    path = folder / f"contributed_{name}.py"
    path.write_text("from __future__ import annotations\n\n" + code[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_a_law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMED, "tokens-alone", ql.laws.PowerLaw)  # forgotten after the test
    monkeypatch.delitem(NAMED, "tokens-alone")
    law = example("law", tmp_path).TokensAlone()
    truth = {"E": 1.8, "B": 400.0, "beta": 0.3}
    D = np.geomspace(1e9, 1e12, 20)
    runs = ql.check_runs(pd.DataFrame({"D": D, "loss": law.loss(truth, D=D)}))
    fit = ql.fit("tokens-alone", runs)
    assert fit.values == pytest.approx(truth, rel=1e-4)
    assert ql.read_fit(fit.to_json()).values == fit.values
    assert ql.fit(law.formula, runs).objective_value == pytest.approx(fit.objective_value, abs=1e-12)


def test_an_importer(tmp_path: Path) -> None:
    module = example("importer", tmp_path)
    (tmp_path / "70M.trace").write_text("10 4.0\n20 3.5\n")
    (item,) = module.read(tmp_path, Options(pattern=ql.importers.NamePattern("{N:M}M")))
    (row,) = points(item, final=Final.parse("last:1"), checkpoints=False, tokens_per_step=1000)
    assert (row["N"], row["D"], row["loss"]) == (7e7, 2e4, 3.5)


def test_a_question(tmp_path: Path) -> None:
    ask = example("question", tmp_path).loss_at_ratio
    fit = ql.fit("chinchilla", sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=30, noise=0.01, seed=1), bootstrap=20)
    table = ask([fit, "besiroglu-2024"], "1e20, 1e22")
    assert len(table) == 4
    assert (table["loss"] >= ql.plan.compute_optimal([fit, "besiroglu-2024"], [1e20, 1e22])["loss"]).all()
    with pytest.raises(ql.ArgumentError, match="ratio"):
        ask(fit, 1e20, ratio=-1)
