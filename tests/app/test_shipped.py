"""Shipped runs as files: they read back as the loader has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.app.shipped import SHIPPED, Shipped


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.file)
def test_reads_back(one: Shipped, tmp_path: Path) -> None:
    path = tmp_path / one.file
    path.write_bytes(one.csv())
    again, runs = ql.read_runs(path), one.load()
    assert again.attrs["conventions"] == runs.attrs["conventions"]
    for name in ("N", "D", "loss"):
        assert np.array_equal(again[name], runs[name])
