"""What a fit hands back: numbers with their evidence.

``FittedLaw`` is a law with numbers: it predicts. ``FitResult`` adds how the numbers were obtained: the runs, the
objective, the resamples, rival minima and everything doubtful. Both are frozen; nothing about them changes after
the fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import lmfit
import numpy as np
import pandas as pd

from quokka_laws.columns import inputs_of
from quokka_laws.conventions import Conventions
from quokka_laws.exceptions import FitError
from quokka_laws.jet import Array
from quokka_laws.laws import Law, from_spec
from quokka_laws.notebook import card
from quokka_laws.objective import LogHuber, Objective, objective_from_spec
from quokka_laws.quantities import times_outside
from quokka_laws.uncertainty import percentile_interval

SCHEMA = "quokka-laws/fit"
SCHEMA_VERSION = 1
CONDITION_LIMIT = 1e8  # of the scaled Hessian: above it some combination of coefficients is free


class FitStatus(Enum):
    """How far the optimum can be taken at its word."""

    CONVERGED = "converged"
    AT_BOUND = "converged, with a coefficient at a bound or an amplitude at zero"
    NOT_CONVERGED = "NOT CONVERGED: the best point found is not a minimum"
    EVALUATED = "coefficients were given, not fitted"


@dataclass(frozen=True)
class Flag:
    """Something doubtful about a fit: a short code for programs and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True)
class FittedLaw:
    """A law with numbers.

    Parameters
    ----------
    law : Law
    values : dict of str to float
        Coefficients in natural units.
    conventions : Conventions
        How N, D, C and the loss were counted; predictions are in the same terms.
    fitted_range : dict of str to (float, float)
        Smallest and largest N, D, C, U_D, epochs and loss among the runs behind the numbers.
    draws : DataFrame, optional
        One row of coefficients per bootstrap refit; intervals come from it.
    name : str
        For tables that show several laws.
    """

    law: Law
    values: dict[str, float]
    conventions: Conventions = field(default_factory=Conventions)
    fitted_range: dict[str, tuple[float, float]] = field(default_factory=dict)
    draws: pd.DataFrame | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if missing := [k for k in self.law.names if k not in self.values]:
            raise ValueError(
                f"{self.law.name} needs values for {', '.join(self.law.names)}; missing: {', '.join(missing)}"
            )

    @property
    def label(self) -> str:
        """Name for tables and legends."""
        return self.name or self.law.name

    @property
    def has_intervals(self) -> bool:
        """Whether there are draws whose spread means something."""
        return self.draws is not None

    def _repr_html_(self) -> str:
        table = pd.DataFrame({"value": self.values}).rename_axis("coefficient")
        return card(f"{self.label}: loss = {self.law.equation}", self.conventions.describe(), table, index=True)

    def __call__(self, **data: Any) -> Array:
        """Loss at raw data, of the data's shape: ``fit(N=7e9, D=1.4e12)``."""
        return self._loss(self.values, data)

    def _loss(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> Array:
        """Loss of any coefficients, with a C that is not given by the fit's own rule."""
        return self.law.loss(values, flops_per_ND=self.conventions.flops_per_ND, **data)

    def draw_values(self) -> dict[str, Array]:
        """Coefficients of every usable refit, by name.

        Raises
        ------
        FitError
            If there are no draws: nothing to compute an interval from.
        """
        if self.draws is None or not len(self.draws):
            raise FitError(
                f"{self.label} has no bootstrap draws, so no interval can be given; "
                "fit with bootstrap=1000, or ask with interval=None"
            )
        usable = self.draws.dropna()
        if not len(usable):
            raise FitError(
                f"none of the {len(self.draws)} refits of {self.label} converged, so no interval can be given; look at the "
                "doubts of the fit (fit.report()), hold or untie a coefficient, or ask with interval=None"
            )
        return {k: usable[k].to_numpy() for k in self.law.names}

    def extrapolation(self, **data: Any) -> Array:
        """How far outside the fitted runs a point lies: the largest ratio over N, D, C, U_D and epochs, at least 1.

        NaN where the fitted range is not known.
        """
        given = self.law.inputs(flops_per_ND=self.conventions.flops_per_ND, **data)
        raw = {k.removeprefix("log_"): np.exp(v) if k.startswith("log_") else v for k, v in given.items()}
        factors = [times_outside(raw[k], *self.fitted_range[k]) for k in raw if k in self.fitted_range]
        if not factors:
            return np.full(np.broadcast_shapes(*(v.shape for v in raw.values())), np.nan)
        return np.asarray(np.maximum.reduce(np.broadcast_arrays(*factors)))

    def log_residuals(self) -> Array:
        """ln(predicted / observed) of the runs behind the numbers, as in the objective: the noise of one run.

        Raises
        ------
        FitError
            For a law whose runs are not known, such as a published one.
        """
        raise FitError(
            f"{self.label} comes without its runs, so the noise of a new run is not known; ask for kind='mean'"
        )

    def predict(
        self, *, interval: float | None = None, kind: Literal["mean", "run"] = "mean", **data: Any
    ) -> pd.DataFrame:
        """Loss at given N, D (and U_D, epochs where the law has them).

        Parameters
        ----------
        interval : float, optional
            Level of the bootstrap interval, 0.9 for 90 %.
        kind : {"mean", "run"}
            What the interval is of. ``"mean"``: the law, so it holds the uncertainty of the coefficients only.
            ``"run"``: the loss of one new run, the same with a residual of the fitted runs added. Neither holds
            the chance that the law is wrong out there; :func:`quokka_laws.average` does.
        **data
            Raw units, scalars or arrays that broadcast.

        Returns
        -------
        DataFrame
            The data, ``loss``, ``loss_lower`` and ``loss_upper`` (with ``interval``), ``extrapolation``.
        """
        arrays = {k: np.asarray(v, dtype=float) for k, v in data.items() if v is not None}
        bad = [f"{k} = {v[~(v > 0)].flat[0]:g}" for k, v in arrays.items() if not (v > 0).all()]
        if bad:
            raise ValueError(f"{', '.join(bad)}: N, D, U_D and epochs must be positive numbers")
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()))
        flat = {k: np.broadcast_to(v, shape).reshape(-1) for k, v in arrays.items()}
        table = pd.DataFrame(flat)
        with np.errstate(over="ignore"):
            table["loss"] = self._loss(self.values, flat)
        if (lost := np.flatnonzero(~np.isfinite(table["loss"]))).size:
            shown = "; ".join(f"row {i + 1}: {', '.join(f'{k} = {v[i]:g}' for k, v in flat.items())}" for i in lost[:8])
            raise FitError(
                f"{self.label} predicts no finite loss in {len(lost)} of {len(table)} rows ({shown}); they are too far "
                "outside anything it was fitted on"
            )
        if interval is not None:
            check_level(interval)
            spread = self._loss(self.draw_values(), flat)
            if kind == "run":
                spread = spread * np.exp(self._noise(spread.shape))
            elif kind != "mean":
                raise ValueError(f"kind = {kind!r}: 'mean' (of the law) or 'run' (of one new run)")
            table["loss_lower"], table["loss_upper"] = percentile_interval(spread, interval)
        table["extrapolation"] = self.extrapolation(**flat)
        return table

    def _noise(self, shape: tuple[int, ...]) -> Array:
        """ln(observed / predicted) of new runs: residuals at random, widened for the coefficients fitted to them."""
        residuals = self.log_residuals()
        spare = max(len(residuals) - len(self.law.coefficients), 1)
        drawn = -np.random.default_rng(0).choice(residuals, size=shape)
        return np.asarray(drawn * np.sqrt(len(residuals) / spare))


@dataclass(frozen=True)
class FitResult(FittedLaw):
    """Frozen evidence of a fit; see the fields for what each number means.

    Parameters
    ----------
    objective, objective_value
        What was minimised, and its value: the weighted *sum* over rows.
    status : FitStatus
        An optimistic view of success: that a minimum was reached, not that the law is right.
    flags : tuple of Flag
        Everything doubtful, one sentence each.
    runs : DataFrame
        The rows that were fitted; ``excluded`` lists those left out with the reason.
    params : lmfit.Parameters
        Settings of the fit with fitted values; ``stderr`` and ``correl`` come from the bootstrap draws of *this*
        objective, and stay None without them.
    starts : dict
        How many starts were solved and how many reached the optimum.
    rivals : DataFrame
        Other local minima found, best first: objective_value and coefficients.
    gradient_norm : float
        Largest component of the scaled gradient at the optimum.
    condition_number : float
        Of the Hessian with unit diagonal: above 1e8 some combination of coefficients is not identified.
    bootstrap : dict
        Kind of resampling, refits asked for, refits that converged.
    route : str
        ``"newton"``, or why lmfit's Minimizer had to be used.
    prior : dict
        Normal priors that were taken, mean and standard deviation by coefficient; empty without.
    seed : int
    versions : dict
        Of this package and what it computes with.
    """

    objective: Objective = field(default_factory=LogHuber)
    objective_value: float = np.nan
    status: FitStatus = FitStatus.EVALUATED
    flags: tuple[Flag, ...] = ()
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    excluded: pd.DataFrame = field(default_factory=pd.DataFrame)
    params: lmfit.Parameters = field(default_factory=lmfit.Parameters)
    starts: dict[str, int] = field(default_factory=dict)
    rivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    gradient_norm: float = np.nan
    condition_number: float = np.nan
    bootstrap: dict[str, Any] = field(default_factory=dict)
    route: str = "newton"
    prior: dict[str, tuple[float, float]] = field(default_factory=dict)
    seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    # ---- views ------------------------------------------------------------------------------------------------

    @property
    def identified(self) -> bool:
        """Whether these runs determine every combination of coefficients, by the condition number."""
        return not self.condition_number > CONDITION_LIMIT

    @property
    def has_intervals(self) -> bool:
        """Whether there are draws whose spread means something: of an unidentified fit it does not."""
        return self.draws is not None and self.identified

    def summary_at(self, level: float = 0.95) -> pd.DataFrame:
        """Coefficients with standard error and interval at ``level``; blank (NaN) without draws or not identified."""
        check_level(level)
        table = pd.DataFrame({"value": [self.values[k] for k in self.law.names]}, index=list(self.law.names))
        table.index.name = "coefficient"
        table[["stderr", "lower", "upper"]] = np.nan
        if self.draws is not None and self.identified and len(self.draws.dropna()) > 1:
            usable = self.draws.dropna()
            table["stderr"] = usable.std(ddof=1)
            lower, upper = percentile_interval(usable.to_numpy(), level)
            table["lower"], table["upper"] = lower, upper
        table["at_bound"] = [self._at_bound(k) for k in self.law.names]
        return table

    @property
    def summary(self) -> pd.DataFrame:
        """DataFrame indexed by coefficient: value, stderr, lower, upper (95 %), at_bound."""
        return self.summary_at(0.95)

    def _at_bound(self, name: str) -> bool:
        par = self.params.get(name)
        return bool(par is not None and par.vary and (self.values[name] in (par.min, par.max)))

    def log_residuals(self) -> Array:
        """ln(predicted / observed) of the fitted rows."""
        return self.residuals["residual"].to_numpy(dtype=float)

    @property
    def rms_residual(self) -> float:
        """Root mean square of the log-residuals: 0.01 means that the law misses the loss by about 1 %."""
        return float(np.sqrt(np.mean(self.log_residuals() ** 2))) if len(self.runs) else np.nan

    @property
    def residuals(self) -> pd.DataFrame:
        """The fitted runs with ``predicted`` loss and ``residual`` = ln(predicted / observed), weights aside."""
        table = self.runs.copy()
        table["predicted"] = self._loss(self.values, inputs_of(table))
        table["residual"] = np.log(table["predicted"] / table["loss"])
        return table

    def report(self) -> str:
        """The fit as text; bad news in capitals."""
        from quokka_laws.report_text import fit_report

        return fit_report(self)

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        facts = f"{len(self.runs)} rows, objective {self.objective_value:.6g}, {self.status.value}"
        title = f"{self.label}: loss = {self.law.equation}"
        return card(title, facts, self.summary, doubts=[f.message for f in self.flags], index=True)

    def profile(self, name: str, **settings: Any) -> pd.DataFrame:
        """Profile of the objective along one coefficient; see :func:`quokka_laws.profiles.profile`."""
        from quokka_laws.profiles import profile

        return profile(self, name, **settings)

    # ---- storage ----------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` turns back into an equal result."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "law": self.law.to_spec(),
            "values": self.values,
            "conventions": self.conventions.to_dict(),
            "fitted_range": {k: list(v) for k, v in self.fitted_range.items()},
            "objective": self.objective.to_spec(),
            "objective_value": self.objective_value,
            "rms_residual": self.rms_residual,
            "status": self.status.name,
            "flags": [[f.code, f.message] for f in self.flags],
            "starts": self.starts,
            "gradient_norm": self.gradient_norm,
            "condition_number": self.condition_number,
            "bootstrap": self.bootstrap,
            "route": self.route,
            "prior": {k: list(v) for k, v in self.prior.items()},
            "seed": self.seed,
            "versions": self.versions,
            "params": [_plain_parameter(p) for p in self.params.values()],
            "rivals": _columns(self.rivals),
            "excluded": _columns(self.excluded),
            "draws": None if self.draws is None else _columns(self.draws),
            "runs": _columns(self.runs),
            "runs_attrs": self.runs.attrs,
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """Write (or return) the fit as JSON; :func:`quokka_laws.read_fit` reads it back exactly."""
        text = json.dumps(_finite(self.to_dict()), allow_nan=False, separators=(",", ":"))
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FitResult:
        """Rebuild a result from :meth:`to_dict`.

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
        return cls(
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
            params=_read_parameters(data["params"], draws),
            starts=data["starts"],
            rivals=pd.DataFrame(data["rivals"]),
            gradient_norm=data["gradient_norm"],
            condition_number=data["condition_number"],
            bootstrap=data["bootstrap"],
            route=data["route"],
            prior={k: (v[0], v[1]) for k, v in data.get("prior", {}).items()},
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
        return FitResult.from_dict(source)
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
    return FitResult.from_dict(data)


def draws_to_parameters(params: lmfit.Parameters, draws: pd.DataFrame | None) -> lmfit.Parameters:
    """Fill ``stderr`` and ``correl`` of lmfit parameters from bootstrap draws; leave them None without draws."""
    if draws is None or len(draws.dropna()) < 2:
        return params
    usable = draws.dropna()
    stderr = usable.std(ddof=1)
    moving = [name for name, par in params.items() if par.vary and stderr[name] > 0]
    correlation = usable[moving].corr()
    for name, par in params.items():
        if par.vary or par.expr:
            par.stderr = float(stderr[name])
        if name in moving:
            par.correl = {other: float(correlation.loc[name, other]) for other in moving if other != name}
    return params


def check_level(level: float) -> None:
    """Raise unless ``level`` is a probability such as 0.9."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"interval = {level!r} is not between 0 and 1; 0.9 means a 90 % interval")


def _plain_parameter(par: lmfit.Parameter) -> dict[str, Any]:
    return {
        "name": par.name,
        "value": float(par.value),
        "vary": bool(par.vary),
        "expr": par.expr,
        "min": float(par.min),
        "max": float(par.max),
    }


def _read_parameters(plain: list[dict[str, Any]], draws: pd.DataFrame | None) -> lmfit.Parameters:
    params = lmfit.Parameters()
    for entry in plain:  # expressions last: they refer to the others
        params.add(**{k: v for k, v in entry.items() if k != "expr"})
    for entry in plain:
        if entry["expr"]:
            params[entry["name"]].set(expr=entry["expr"])
    return draws_to_parameters(params, draws)


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
