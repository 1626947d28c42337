"""What every law is: a functional form without numbers, written as log-terms.

``loss = Σ_k exp(T_k)``. A law names its coefficients and returns the terms ``T_k``; derivatives come from
evaluating the same formula on jets (:mod:`quokka_laws.laws.jet`). Nothing else about a law is special, so one solver,
one bootstrap and one planner serve all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import lmfit
import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws.jet import Jet, variables
from quokka_laws.laws.parameters import checked
from quokka_laws.laws.projection import nnls
from quokka_laws.laws.shortage import Shortage

Inputs = Mapping[str, Any]
"""Data as the laws see them: ``log_N``, ``log_D``, ``log_U_D``, ``log_C`` and ``epochs``, arrays or jets."""


COMPLETED = ("N", "D", "C", "U_D", "epochs")
"""Variables that are derived from one another."""

AUTOMATIC = "automatic start"
"""``user_data`` of a parameter whose start value nobody gave; a range (low, high) is where to look for one."""

NAMED: dict[str, type[Law]] = {}
"""Every law defined so far, by its name."""


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of a law.

    Parameters
    ----------
    name : str
        As printed in the papers: ``E``, ``A``, ``alpha`` …
    meaning : str
        What it says, in words.
    kind : {"amplitude", "scale", "exponent"}
        An *amplitude* multiplies exactly one term and may be zero; a *scale* is positive; both are solved for as
        logarithms. An *exponent* is solved for as it is; so is a *slope*, which multiplies a term and may have any size.
    start : (float, float)
        Range in which automatic starts look for it (amplitudes are solved, not searched).
    min, max : float
        Default bounds, in natural units.
    bound_means : str
        What it means that a fit ends at a bound, where that is nothing to worry about.
    """

    name: str
    meaning: str
    kind: Literal["amplitude", "slope", "scale", "exponent"] = "exponent"
    start: tuple[float, float] = (0.05, 1.5)
    min: float = -np.inf
    max: float = np.inf
    bound_means: str = ""

    @property
    def is_log(self) -> bool:
        """Whether the solver works on the logarithm of this coefficient."""
        return self.kind in ("amplitude", "scale")

    @property
    def coordinate(self) -> str:
        """Name of the solver's coordinate: ``log_A`` for ``A``, ``alpha`` for ``alpha``."""
        return f"log_{self.name}" if self.is_log else self.name


@dataclass(frozen=True)
class Law:
    """Base of all laws; immutable, compared by value.

    A subclass sets ``name``, ``equation``, ``source`` and ``variables`` and implements :attr:`coefficients` and
    :meth:`log_terms`; from then on it is known by its name. See ``docs/architecture.md`` for a worked example.
    """

    name: ClassVar[str]
    equation: ClassVar[str]
    source: ClassVar[str]
    variables: ClassVar[tuple[str, ...]] = ("N", "D")
    groups: ClassVar[tuple[str, ...]] = ()
    """Columns of text that a law takes: one value of a coefficient per level."""
    of_unique_data: ClassVar[tuple[str, ...]] = ()
    """Coefficients that say what more unique data change: runs of one U_D say nothing about them."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not hasattr(cls, "name"):  # a base of laws
            return
        known = NAMED.setdefault(cls.name, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"{cls.__qualname__}: a law called {cls.name!r} exists, {known.__module__}.{known.__qualname__}; a fit is "
                "read back by the name of its law, so set another name"
            )
        NAMED[cls.name] = cls  # defined again, as in a notebook

    @property
    def label(self) -> str:
        """What tables and messages call the law."""
        return self.name

    @property
    def formula(self) -> str:
        """The law as :func:`quokka_laws.law` reads it; empty for a law that has not been written so."""
        return ""

    @property
    def of_N_and_D(self) -> bool:
        """Whether the law is one of parameters and tokens and of nothing else, so that a budget is a line on its surface."""
        return set(self.takes) == {"N", "D"}

    @property
    def of_repetition(self) -> bool:
        """Whether the law is one of parameters, unique tokens and epochs, and of nothing else."""
        return "epochs" in self.variables and set(self.takes) <= {"N", "D", "U_D", "epochs"}

    @property
    def own_names(self) -> dict[str, str]:
        """The user's name of a variable → the canonical one, where a formula was written in the names of the table."""
        return {}

    @property
    def takes(self) -> tuple[str, ...]:
        """Every column that the law needs: its variables and those in brackets."""
        return (*self.variables, *self.groups)

    def for_table(self, columns: Mapping[str, Array], renamed: Mapping[str, str] | None = None) -> Law:
        """The law with what only a table can say about it; a law that is a class knows everything.

        Parameters
        ----------
        columns : mapping of str to array (rows,)
            Numbers, or objects in columns of text.
        renamed : mapping of str to str, optional
            What columns were called in the table → what they are called now.
        """
        return self

    def with_starts(self, ranges: Mapping[str, tuple[float, float]]) -> Law:
        """The law with these start ranges; only a formula sizes its own by the data and has to be told."""
        return self

    def domain_faults(self, columns: Mapping[str, Array]) -> list[str]:
        """Rows outside the law's domain, as sentences."""
        return []

    @property
    def rises(self) -> bool:
        """Whether the loss can rise again with more epochs; a law that cannot is no guide to how many are too many."""
        return False

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The coefficients, in the order every array of values uses."""
        raise NotImplementedError

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """The terms ``T_k`` with ``loss = Σ_k exp(T_k)``.

        Parameters
        ----------
        p : mapping
            Solver coordinates by name (``log_A``, ``alpha`` …), arrays or jets of shape (problems, 1).
        x : mapping
            Inputs (see :data:`Inputs`), broadcasting against (problems, rows); jets when planning.

        Notes
        -----
        Functions beyond arithmetic come from :mod:`quokka_laws.laws.jet`, which knows their derivatives.
        """
        raise NotImplementedError

    # ---- coordinates ------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Coefficient names."""
        return tuple(c.name for c in self.coefficients)

    def to_theta(self, values: Mapping[str, Any]) -> Array:
        """Natural values → solver coordinates, shape (problems, coefficients); zero amplitudes become −inf."""
        columns = []
        for c in self.coefficients:
            value = np.atleast_1d(np.asarray(values[c.name], dtype=float))
            with np.errstate(divide="ignore"):
                columns.append(np.log(value) if c.is_log else value)
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def to_values(self, theta: Array) -> dict[str, Array]:
        """Solver coordinates (…, coefficients) → natural values by name."""
        return {c.name: np.exp(theta[..., j]) if c.is_log else theta[..., j] for j, c in enumerate(self.coefficients)}

    def terms_at(self, theta: Array, x: Inputs, *, order: int = 0) -> list[Jet]:
        """Log-terms as jets in the coefficients, for solver coordinates of shape (problems, coefficients)."""
        seeds = variables(theta, order=order)
        p = {c.coordinate: seed for c, seed in zip(self.coefficients, seeds, strict=True)}
        return self.log_terms(p, x)

    @cached_property
    def amplitude_terms(self) -> dict[int, int]:
        """Which term (value) each amplitude coefficient (key, by index) multiplies."""
        terms = self._typical_terms
        found = {}
        for j, c in enumerate(self.coefficients):
            if c.kind == "amplitude":
                (found[j],) = (k for k, t in enumerate(terms) if j in t.grad)
        return found

    def is_alone(self, name: str) -> bool:
        """Whether one term is this amplitude and nothing else."""
        j = self.names.index(name)
        return self.coefficients[j].kind == "amplitude" and set(self._typical_terms[self.amplitude_terms[j]].grad) == {
            j
        }

    @cached_property
    def term_count(self) -> int:
        """How many terms the loss is a sum of."""
        return len(self._typical_terms)

    @property
    def _typical_data(self) -> dict[str, Any]:
        return dict.fromkeys(self.variables, np.full(1, 2.0))

    @cached_property
    def _typical_terms(self) -> list[Jet]:
        middle = [0.0 if c.is_log else 0.5 * sum(c.start) for c in self.coefficients]
        x = self.inputs(**self._typical_data)
        with np.errstate(all="ignore"):  # only which term depends on what is looked at
            return self.terms_at(np.array([middle]), x, order=1)

    # ---- evaluation -------------------------------------------------------------------------------------------

    @staticmethod
    def completed(*, flops_per_ND: float = 6.0, **data: Any) -> dict[str, Array]:
        """Data as floats; two of ``D``, ``U_D`` and ``epochs`` give the third, ``N`` and ``C`` give ``D``, else ``C`` = ``flops_per_ND``·N·D."""
        given = {k: np.asarray(v, dtype=float) for k, v in data.items() if v is not None}
        if "epochs" not in given and {"D", "U_D"} <= given.keys():
            given["epochs"] = given["D"] / given["U_D"]
        if "D" not in given and {"U_D", "epochs"} <= given.keys():
            given["D"] = given["U_D"] * given["epochs"]
        if "U_D" not in given and {"D", "epochs"} <= given.keys():
            given["U_D"] = given["D"] / given["epochs"]
        if "D" not in given and {"C", "N"} <= given.keys():
            given["D"] = given["C"] / (flops_per_ND * given["N"])
        if "C" not in given and {"N", "D"} <= given.keys():
            given["C"] = flops_per_ND * given["N"] * given["D"]
        return given

    def inputs(self, *, flops_per_ND: float = 6.0, **data: Any) -> dict[str, Array]:
        """Raw data (``N``, ``D``, ``U_D``, ``epochs``, ``C``, raw units) → :data:`Inputs`, completed where they follow from others.

        Raises :class:`ArgumentError` naming the variable when one that the law needs is missing.
        """
        given = self.completed(flops_per_ND=flops_per_ND, **{k: v for k, v in data.items() if k in COMPLETED})
        given |= {
            k: np.asarray(data[k], dtype=float) for k in self.variables if k not in given and data.get(k) is not None
        }
        if missing := [v for v in self.variables if v not in given]:
            raise ArgumentError(f"{self.name} needs {', '.join(self.variables)}; missing: {', '.join(missing)}")
        x = {f"log_{k}": np.log(v) for k, v in given.items() if k != "epochs"}
        if "epochs" in given:
            x["epochs"] = given["epochs"]
        return x

    def log_loss(self, values: Mapping[str, Any], x: Inputs) -> Array:
        """Log of the loss, shape (problems, rows), for values of shape (problems,) and prepared inputs."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            terms = self.terms_at(self.to_theta(values), x)
            return np.logaddexp.reduce(np.broadcast_arrays(*(t.value for t in terms)), axis=0)

    def log_loss_at(self, theta: Array, x: Inputs) -> Array:
        """Log of the loss, (problems, rows), for solver coordinates (problems, coefficients) and prepared inputs."""
        p = {c.coordinate: theta[:, [j]] for j, c in enumerate(self.coefficients)}
        rows = max(np.size(v) for v in x.values())
        terms = [np.broadcast_to(np.asarray(t, dtype=float), (len(theta), rows)) for t in self.log_terms(p, x)]
        return np.asarray(np.logaddexp.reduce(terms, axis=0))

    def loss(self, values: Mapping[str, Any], *, flops_per_ND: float = 6.0, **data: Any) -> Array:
        """Loss at raw data.

        Parameters
        ----------
        values : mapping of str to float or array of shape (problems,)
            Coefficients in natural units.
        flops_per_ND : float
            What a C that is not given is derived by.
        **data
            ``N``, ``D``, ``U_D``, ``epochs`` … in raw units; broadcast against one another.

        Returns
        -------
        array
            Of the data's shape for scalar coefficients; (problems, *data shape) for arrays of coefficients.
        """
        x = self.inputs(flops_per_ND=flops_per_ND, **data)
        shape = np.broadcast_shapes(*(v.shape for v in x.values()))
        flat = {k: np.broadcast_to(v, shape).reshape(-1) for k, v in x.items()}
        out = np.exp(self.log_loss(values, flat))
        many = any(np.ndim(v) for v in values.values())
        return out.reshape(len(out), *shape) if many else out.reshape(shape)

    # ---- fitting ----------------------------------------------------------------------------------------------

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Complete starts: given everything else, solve the amplitudes by non-negative least squares.

        Parameters
        ----------
        theta : array (starts, coefficients)
            Solver coordinates; the columns of free amplitudes are ignored.
        x, loss, weights
            The rows.
        free : sequence of bool, optional
            Which coefficients may be changed; all by default.

        Returns
        -------
        array (starts, coefficients)
            With amplitudes that minimise the weighted relative error; −inf where they are zero.
        """
        theta = theta.copy()
        may = free if free is not None else [True] * len(self.coefficients)
        amplitudes = [j for j, c in enumerate(self.coefficients) if c.kind == "amplitude" and may[j]]
        if not amplitudes:
            return theta
        theta[:, amplitudes] = 0.0
        terms = self.terms_at(theta, x)
        owner = self.amplitude_terms
        shape = (len(theta), loss.shape[-1])
        basis = [np.broadcast_to(np.exp(terms[owner[j]].value) / loss, shape) for j in amplitudes]
        solved = {owner[j] for j in amplitudes}
        fixed = [np.exp(t.value) / loss for k, t in enumerate(terms) if k not in solved]
        target = np.broadcast_to(1.0 - sum(fixed) if fixed else 1.0, shape)
        with np.errstate(divide="ignore"):
            theta[:, amplitudes] = np.log(nnls(np.stack(basis, axis=-1), target, weights))
        return theta

    def shortage(self, values: Mapping[str, Any]) -> Shortage | None:
        """The sum of two powers that decides the loss, where one does: plans are then closed forms. None otherwise."""
        return None

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        """Log of the shortage a loss stands for, NaN at or below the floor; for laws with a :meth:`shortage`."""
        raise NotImplementedError

    def optimal_log_N(self, values: Mapping[str, Any], log_ND: Array) -> Array | None:
        """Closed form of the compute-optimal ``log N`` at ``log(N·D)``, or None where there is none."""
        found = self.shortage(values)
        return None if found is None else found.optimal_log_N(log_ND)

    def make_params(self, **settings: Any) -> lmfit.Parameters:
        """The control panel of a fit: ``lmfit.Parameters`` with this law's coefficients and bounds.

        Parameters
        ----------
        **settings
            Per coefficient a number (start value) or a dict of ``value``, ``min``, ``max``, ``vary``, ``expr`` (a tie
            such as ``"2*alpha"``: arithmetic, log, exp, sqrt and abs of the law's coefficients), and ``start``, the range
            (low, high) in which automatic starts look.

        Raises
        ------
        ArgumentError
            For an unknown coefficient, a value that is no number or outside its bounds, a tie that cannot be read.

        Examples
        --------
        >>> from quokka_laws import laws
        >>> params = laws.Chinchilla().make_params(beta=dict(expr="alpha"), E=dict(value=1.7, vary=False))
        """
        if unknown := sorted(set(settings) - set(self.names)):
            raise ArgumentError(f"{self.name} has no coefficient {', '.join(unknown)}; it has {', '.join(self.names)}")
        params = lmfit.Parameters()
        for c in self.coefficients:
            params.add(c.name, value=1.0, min=0.0 if c.is_log and c.min < 0 else c.min, max=c.max)
            params[c.name].user_data = AUTOMATIC
        for name, options in checked(params, settings).items():
            between = options.pop("start", None)
            params[name].set(**options)
            if between is not None:
                params[name].user_data = (float(between[0]), float(between[1]))
            elif "value" in options:
                params[name].user_data = None
        return params

    # ---- identity ---------------------------------------------------------------------------------------------

    def to_spec(self) -> dict[str, Any]:
        """Plain description from which :func:`quokka_laws.laws.from_spec` rebuilds the law."""
        options = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain = {k: v.to_spec() if isinstance(v, Law) else v for k, v in options.items()}
        return {"name": self.name, **plain}
