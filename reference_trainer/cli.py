"""``python -m reference_trainer``: train one run, a sweep, evaluate or sample a checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from reference_trainer.cli_tokenize import tokenize_command
from reference_trainer.errors import TrainerError
from reference_trainer.execution import Execution
from reference_trainer.spec import RunSpec


class Tokens(click.ParamType):  # type: ignore[type-arg]
    """A count such as 500k, 2M or 1e6."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text → int."""
        from quokka_laws.runs.quantities import parse_quantity

        try:
            return int(parse_quantity(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Counts(Tokens):
    """Several counts separated by commas."""

    name = "count,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text → tuple of int."""
        return (
            value
            if isinstance(value, tuple)
            else tuple(super(Counts, self).convert(v, param, ctx) for v in value.split(",") if v)
        )


class Group(click.Group):
    """Turns the caller's mistakes into one message."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (TrainerError, ValueError) as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)
        except OSError as error:
            click.echo(f"Error: {error.filename or 'file'}: {error.strerror}", err=True)
            sys.exit(1)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Train small masked-diffusion and autoregressive models and turn them into calibration points."""


EXPORTS = ("torchtitan", "megatron", "slurm")
main.add_command(tokenize_command)
DEVICE = click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:0.")


Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _options(fields: type[Any]) -> Decorator:
    """One option per field of a dataclass."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for f in reversed(dataclasses.fields(fields)):
            kind = {"int": Tokens(), "float": click.FLOAT, "str": click.STRING}.get(str(f.type), Counts())
            command = click.option(
                f"--{f.name.replace('_', '-')}",
                f.name,
                type=click.BOOL if str(f.type) == "bool" else kind,
                is_flag=str(f.type) == "bool",
                default=f.default,
                show_default=f.default not in ("", (), False),
                help=f.metadata["help"],
            )(command)
        return command

    return add


spec_options, execution_options = _options(RunSpec), _options(Execution)


def _execution(options: dict[str, Any]) -> Execution:
    """Take the options of an execution out of those of a command."""
    return Execution(**{f.name: options.pop(f.name) for f in dataclasses.fields(Execution)})


@main.command()
@spec_options
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@execution_options
@click.option("--log", type=click.Choice(["tensorboard", "wandb"]), help="Log training curves there as well.")
@click.option("--keep", is_flag=True, help="Keep the model of each row under OUT/models, to sample or evaluate.")
def train(out: Path, log: str | None, keep: bool, **options: Any) -> None:
    """Train one run; its rows go to OUT/runs.jsonl. Under torchrun the batch is shared by all processes."""
    import torch
    from tqdm import tqdm

    from reference_trainer.devices import find_device
    from reference_trainer.jobs import Stop, finished_runs
    from reference_trainer.locks import claim
    from reference_trainer.loggers import open_log
    from reference_trainer.progress import postfix
    from reference_trainer.records import append_rows
    from reference_trainer.train import Interrupted, Trainer

    execution = _execution(options)
    spec = RunSpec(**options)
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    finished = spec.run_id in finished_runs(out)
    if finished and not keep:
        click.echo(f"{out / 'runs.jsonl'} has the rows of this run, {spec.run_id}; --keep trains it again", err=True)
        return
    find_device(execution.device)
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if world > 1:
        torch.distributed.init_process_group("nccl" if execution.on_cuda else "gloo")
    kind = "" if rank else log or ""
    with (
        claim(out, spec.run_id) if not rank else contextlib.nullcontext(True) as free,
        tqdm(unit="tok", unit_scale=True, disable=rank > 0) as bar,
        open_log(kind, [spec], out) as on_metrics,
    ):
        if not free:
            raise TrainerError(f"another process trains this run, {spec.run_id}, into {out}")

        def show(tokens: int, seen: dict[str, float]) -> None:
            bar.set_postfix_str(postfix(seen), refresh=False)
            bar.update(tokens)

        trainer = Trainer(
            [spec], out / "checkpoints", execution=execution, stop=Stop(None), on_progress=show, on_metrics=on_metrics,
            keep=out / "models" if keep else None,
        )  # fmt: skip
        bar.total = trainer.total_tokens
        try:
            with Stop.at_work():
                rows = trainer.run()
        except Interrupted:
            click.echo(f"stopped; the same command continues from {trainer.checkpoint_path}", err=True)
            sys.exit(143)
        if trainer.rank == 0:
            if not finished:
                append_rows(rows, out / "runs.jsonl")
            trainer.checkpoint_path.unlink(missing_ok=True)
    if trainer.rank == 0:
        for row in rows:
            click.echo(json.dumps(row))
    if world > 1:
        torch.distributed.destroy_process_group()


@main.command()
@click.argument("table", required=False, type=click.Path(path_type=Path))
@click.option(
    "--preset",
    type=click.Choice(["smoke", "cpu-demo", "calibration", "calibration-largest"]),
    help="Instead of a TABLE.",
)
@click.option("--corpus", default="tiny-shakespeare", show_default=True, help="Text, folder or name.")
@click.option("--validation", default="", help="Separate validation text; default: the last tenth.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--workers", type=click.IntRange(1), help="Processes; default one a core, or one a CUDA device.")
@click.option("--pack", type=click.IntRange(1), help="Like runs trained as one; default 3, on CUDA 8.")
@click.option("--launcher", default="local", show_default=True, help="local, ray or submitit.")
@execution_options
@click.option("--log", type=click.Choice(["tensorboard", "wandb"]), help="Log training curves there as well.")
@click.option("--keep", is_flag=True, help="Keep the model of every row under its folder's models/.")
@click.option("--tune", is_flag=True, help="First train a curve of learning rates at each size, and use the best.")
@click.option("--time-budget", type=click.FloatRange(0), help="Minutes after which everything is saved and stops.")
@click.option("--export", "trainer", type=click.Choice(EXPORTS), help="Train nothing: write the runs for this trainer.")
def sweep(
    table: Path | None,
    preset: str | None,
    corpus: str,
    validation: str,
    out: Path,
    trainer: str | None,
    tune: bool,
    **options: Any,
) -> None:
    """Train a TABLE of runs (CSV or JSON lines, columns = options of `train`) or a preset; finished runs are skipped.

    A table of one objective writes OUT/runs.jsonl. A preset, and a table of several objectives, writes a folder for each,
    OUT/autoregressive/runs.jsonl and so on: losses of different kinds belong in no common fit.
    """
    from reference_trainer import presets
    from reference_trainer import sweep as sweeping
    from reference_trainer import tune as tuning
    from reference_trainer.sweep_table import read_specs

    if (table is None) == (preset is None):
        raise click.UsageError("give either a TABLE or --preset")
    if preset:
        specs = presets.PRESETS[preset](corpus, validation)
    else:
        defaults = {"corpus": corpus, "validation": validation}
        specs = read_specs(table, **defaults)  # type: ignore[arg-type]
    if trainer:
        from reference_trainer.export import export

        click.echo(export(specs, trainer, out, device=options["device"]), err=True)
        return
    objectives = sorted({spec.objective for spec in specs})
    split = bool(preset) or len(objectives) > 1
    _check_unique_tokens(specs)
    minutes = options.pop("time_budget")
    options |= {"execution": _execution(options), "log": options["log"] or "", "by_objective": split}
    options["time_budget"] = 60 * minutes if minutes else None
    if tune:
        specs = tuning.tune(specs, out, **options)
    ended = sweeping.sweep(specs, out, **options)
    folders = [out / name for name in objectives] if split else [out]
    said = ", ".join(f"{v} {k}" for k, v in ended.items())
    click.echo(f"{' '.join(str(folder / 'runs.jsonl') for folder in folders)}: {said}", err=True)
    if ended.get("crash"):
        sys.exit(3)


def _check_unique_tokens(specs: list[RunSpec]) -> None:
    """Say what is wrong with a corpus, or with what is asked of it, before a worker does."""
    from reference_trainer.corpus import load

    most: dict[tuple[str, str, str, str], int] = {}
    for spec in specs:
        which = (spec.corpus, spec.validation, spec.tokenizer, spec.alphabet)
        most[which] = max(most.get(which, 0), spec.unique_tokens)
    for (corpus, validation, tokenizer, alphabet), unique in most.items():
        text = load(corpus, validation=validation or None, tokenizer=tokenizer or None, alphabet=alphabet)
        if unique > len(text.train):
            raise TrainerError(
                f"unique_tokens = {unique:,} were asked for, the corpus {corpus} has {len(text.train):,}; "
                "lower it, or give more text"
            )


@main.command("probe")
@spec_options
@execution_options
def probe_command(**options: Any) -> None:
    """Learning-rate probe: eight models of one shape trained as one pack; prints a table, lowest loss marked."""
    from reference_trainer.tune import probe_lr

    execution = _execution(options)
    table = probe_lr(RunSpec(**options), execution=execution)
    if table["loss"].isna().all():
        raise TrainerError(f"all rates from {table['lr'].min():g} to {table['lr'].max():g} diverged: lower --lr")
    best = table["loss"].idxmin()
    table["best"] = ["←" if i == best else "" for i in table.index]
    click.echo(table.to_string(index=False))
    if best in (table.index[0], table.index[-1]):
        click.echo("the lowest loss is at the edge of the probe: the best rate may lie beyond it", err=True)


@main.command("sample")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--prompt", default="", help="Text to begin with.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option("-n", "--number", type=click.IntRange(1), default=1, show_default=True, help="Texts.")
@click.option("--watch", is_flag=True, help="Show every stage, a line each.")
@DEVICE
def sample_command(
    model: Path, prompt: str, seed: int, temperature: float, number: int, watch: bool, device: str
) -> None:
    """Print one context of text, or several, sampled from a kept MODEL (OUT/models/ROW)."""
    from reference_trainer.corpus import Codec
    from reference_trainer.devices import find_device
    from reference_trainer.kept import load_model
    from reference_trainer.sample import sample
    from reference_trainer.shards import tokenizer_file

    network, spec, about = load_model(model, device=find_device(device))
    codec = Codec(spec.tokenizer or tokenizer_file(spec.corpus) or "", about["alphabet"], mask=network.mask_token)
    for i in range(number):
        if i:
            click.echo("---")
        stages = sample(
            network, spec.objective, prompt=codec.encode(prompt), seed=seed + i, temperature=temperature,
            device=network.flat.device,
        )  # fmt: skip
        last: list[int] = []
        for last in stages:
            if watch:
                click.echo(codec.decode(last).replace("\n", "⏎"))
        if not watch:
            click.echo(codec.decode(last))


@main.command("eval")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--corpus", help="Another corpus than the run's own.")
@click.option("--validation", default="", help="Its separate validation text; default: its last tenth.")
@click.option("--passes", type=click.IntRange(1), help="Monte-Carlo passes; default the run's own.")
@click.option("--sequences", type=click.IntRange(1), help="Validation sequences; default the run's own.")
@DEVICE
def eval_command(
    model: Path, corpus: str | None, validation: str, passes: int | None, sequences: int | None, device: str
) -> None:
    """Validation loss of a kept MODEL (OUT/models/ROW) as JSON; without options, that of its row."""
    from reference_trainer.corpus import load
    from reference_trainer.devices import find_device
    from reference_trainer.evaluate import Validation, validation_rows
    from reference_trainer.kept import load_model

    network, spec, about = load_model(model, device=find_device(device))
    alphabet = tuple(about["alphabet"]) if about["alphabet"] else "full"
    own = validation if corpus else spec.validation
    text = load(corpus or spec.corpus, validation=own or None, tokenizer=spec.tokenizer or None, alphabet=alphabet)
    if text.vocabulary != network.shape.vocabulary:
        raise TrainerError(
            f"the corpus has {text.vocabulary} tokens, the model was trained on {network.shape.vocabulary}"
        )
    rows, digest = validation_rows(text, spec.context, sequences or spec.eval_sequences)
    passes = passes or spec.eval_passes
    recipe = Validation(rows, spec.objective, network.shape, passes=passes)
    (score,) = recipe.scores(network, bytes_per_token=text.bytes_per_token)
    click.echo(json.dumps({**dataclasses.asdict(score), "sequences": len(rows), "passes": passes, "val_hash": digest}))
