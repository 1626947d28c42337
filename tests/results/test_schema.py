"""Stored fits: those of version 1 read; any altered one is read as it was or refused with the field named."""

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import FitFileError

STORED = sorted((Path(__file__).parent / "version1").glob("*.json"))
WRONG = [None, True, "x", "float:nan", "float:inf", -1.0, 0, 1e400, 10**30, [], {}, [[]], {"a": 1}, "x" * 20_000]


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_fits_of_version_1_read(path: Path) -> None:
    fit = ql.read_fit(path)
    data = json.loads(path.read_text())
    assert fit.values == data["values"]
    assert fit.rms_residual == pytest.approx(data["rms_residual"], rel=1e-9)
    assert ql.read_fit(fit.to_json()).values == fit.values


def test_a_formula_with_levels_reads_back(quokka87: pd.DataFrame) -> None:
    runs = quokka87.assign(corpus=["a", "b"] * (len(quokka87) // 2) + ["a"] * (len(quokka87) % 2))
    fit = ql.fit(ql.law("E[corpus] + A/N^alpha + B/D^beta"), runs, bootstrap=2)
    text = fit.to_json()
    assert ql.read_fit(text).values == fit.values
    data = json.loads(text)
    data["runs"]["corpus"][0] = "neither"
    with pytest.raises(FitFileError, match=r"runs: expected what|rms_residual"):
        ql.read_fit(data)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value; of a long list the first two."""
    yield path
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:2] if isinstance(value, list) else ()
    for key, child in items:
        yield from places(child, (*path, key))


def altered(data: Any, path: tuple[Any, ...], wrong: Any, *, remove: bool = False) -> Any:
    data = copy.deepcopy(data)
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = wrong
    return data


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_an_altered_fit_is_refused_by_field_or_reads(path: Path) -> None:
    data = json.loads(path.read_text())
    refused = 0
    for i, place in enumerate(places(data)):
        if not place:
            continue
        for wrong in [*(WRONG[(i + k) % len(WRONG)] for k in (0, 5, 10)), "remove"]:
            changed = altered(data, place, wrong, remove=wrong == "remove")
            try:
                fit = ql.read_fit(changed)
            except FitFileError:
                refused += 1
            else:
                assert all(math.isfinite(v) for v in fit.values.values())
    assert refused > 100


@pytest.mark.parametrize(
    ("place", "wrong", "said"),
    [
        (("values", "E"), "float:nan", "values.E: expected a finite number, not nan"),
        (("values", "E"), 1.9, "params.E.value: expected 1.9 as in values"),
        (("rms_residual",), 0.5, "rms_residual: expected 0.0"),
        (("runs", "loss", 0), 3.0, "rms_residual|fitted_range.loss"),
        (("runs", "loss"), [1.0], "runs: expected columns of one length"),
        (("runs", "N", 0), "x", "runs.N: expected numbers, not 'x'"),
        (("draws", "A", 0), -1.0, "draws.A: expected positive numbers"),
        (("fitted_range", "N"), [1e7, 1e12], "fitted_range.N: expected that of the runs"),
        (("conventions", "flops"), "6", "conventions.flops: FLOP rule '6' is not understood"),
        (("objective",), {"name": "LogHuber", "delta": -1}, "objective: delta must be a positive finite number"),
        (("objective",), {"name": "os.system"}, "objective"),
        (("law",), {"name": "chinchila"}, "did you mean 'chinchilla'"),
        (("law", "parameters"), "x", "law.parameters: chinchilla has no such option"),
        (("law",), {"name": "power", "variable": "rm"}, "law.variable: expected"),
        (("law",), {"name": "power", "floor": 3}, "law.floor: expected bool"),
        (("law",), {"name": "quokka-repeated", "base": {"name": "x"}}, "no law is called 'x'|no such option"),
        (("params", 0, "expr"), "while True: pass", "the tie cannot be read"),
        (("params", 0, "expr"), "fromfile('/etc/hostname')", "the tie cannot be read"),
        (("params", 0, "expr"), "E", "E cannot be tied to itself"),
        (("params", 0, "min"), 1e9, "params.E.value: expected 1.7"),
        (("params", 0, "max"), -1.0, "params.E: expected min below max"),
        (("draws", "A", 0), "float:inf", "draws.A: expected finite numbers"),
        (("params", 0, "name"), "__class__()", r"params.0.name: expected a name of letters"),
        (("status",), "FINE", "status: expected one of"),
        (("seed",), 1.5, "seed: expected a whole number, not 1.5"),
        (("schema_version",), "1", "schema_version: expected a whole number"),
    ],
)
def test_messages_name_the_field(place: tuple[Any, ...], wrong: Any, said: str, tmp_path: Path) -> None:
    data = json.loads((Path(__file__).parent / "version1" / "chinchilla.json").read_text())
    (tmp_path / "fit.json").write_text(json.dumps(altered(data, place, wrong)))
    with pytest.raises(FitFileError, match=said) as caught:
        ql.read_fit(tmp_path / "fit.json")
    assert str(caught.value).startswith(str(tmp_path / "fit.json"))


def test_all_faults_at_once() -> None:
    data = json.loads(STORED[0].read_text())
    data["seed"], data["route"] = "x", 3
    del data["values"]
    with pytest.raises(FitFileError) as caught:
        ql.read_fit(data)
    assert len(str(caught.value).split("\n")) == 3


@pytest.mark.parametrize("text", ['{"a":' * 500 + "1" + "}" * 500, '{"schema": 1, "schema": 2}', "[1]", "3", "{]"])
def test_what_is_no_fit_at_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(FitFileError):
        ql.read_fit(tmp_path / "fit.json")


def test_devices_are_not_read() -> None:
    with pytest.raises(FitFileError, match="is a device"):
        ql.read_fit("/dev/zero")
