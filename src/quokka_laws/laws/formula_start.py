"""Where the search for a formula's coefficients begins: scales and rates sized by the data, sizes solved by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quokka_laws._expression_tree import Call, Name, Node, Operation, names
from quokka_laws._typing import Array
from quokka_laws.laws.formula_roles import Occurrence, Roles
from quokka_laws.laws.formula_terms import Evaluator
from quokka_laws.laws.jet import Jet
from quokka_laws.laws.projection import floors, nnls, positive_sizes

if TYPE_CHECKING:
    from quokka_laws.laws.formula import Formula


CLEAR = 0.1  # e-folds by which what is subtracted is at first less than what it is taken from
ROUNDS = 2  # of solving and placing, where each hangs on the other
EXTREMES = (0.0, 20.0, -20.0)  # e-folds by which sizes that stand elsewhere too are shifted before they are solved


def anchored(roles: Roles, name: str) -> Occurrence | None:
    """The place by which the data say how large a scale or a rate is; None where they do not.

    A scale makes a product with variables about one (``(epochs - 1)/R``); a rate makes its term in an exponent about one
    (``exp(-t*share)``); what is added to a column on its own lies where the column does (``log(lr) - m``); what is added inside a
    function to something made of columns and coefficients makes the sum about zero (``sigmoid(a - b*log(C))``).
    """
    where = roles.occurrences[name]
    kind = roles.kinds[name]
    if kind == "scale" and any(o.place == "exponent" for o in where):
        return None
    for o in where:
        around = [n.name for n in names(o.monomial)]
        data = any(n in roles.variables for n in around)
        if kind == "scale" and data and o.place != "exponent":
            return o
        if not data and o.place != "factor" and any(_has_variable(roles, p) and roles.is_data(p) for p in o.beside):
            return o  # a place on a column: examples + d, log(lr) - m
        if (
            kind == "exponent"
            and data
            and o.place in ("exponent", "free")
            and [n for n in around if n not in roles.variables] == [name]
        ):
            return o
    for o in where:
        if (
            kind == "exponent"
            and o.place in ("exponent", "free")
            and o.base is None
            and not o.alone
            and _relative(roles, o)
        ):
            return o
    return None


def _relative(roles: Roles, o: Occurrence) -> bool:
    """Whether the data say where a coefficient lies only once others have their values."""
    if any(n.name in roles.variables for n in names(o.monomial)):
        return False
    beside = [p for p in o.beside if _has_variable(roles, p)]
    return bool(beside) and not any(map(roles.is_data, beside))


def project(law: Formula, theta: Array, x: Any, loss: Array, weights: Array, free: Sequence[bool] | None) -> Array:
    """Complete starts: see :meth:`quokka_laws.laws.Law.project`."""
    starts = _Starts(law, theta.copy(), x, loss, weights, list(free) if free is not None else [True] * theta.shape[1])
    with np.errstate(all="ignore"):
        starts.place()
        if law.roles.is_signed:
            starts.solve_signed()
        elif starts.solve_inside():
            pass
        elif circular := starts.circular():
            starts.solve_circular(circular, theta)
        else:
            starts.solve_sizes()
    return starts.theta


class _Starts:
    """Starts (problems × coefficients) being completed."""

    def __init__(self, law: Formula, theta: Array, x: Any, loss: Array, weights: Array, free: list[bool]) -> None:
        self.law, self.theta, self.x, self.loss, self.weights = law, theta, x, loss, weights
        self.roles = law.roles
        self.column = {c.name: j for j, c in enumerate(law.coefficients)}
        self.coordinate = {c.name: c.coordinate for c in law.coefficients}
        self.free = {name: free[j] for name, j in self.column.items()}
        self.told = {name for name, *_ in law.start}

    def p(self, **given: Any) -> dict[str, Any]:
        found: dict[str, Any] = {c: self.theta[:, [self.column[name]]] for name, c in self.coordinate.items()}
        return {**found, **given}

    def evaluator(self, **given: Any) -> Evaluator:
        return Evaluator(self.roles, self.p(**given), self.x, self.law.leveled)

    def each(self, base: str) -> tuple[str, ...]:
        return self.law.leveled[base][1] if base in self.law.leveled else (base,)

    # ---- sizes that the data suggest --------------------------------------------------------------------------

    def circular(self) -> list[str]:
        """Sizes of terms that stand elsewhere too, so that what they multiply hangs on them."""
        handles = [h for k in range(len(self.roles.terms)) if (h := self.handle(k)) is not None]
        return [h for h in handles if len(self.roles.occurrences[h]) > 1 and h not in self.law.leveled]

    def solve_circular(self, sizes: list[str], asked: Array) -> None:
        """Solve for sizes, place what hangs on them, and again; from large, middling and small sizes, whichever fits best."""
        others = [
            self.column[n]
            for base in self.roles.coefficients
            if (anchor := anchored(self.roles, base)) is not None
            and base not in sizes
            and base not in self.told
            and {n.name for n in names(anchor.monomial)} & set(sizes)
            for n in self.each(base)
            if self.free[n]
        ]
        placed, best, lowest = self.theta.copy(), self.theta.copy(), np.full(len(self.theta), np.inf)
        for shift in EXTREMES:
            self.theta = placed.copy()
            self.theta[:, [self.column[s] for s in sizes]] += shift
            for _ in range(ROUNDS):
                self.solve_sizes()
                self.theta[:, others] = asked[:, others]
                self.place(others)
            log_loss = self.law.log_loss_at(self.theta, self.x)
            error = (self.weights * (log_loss - np.log(self.loss)) ** 2).sum(axis=1)
            better = error < lowest
            best[better], lowest[better] = self.theta[better], error[better]
        self.theta = best

    def place(self, only: Sequence[int] | None = None) -> None:
        """Anchored scales and rates, given relative to the data, as coefficients."""
        anchors = {base: anchored(self.roles, base) for base in self.roles.coefficients}
        last = [base for base, o in anchors.items() if o is not None and _relative(self.roles, o)]
        centred = {id(_unsigned(p)) for base in last if (o := anchors[base]) is not None for p in o.beside}
        for base in (*(k for k in anchors if k not in last), *last):
            if only is not None and not {self.column[n] for n in self.each(base)} & set(only):
                continue
            anchor = anchors[base]
            ones = [n for n in self.each(base) if self.free[n] and n not in self.told and base not in self.told]
            if anchor is None or not ones:
                continue
            scale = self.roles.kinds[base] == "scale"
            below = anchor.below if scale else None
            if below is None and not any(n.name in self.roles.variables for n in names(anchor.monomial)):
                self.place_beside(base, ones, anchor)
                continue
            unit = {self.coordinate[n]: 0.0 if scale else 1.0 for n in self.each(base)}
            if scale:
                seeded = {k: Jet(np.full((len(self.theta), 1), v), {0: 1.0}, order=1) for k, v in unit.items()}
                found = self.evaluator(**seeded).value(anchor.monomial)
                slope = _mean(np.asarray(found.grad.get(0, 1.0)) / np.where(found.value == 0, np.nan, found.value))
                slope = np.where(np.abs(slope) > 1e-9, slope, 1.0)
                if below is not None:
                    self.place_below(base, ones, below, np.asarray(found.value), slope)
                    continue
                level = _mean(np.log(np.abs(found.value))) / slope
                for name in ones:
                    self.theta[:, self.column[name]] -= level
            else:
                values = self.evaluator(**unit).value(anchor.monomial)
                if id(anchor.monomial) in centred:  # another coefficient takes up its mean
                    typical = 0.5 * np.nanmax(np.ptp(values, axis=-1))
                else:
                    typical = np.nanmax(np.abs(values))
                if np.isfinite(typical) and typical > 0:
                    for name in ones:
                        self.theta[:, self.column[name]] /= typical

    def place_below(self, base: str, ones: list[str], whole: Operation, taken: Array, slope: Array) -> None:
        """A scale whose monomial is subtracted: in every row less than what it is taken from, or the law is undefined there."""
        nothing = {self.coordinate[n]: -np.inf for n in self.each(base)}
        rest = np.asarray(self.evaluator(**nothing).value(whole))
        share = np.log(np.abs(taken)) - np.log(rest)
        most = np.where(np.isfinite(share), share, -np.inf).max(axis=-1)
        most = np.where(np.isfinite(most), most, 0.0)
        for name in ones:
            j = self.column[name]
            self.theta[:, j] = -(np.abs(self.theta[:, j]) + CLEAR + most) / slope

    def place_beside(self, base: str, ones: list[str], anchor: Occurrence) -> None:
        """A coefficient that is added to columns: of their size if it is positive, else where their values are."""
        if _relative(self.roles, anchor):  # the start range −3 … 3 is that of a function's argument
            parts = [p for p in anchor.beside if _has_variable(self.roles, p)]
            middle = _mean(np.asarray(sum(self.evaluator().value(p) for p in parts)))
            for name in ones:
                self.theta[:, self.column[name]] += middle if anchor.minus else -middle
            return
        columns = [p for p in anchor.beside if self.roles.is_data(p) and _has_variable(self.roles, p)]
        value = np.sum([np.broadcast_to(self.evaluator().value(p), (len(self.loss),)) for p in columns], axis=0)
        for name in ones:
            j = self.column[name]
            if self.roles.kinds[base] == "scale":
                self.theta[:, j] += _mean(np.log(np.abs(value)))
            else:  # the start range −3 … 3 is in standard deviations around the middle
                sign = -1.0 if anchor.minus else 1.0
                self.theta[:, j] = -sign * value.mean() + self.theta[:, j] * value.std()

    # ---- sizes solved at the top ------------------------------------------------------------------------------

    def handle(self, term: int) -> str | None:
        """A free coefficient in whose coordinate the logarithm of a term is linear, and which stands nowhere else."""
        node = self.roles.terms[term][1]
        later: str | None = None
        for name, where in sorted(
            self.roles.occurrences.items(), key=lambda item: self.roles.kinds[item[0]] != "amplitude"
        ):
            if not all(self.free[n] for n in self.each(name)):
                continue
            if len(where) != 1 and name not in self.law.leveled:
                if any(o.term == term and o.place == "factor" for o in where):
                    later = later or name  # it stands elsewhere too: its size here is only a start
                continue
            if len(where) != 1 or where[0].term != term:
                continue
            linear = where[0].monomial is node and where[0].place in ("factor", "base", "divisor")
            if self.roles.kinds[name] == "amplitude" or (name not in self.law.leveled and (linear or where[0].alone)):
                return name
        return later

    def solve_sizes(self) -> None:
        """Terms that a coefficient only makes larger or smaller: their sizes by non-negative least squares."""
        handles = {k: h for k in range(len(self.roles.terms)) if (h := self.handle(k)) is not None}
        if not handles:
            return
        units: list[tuple[str, Any, Any]] = []
        fixed: list[Any] = []
        for k, (_, node) in enumerate(self.roles.terms):
            if k not in handles:
                fixed.append(np.exp(self.evaluator().log(node)) / self.loss)
                continue
            for name in self.each(handles[k]):
                units.append((name, *self.unit(node, handles[k], name)))
        target = np.broadcast_to(1.0 - sum(fixed) if fixed else 1.0, (len(self.theta), len(self.loss)))
        basis = np.stack([np.broadcast_to(np.exp(u) / self.loss, target.shape) for _, u, _ in units], axis=-1)
        size = nnls(basis, target, self.weights)
        for i, (name, unit, slope) in enumerate(units):
            if self.law.coefficients[self.column[name]].kind != "amplitude":  # it cannot vanish: a little of the loss
                least = 1e-3 * self.loss.mean() * np.exp(-_mean(np.broadcast_to(unit, target.shape)))
                size[:, i] = np.maximum(size[:, i], least)
            self.theta[:, self.column[name]] = np.log(size[:, i]) / slope

    def unit(self, node: Node, base: str, name: str) -> tuple[Any, Any]:
        """The logarithm of a term whose handle is at zero, and how fast it rises with it, (problems,)."""
        rows = len(self.theta)
        if len(self.roles.occurrences[base]) > 1 and base not in self.law.leveled:
            return self.evaluator().log(node) - self.theta[:, [self.column[name]]], np.ones(rows)
        seed = Jet(np.zeros((rows, 1)), {0: 1.0}, order=1)
        if base in self.law.leveled:
            column, members = self.law.leveled[base]
            found = self.evaluator(**{f"one {base}": seed}).log(node)
            value = np.where(self.x[f"level {column}"] == members.index(name), found.value, -np.inf)
        else:
            found = self.evaluator(**{self.coordinate[name]: seed}).log(node)
            value = found.value
        return value, np.broadcast_to(np.asarray(found.grad[0], dtype=float), (rows, 1))[:, 0]

    # ---- sizes solved inside a power --------------------------------------------------------------------------

    def solve_inside(self) -> bool:
        """``E + (A/N^alpha + …)^k``: given a floor, what the power is of is known, and linear in the sizes of its terms."""
        handled = [self.handle(k) for k in range(len(self.roles.terms))]
        inner = [k for k, h in enumerate(handled) if h is None]
        floor = [h for h in handled if h is not None]
        if len(inner) != 1 or len(floor) > 1:
            return False
        if floor and not isinstance(self.roles.terms[handled.index(floor[0])][1], Name):
            return False
        count = len(self.theta)
        tried = floors(self.loss, count) if floor else np.zeros(count)
        found = self.descend(self.roles.terms[inner[0]][1], np.log(self.loss - tried[:, None]), count)
        if found is None:
            return False
        parts, log_target, owners = found
        columns = np.stack(
            [
                np.broadcast_to(self.unit(part, own, own)[0], log_target.shape)
                for part, own in zip(parts, owners, strict=True)
            ],
            -1,
        )
        slopes = [self.unit(part, own, own)[1] for part, own in zip(parts, owners, strict=True)]
        size = positive_sizes(columns, log_target, self.weights)
        for i, own in enumerate(owners):
            self.theta[:, self.column[own]] = np.log(size[:, i]) / slopes[i]
        for base in floor:
            for name in self.each(base):
                self.theta[:, self.column[name]] = np.log(tried)
        return True

    def descend(self, node: Node, log_target: Array, count: int) -> tuple[tuple[Node, ...], Array, list[str]] | None:
        """The sum inside a term, what its logarithm should be, and a coefficient that sizes each of its parts."""
        match node:
            case Operation(operator="^", operands=(base, power)):
                return self.descend(base, log_target / self.evaluator()._power(power), count)
            case Operation(operator="inv", operands=(part,)):
                return self.descend(part, -log_target, count)
            case Call(function="sqrt", arguments=(part,)):
                return self.descend(part, 2.0 * log_target, count)
            case Operation(operator="*", operands=parts):
                inside = [p for p in parts if any(self.owner(q) for q in _summands(p))]
                if len(inside) != 1:
                    return None
                rest = [self.evaluator().log(p) for p in parts if p is not inside[0]]
                return self.descend(inside[0], log_target - sum(rest), count)
            case Operation(operator="+", operands=parts):
                owners = [self.owner(part) for part in parts]
                if any(o is None for o in owners):
                    return None
                shape = (count, len(self.loss))
                return parts, np.array(np.broadcast_to(log_target, shape)), [str(o) for o in owners]
        return None

    def owner(self, part: Node) -> str | None:
        """A free scale that only sizes this part and stands nowhere else."""
        for name, where in self.roles.occurrences.items():
            sizes = len(where) == 1 and where[0].monomial is part and self.roles.kinds[name] == "scale"
            if sizes and name not in self.law.leveled and self.free[name] and self.roles.is_positive(part):
                return name
        return None

    # ---- terms of either sign ---------------------------------------------------------------------------------

    def solve_signed(self) -> None:
        """Sizes of terms where some may be negative: least squares, non-negative for those that have to be."""
        sizes: dict[int, str] = {}
        for name, where in self.roles.occurrences.items():
            alone = len(where) == 1 and where[0].place == "factor" and name not in self.law.leveled
            if alone and self.free[name] and where[0].term not in sizes:
                sizes[where[0].term] = name
        if not sizes:
            return
        order = sorted(sizes, key=lambda k: self.roles.kinds[sizes[k]] == "slope")
        signed = sum(self.roles.kinds[sizes[k]] == "slope" for k in order)
        given = {
            self.coordinate[sizes[k]]: np.full((len(self.theta), 1), float(self.roles.kinds[sizes[k]] == "slope"))
            for k in order
        }
        evaluator = self.evaluator(**given)
        shape = (len(self.theta), len(self.loss))
        values = [
            np.broadcast_to((-1.0 if minus else 1.0) * evaluator.value(node) / self.loss, shape)
            for minus, node in self.roles.terms
        ]
        rest = [v for k, v in enumerate(values) if k not in sizes]
        target = np.broadcast_to(1.0 - sum(rest) if rest else 1.0, shape)
        basis = np.stack([values[k] for k in order], axis=-1)
        found = nnls(basis, target, self.weights, signed=signed)
        for i, k in enumerate(order):
            j = self.column[sizes[k]]
            if self.roles.kinds[sizes[k]] == "slope":
                self.theta[:, j] = found[:, i]
            else:
                least = 1e-3 / np.abs(basis[..., i]).mean(axis=1)
                self.theta[:, j] = np.log(np.maximum(found[:, i], least))


def _summands(node: Node) -> tuple[Node, ...]:
    """Parts of the sum inside powers, quotients and roots; nothing where there is none."""
    match node:
        case Operation(operator="^", operands=(base, _)):
            return _summands(base)
        case Operation(operator="inv", operands=(part,)) | Call(function="sqrt", arguments=(part,)):
            return _summands(part)
        case Operation(operator="+", operands=parts):
            return parts
    return ()


def _unsigned(node: Node) -> Node:
    return node.operands[0] if isinstance(node, Operation) and node.operator == "neg" else node


def _has_variable(roles: Roles, node: Node) -> bool:
    return any(n.name in roles.variables for n in names(node))


def _mean(values: Any) -> Array:
    """Mean over rows of what is finite, (problems,)."""
    values = np.atleast_2d(values)
    finite = np.isfinite(values)
    return np.asarray(np.where(finite, values, 0.0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1))
