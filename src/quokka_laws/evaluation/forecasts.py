"""Predictions written down before the run, and what became of them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import binom, norm

from quokka_laws._spelling import either
from quokka_laws._version import __version__
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.plan.arguments import one_positive
from quokka_laws.results.diagnostic import Diagnostic, Severity
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human, left_aligned
from quokka_laws.results.schema import Finite, Positive, Strict, Word, refuse
from quokka_laws.results.storage import data_hash, read_stored
from quokka_laws.runs.conventions import UNSTATED, Conventions
from quokka_laws.runs.quantities import parse_quantity
from quokka_laws.runs.read import read_runs
from quokka_laws.writing import write_atomically

SCHEMA = "quokka-laws/forecast"
SCHEMA_VERSION = 1
LEVELS = (0.5, 0.8, 0.9, 0.95)
ALIKE = 0.01
"""Relative distance up to which a run is the one that was forecast."""
FEWEST_TO_JUDGE = 5
UNLIKELY, MATERIAL = 0.01, 0.15
"""Chance of a count, and distance of a share below its level, from which intervals are called off: forecasts of one fit share its error, so
the chance alone overstates."""
HOW = "a forecast is written by `quokka-laws forecast fit.json -N 7B -D 140B -o forecast.json`"


@dataclass(frozen=True)
class Forecast:
    """The loss of one run, predicted before it.

    Parameters
    ----------
    question : str
        What is asked, in words.
    at : dict of str to float
        N, D or whatever the law takes, in raw units.
    median : float
        Of the predictive distribution, in the unit of the conventions.
    spread : float
        Its standard deviation, of ln(loss).
    intervals : dict of str to (float, float)
        Equal-tailed, by level in per cent: "50", "80", "90", "95".
    law, equation : str
    coefficients : dict of str to float
    runs : int
        Behind the fit.
    data_sha256 : str
        Of those runs.
    extrapolation : float
        How far the point lies outside them.
    conventions : dict of str to str
    version : str
        Of this package.
    made : str
        Date and time, UTC, ISO 8601.
    series : str
        What several forecasts have in common, for a running table.
    """

    question: str
    at: dict[str, float]
    median: float
    spread: float
    intervals: dict[str, tuple[float, float]]
    law: str
    equation: str
    coefficients: dict[str, float]
    runs: int
    data_sha256: str
    extrapolation: float
    conventions: dict[str, str]
    version: str = __version__
    made: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    series: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(self)}

    def to_json(self, path: str | Path | None = None) -> str:
        """Write (or return) it as JSON; :func:`read_forecast` reads it back."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"
        if path is not None:
            write_atomically(path, text)
        return text

    @property
    def table(self) -> pd.DataFrame:
        """``level, lower, upper``."""
        rows = [(float(k) / 100.0, *v) for k, v in self.intervals.items()]
        return pd.DataFrame(rows, columns=["level", "lower", "upper"])

    @property
    def answer(self) -> str:
        """One line."""
        low, high = self.intervals["90"]
        unit = self.conventions.get("loss_unit", "")
        return f"{self.question} {self.median:.3f} {unit} (90 %: {low:.3f} … {high:.3f})"

    def __str__(self) -> str:
        return self.answer


class StoredForecast(Strict):
    """A forecast as it lies on disk."""

    kind: Literal["quokka-laws/forecast"] = Field(alias="schema")
    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)]
    question: Word
    at: Annotated[dict[Word, Positive], Field(min_length=1, max_length=100)]
    median: Positive
    spread: Positive
    intervals: Annotated[
        dict[Literal["50", "80", "90", "95"], Annotated[list[Positive], Field(min_length=2, max_length=2)]],
        Field(min_length=4),
    ]
    law: Word
    equation: Word
    coefficients: dict[Word, Finite]
    runs: Annotated[int, Field(ge=0)]
    data_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    extrapolation: float
    conventions: dict[Word, Word]
    version: Word
    made: Word
    series: Word


def forecast(fit: FitResult, *, question: str = "", series: str = "", **at: Any) -> Forecast:
    """Write down what a fit predicts of one new run, before it is trained.

    The distribution is that of ``fit.predict(kind="run")``: coefficients of the refits, each with a residual of the runs added. It does not hold
    the chance that the law is wrong out there; whether that matters is what :func:`score` finds out.

    Parameters
    ----------
    fit : FitResult
        With draws: ``ql.fit(..., bootstrap=1000)``.
    question : str
        In words; made from N and D without it.
    series : str
        A name that forecasts of one project share.
    **at
        N and D, or what the law takes: numbers, or text such as ``"7B"``.

    Returns
    -------
    Forecast

    Raises
    ------
    FitError
        If the fit has no draws, or predicts a loss that no model has.
    ArgumentError
        If something is missing, or not one positive number.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> fit = ql.fit("chinchilla", ql.datasets.load_quokka_isoflops(), objective="auto", bootstrap=100)
    >>> found = ql.forecast(fit, N="7B", D="140B", series="ladder")
    >>> sorted(found.intervals)
    ['50', '80', '90', '95']
    >>> scores = ql.score(found, 1.02 * found.median)
    >>> round(float(scores.table["error"][0]), 3)
    0.02
    """
    if not isinstance(fit, FitResult):
        raise ArgumentError(
            f"a forecast is made from a fit with its runs, such as ql.fit(...) returns, not from {fit!r}"
        )
    given = {
        k: parse_quantity(v) if isinstance(v, str) and k not in fit.law.groups else v
        for k, v in at.items()
        if v is not None
    }
    point: dict[str, Any] = dict(zip(given, one_positive(**given), strict=True))
    fit.predict(level=None, **point)  # refuses what cannot be predicted
    spread = fit.samples(kind="run", **point)[:, 0]
    tails = [(0.5 - level / 2, 0.5 + level / 2) for level in LEVELS]
    bounds = [tuple(map(float, np.quantile(spread, pair))) for pair in tails]
    where = ", ".join(f"{k} = {f'{v:.3g}' if k == 'C' else human(v)}" for k, v in point.items())
    return Forecast(
        question=question or f"Loss of a run at {where}:",
        at={k: float(v) for k, v in point.items()},
        median=float(np.median(spread)),
        spread=float(np.std(np.log(spread), ddof=1)),
        intervals={f"{100 * level:.0f}": (low, high) for level, (low, high) in zip(LEVELS, bounds, strict=True)},
        law=fit.label,
        equation=fit.law.equation,
        coefficients={k: float(v) for k, v in fit.values.items()},
        runs=len(fit.runs),
        data_sha256=data_hash(fit.runs),
        extrapolation=float(fit.extrapolation(**point)),
        conventions=fit.conventions.to_dict(),
        series=series,
    )


def is_forecast(path: str | Path) -> bool:
    """Whether a file holds a forecast."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return SCHEMA in file.read(200)
    except OSError:
        return False


def read_forecast(source: str | Path | Mapping[str, Any]) -> Forecast:
    """Read a forecast written by :meth:`Forecast.to_json`.

    Raises
    ------
    FitFileError
        If it is not JSON, no forecast, damaged, or from a newer version: a line per fault.
    """
    stored, where = read_stored(source, StoredForecast, schema=SCHEMA, what="forecast", how=HOW)
    refuse(
        where,
        [
            f"intervals.{k}: expected lower below upper, not {low:g} and {high:g}"
            for k, (low, high) in stored.intervals.items()
            if not low <= high
        ],
    )
    kept = stored.model_dump(exclude={"kind", "schema_version"})
    return Forecast(**{**kept, "intervals": {k: (v[0], v[1]) for k, v in stored.intervals.items()}})


@dataclass(frozen=True)
class Scores:
    """What became of forecasts.

    Parameters
    ----------
    table : DataFrame
        One row per forecast and run: ``question``, what it was asked at, ``made``, ``series``, ``median``, ``observed``, ``error`` (observed over
        median, less 1), ``within`` (the smallest interval that holds it; NaN: none), ``z`` (distance in standard deviations of ln(loss)),
        ``log_score`` (log density of the loss under the log-normal of that median and standard deviation; higher is
        better). Blank where there is no run yet.
    forecasts : list of Forecast
        Of the rows.
    diagnostics : tuple of Diagnostic
    """

    table: pd.DataFrame
    forecasts: list[Forecast]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def scored(self) -> pd.DataFrame:
        """Rows whose run is there."""
        return self.table[self.table["observed"].notna()]

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """By level: ``forecasts``, ``inside``, ``share``, and ``p``: how likely so few or so many are if intervals are right."""
        within, n = self.scored["within"].to_numpy(dtype=float), len(self.scored)
        rows = []
        for level in LEVELS:
            inside = int((within <= level + 1e-9).sum())
            tail = min(binom.cdf(inside, n, level), binom.sf(inside - 1, n, level))
            rows.append(
                {
                    "level": level,
                    "forecasts": n,
                    "inside": inside,
                    "share": inside / max(n, 1),
                    "p": min(1.0, 2.0 * tail),
                }
            )
        return pd.DataFrame(rows)

    @property
    def answer(self) -> str:
        """One line for one forecast, a count for many."""
        if len(self.scored) == 1:
            row = self.scored.iloc[0]
            inside = (
                "outside the 95 % interval"
                if np.isnan(row["within"])
                else f"inside the {100 * row['within']:.0f} % interval"
            )
            return (
                f"Observed {row['observed']:.3f}, forecast {row['median']:.3f}: {100 * row['error']:+.2g} %, {inside} (z = {row['z']:.2g}, "
                f"log score {row['log_score']:.3g})"
            )
        ninety = self.coverage.set_index("level").loc[0.9]
        return (
            f"{ninety['inside']:.0f} of {ninety['forecasts']:.0f} runs fell inside their 90 % interval; median error "
            f"{100 * self.scored['error'].abs().median():.2g} %, mean log score {self.scored['log_score'].mean():.3g}"
        )

    @property
    def known(self) -> list[str]:
        """What to know before relying on it."""
        return [d.sentence() for d in self.diagnostics]

    def evidence(self) -> str:
        """The running table of coverage, where there is more than one."""
        return left_aligned(self.coverage.set_index("level")) if len(self.scored) > 1 else ""


def score(forecasts: Any, result: Any) -> Scores:
    """How far forecasts were off, in which interval the runs fell, and whether intervals are as wide as they should be.

    Parameters
    ----------
    forecasts : Forecast, path, or a sequence of them
    result : DataFrame, path or float
        Runs, as for :func:`quokka_laws.read_runs`; those at the N and D of a forecast (within 1 %) are its outcome. A number
        is the loss of the run of a single forecast.

    Returns
    -------
    Scores

    Raises
    ------
    FitFileError
        If a file is no forecast.
    RunsError
        If no run is one that was forecast; the message names the nearest.
    ArgumentError
        If losses are in another unit than a forecast.
    """
    several = [forecasts] if isinstance(forecasts, Forecast | str | Path | Mapping) else list(forecasts)
    read = [f if isinstance(f, Forecast) else read_forecast(f) for f in several]
    if not read:
        raise ArgumentError("there are no forecasts to score")
    if isinstance(result, int | float | np.number):
        if len(read) != 1:
            raise ArgumentError(f"one loss cannot score {len(read)} forecasts: give a table of runs with N, D and loss")
        (loss,) = one_positive(loss=result)
        return _scores([(read[0], float(loss))], [])
    runs = read_runs(result)
    scores = outcomes(read, runs)
    if not len(scores.scored):
        raise RunsError(f"no run is one that was forecast: {_nearest(read[0], runs)}")
    return scores


def outcomes(forecasts: Sequence[Forecast], runs: pd.DataFrame) -> Scores:
    """As :func:`score`, of checked runs; forecasts may all be without a run."""
    found, diagnostics = [], []
    for f in forecasts:
        diagnostics += _differences(f, Conventions.from_dict(runs.attrs.get("conventions", {})))
        losses = runs.loc[_matching(f, runs), "loss"].tolist()
        found += [(f, float(loss)) for loss in losses] or [(f, float("nan"))]
    return _scores(found, diagnostics)


def _matching(f: Forecast, runs: pd.DataFrame) -> Any:
    if missing := [k for k in f.at if k not in runs]:
        raise RunsError(f"the forecast is at {', '.join(f.at)}, and the runs have no {', '.join(missing)}")
    return np.logical_and.reduce(
        [(np.abs(np.log(runs[k].astype(float) / v)) <= ALIKE).to_numpy() for k, v in f.at.items()]
    )


def _nearest(f: Forecast, runs: pd.DataFrame) -> str:
    apart = sum(np.abs(np.log(runs[k].astype(float) / v)) for k, v in f.at.items())
    row = runs.loc[apart.idxmin()]
    asked, nearest = (
        ", ".join(f"{k} = {human(float(v))}" for k, v in at.items()) for at in (f.at, {k: row[k] for k in f.at})
    )
    return f"asked at {asked}, the nearest run is at {nearest}; give exact sizes, or the loss alone{either('', ' (--loss 2.31)')}"


def _differences(f: Forecast, runs: Conventions) -> list[Diagnostic]:
    """Conventions that both state and that differ; another unit is refused."""
    made, observed = Conventions.from_dict(f.conventions).to_dict(), runs.to_dict()
    if made["loss_unit"] != observed["loss_unit"]:
        raise ArgumentError(
            f"the forecast is in {made['loss_unit']}, the runs are in {observed['loss_unit']}: convert one first"
        )
    keys = ("loss_split", "loss_kind", "N_counts", "tokenizer", "corpus")
    apart = {
        k: [made[k], observed[k]] for k in keys if UNSTATED not in (made[k], observed[k]) and made[k] != observed[k]
    }
    return [Diagnostic("FORECAST_OF_OTHER_RUNS", numbers={"question": f.question, "apart": apart})] if apart else []


def _scores(found: Sequence[tuple[Forecast, float]], diagnostics: list[Diagnostic]) -> Scores:
    rows = []
    for f, loss in found:
        z = (np.log(loss) - np.log(f.median)) / f.spread
        held = [float(k) / 100.0 for k, (low, high) in f.intervals.items() if low <= loss <= high]
        rows.append(
            {
                "question": f.question,
                **f.at,
                "made": f.made,
                "series": f.series,
                "median": f.median,
                "observed": loss,
                "error": loss / f.median - 1.0,
                "within": min(held, default=np.nan),
                "z": z,
                "log_score": norm.logpdf(z) - np.log(f.spread) - np.log(loss),
            }
        )
    scores = Scores(pd.DataFrame(rows), [f for f, _ in found])
    pending = [f.question for f, loss in found if np.isnan(loss)]
    if pending:
        diagnostics = [
            *diagnostics,
            Diagnostic("FORECASTS_PENDING", Severity.NOTE, {"count": len(pending), "first": pending[0]}),
        ]
    ninety = scores.coverage.set_index("level").loc[0.9]
    far = not 0.9 - MATERIAL <= ninety["share"] < 1.0
    if ninety["forecasts"] >= FEWEST_TO_JUDGE and ninety["p"] < UNLIKELY and far:
        numbers = {"inside": int(ninety["inside"]), "of": int(ninety["forecasts"]), "p": float(ninety["p"])}
        diagnostics = [*diagnostics, Diagnostic("INTERVALS_OFF", numbers=numbers)]
    return Scores(scores.table, scores.forecasts, tuple(diagnostics))
