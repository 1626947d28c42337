"""Fits of one law to several losses of the same runs: one table, differences with intervals, one folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._expressions import nearest
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitFileError
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import indent, left_aligned
from quokka_laws.results.intervals import check_level, percentile_interval, standard_error
from quokka_laws.results.notebook import card
from quokka_laws.results.storage import read_fit, read_object
from quokka_laws.writing import make_folder, write_atomically

INDEX = "losses.json"
LEVEL = 0.95
_NO_DRAWS = np.empty((0, 0))


@dataclass(frozen=True, eq=False, repr=False)
class LossFits(Mapping[str, FitResult]):
    """One fit for each loss, by the name of its column: ``fits["eval/code"]``.

    All are of the same runs, and draw k of each is from the same resample, so that differences between losses have
    intervals of their own: what the runs share cancels.

    Parameters
    ----------
    fits : mapping of str to FitResult
        The first is what the others are compared with.
    left_out : mapping of str to str
        Losses that could not be fitted, and why.
    incomplete : mapping of str to int
        Loss → rows without it, which no fit uses.

    Examples
    --------
    >>> import numpy as np, pandas as pd, quokka_laws as ql
    >>> C = np.geomspace(1e18, 1e21, 12)
    >>> runs = pd.DataFrame({"C": C, "code": 1 + 40 * C**-0.1, "web": 2 + 60 * C**-0.1})
    >>> fits = ql.fit("power", runs, loss=["code", "web"])
    >>> fits.differences().loc[("web", "E"), "difference"].round(6)
    np.float64(1.0)
    """

    fits: Mapping[str, FitResult]
    left_out: Mapping[str, str] = field(default_factory=dict)
    incomplete: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, loss: str) -> FitResult:
        if loss not in self.fits:
            raise KeyError(f"no fit of {loss!r}; there are {', '.join(self.fits)}")
        return self.fits[loss]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fits)

    def __len__(self) -> int:
        return len(self.fits)

    @property
    def first(self) -> str:
        """The loss that the others are compared with."""
        return next(iter(self.fits))

    # ---- tables -----------------------------------------------------------------------------------------------

    def table(self, level: float = LEVEL) -> pd.DataFrame:
        """Coefficients of every fit: indexed by loss and coefficient; value, stderr, lower, upper, at_bound."""
        return pd.concat({loss: fit.summary_at(level) for loss, fit in self.fits.items()}, names=["loss"])

    def differences(self, against: str | None = None, *, level: float = LEVEL, **data: Any) -> pd.DataFrame:
        """How the other losses differ from one of them.

        Parameters
        ----------
        against : str, optional
            The first loss by default.
        level : float
        **data
            Where to compare predicted losses: ``N=7e9, D=140e9`` or sequences. Without, coefficients are compared.

        Returns
        -------
        DataFrame
            Indexed by loss and coefficient, or with a row for each loss and point: ``difference``, ``stderr``, ``lower``,
            ``upper``; the last three are NaN without draws.
        """
        check_level(level)
        base = self.first if against is None else against
        if base not in self.fits:
            near = nearest(base, self.fits)
            raise ArgumentError(
                f"against = {base!r}; the losses are {', '.join(self.fits)}"
                + (f"; did you mean {near!r}?" if near else "")
            )
        others = [loss for loss in self.fits if loss != base]
        pairs = {loss: self._paired(loss, base) for loss in others}
        if data:
            points = self.fits[base].predict(level=None, **data)
            points = points[[str(c) for c in points if c in data]]

            def losses(fit: FitResult) -> tuple[Array, Array]:
                return np.ravel(fit(**data)), fit.samples(kind="mean", **data) if fit.draws is not None else _NO_DRAWS

            rows = {
                loss: pd.concat([points, _difference(losses(a), losses(b), level)], axis=1)
                for loss, (a, b) in pairs.items()
            }
            return pd.concat(rows, names=["loss"]).droplevel(1).reset_index()
        shared = list(self.fits[base].law.names)

        def coefficients(fit: FitResult) -> tuple[Array, Array]:
            values = np.array([fit.values[k] for k in shared])
            return values, fit.draws[shared].to_numpy() if fit.draws is not None else _NO_DRAWS

        tables = {
            loss: _difference(coefficients(a), coefficients(b), level).set_axis(pd.Index(shared, name="coefficient"))
            for loss, (a, b) in pairs.items()
        }
        return pd.concat(tables, names=["loss"])

    def _paired(self, loss: str, base: str) -> tuple[FitResult, FitResult]:
        """Two fits with the draws of the resamples on which both converged; without draws where there are no such."""
        a, b = self.fits[loss], self.fits[base]
        if a.draws is None or b.draws is None or not (a.identified and b.identified) or len(a.draws) != len(b.draws):
            return replace(a, draws=None), replace(b, draws=None)
        both = (a.draws.notna().all(axis=1) & b.draws.notna().all(axis=1)).to_numpy()
        return tuple(replace(fit, draws=fit.draws[both] if both.sum() > 1 else None) for fit in (a, b))  # type: ignore[index, return-value]

    def predict(self, *, level: float | None = None, **data: Any) -> pd.DataFrame:
        """Predicted losses: as :meth:`FittedLaw.predict`, with a row for each loss and point."""
        parts = {name: fit.predict(level=level, **data) for name, fit in self.fits.items()}
        return pd.concat(parts, names=["of"]).droplevel(1).reset_index()

    # ---- views ------------------------------------------------------------------------------------------------

    def report(self) -> str:
        """Coefficients side by side, differences from the first loss, and what was left out, as text."""
        parts = [
            f"{len(self)} losses of the same {self._rows} runs: {self._law}",
            indent(left_aligned(self.side_by_side())),
        ]
        if len(self) > 1:
            parts.append(
                f"Difference from {self.first}, {100 * LEVEL:.3g} % intervals of the same resamples\n"
                f"{indent(left_aligned(self.shown_differences()))}"
            )
        parts += self.remarks()
        return "\n\n".join(parts)

    def side_by_side(self) -> pd.DataFrame:
        """Text: one row per loss, one column per coefficient, with its interval where there is one."""
        return self._wide(self.table(), "value")

    def shown_differences(self) -> pd.DataFrame:
        """Text: as :meth:`side_by_side`, of :meth:`differences`; ``*`` where the interval leaves out zero."""
        return self._wide(self.differences(), "difference", signed=True)

    def remarks(self) -> list[str]:
        """What was left out, and why, as sentences."""
        said = [f"{loss} is not fitted: {why}" for loss, why in self.left_out.items()]
        if self.incomplete:
            lacks = ", ".join(f"{loss} is missing in {count}" for loss, count in self.incomplete.items())
            said.append(
                f"Only rows that have every loss are used, so that all fits are of the same {self._rows} runs: {lacks}. "
                "Leave a loss out to use more rows for the others."
            )
        return said

    def _wide(self, table: pd.DataFrame, value: str, *, signed: bool = False) -> pd.DataFrame:
        def cell(row: pd.Series) -> str:
            text = f"{row[value]:{'+.3' if signed else '.4'}g}"
            if np.isfinite(row["stderr"]):
                ends = ".2g" if signed else ".3g"
                text += f" [{row['lower']:{ends}}, {row['upper']:{ends}}]"
                text += "*" if signed and (row["lower"] > 0 or row["upper"] < 0) else ""
            return text

        shown = table.apply(cell, axis=1).unstack("coefficient")
        order = [k for k in next(iter(self.fits.values())).law.names if k in shown]
        return shown.loc[[k for k in self.fits if k in shown.index], order].rename_axis(index=None, columns=None)

    @property
    def _law(self) -> str:
        fit = self.fits[self.first]
        return f"loss = {fit.law.equation}"

    @property
    def _rows(self) -> int:
        return len(self.fits[self.first].runs)

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        facts = f"{len(self)} losses of the same {self._rows} runs"
        return card(self._law, facts, self.side_by_side(), diagnostics=self.remarks(), index=True)

    # ---- storage ----------------------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write a folder with one fit.json per loss, named after it, and a list of them; :func:`quokka_laws.read_fits` reads it back.

        Returns
        -------
        Path
            The folder.
        """
        folder = make_folder(folder)
        files: dict[str, str] = {}
        for loss, fit in self.fits.items():
            stem = re.sub(r"[^\w.-]+", "-", loss).strip("-.") or "loss"
            taken = {name.removesuffix(".json") for name in (*files.values(), INDEX)}
            name = next(
                n for n in (stem, *(f"{stem}-{i}" for i in range(2, 10_000))) if n.lower() not in map(str.lower, taken)
            )
            files[loss] = f"{name}.json"
            fit.save(folder / files[loss])
        index = {"files": files, "left_out": dict(self.left_out), "incomplete": dict(self.incomplete)}
        write_atomically(folder / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
        return folder


def _difference(this: tuple[Array, Array], base: tuple[Array, Array], level: float) -> pd.DataFrame:
    """Difference of values (things,) with the interval of that of their draws (refits, things)."""
    table = pd.DataFrame({"difference": this[0] - base[0]})
    table[["stderr", "lower", "upper"]] = np.nan
    if len(this[1]) > 1:
        drawn = this[1] - base[1]
        table["stderr"] = standard_error(drawn)
        table["lower"], table["upper"] = percentile_interval(drawn, level)
    return table


def read_fits(folder: str | Path) -> LossFits:
    """Fits of several losses, from the folder that :meth:`LossFits.save` wrote.

    Raises
    ------
    FitFileError
        If it is no such folder.
    """
    folder = Path(folder)
    index, where = read_object(
        folder / INDEX, "such a folder is written by `quokka-laws fit runs.csv --loss 'eval/*' -o folder`"
    )
    files = index.get("files")
    if not isinstance(files, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in files.values()
    ):
        raise FitFileError(f"{where}: 'files' should be an object of losses and file names in the same folder")
    fits = {loss: read_fit(folder / name) for loss, name in files.items()}
    fitted = {loss: fit for loss, fit in fits.items() if isinstance(fit, FitResult)}
    if len(fitted) != len(fits) or not fits:
        raise FitFileError(f"{where}: there is no fit of {', '.join(sorted(set(fits) - set(fitted))) or 'any loss'}")
    return LossFits(fitted, dict(index.get("left_out", {})), dict(index.get("incomplete", {})))
