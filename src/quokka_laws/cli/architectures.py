"""Commands between a configuration and its N and FLOPs: count one, choose one."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from quokka_laws import architectures
from quokka_laws.architectures import Architecture, Count, Launch
from quokka_laws.cli.common import QUANTITY, given
from quokka_laws.cli.launches import rate_and_batch, rates_options, write_runs
from quokka_laws.cli.output import Output, check_output, output_options, write_file
from quokka_laws.plan.hyperparameters import hyperparameters
from quokka_laws.results.format import human, right_aligned

FOLDER = "torchtitan"
"""A format that is a folder: its configurations are Python."""
CONTEXT = click.option(
    "--context", type=click.IntRange(1), default=2048, show_default=True, help="Tokens of a sequence."
)


@click.command("count")
@click.argument("config", required=False)
@click.option("--flavor", help="Which model of torchtitan's Python file: 8B.")
@click.option("--layers", type=int, help="How many layers.")
@click.option("--width", type=int, help="Width of the residual stream.")
@click.option("--heads", type=int, help="Attention heads of a layer.")
@click.option("--kv-heads", type=int, help="Of grouped-query attention; as many as heads without it.")
@click.option("--feed-forward", type=int, help="Hidden width; 8/3 of the width without it.")
@click.option("--vocabulary", type=int, default=50304, show_default=True, help="Entries of the tokenizer.")
@click.option("--tied", is_flag=True, help="The head is the embedding table.")
@CONTEXT
@click.option("--full-attention", is_flag=True, help="Count attention over all keys, not only those before each token.")
@output_options
def count_command(
    config: str | None,
    flavor: str | None,
    layers: int | None,
    width: int | None,
    heads: int | None,
    kv_heads: int | None,
    feed_forward: int | None,
    vocabulary: int,
    tied: bool,
    context: int,
    full_attention: bool,
    out: Output,
) -> None:
    """Count the parameters and FLOPs of CONFIG, or of --layers, --width and --heads.

    CONFIG is Hugging Face's config.json, nanoGPT's arguments as JSON, or for torchtitan its Python file of a model (--flavor 8B) or a
    job's TOML that names one.
    """
    sizes = {"--layers": layers, "--width": width, "--heads": heads}
    if config is not None:
        if given := [k for k, v in sizes.items() if v is not None]:
            raise click.UsageError(f"{config} says what {', '.join(given)} would: give one or the other")
        shape = architectures.read(config, flavour=flavor)
    else:
        if missing := [k for k, v in sizes.items() if v is None]:
            raise click.UsageError(f"give a configuration, or {', '.join(missing)} too")
        assert layers is not None  # nothing is missing
        assert width is not None
        assert heads is not None
        if heads < 1 or width % heads:
            raise click.UsageError(f"--width {width} does not divide into {heads} heads")
        hidden = feed_forward or 64 * round(width * 8 / 3 / 64)
        shape = Architecture(layers, width, vocabulary, heads, kv_heads or heads, width // heads, hidden, tied=tied)
    found = architectures.count(shape, context, causal=not full_attention)
    out.show(_counted(found), _warnings(shape, found), found.table.reset_index(), pretty=_pretty)


def _counted(found: Count) -> str:
    active = f", {human(found.total_active)} of them active" if found.total_active != found.total else ""
    return (
        f"{found.total:,} parameters ({human(found.total)}){active}; {human(found.non_embedding)} without embedding and head. "
        f"Training costs {found.training_flops_per_token:.3g} FLOPs a token at {found.context:,} tokens a sequence, "
        f"{found.training_flops_per_token / (6 * found.total_active):.2f} times 6·N; the cache holds "
        f"{found.cache_bytes_per_token:,} bytes a token"
    )


def _warnings(shape: Architecture, found: Count) -> list[str]:
    off = found.training_flops_per_token / (6 * found.total_active) - 1
    said = []
    if abs(off) > 0.1:
        said.append(
            f"6·N·D is {abs(off):.0%} {'below' if off > 0 else 'above'} what training costs: give C, not 6·N·D, to fits"
        )
    if shape.experts is not None:
        said.append("C follows the active parameters, memory the total: say which of them N is in a table of runs")
    return said


def _pretty(table: pd.DataFrame) -> str:
    shown = pd.DataFrame({"": table["part"].str.replace("_", " ")})
    for name in ("parameters", "active"):
        shown[name] = table[name].map("{:,}".format)
    shown["forward FLOPs a token"] = table["forward_flops"].map("{:.3g}".format)
    return right_aligned(shown.set_index(""), index=True)


@click.command("architecture")
@click.option("-N", "--params", "N", type=QUANTITY, required=True, help="Parameters.")
@click.option("-D", "--tokens", "D", type=QUANTITY, help="Tokens: steps, batch and learning rate are chosen too.")
@click.option("--vocabulary", type=int, default=50304, show_default=True, help="Entries of the tokenizer.")
@click.option(
    "--counts", type=click.Choice(["total", "non-embedding"]), default="total", show_default=True, help="What N holds."
)
@click.option("--aspect", type=float, help="Width over layers; 64 at 100M parameters and 128 at 10B without it.")
@click.option("--kv-heads", type=int, help="Of grouped-query attention.")
@CONTEXT
@rates_options
@click.option("--format", "form", type=click.Choice((*architectures.FORMATS, FOLDER)), help="Configuration to write.")
@click.option(
    "-o", "--output", metavar="PATH", help="Where to write it: a file, or for torchtitan a folder; stdout without it."
)
def architecture_command(
    N: float,
    D: float | None,
    vocabulary: int,
    counts: str,
    aspect: float | None,
    kv_heads: int | None,
    context: int,
    rule: str,
    lr: float | None,
    batch: float | None,
    form: str | None,
    output: str | None,
) -> None:
    """Choose layers, width and heads for N parameters, with -D also steps, batch and learning rate; write them for a trainer.

    --rule is a published rule, or your own law as `quokka-laws hyperparameters sweep.csv -o hyper.json` wrote it.
    """
    if output and not form:
        form = "huggingface"
    if D is None and (odd := given("rule", "lr", "batch")):
        raise click.UsageError(f"{', '.join(odd)}: give the tokens too, -D")
    if form == FOLDER and (D is None or not output):
        raise click.UsageError(f"--format {FOLDER} writes a folder that trains a run: give -D and -o FOLDER")
    if form != FOLDER:
        check_output(output)
    block = "gpt2" if form == "nanogpt" else "llama"
    shape = architectures.propose(
        N, vocabulary=vocabulary, counts=counts, aspect=aspect, kv_heads=kv_heads, block=block, positions=context
    )
    found = architectures.count(shape, context)
    below, run = [_counted(found)], None
    if D is not None:
        rate, tokens = rate_and_batch(rule, N, D, context=context, lr=lr, batch=batch)
        run = architectures.run_of(shape, D, rate, tokens, context=context)
        below += [_trained(run, rule if lr is None or batch is None else ""), _rules(N, D)]
    Output("json" if form and not output else "text", None, False).text(_shape(shape), [], *below)
    if form == FOLDER:
        assert run is not None  # asked for above
        assert output is not None
        write_runs([run], FOLDER, Path(output))
    elif form:
        if run is None or form == "huggingface":  # whose configuration says nothing of training
            text = architectures.write(shape, form, context=context)
        else:
            text = architectures.options(run, form)
        if output:
            write_file(Path(output), text)
        else:
            click.echo(text.rstrip("\n"))


def _shape(shape: Architecture) -> str:
    return (
        f"{shape.layers} layers of width {shape.width:,}, {shape.heads} heads of {shape.head_size}"
        + (f" ({shape.kv_heads} for keys and values)" if shape.kv_heads < shape.heads else "")
        + f", feed-forward {shape.feed_forward:,}, vocabulary {shape.vocabulary:,}{', tied head' if shape.tied else ''}"
    )


def _trained(run: Launch, rule: str) -> str:
    by = f" (by {rule})" if rule else ""
    return (
        f"Training: {run.steps:,} steps of {human(run.batch * run.context)} tokens, highest learning rate {run.lr:.3g}{by}, "
        f"warm-up {run.warmup:,} steps; {run.facts['C']:.3g} FLOPs"
    )


def _rules(N: float, D: float) -> str:
    rules = hyperparameters(N, D)[["rule", "lr", "batch_tokens"]]
    shown = pd.DataFrame(
        {
            "rule": rules["rule"],
            "learning rate": rules["lr"].map(lambda v: f"{v:.2e}" if v == v else "–"),
            "batch, tokens": rules["batch_tokens"].map(human),
        }
    )
    return f"Learning rate and batch by published rules\n{right_aligned(shown)}"
