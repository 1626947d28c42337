"""A stored fit for the commands that take one."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import ISOFLOP

import quokka_laws as ql


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "fit.json"
    ql.fit("chinchilla", ISOFLOP, bootstrap=20).save(path)
    return path


@pytest.fixture(scope="session")
def doubt(fitted: Path) -> str:
    """The beginning of what is said first about the fit."""
    return ql.read_fit(fitted).diagnostics[0].sentence()[:20]
