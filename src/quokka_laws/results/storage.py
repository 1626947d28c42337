"""Fits on disk: JSON that reads back exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from quokka_laws.exceptions import FitError
from quokka_laws.laws import from_spec
from quokka_laws.laws.parameters import rebuilt
from quokka_laws.objective import objective_from_spec
from quokka_laws.results.diagnostic import Flag
from quokka_laws.results.fit_result import FitResult, FitStatus, draws_to_parameters
from quokka_laws.runs.conventions import Conventions

SCHEMA = "quokka-laws/fit"
SCHEMA_VERSION = 1


def to_dict(fit: FitResult) -> dict[str, Any]:
    """Plain data that :func:`from_dict` turns back into an equal result."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "name": fit.name,
        "law": fit.law.to_spec(),
        "values": fit.values,
        "conventions": fit.conventions.to_dict(),
        "fitted_range": {k: list(v) for k, v in fit.fitted_range.items()},
        "objective": fit.objective.to_spec(),
        "objective_value": fit.objective_value,
        "rms_residual": fit.rms_residual,
        "status": fit.status.name,
        "flags": [[f.code, f.message] for f in fit.flags],
        "starts": fit.starts,
        "gradient_norm": fit.gradient_norm,
        "condition_number": fit.condition_number,
        "bootstrap": fit.bootstrap,
        "route": fit.route,
        "seed": fit.seed,
        "versions": fit.versions,
        "params": [_plain_parameter(p) for p in fit.params.values()],
        "rivals": _columns(fit.rivals),
        "excluded": _columns(fit.excluded),
        "draws": None if fit.draws is None else _columns(fit.draws),
        "runs": _columns(fit.runs),
        "runs_attrs": fit.runs.attrs,
    }


def to_json(fit: FitResult, path: str | Path | None = None) -> str:
    """Write (or return) a fit as JSON; :func:`read_fit` reads it back exactly."""
    text = json.dumps(_finite(to_dict(fit)), allow_nan=False, separators=(",", ":"))
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def from_dict(data: Mapping[str, Any]) -> FitResult:
    """Rebuild a result from :func:`to_dict`.

    Raises
    ------
    FitError
        If the data are not a fit of this package, or of a newer schema.
    """
    if data.get("schema") != SCHEMA:
        raise FitError("this is not a fit written by quokka-laws (no 'schema': 'quokka-laws/fit' in it)")
    if data["schema_version"] > SCHEMA_VERSION:
        raise FitError(
            f"the fit has schema version {data['schema_version']}, this quokka-laws reads up to {SCHEMA_VERSION}; "
            "upgrade with: pip install -U quokka-laws"
        )
    data = _infinite(data)
    runs = pd.DataFrame(data["runs"])
    runs.attrs = data["runs_attrs"]
    draws = None if data["draws"] is None else pd.DataFrame(data["draws"], dtype=float)
    return FitResult(
        law=from_spec(data["law"]),
        values=data["values"],
        conventions=Conventions.from_dict(data["conventions"]),
        fitted_range={k: (v[0], v[1]) for k, v in data["fitted_range"].items()},
        draws=draws,
        name=data["name"],
        objective=objective_from_spec(data["objective"]),
        objective_value=data["objective_value"],
        status=FitStatus[data["status"]],
        flags=tuple(Flag(code, message) for code, message in data["flags"]),
        runs=runs,
        excluded=pd.DataFrame(data["excluded"]),
        params=draws_to_parameters(rebuilt(data["params"]), draws),
        starts=data["starts"],
        rivals=pd.DataFrame(data["rivals"]),
        gradient_norm=data["gradient_norm"],
        condition_number=data["condition_number"],
        bootstrap=data["bootstrap"],
        route=data["route"],
        seed=data["seed"],
        versions=data["versions"],
    )


def read_fit(source: str | Path | Mapping[str, Any]) -> FitResult:
    """Read a fit written by :meth:`FitResult.to_json`.

    Parameters
    ----------
    source : path, JSON text or mapping

    Raises
    ------
    FitError
        If it is not JSON, not a fit, or from a newer version.
    """
    if isinstance(source, Mapping):
        return from_dict(source)
    text = str(source)
    where = "the JSON text"
    if not text.lstrip().startswith("{"):
        where = text
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise FitError(f"{where}: cannot be read ({error.strerror})") from error
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise FitError(f"{where}: not JSON ({error}); a fit is written by `quokka-laws fit … > fit.json`") from error
    if not isinstance(data, dict):
        raise FitError(f"{where}: holds {type(data).__name__}, not a fit written by quokka-laws")
    return from_dict(data)


def _plain_parameter(par: lmfit.Parameter) -> dict[str, Any]:
    return {
        "name": par.name,
        "value": float(par.value),
        "vary": bool(par.vary),
        "expr": par.expr,
        "min": float(par.min),
        "max": float(par.max),
    }


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(k): [v.item() if hasattr(v, "item") else v for v in table[k]] for k in table}


def _finite(value: Any) -> Any:
    """JSON has no inf or nan: write them as strings, exactly recoverable."""
    if isinstance(value, float) and not np.isfinite(value):
        return f"float:{value}"
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _infinite(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("float:"):
        return float(value.removeprefix("float:"))
    if isinstance(value, Mapping):
        return {k: _infinite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_infinite(v) for v in value]
    return value
