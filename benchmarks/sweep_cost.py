"""GPU hours of a sweep of five sizes by five D, by the compute of its largest run and by utilisation.

    python benchmarks/sweep_cost.py

The table of docs/how-to/train-elsewhere.md. Nothing is trained: FLOPs are counted, job by job, of the jobs that
``sweep --export`` would write.
"""

from __future__ import annotations

from reference_trainer.cost import H200, gpu_hours, grid, training_flops
from reference_trainer.model import counts

VOCABULARY = 50304
UTILISATIONS = (0.05, 0.2, 0.4)


def main() -> None:
    """Print the table as Markdown."""
    heads = " | ".join(f"{u:.0%} MFU" for u in UTILISATIONS)
    print(f"| largest run, FLOPs | N | D | sweep, FLOPs | times the largest | {heads} |")
    print("|---" * (5 + len(UTILISATIONS)) + "|")
    for power in range(17, 22):
        specs = grid(10.0**power, vocabulary=VOCABULARY)
        sizes = [counts(spec.shape(VOCABULARY))["N_total"] for spec in specs]
        largest, total = 6.0 * sizes[0] * specs[0].tokens, training_flops(specs, VOCABULARY)
        hours = " | ".join(_hours(gpu_hours(total, u)) for u in UTILISATIONS)
        span = f"{sizes[-1] / 1e6:.3g}M–{sizes[0] / 1e6:,.4g}M"
        tokens = f"{min(specs[0].cooled_at) / 1e9:.2g}B–{specs[0].tokens / 1e9:.3g}B"
        print(f"| 10^{power} | {span} | {tokens} | {total:.2g} | {total / largest:.2f} | {hours} |")
    print(f"\npeak {H200 / 1e12:.0f} TFLOP/s (bf16, H100 or H200)")


def _hours(hours: float) -> str:
    return f"{hours:,.0f} h" if hours >= 10 else f"{hours:.1f} h"


if __name__ == "__main__":
    main()
