"""What training programs print about a run, in the formats of their own print statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

BATCH = 2**18  # tokens of a step


@dataclass(frozen=True)
class Run:
    """A run to be printed: losses of validation and of training at some steps."""

    N: int = 124_475_904
    steps: tuple[int, ...] = tuple(range(0, 1001, 100))
    end: int = 1000

    def val(self, step: int) -> float:
        return 2.5 + 8.0 * 0.995**step

    def train(self, step: int) -> float:
        return self.val(step) - 0.125


def nanogpt(run: Run) -> Iterator[str]:
    yield f"tokens per iteration will be: {BATCH:,}"
    yield f"number of parameters: {run.N / 1e6:.2f}M"
    yield f"num decayed parameter tensors: 50, with {run.N - 121344:,} parameters"
    for step in run.steps:
        yield f"step {step}: train loss {run.train(step):.4f}, val loss {run.val(step):.4f}"
        yield "saving checkpoint to out"
        yield f"iter {step}: loss {run.train(step):.4f}, time {123.456:.2f}ms, mfu {35.1:.2f}%"


def modded(run: Run) -> Iterator[str]:
    yield "import os"
    yield "    num_iterations : int = 1000 # number of iterations to run"
    yield "    val_loss_every : int = 125 # every how many steps to evaluate val loss? 0 for only at the end"
    yield "step = 0"
    yield "    val_loss = 0.0"
    yield "    print(f'step:{step}/{args.num_iterations} val_loss:{val_loss:.4f} train_time:{training_time_ms:.0f}ms')"
    yield "=" * 100
    for step in run.steps:
        yield f"step:{step}/{run.end} val_loss:{run.val(step):.4f} train_time:{100 * step:.0f}ms step_avg:{100:.2f}ms"
        yield f"step:{step + 1}/{run.end} train_loss:{run.train(step):.4f} train_time:{100 * step:.0f}ms step_avg:{100:.2f}ms"


def nanochat(run: Run) -> Iterator[str]:
    yield "Parameter counts:"
    yield f"{'wte':24s}: {run.N // 4:,}"
    yield f"{'total':24s}: {run.N:,}"
    yield f"Estimated FLOPs per token: {6.0 * run.N:e}"
    yield f"Total batch size {BATCH:,} => gradient accumulation steps: 1"
    for step in run.steps:
        yield f"Step {step:05d} | Validation bpb: {run.val(step) / 4:.6f}"
        yield (
            f"step {step:05d}/{run.end:05d} ({step / 10:.2f}%) | loss: {run.train(step):.6f} | lrm: 1.00 | dt: 123.45ms | tok/sec: "
            f"{1234567:,} | bf16_mfu: 44.10 | epoch: 1 pq: 12 rg: 3 | total time: {step / 60:.2f}m | eta: 1.5m"
        )
    yield f"Minimum validation bpb: {0.5:.6f}"


def llmc(run: Run) -> Iterator[str]:
    yield f"| num_parameters        | {run.N:<50d} |"
    yield f"num_parameters: {run.N} => bytes: {2 * run.N}"
    yield f"batch_size B=16 * seq_len T=1024 * num_processes=8 and total_batch_size={BATCH}"
    yield f"val loss {run.val(0):.6f}"
    for step in run.steps[1:]:
        yield (
            f"step {step:4d}/{run.end} | loss {run.train(step):7.6f} (+nanz)| norm {1.25:6.4f} (+0.13z)| lr 6.00e-04 | 3056.36 ms | "
            "42.6% bf16 MFU | 343080 tok/s"
        )
        yield f"val loss {run.val(step):.6f}"


def llmc_main(run: Run) -> Iterator[str]:
    for step in run.steps:
        yield f"s:{step} tel:{run.val(step):.4f}"
        yield f"s:{step} eval:0.2500"
        yield f"s:{step} trl:{run.train(step):.4f} lr:0.000600 norm:1.25"


def build(run: Run) -> Iterator[str]:
    for step in run.steps:
        yield f"{step} val {run.val(step):.4f}"
        yield f"{step} hella {0.25:.4f}"
        yield f"{step} train {run.train(step):.6f}"


def olmo(run: Run) -> Iterator[str]:
    head = "2024-04-17 09:42:26.123 host:0 olmo.train:816 INFO "
    yield f"{head}Total number of parameters: {run.N:,d}"
    for step in run.steps[1:]:
        yield f"{head}[step={step}/{run.end},epoch=0]"
        yield f"    train/CrossEntropyLoss={run.train(step):.3f}"
        yield f"    train/Perplexity={2.718 ** run.train(step):.1f}"
        yield f"    throughput/total_tokens={step * BATCH:,d}"
        yield "    throughput/device/tokens_per_second=45,538"
        yield f"{head}[eval_step=3/16]"
        yield f"{head}all-small-ppl-validation"
        yield f"    eval/c4_en-validation/CrossEntropyLoss={run.val(step):.3f}"
        yield f"    eval/c4_en-validation/Perplexity={2.718 ** run.val(step):.1f}"


def olmo_core(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield f"2025-01-02 03:04:05.678\thost:0\tolmo_core.train.callbacks.console_logger:72\tINFO\t[step={step}/{run.end},epoch=1,eta=1:02:03]"
        yield f"    optim/LR (group 0)={4e-4}"
        yield f"    train/CE loss={run.train(step):.3f}"
        yield f"    train/PPL={2.718 ** run.train(step):,.3f}"
        yield f"    throughput/total tokens={step * BATCH:,d}"


def composer(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield f"[batch={step}/{run.end}]:"
        yield f"\t Train time/batch: {step - 1}"
        yield f"\t Train time/token: {step * BATCH}"
        yield f"\t Train loss/train/total: {run.train(step):.4f}"
        yield f"\t Train metrics/train/LanguageCrossEntropy: {run.train(step):.4f}"
        yield f"\t Train metrics/train/LanguagePerplexity: {2.718 ** run.train(step):.4f}"
        yield "[Eval batch=1/8] Eval on eval data"
        yield "[Eval batch=8/8] Eval on eval data:"
        yield f"\t Eval metrics/eval/LanguageCrossEntropy: {run.val(step):.4f}"
        yield f"\t Eval metrics/eval/LanguagePerplexity: {2.718 ** run.val(step):.4f}"


def huggingface(run: Run) -> Iterator[str]:
    yield "***** Running training *****"
    yield f"  Num examples = {256 * run.end // 2:,}"
    yield "  Num Epochs = 2"
    yield "  Instantaneous batch size per device = 32"
    yield "  Total train batch size (w. parallel, distributed & accumulation) = 256"
    yield "  Gradient Accumulation steps = 1"
    yield f"  Total optimization steps = {run.end:,}"
    yield f"  Number of trainable parameters = {run.N:,}"
    for step in run.steps[1:]:
        epoch = step / run.end * 2
        yield f"{{'loss': {run.train(step):.4f}, 'grad_norm': 0.8125, 'learning_rate': 5e-05, 'epoch': {epoch:.2f}}}"
        yield f"{{'eval_loss': {run.val(step)}, 'eval_runtime': 1.1, 'eval_samples_per_second': 9.0, 'eval_steps_per_second': 2.0, 'epoch': {epoch:.2f}}}"
    yield "{'train_runtime': 99.1, 'train_samples_per_second': 10.3, 'train_steps_per_second': 1.29, 'train_loss': 5.5, 'epoch': 2.0}"


def huggingface_bars(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield f"\r  {step // 10}%|█         | {step}/{run.end} [00:08<08:31,  2.19it/s]"
        yield f"0: {{'loss': {run.train(step):.4f}, 'grad_norm': 1.44, 'learning_rate': 4.9e-05, 'epoch': {step / run.end * 3.7:.2f}}}"


def litgpt(run: Run) -> Iterator[str]:
    yield f"Total parameters: {run.N:,}"
    val = "n/a"
    for step in run.steps[1:]:
        yield (
            f"Epoch 1 | iter {4 * step - 1} step {step - 1} | loss train: {run.train(step):.3f}, val: {val} | iter time: 300.07 ms "
            "remaining time: 0:01:02"
        )
        yield (
            f"Epoch 1 | iter {4 * step} step {step} | loss train: {run.train(step):.3f}, val: {val} | iter time: 300.07 ms (step) "
            "remaining time: 0:01:02"
        )
        yield f"iter {4 * step}: val loss {run.val(step):.4f}, val time: 1234.56 ms"
        val = f"{run.val(step):.3f}"


def fairseq(run: Run) -> Iterator[str]:
    bits = 0.6931471805599453
    yield f"2021-03-08 12:29:51 | INFO | fairseq_cli.train | num. model params: {run.N:,} (num. trained: {run.N:,})"
    for step in run.steps[1:]:
        yield (
            f'2021-03-08 12:31:36 | INFO | train_inner | {{"epoch": 1, "update": {step / 2000}, "loss": "{run.train(step) / bits:.3f}", "ppl": '
            f'"91120.8", "wps": "288", "ups": "0.02", "wpb": "16384", "bsz": "8", "num_updates": "{step}", "lr": "2e-05", "gnorm": "20.751"}}'
        )
        yield (
            f'2021-03-08 12:31:40 | INFO | valid | {{"epoch": 1, "valid_loss": "{run.val(step) / bits:.3f}", "valid_ppl": "460.11", "valid_wps": '
            f'"202259", "valid_wpb": "11163.9", "valid_bsz": "455.2", "valid_num_updates": "{step}", "valid_best_loss": "1.000"}}'
        )


def fairseq_simple(run: Run) -> Iterator[str]:
    bits = 0.6931471805599453
    for step in run.steps[1:]:
        yield (
            f"2023-06-13 17:32:30 | INFO | train_inner | epoch 001: {step:6d} / 1200 loss=9.999, nll_loss={run.train(step) / bits:.3f}, ppl=8.89, "
            f"wps=132396, ups=2.18, wpb=60718.4, bsz=2141.4, num_updates={step}, lr=0.00015772, gnorm=0.483, train_wall=46, wall=0"
        )
        yield (
            f"2023-06-13 17:32:41 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 12.677 | nll_loss {run.val(step) / bits:.3f} | ppl "
            f"6550.94 | wps 88225 | wpb 21176.3 | bsz 666.3 | num_updates {step} | best_loss 1.53"
        )


def keras(run: Run) -> Iterator[str]:
    for epoch, step in enumerate(run.steps[1:], 1):
        yield f"Epoch {epoch}/{len(run.steps) - 1}"
        yield "\x1b[1m 50/100\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m 2s 40ms/step - accuracy: 0.0100 - loss: 9.9999\b\b\b\b"
        yield f"\x1b[1m100/100\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m 5s 43ms/step - accuracy: 0.0123 - loss: {run.train(step):.4f} - val_accuracy: 0.0125 - val_loss: {run.val(step):.4f}"


def maxtext(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield (
            f"I0804 08:20:00.0 1 metric_logger.py:210] completed step: {step}, seconds: 1.234, TFLOP/s/device: 123.456, Tokens/s/device: "
            f"4567.890, total_weights: {BATCH}, loss: {run.train(step):.3f}"
        )
        yield f"I0804 08:20:00.0 1 metric_logger.py:240] eval metrics after step: {step}, loss={run.val(step):.3f}, total_weights=75264.0"


def nanotron(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield (
            f"01/02/2025 03:04:05 [INFO|DP=0|PP=0|TP=0|node-1]: iteration: {step} / {run.end} | consumed_tokens: {step * BATCH / 1e6:.3g}M | "
            "elapsed_time_per_iteration_ms: 90.4 | tokens_per_sec: 11.3K | tokens_per_sec_per_gpu: 5.66K | global_batch_size: 1.02K | "
            f"lm_loss: {run.train(step):.3g} | lr: 3.3e-05 | model_tflops_per_gpu: 0.784 | grad_norm: 1.4"
        )


def lightning(run: Run) -> Iterator[str]:
    shown = ""
    for epoch in range(2):
        for step in run.steps[1:]:
            if step <= 500:
                yield f"\rEpoch {epoch}: {step // 5:3d}%|████      | {step}/500 [00:10<01:30,  9.90it/s, v_num=0, train_loss={run.train(500 * epoch + step):.3f}{shown}]"
        yield "\rValidation DataLoader 0: 100%|██████████| 20/20 [00:01<00:00, 19.2it/s]"
        shown = f", val_loss={run.val(500 * (epoch + 1)):.3f}"
        yield f"\rEpoch {epoch}: 100%|██████████| 500/500 [00:10<00:00,  9.90it/s, v_num=0, train_loss={run.train(500 * (epoch + 1)):.3f}{shown}]"


def mlx(run: Run) -> Iterator[str]:
    yield "Trainable parameters: 100.000% (124.476M/124.476M)"
    for step in run.steps[1:]:
        yield f"Iter {step}: Val loss {run.val(step):.3f}, Val took 20.123s"
        yield f"Iter {step}: Train loss {run.train(step):.3f}, Learning Rate 1.000e-05, It/sec 0.512, Tokens/sec 120.123, Trained Tokens {step * BATCH}, Peak mem 5.123 GB"


def torchtune(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield f"Step {step} | loss:{run.train(step)} lr:0.0003 tokens_per_second_per_gpu:120.5 "


def word_language_model(run: Run) -> Iterator[str]:
    for epoch in (1, 2):
        for step in run.steps[1:]:
            if step <= 500:
                yield f"| epoch {epoch:3d} | {step:5d}/{500:5d} batches | lr 20.00 | ms/batch  8.12 | loss {run.train(500 * (epoch - 1) + step):5.2f} | ppl {99.9:8.2f}"
        yield "-" * 89
        yield f"| end of epoch {epoch:3d} | time: 12.34s | valid loss {run.val(500 * epoch):5.2f} | valid ppl {99.9:8.2f}"
        yield "-" * 89


def home_made(run: Run) -> Iterator[str]:
    for step in run.steps[1:]:
        yield f"[2025-01-01 12:00:00,123][INFO] - [rank0]: Step: {step}, Train Loss: {run.train(step):.4f}, Val Loss: {run.val(step):.4f}, Time: 12.3s"


FORMATS: dict[str, Callable[[Run], Iterator[str]]] = {
    f.__name__: f
    for f in (
        nanogpt, modded, nanochat, llmc, llmc_main, build, olmo, olmo_core, composer, huggingface, huggingface_bars, litgpt, fairseq,
        fairseq_simple, keras, maxtext, nanotron, lightning, mlx, torchtune, word_language_model, home_made,
    )
}  # fmt: skip


def text(lines: Sequence[str] | Iterator[str]) -> str:
    """Lines as a file holds them."""
    return "".join(f"{line}\n" for line in lines)
