"""``python -m reference_trainer``: train one run, a sweep, evaluate or sample a checkpoint."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from reference_trainer.errors import TrainerError
from reference_trainer.objectives import OBJECTIVES
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


def spec_options(command: Any) -> Any:
    """One option per field of RunSpec."""
    for f in reversed(dataclasses.fields(RunSpec)):
        kind: Any = {"int": Tokens(), "float": float, "str": str}.get(str(f.type), Counts())
        shown = f.default not in ("", ())
        command = click.option(
            f"--{f.name.replace('_', '-')}",
            f.name,
            type=kind,
            default=f.default,
            show_default=shown,
            help=f.metadata["help"],
        )(command)
    return command


@main.command()
@spec_options
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:0.")
@click.option("--compile", "compile_model", is_flag=True, help="torch.compile the model (worth it on a GPU).")
@click.option("--log", type=click.Choice(["tensorboard", "wandb"]), help="Log training curves there as well.")
@click.option("--keep", is_flag=True, help="Keep the checkpoint of the finished run, to sample or evaluate.")
def train(out: Path, device: str, compile_model: bool, log: str | None, keep: bool, **options: Any) -> None:
    """Train one run; its rows go to OUT/runs.jsonl. Under torchrun the batch is shared by all processes."""
    import torch
    from tqdm import tqdm

    from reference_trainer.devices import find_device
    from reference_trainer.loggers import open_log
    from reference_trainer.records import append_rows
    from reference_trainer.sweep import Stop, finished_runs
    from reference_trainer.train import Interrupted, Trainer

    spec = RunSpec(**options)
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    finished = spec.run_id in finished_runs(out)
    if finished and not keep:
        click.echo(f"{out / 'runs.jsonl'} has the rows of this run, {spec.run_id}; --keep trains it again", err=True)
        return
    find_device(device)
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    kind = "" if rank else log or ""
    with tqdm(unit="tok", unit_scale=True, disable=rank > 0) as bar, open_log(kind, [spec], out) as on_metrics:
        trainer = Trainer(
            [spec], out / "checkpoints", device=device, stop=Stop(None), on_progress=bar.update, on_metrics=on_metrics,
            compile_model=compile_model,
        )  # fmt: skip
        bar.total = trainer.total_tokens
        try:
            rows = trainer.run()
        except Interrupted:
            click.echo(f"stopped; the same command continues from {trainer.checkpoint_path}", err=True)
            sys.exit(143)
    if trainer.rank == 0:
        if not finished:
            append_rows(rows, out / "runs.jsonl")
        if keep:
            trainer.save_now()
        else:
            trainer.checkpoint_path.unlink(missing_ok=True)
        for row in rows:
            click.echo(json.dumps(row))
    if world > 1:
        torch.distributed.destroy_process_group()


@main.command()
@click.argument("table", required=False, type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(["smoke", "cpu-demo", "calibration"]), help="Instead of a TABLE.")
@click.option("--corpus", default="tiny-shakespeare", show_default=True, help="Text, folder or name.")
@click.option("--validation", default="", help="Separate validation text; default: the last tenth.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--workers", type=click.IntRange(1), help="Processes; default one a core, or one a CUDA device.")
@click.option("--pack", type=click.IntRange(1), help="Like runs trained as one; default 1, on CUDA 8.")
@click.option("--launcher", default="local", show_default=True, help="local, ray or submitit.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda:0, or cuda for all CUDA devices.")
@click.option("--compile", "compile_model", is_flag=True, help="torch.compile the models (worth it on a GPU).")
@click.option("--log", type=click.Choice(["tensorboard", "wandb"]), help="Log training curves there as well.")
@click.option("--time-budget", type=float, help="Minutes after which everything is saved and stops.")
def sweep(
    table: Path | None,
    preset: str | None,
    corpus: str,
    validation: str,
    out: Path,
    workers: int | None,
    pack: int | None,
    launcher: str,
    device: str,
    compile_model: bool,
    log: str | None,
    time_budget: float | None,
) -> None:
    """Train a TABLE of runs (CSV or JSON lines, columns = options of `train`) or a preset; finished runs are skipped."""
    from reference_trainer import presets
    from reference_trainer import sweep as sweeping
    from reference_trainer.corpus import load
    from reference_trainer.tables import read_specs

    if (table is None) == (preset is None):
        raise click.UsageError("give either a TABLE or --preset")
    if preset:
        load(corpus, validation=validation or None)  # say what is wrong with it before a worker does
        specs = presets.PRESETS[preset](corpus, validation)
    else:
        defaults = {"corpus": corpus, "validation": validation}
        specs = read_specs(table, **defaults)  # type: ignore[arg-type]
    ended = sweeping.sweep(
        specs,
        out,
        workers=workers,
        pack=pack,
        launcher=launcher,
        device=device,
        compile_model=compile_model,
        time_budget=60 * time_budget if time_budget else None,
        log=log or "",
    )
    click.echo(f"{out / 'runs.jsonl'}: " + ", ".join(f"{v} {k}" for k, v in ended.items()), err=True)
    if ended.get("crash"):
        sys.exit(3)


@main.command("probe")
@click.option("--objective", type=click.Choice(OBJECTIVES), default="masked", show_default=True)
@click.option("--width", type=click.IntRange(2), default=32, show_default=True)
@click.option("--depth", type=click.IntRange(1), default=2, show_default=True)
@click.option("--tokens", type=Tokens(), default="256k", show_default=True)
@click.option("--corpus", default="tiny-shakespeare", show_default=True)
@click.option("--validation", default="", help="Separate validation text; default: the last tenth.")
@click.option("--device", default="cpu", show_default=True)
def probe_command(**options: Any) -> None:
    """Learning-rate probe: eight models of one shape trained as one pack; prints a table, lowest loss marked."""
    from reference_trainer.train import probe_lr

    device = options.pop("device")
    table = probe_lr(RunSpec(**options), device=device)
    best = table["loss"].idxmin()
    table["best"] = ["←" if i == best else "" for i in table.index]
    click.echo(table.to_string(index=False))
    if best in (table.index[0], table.index[-1]):
        click.echo("the lowest loss is at the edge of the probe: the best rate may lie beyond it", err=True)


@main.command("sample")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--prompt", default="", help="Text to begin with.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--temperature", type=float, default=1.0, show_default=True)
@click.option("--watch", is_flag=True, help="Show every stage, a line each.")
def sample_command(checkpoint: Path, prompt: str, seed: int, temperature: float, watch: bool) -> None:
    """Print one context of text sampled from a CHECKPOINT."""
    from reference_trainer.corpus import load_tokenizer
    from reference_trainer.sample import load_model, sample

    model, spec = load_model(checkpoint)
    bpe = load_tokenizer(spec.tokenizer) if spec.tokenizer else None
    start = bpe.encode(prompt).ids if bpe else list(prompt.encode())

    def show(tokens: list[int]) -> str:
        spans = groupby(tokens, lambda token: token == model.mask_token)
        return "".join(
            "▒" * len(list(span)) if hidden else bpe.decode(list(span)) if bpe else bytes(span).decode(errors="replace")
            for hidden, span in spans
        )

    stage = start
    for stage in sample(model, spec.objective, prompt=start, seed=seed, temperature=temperature):
        if watch:
            click.echo(show(stage).replace("\n", "⏎"))
    if not watch:
        click.echo(show(stage))


@main.command("eval")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--corpus", help="Another corpus than the run's own.")
@click.option("--passes", type=click.IntRange(2), default=8, show_default=True)
@click.option("--sequences", type=click.IntRange(1), default=1024, show_default=True)
def eval_command(checkpoint: Path, corpus: str | None, passes: int, sequences: int) -> None:
    """Validation loss of a CHECKPOINT as JSON."""
    from reference_trainer.corpus import load
    from reference_trainer.evaluate import Validation, validation_rows
    from reference_trainer.sample import load_model

    model, spec = load_model(checkpoint)
    text = load(corpus or spec.corpus, validation=spec.validation or None, tokenizer=spec.tokenizer or None)
    rows, digest = validation_rows(text, spec.context, sequences)
    recipe = Validation(rows, spec.objective, model.shape, passes=passes)
    (score,) = recipe.scores(model, bytes_per_token=text.bytes_per_token)
    click.echo(json.dumps({**dataclasses.asdict(score), "sequences": len(rows), "passes": passes, "val_hash": digest}))
