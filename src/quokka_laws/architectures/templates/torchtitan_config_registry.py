"""Runs of a sweep as configurations of torchtitan 0.3: a function for every job in ``jobs.json`` beside this file.

    CORPUS=… VALIDATION=… torchrun … -m torchtitan.train --module sweep_runs --config JOB

CORPUS and VALIDATION are what ``datasets.load_dataset`` reads: folders of JSON lines or Parquet with a field ``text``, or
names on the Hub; TOKENIZER is a folder with ``tokenizer.json``, where the jobs name none. Everything else may be overridden on the command line, as with any configuration of torchtitan.
"""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import torch.nn as nn
from datasets import load_dataset
from torchtitan.components.checkpoint import CheckpointManager
from torchtitan.components.loss import CrossEntropyLoss
from torchtitan.components.metrics import MetricsProcessor
from torchtitan.components.optimizer import LRSchedulersContainer, default_adamw
from torchtitan.components.validate import Validator
from torchtitan.config import DebugConfig, TrainingConfig
from torchtitan.distributed.pipeline_parallel import pipeline_llm
from torchtitan.hf_datasets import DatasetConfig
from torchtitan.hf_datasets.text_datasets import DATASETS, HuggingFaceTextDataLoader
from torchtitan.models.common import ComplexRoPE, Embedding, Linear, RMSNorm
from torchtitan.models.common.config_utils import get_attention_config, make_ffn_config, make_gqa_config
from torchtitan.models.common.param_init import skip_param_init
from torchtitan.models.llama3 import parallelize_llama
from torchtitan.models.llama3.model import Llama3Model, Llama3TransformerBlock
from torchtitan.models.llama3.state_dict_adapter import Llama3StateDictAdapter
from torchtitan.protocols.model_spec import ModelSpec
from torchtitan.trainer import Trainer

HERE = Path(__file__).resolve().parent
NORMAL = {"weight": partial(nn.init.normal_, std=0.02), "bias": nn.init.zeros_}
ONES = {"weight": nn.init.ones_}


def _register(name: str, variable: str) -> None:
    def load(path: str) -> Any:
        if not path:
            raise SystemExit(f"{variable} is not set: a folder of JSON lines or Parquet with a field text")
        return load_dataset(path, split="train", streaming=True)

    DATASETS[name] = DatasetConfig(
        path=os.environ.get(variable, ""), loader=load, sample_processor=lambda sample: sample["text"]
    )


_register("sweep_corpus", "CORPUS")
_register("sweep_validation", "VALIDATION")


def _norm(size: int) -> RMSNorm.Config:
    return RMSNorm.Config(normalized_shape=size, param_init=ONES)


def _model(shape: dict[str, Any]) -> Llama3Model.Config:
    width, head_size, heads = shape["width"], shape["head_size"], shape["heads"]
    rope = ComplexRoPE.Config(dim=head_size, max_seq_len=shape["context"], theta=shape["rope_base"])
    layers = [
        Llama3TransformerBlock.Config(
            attention_norm=_norm(width),
            ffn_norm=_norm(width),
            attention=make_gqa_config(
                dim=width,
                n_heads=heads,
                n_kv_heads=shape["kv_heads"],
                head_dim=head_size,
                wqkv_param_init=NORMAL,
                wo_param_init=NORMAL,
                inner_attention=get_attention_config("flex"),
                rope=rope,
                fuse_qkv=True,
                qk_norm=_norm(head_size) if shape["query_key_norm"] else None,
            ),
            feed_forward=make_ffn_config(
                dim=width, hidden_dim=shape["ffn"], w1_param_init=NORMAL, w2w3_param_init=NORMAL
            ),
        )
        for _ in range(shape["depth"])
    ]
    return Llama3Model.Config(
        dim=width,
        vocab_size=shape["vocabulary"],
        enable_weight_tying=shape["tied"],
        tok_embeddings=Embedding.Config(
            num_embeddings=shape["vocabulary"],
            embedding_dim=width,
            param_init={"weight": skip_param_init if shape["tied"] else NORMAL["weight"]},
        ),
        norm=_norm(width),
        lm_head=Linear.Config(in_features=width, out_features=shape["vocabulary"], param_init=NORMAL),
        layers=layers,
    )


def _job(job: dict[str, Any]) -> Trainer.Config:
    spec = ModelSpec(
        name="llama3",
        flavor=job["run_id"],
        model=_model(job["shape"]),
        parallelize_fn=parallelize_llama,
        pipelining_fn=pipeline_llm,
        post_optimizer_build_fn=None,
        state_dict_adapter=Llama3StateDictAdapter,
    )
    begin = HERE.parent / "outputs" / job["begin_from"] if job["begin_from"] else None
    return Trainer.Config(
        dump_folder=str(HERE.parent / "outputs" / job["folder"]),
        hf_assets_path=job["tokenizer"] or os.environ.get("TOKENIZER", ""),
        model_spec=spec,
        loss=CrossEntropyLoss.Config(global_vocab_size=job["shape"]["vocabulary"]),
        optimizer=default_adamw(lr=job["lr"], betas=(job["beta1"], job["beta2"]), weight_decay=job["weight_decay"]),
        # decay_type "sqrt" is 1 - sqrt(progress), the cool-down of these runs; a ratio of 0 is a constant rate.
        lr_scheduler=LRSchedulersContainer.Config(
            warmup_steps=job["warmup_steps"],
            total_steps=job["schedule_steps"],
            decay_ratio=job["decay_ratio"],
            decay_type="sqrt",
            min_lr_factor=0.0,
        ),
        training=TrainingConfig(
            local_batch_size=1,
            global_batch_size=job["batch"],
            seq_len=job["shape"]["context"],
            steps=job["steps"],
            max_norm=job["clip"],
        ),
        dataloader=HuggingFaceTextDataLoader.Config(dataset="sweep_corpus"),
        validator=Validator.Config(
            enable=job["evaluated"],
            freq=job["steps"],
            steps=job["validation_steps"],
            dataloader=HuggingFaceTextDataLoader.Config(dataset="sweep_validation", infinite=True),
        ),
        metrics=MetricsProcessor.Config(log_freq=job["log_every"]),
        checkpoint=CheckpointManager.Config(
            enable=True,
            interval=job["steps"],
            last_save_model_only=False,
            keep_latest_k=0,
            initial_load_path=str(begin) if begin else None,
            initial_load_model_only=False,
        ),
        debug=DebugConfig(seed=job["seed"]),
    )


for _entry in json.loads((HERE / "jobs.json").read_text()):
    globals()[_entry["name"]] = partial(_job, _entry)
