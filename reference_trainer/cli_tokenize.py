"""``python -m reference_trainer tokenize``: a corpus as memory-mapped shards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click


@click.command("tokenize")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to make; then `--corpus FOLDER` trains on it.")
@click.option("--field", default="text", show_default=True, help="Field of JSON lines, column of Parquet and Arrow.")
@click.option("--separator", default="", help=r"Between documents of plain text, such as '\n\n'.")
@click.option("--tokenizer", default="", help="A JSON file of the tokenizers library; default: bytes.")
@click.option(
    "--end",
    default="",
    help="The tokenizer's token that ends a document; found by its usual names without it, such as </s>",
)
@click.option("--end-token", type=click.IntRange(0), help="What ends documents in nanoGPT's .bin; default 50256.")
@click.option("--vocabulary", type=click.IntRange(0), default=0, help="Of a .bin; default: up to its largest token.")
@click.option("--validation", multiple=True, metavar="SOURCE", help="Separate validation source. Repeatable.")
@click.option("--validation-share", default=0.05, show_default=True, help="Of documents, chosen by hash.")
@click.option("--deduplicate", is_flag=True, help="Leave repeated documents out, not only count them.")
@click.option("--shard-tokens", type=int, default=2**27, show_default=True, help="Length of a shard.")
@click.option("--check", type=click.Path(path_type=Path), help="Hash the shards of this folder again, and stop.")
def tokenize_command(sources: tuple[str, ...], out: Path | None, check: Path | None, **options: Any) -> None:
    """Turn text into shards for `--corpus`: text, JSON lines, Parquet, Arrow (also packed), .bin, or folders of them.

    A folder that Hugging Face's `save_to_disk` wrote is read, and so are the token files of nanoGPT, llm.c and Megatron.
    """
    from tqdm import tqdm

    from reference_trainer.shards import Index
    from reference_trainer.tokenization import Request, tokenize

    if check is not None:
        Index.read(check).verify()
        click.echo(f"{check}: every shard is as it was written", err=True)
        return
    if not sources or out is None:
        raise click.UsageError("give SOURCE and --out FOLDER")
    options["separator"] = options["separator"].replace("\\n", "\n").replace("\\t", "\t")
    begun = time.monotonic()
    with tqdm(unit="B", unit_scale=True, desc="tokenize", delay=2.0) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        index = tokenize(Request(sources, **options), out, progress=show)
    click.echo(summary(index, out, time.monotonic() - begun), err=True)


def summary(index: dict[str, Any], out: Path, seconds: float) -> str:
    """What was made, for people."""
    lines = []
    for name, split in index["splits"].items():
        lines.append(
            f"{name}: {split['tokens']:,} tokens ({split['unique_tokens']:,} unique) of {split['documents']:,} documents "
            f"({split['unique_documents']:,} unique)"
        )
    for key, said in (
        ("empty_documents", "empty documents passed over"),
        ("left_out_as_repeated", "repeated documents left out"),
        ("left_out_as_in_validation", "training documents left out because validation has them"),
    ):
        if index[key]:
            lines.append(f"{index[key]:,} {said}")
    text = sum(split["bytes"] for split in index["splits"].values())
    rate = f", {text / seconds / 1e6:.0f} MB of text a second" if text and seconds > 1 else ""
    kinds = f"{index['occurring']:,} of {index['vocabulary']:,} tokens of the vocabulary occur"
    return "\n  ".join([f"{out}: {kinds}{rate}", *lines])
