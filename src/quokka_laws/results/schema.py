"""What a stored fit has to hold: checked once, when it is read, so that the rest of the package can trust it.

pydantic checks keys, types, finiteness and lengths and reports every fault with its place; what follows is whether the
numbers agree with one another: coefficients with the law, residuals and ranges with the runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from quokka_laws.exceptions import ArgumentError, FitFileError, QuokkaError
from quokka_laws.laws import Law, from_spec
from quokka_laws.laws.base import NAMED
from quokka_laws.laws.parameters import rebuilt
from quokka_laws.objective import objective_from_spec
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.conventions import flops_constant

SCHEMA = "quokka-laws/fit"
SCHEMA_VERSION = 2
MOST_ROWS = 10_000_000
MOST_COLUMNS = 10_000
LISTED = 8  # faults named
AGREEMENT = 1e-6  # relative, of numbers that are stored and follow from others; libraries differ in the last digits
_NAME = re.compile(r"[^\W\d]\w{0,60}")


def _coefficient_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a name of letters, digits and _")
    return name


def _rule(rule: str) -> str:
    flops_constant(rule)
    return rule


Number = float  # JSON has no inf or nan: they come as texts and are numbers by now
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Word = Annotated[str, Field(max_length=10_000)]
CoefficientName = Annotated[str, AfterValidator(_coefficient_name)]
Whole = Annotated[int, Field(ge=-(10**300), le=10**300)]  # what a float can hold
Cell = bool | Whole | float | Annotated[str, Field(max_length=100_000)] | None | list[Any] | dict[str, Any]
Cells = Annotated[list[Cell], Field(max_length=MOST_ROWS)]
Columns = Annotated[dict[Word, Cells], Field(max_length=MOST_COLUMNS)]
Draws = Annotated[list[Number | None], Field(max_length=MOST_ROWS)]


class Strict(BaseModel):
    """Keys that are not known are left alone: a newer version may have written them."""

    model_config = ConfigDict(strict=True, extra="ignore", arbitrary_types_allowed=True)


class Parameter(Strict):
    """One coefficient as lmfit holds it."""

    name: CoefficientName
    value: Finite
    vary: bool
    expr: Annotated[str, Field(max_length=2000)] | None
    min: Number
    max: Number


class RunsIndex(Strict):
    """Names of the rows."""

    name: Word | None
    labels: Annotated[list[str | int | float], Field(max_length=MOST_ROWS)]


class Starts(Strict):
    """How many starts were solved."""

    solved: Count
    at_optimum: Count


class Bootstrap(Strict):
    """What was resampled, and how many refits there are."""

    cluster: Word | None = None
    strata: Word | None = None
    strata_count: Count | None = None
    units: Count
    refits: Count
    converged: Count


class RunsAttrs(Strict):
    """What was recorded when the runs were read."""

    conventions: dict[Word, Word] = Field(default_factory=dict)
    excluded: list[dict[Word, Any]] = Field(default_factory=list)
    notes: list[Any] = Field(default_factory=list)
    source: Word = ""
    flops_tolerance: Annotated[float, Field(gt=0, le=100)] = 0.05
    renamed: dict[Word, Word] = Field(default_factory=dict)
    undecided: dict[Word, list[Word]] = Field(default_factory=dict)


class StoredDiagnostic(Strict):
    """One thing that is doubtful; its sentence is made anew."""

    code: Annotated[str, Field(max_length=200)]
    severity: Literal["error", "warning", "note"]
    numbers: dict[Word, Any]
    rows: list[Word]
    advice: list[Annotated[list[Any], Field(min_length=2, max_length=2)]]


class Nothing(BaseModel):
    """An object without keys."""

    model_config = ConfigDict(strict=True, extra="forbid")


class StoredFit(Strict):
    """A fit as :mod:`quokka_laws.results.storage` writes it."""

    kind: Literal["quokka-laws/fit"] = Field(alias="schema")
    schema_version: Annotated[int, Field(ge=1)]
    name: Annotated[str, Field(max_length=1000)]
    law: dict[str, Any]
    values: dict[CoefficientName, Finite]
    conventions: dict[Word, Word]
    fitted_range: dict[Word, Annotated[list[Finite], Field(min_length=2, max_length=2)]]
    objective: dict[Word, Any]
    objective_value: Number
    rms_residual: Number | None = None
    status: Literal["CONVERGED", "AT_BOUND", "NOT_CONVERGED", "EVALUATED"]
    flags: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None  # of the first schema
    diagnostics: list[StoredDiagnostic] | None = None
    starts: Starts | Nothing
    gradient_norm: Number
    condition_number: Number
    bootstrap: Bootstrap | Nothing
    route: Word
    seed: Whole
    versions: dict[Word, Word]
    params: list[Parameter]
    rivals: Columns
    excluded: Columns
    draws: Annotated[dict[CoefficientName, Draws], Field(max_length=MOST_COLUMNS)] | None
    runs: Columns
    runs_index: RunsIndex | None = None
    runs_attrs: RunsAttrs


def checked(data: Mapping[str, Any], where: str) -> StoredFit:
    """A stored fit whose every field is what the package expects.

    Parameters
    ----------
    data : mapping
        As JSON holds it, with infinities and NaN as numbers.
    where : str
        What messages call the file.

    Raises
    ------
    FitFileError
        One line per fault: ``FILE: FIELD: expected X, not Y``.
    """
    if data.get("schema") != SCHEMA:
        raise FitFileError(f"{where}: this is not a fit written by quokka-laws (no 'schema': 'quokka-laws/fit' in it)")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise FitFileError(
            f"{where}: the fit has schema version {version}, this quokka-laws reads up to {SCHEMA_VERSION}; upgrade with: "
            "pip install -U quokka-laws"
        )
    try:
        fit = StoredFit.model_validate(dict(data))
    except ValidationError as error:
        refuse(where, [fault_of(e) for e in error.errors(include_url=False, include_context=True)])
    law = law_of(fit.law, where)
    refuse(where, _disagreements(fit, law))
    return fit


def law_of(spec: Mapping[str, Any], where: str) -> Law:
    """The law of a stored fit, whose options are of the types that the law declares.

    Raises
    ------
    FitFileError
        For an unknown law, an option it does not have, or one of another type.
    """
    refuse(where, _spec_faults(spec, "law"))
    try:
        return from_spec(spec)
    except (QuokkaError, TypeError, ValueError, AttributeError) as error:
        raise FitFileError(f"{where}: law: {error}") from None


# ---- faults -----------------------------------------------------------------------------------------------------


def refuse(where: str, faults: list[str]) -> None:
    """Raise with one line per fault, where there are any; many are cut short."""
    if faults:
        more = f"\n{where}: and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
        raise FitFileError("\n".join(f"{where}: {fault}" for fault in faults[:LISTED]) + more)


_EXPECTED = {
    "missing": "a value; it is missing",
    "string_type": "a text",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "finite_number": "a finite number",
}


def fault_of(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors: place, what was expected, what is there."""
    place = ".".join(str(part) for part in error["loc"] if not str(part).startswith(("function-", "constrained-")))
    kind, context = str(error["type"]), error.get("ctx", {})
    expected = _EXPECTED.get(kind)
    if expected is None and "expected" in context:
        expected = f"one of {context['expected']}"
    if expected is None and kind == "value_error":
        expected = str(context.get("error", "another value"))
    if expected is None:
        limits = {
            "gt": "more than",
            "ge": "at least",
            "le": "at most",
            "lt": "less than",
            "min_length": "at least",
            "max_length": "at most",
        }
        said = [f"{word} {context[k]}" for k, word in limits.items() if k in context]
        expected = (
            f"{' and '.join(said)}{' entries' if 'length' in ' '.join(context) else ''}"
            if said
            else kind.replace("_", " ")
        )
    shown = "" if kind == "missing" else f", not {_short(error['input'])}"
    return f"{place}: expected {expected}{shown}"


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 50 else f"{text[:40]}…"


def _spec_faults(spec: Any, place: str) -> list[str]:
    """What a description of a law holds that its class does not declare."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        return [f"{place}: expected an object with the name of a law"]
    if (cls := NAMED.get(spec["name"])) is None:
        return []  # from_spec suggests the nearest
    hints = get_type_hints(cls)
    faults = []
    for option, value in spec.items():
        if option == "name":
            continue
        if option not in cls.__dataclass_fields__:
            faults.append(f"{place}.{option}: {spec['name']} has no such option")
        elif isinstance(value, Mapping):
            faults += _spec_faults(value, f"{place}.{option}")
        elif not _is_of(hints[option], value):
            faults.append(f"{place}.{option}: expected {_type_name(hints[option])}, not {_short(value)}")
    return faults


def _is_of(hint: Any, value: Any) -> bool:
    if (isinstance(value, float) and not math.isfinite(value)) or (isinstance(hint, type) and issubclass(hint, Law)):
        return False  # a law is an object, and those were looked into
    try:
        TypeAdapter(hint).validate_python(value, strict=isinstance(value, bool | str))
    except ValidationError:
        return False
    return True


def _type_name(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)).replace("typing.", "")


# ---- agreement --------------------------------------------------------------------------------------------------


def _disagreements(fit: StoredFit, law: Law) -> list[str]:
    """Fields that are right by themselves and do not fit together."""
    faults = []
    for name, table in (("runs", fit.runs), ("draws", fit.draws), ("rivals", fit.rivals), ("excluded", fit.excluded)):
        lengths = {k: len(v) for k, v in (table or {}).items()}
        if len(set(lengths.values())) > 1:
            first = next(iter(lengths.items()))
            other = next(item for item in lengths.items() if item[1] != first[1])
            faults.append(
                f"{name}: expected columns of one length; {first[0]} has {first[1]} and {other[0]} {other[1]}"
            )
    rows = len(next(iter(fit.runs.values()), []))
    key = "flags" if fit.schema_version == 1 else "diagnostics"
    if getattr(fit, key) is None:
        faults.append(f"{key}: expected a list; it is missing")
    for i, diagnostic in enumerate(fit.diagnostics or []):
        try:
            Diagnostic.from_dict(diagnostic.model_dump()).sentence()
        except (QuokkaError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            faults.append(f"diagnostics.{i}.numbers: expected those that {_short(diagnostic.code)} is about")
    if fit.runs_index is not None and len(fit.runs_index.labels) != rows:
        faults.append(f"runs_index: expected {rows} labels, one per run, not {len(fit.runs_index.labels)}")
    for place, names in (
        ("values", fit.values),
        ("draws", fit.draws),
        ("params", [p.name for p in fit.params] or None),
    ):
        if names is not None and (missing := [k for k in law.names if k not in names]):
            faults.append(f"{place}: expected the coefficients of {law.name}; missing: {', '.join(missing)}")
    if len({p.name for p in fit.params}) < len(fit.params):
        faults.append("params: expected each coefficient once")
    faults += [
        f"params.{p.name}: expected min below max, not {p.min:g} and {p.max:g}" for p in fit.params if not p.min < p.max
    ]
    for p in fit.params:
        if p.name in fit.values and not p.expr:
            same = math.isclose(p.value, fit.values[p.name], rel_tol=AGREEMENT)
            if not (same and p.min <= p.value <= p.max):
                faults.append(
                    f"params.{p.name}.value: expected {fit.values[p.name]:g} as in values, within min and max, not {p.value:g}"
                )
    for c in law.coefficients:
        if c.is_log and fit.values.get(c.name, 0.0) < 0:
            faults.append(f"values.{c.name}: expected a positive number, not {fit.values[c.name]:g}")
        if fit.draws and c.is_log and any(v is not None and v < 0 for v in fit.draws.get(c.name, [])):
            faults.append(f"draws.{c.name}: expected positive numbers")
        if fit.draws and any(v is not None and math.isinf(v) for v in fit.draws.get(c.name, [])):
            faults.append(f"draws.{c.name}: expected finite numbers, or float:nan for a refit that failed")
    faults += [
        f"fitted_range.{k}: expected smallest and largest, not {v[0]:g} and {v[1]:g}"
        for k, v in fit.fitted_range.items()
        if v[0] > v[1]
    ]
    try:
        objective_from_spec(fit.objective)
    except ArgumentError as error:
        faults.append(f"objective: {error}")
    try:
        flops_constant(fit.conventions.get("flops", "6ND"))
    except QuokkaError as error:
        faults.append(f"conventions.flops: {error}")
    if faults:
        return faults
    try:
        rebuilt([p.model_dump() for p in fit.params])
    except ArgumentError as error:
        return [f"params: {error}"]
    return faults + _of_runs(fit, law, rows)


def _of_runs(fit: StoredFit, law: Law, rows: int) -> list[str]:
    """Whether the runs are numbers, and ranges and residuals those that follow from them."""
    if not rows:
        return []
    faults, inputs = [], {}
    for name in dict.fromkeys(("N", "D", "C", "U_D", "epochs", "loss", *law.takes)):
        if name not in fit.runs:
            if name in ("loss", *law.takes):
                faults.append(f"runs: expected a column {name}")
            continue
        cells = fit.runs[name]
        if name in law.groups:
            continue
        if bad := [c for c in cells if isinstance(c, bool) or not isinstance(c, int | float)]:
            faults.append(f"runs.{name}: expected numbers, not {_short(bad[0])}")
            continue
        numbers = np.array(cells, dtype=float)
        if not (np.isfinite(numbers) & (numbers > 0)).all() and name in ("N", "D", "C", "U_D", "epochs", "loss"):
            faults.append(f"runs.{name}: expected positive finite numbers")
        inputs[name] = numbers
    if faults:
        return list(dict.fromkeys(faults))
    for name, (low, high) in fit.fitted_range.items():
        if name in inputs and not np.allclose(
            [low, high], [inputs[name].min(), inputs[name].max()], rtol=AGREEMENT, atol=0
        ):
            faults.append(
                f"fitted_range.{name}: expected that of the runs, {inputs[name].min():g} to {inputs[name].max():g}, not {low:g} to {high:g}"
            )
    if fit.rms_residual is not None and math.isfinite(fit.rms_residual) and not faults:
        data = inputs_of(pd.DataFrame(fit.runs), law.takes)
        try:
            with np.errstate(all="ignore"):
                predicted = law.loss(
                    fit.values, flops_per_ND=flops_constant(fit.conventions.get("flops", "6ND")), **data
                )
                found = float(np.sqrt(np.mean(np.log(predicted / inputs["loss"]) ** 2)))
        except (QuokkaError, ValueError, TypeError) as error:  # such as a level that the law has no coefficient for
            return [f"runs: expected what {law.name} takes; {error}"]
        if not math.isclose(found, fit.rms_residual, rel_tol=AGREEMENT, abs_tol=1e-12):
            faults.append(
                f"rms_residual: expected {found:.6g}, which values and runs give, not {fit.rms_residual:.6g}: the file was altered"
            )
    return faults
