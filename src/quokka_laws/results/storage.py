"""Fits on disk: JSON that reads back exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import lmfit
import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from quokka_laws.exceptions import FitFileError, RunsError
from quokka_laws.laws import from_spec
from quokka_laws.laws.parameters import rebuilt
from quokka_laws.objective import objective_from_spec
from quokka_laws.results.diagnostic import Diagnostic, Known
from quokka_laws.results.fit_result import FitResult, FitStatus, draws_to_parameters
from quokka_laws.results.law_choice import LawChoice
from quokka_laws.results.schema import SCHEMA, SCHEMA_VERSION, checked, fault_of, refuse
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.files import file_bytes
from quokka_laws.runs.json_tables import MalformedError, loads
from quokka_laws.runs.rows import default_index, plain_label
from quokka_laws.writing import write_atomically

Model = TypeVar("Model", bound=BaseModel)


def to_dict(fit: FitResult) -> dict[str, Any]:
    """Plain data that :func:`from_dict` turns back into an equal result."""
    return {**facts(fit), "diagnostics": [d.to_dict() for d in fit.diagnostics]}


def facts(fit: FitResult) -> dict[str, Any]:
    """Everything that was given and found, as plain data; diagnostics, which follow from it and take refits, left out."""
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
        "starts": fit.starts,
        "gradient_norm": fit.gradient_norm,
        "condition_number": fit.condition_number,
        "bootstrap": fit.bootstrap,
        "route": fit.route,
        "choice": None if fit.choice is None else fit.choice.to_dict(),
        "prior": {k: list(v) for k, v in fit.prior.items()},
        "seed": fit.seed,
        "versions": fit.versions,
        "params": [_plain_parameter(p) for p in fit.params.values()],
        "rivals": table_columns(fit.rivals),
        "excluded": table_columns(fit.excluded),
        "draws": None if fit.draws is None else table_columns(fit.draws),
        "runs": table_columns(fit.runs),
        "runs_index": _index(fit.runs),
        "runs_attrs": fit.runs.attrs,
    }


def to_json(fit: FitResult, path: str | Path | None = None) -> str:
    """Write (or return) a fit as JSON; :func:`read_fit` reads it back exactly."""
    text = plain_json(to_dict(fit))
    if path is not None:
        write_atomically(path, text)
    return text


def plain_json(data: Mapping[str, Any]) -> str:
    """Compact JSON; infinities and NaN as text that reads back."""
    return json.dumps(_finite(data), allow_nan=False, separators=(",", ":"))


def from_dict(data: Mapping[str, Any], where: str = "the fit") -> FitResult:
    """Rebuild a result from :func:`to_dict`.

    Raises
    ------
    FitFileError
        If the data are not a fit of this package, or of a newer schema; see :mod:`quokka_laws.results.schema`.
    """
    data = infinite(data)
    checked(data, where)
    runs = pd.DataFrame(data["runs"])
    if (named := data.get("runs_index")) is not None:
        runs.index = pd.Index(named["labels"], name=named["name"])
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
        diagnose=Known(_diagnostics(data)),
        runs=runs,
        excluded=pd.DataFrame(data["excluded"]),
        params=draws_to_parameters(rebuilt(data["params"]), draws),
        starts=data["starts"],
        rivals=pd.DataFrame(data["rivals"]),
        gradient_norm=data["gradient_norm"],
        condition_number=data["condition_number"],
        bootstrap=data["bootstrap"],
        route=data["route"],
        choice=LawChoice.from_dict(data["choice"]) if data.get("choice") else None,
        prior={k: (v[0], v[1]) for k, v in data.get("prior", {}).items()},
        seed=data["seed"],
        versions=data["versions"],
    )


def _diagnostics(data: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    """Of a stored fit; the first schema kept a code and a sentence."""
    if data["schema_version"] == 1:
        return tuple(Diagnostic(code, numbers={"text": message}) for code, message in data["flags"])
    return tuple(map(Diagnostic.from_dict, data["diagnostics"]))


def read_fit(source: str | Path | Mapping[str, Any]) -> FitResult:
    """Read a fit written by :meth:`FitResult.to_json`.

    Parameters
    ----------
    source : path, JSON text or mapping

    Raises
    ------
    FitFileError
        If it is not JSON, not a fit, or from a newer version.
    """
    if isinstance(source, Mapping):
        return from_dict(source)
    return from_dict(*read_object(source, "a fit is written by `quokka-laws fit runs.csv -o fit.json`"))


def read_object(source: str | Path, how: str) -> tuple[dict[str, Any], str]:
    """A JSON object from a path or JSON text, and what messages call it.

    Parameters
    ----------
    source : path or JSON text
    how : str
        What writes such files, for messages.

    Raises
    ------
    FitFileError
        If there is no such file, or it is not JSON, or not an object.
    """
    text = str(source)
    where = "the JSON text"
    if not text.lstrip().startswith("{"):
        where = text
        text = _text(Path(source))
    try:
        data = loads(text)
    except json.JSONDecodeError as error:
        raise FitFileError(f"{where}: not JSON ({error}); {how}") from None
    except MalformedError as error:
        raise FitFileError(f"{where}: {error}") from None
    if not isinstance(data, dict):
        raise FitFileError(f"{where}: holds {type(data).__name__}, not an object; {how}")
    return data, where


def read_stored(
    source: str | Path | Mapping[str, Any], model: type[Model], *, schema: str, what: str, how: str
) -> tuple[Model, str]:
    """A file of another kind than a fit, checked field by field, and what messages call it.

    Parameters
    ----------
    source : path, JSON text or mapping
    model : pydantic model
    schema : str
        What its field ``schema`` has to be.
    what : str
        What such a file holds, ``forecast``.
    how : str
        What writes such files, for messages.

    Raises
    ------
    FitFileError
        If it is not JSON, of another kind, damaged, or from a newer version: a line per fault.
    """
    data, where = (dict(source), f"the {what}") if isinstance(source, Mapping) else read_object(source, how)
    if data.get("schema") != schema:
        raise FitFileError(f"{where}: this is no {what} (no 'schema': {schema!r} in it); {how}")
    try:
        return model.model_validate(infinite(data)), where
    except ValidationError as error:
        refuse(where, [fault_of(e) for e in error.errors(include_url=False, include_context=True)])
        raise


def data_hash(runs: pd.DataFrame) -> str:
    """sha256 of the fitted rows as CSV with 17 digits: the same runs give the same hash on every machine."""
    return hashlib.sha256(runs.to_csv(index=False, float_format="%.17g").encode()).hexdigest()


def _text(path: Path) -> str:
    try:
        return file_bytes(path).decode("utf-8")
    except RunsError as error:  # no such file, a folder, too large
        raise FitFileError(str(error)) from None
    except OSError as error:
        raise FitFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise FitFileError(f"{path}: not UTF-8 text (byte {error.start})") from None


def _plain_parameter(par: lmfit.Parameter) -> dict[str, Any]:
    return {
        "name": par.name,
        "value": float(par.value),
        "vary": bool(par.vary),
        "expr": par.expr,
        "min": float(par.min),
        "max": float(par.max),
    }


def _index(runs: pd.DataFrame) -> dict[str, Any] | None:
    """The index of runs that have names of their own."""
    if default_index(runs):
        return None
    return {"name": runs.index.name, "labels": [plain_label(label) for label in runs.index]}


def table_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table as lists of plain values, by column."""
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


_INFINITE = {"float:inf": np.inf, "float:-inf": -np.inf, "float:nan": np.nan}


def infinite(value: Any) -> Any:
    """Plain data with what :func:`plain_json` wrote as text put back as infinities and NaN."""
    if isinstance(value, str):
        return _INFINITE.get(value, value)
    if isinstance(value, Mapping):
        return {k: infinite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [infinite(v) for v in value]
    return value
