"""Fits of several losses as one result: tables, differences, text and the folder they are kept in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, FitFileError


@pytest.fixture(scope="module")
def fits() -> ql.LossFits:
    rng = np.random.default_rng(1)
    C = np.geomspace(1e18, 1e21, 24)
    noise = np.exp(0.003 * rng.standard_normal((3, 24)))
    runs = pd.DataFrame({"C": C, "a/b": (1.5 + 40 * C**-0.1) * noise[0], "a b": (1.6 + 40 * C**-0.1) * noise[1]})
    runs["text"] = "x"
    return ql.fit("E + K/C^kappa", runs, loss=["a/b", "a b", "text"], bootstrap=100)


def test_tables(fits: ql.LossFits) -> None:
    table = fits.table()
    assert table.loc[("a/b", "kappa"), "value"] == fits["a/b"].values["kappa"]
    gap = fits.differences()
    assert list(gap.index.names) == ["loss", "coefficient"]
    want = fits["a b"].values["E"] - fits["a/b"].values["E"]
    assert gap.loc[("a b", "E"), "difference"] == pytest.approx(want)
    drawn = fits["a b"].draws["E"] - fits["a/b"].draws["E"]
    assert gap.loc[("a b", "E"), "lower"] == pytest.approx(np.nanpercentile(drawn, 2.5))
    other = fits.differences("a b")
    assert other.loc[("a/b", "E"), "difference"] == pytest.approx(-want)
    with pytest.raises(ArgumentError, match="'a b'"):
        fits.differences("a  b")
    points = fits.differences(C=[1e19, 1e20])
    assert points["difference"].tolist() == pytest.approx(
        (fits["a b"](C=[1e19, 1e20]) - fits["a/b"](C=[1e19, 1e20])).tolist()
    )


def test_text_names_what_is_missing(fits: ql.LossFits) -> None:
    assert "text" in fits.left_out
    assert any("text" in said for said in fits.remarks())
    assert all(name in fits.report() for name in ("a/b", "a b", "kappa"))
    assert "a/b" in fits._repr_html_()
    with pytest.raises(KeyError, match="a b"):
        fits["c"]


def test_a_folder_gives_the_same_fits_back(fits: ql.LossFits, tmp_path: Path) -> None:
    folder = fits.save(tmp_path / "fits")
    again = ql.read_fits(folder)
    assert list(again) == list(fits)
    assert all(again[k] == fits[k] for k in fits)
    assert again.left_out == fits.left_out
    assert again.differences().equals(fits.differences())
    index = json.loads((folder / "losses.json").read_text())
    assert len(set(index["files"].values())) == 2  # a/b and a b are one name as files
    index["files"]["a/b"] = "../fit.json"
    (folder / "losses.json").write_text(json.dumps(index))
    with pytest.raises(FitFileError, match="same folder"):
        ql.read_fits(folder)
    with pytest.raises(FitFileError):
        ql.read_fits(tmp_path)
