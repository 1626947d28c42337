"""What was meant by a name that a result does not have: what other libraries call it, or how it is asked for here."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

_OPTIMUM = "ql.plan.compute_optimal(fit, C=1e22)"
_INTERVALS = "fit.summary, or fit.summary_at(0.9), of a fit with bootstrap=1000"
ELSEWHERE = {
    **dict.fromkeys(("optimal", "optimum", "allocate", "compute_optimal", "plan"), _OPTIMUM),
    **dict.fromkeys(("ci", "conf_int", "confint", "confidence_interval", "intervals", "stderr", "bse"), _INTERVALS),
    **dict.fromkeys(("coef", "coef_", "coefs", "coefficients", "popt", "x", "best_values"), "fit.values"),
    **dict.fromkeys(("fun", "cost", "chisqr"), "fit.objective_value"),
    **dict.fromkeys(("cov", "covar", "pcov", "cov_params"), "fit.draws.cov()"),
    **dict.fromkeys(("r2", "rsquared", "rmse"), "fit.rms_residual, of the logarithms of losses"),
    **dict.fromkeys(("loss", "eval", "forward"), 'fit.predict(N="7B", D="1.4T")'),
    **dict.fromkeys(("print_summary", "fit_report", "print"), "print(fit.report())"),
    **dict.fromkeys(("resid", "outliers", "influence"), "fit.residuals, or ql.influence(fit)"),
    **dict.fromkeys(("dump", "write", "to_file"), 'fit.save("fit.json")'),
}
"""Name → how it is asked for."""


def meant(name: str, coefficients: Sequence[str], own: Sequence[str]) -> str:
    """The end of the sentence that a fit has no such attribute."""
    if name in coefficients:
        return f": coefficients are in fit.values[{name!r}]"
    if name in ELSEWHERE:
        return f": {ELSEWHERE[name]}"
    near = get_close_matches(name, [k for k in own if not k.startswith("_")], n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
