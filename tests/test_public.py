"""What completion shows: every module that a person can reach lists its public names and nothing else."""

from __future__ import annotations

from types import ModuleType

import pytest

import quokka_laws as ql


def reachable() -> list[ModuleType]:
    found, left = [], [ql]
    while left:
        module = left.pop()
        found.append(module)
        left += [m for n in dir(module) if isinstance(m := getattr(module, n), ModuleType) and m not in found]
    return found


@pytest.mark.parametrize("module", reachable(), ids=lambda m: m.__name__)
def test_dir_lists_what_is_public(module: ModuleType) -> None:
    names = dir(module)
    assert names
    assert set(names) == set(module.__all__)
    assert not [n for n in names if n.startswith("_") and n != "__version__"]
    assert all(getattr(module, n) is not None for n in names)


def test_every_room_is_reached() -> None:
    assert {m.__name__.rpartition(".")[2] for m in reachable()} >= {"plan", "laws", "evaluation", "importers", "plot"}


def test_a_name_that_is_not_there_tells_what_was_meant() -> None:
    with pytest.raises(AttributeError, match=r"did you mean ql\.plan\.compute_optimal\?"):
        ql.compute_optimal  # noqa: B018
    with pytest.raises(AttributeError, match=r"did you mean ql\.fit_isoflops"):
        ql.fit_isoflop  # noqa: B018
    with pytest.raises(AttributeError, match=r"fit\.predict\("):
        ql.predict  # noqa: B018
