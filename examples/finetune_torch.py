#!/usr/bin/env python3
"""Fine-tunes a GPT-2 on a device's own physics, and keeps it as a folder for `gaincell infer`.

    python3 ../shared/data/models/books/unpack.py books
    python examples/finetune_torch.py --model books/books_linear --device device.h5 \
        --text ../shared/data/text/books/calibration.txt --held-out ../shared/data/text/books/held_out.txt -o tuned
    gaincell infer --model tuned --device device.h5 --text ../shared/data/text/books/held_out.txt --tokens 3000

The same on a GPU: --to cuda --bf16 --batch 16 --length 1024 --steps 3000. Needs pip install gaincell[torch] transformers
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import time
from typing import Any

import torch

import gaincell
import gaincell.torch


def tokens_of(folder: pathlib.Path, text: pathlib.Path, most: int) -> torch.Tensor:
    from transformers import GPT2TokenizerFast

    tokenizer: Any = GPT2TokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    characters = text.read_text(encoding="utf-8")[: 8 * most]
    return torch.tensor(tokenizer(characters)["input_ids"][:most])


@torch.no_grad()
def nats(model: Any, tokens: torch.Tensor, length: int) -> float:
    """Mean over whole sequences, each from its own start."""
    model.eval()
    rows = tokens[: len(tokens) // length * length].reshape(-1, length)
    losses = [float(model(row[None], labels=row[None]).loss) for row in rows]
    return sum(losses) / len(losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="model folder (docs/model.md)")
    parser.add_argument("--device", required=True, help="device file, or `published`")
    parser.add_argument("--text", type=pathlib.Path, required=True, help="to train on")
    parser.add_argument("--held-out", type=pathlib.Path, required=True, help="to measure on, before and after")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="model folder to write")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--length", type=int, default=256, help="tokens of a sequence")
    parser.add_argument("--lr", type=float, default=2e-5, help="of the weights; scalers have ten times that")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", default="cpu", help="cpu or cuda")
    parser.add_argument("--bf16", action="store_true", help="the digital part; the arrays stay in single precision")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    model = gaincell.torch.from_pretrained(options.model, options.device).to(options.to)
    train = tokens_of(options.model, options.text, 200_000).to(options.to)
    held_out = tokens_of(options.model, options.held_out, 8 * options.length).to(options.to)
    scalers = [p for name, p in model.named_parameters() if ".scaler." in name]
    weights = [p for name, p in model.named_parameters() if ".scaler." not in name]
    optimiser = torch.optim.AdamW([{"params": weights, "lr": options.lr, "weight_decay": 0.01},
                                   {"params": scalers, "lr": 10 * options.lr, "weight_decay": 0.0}], betas=(0.9, 0.95))
    before = nats(model, held_out, options.length)
    print(f"held out, on the device as it is: {before:.4f} nats a token")
    draw = torch.Generator().manual_seed(options.seed)
    for step in range(options.steps):
        begin = time.perf_counter()
        model.train()
        places = torch.randint(0, len(train) - options.length, (options.batch,), generator=draw)
        batch = torch.stack([train[int(at) : int(at) + options.length] for at in places])
        precision: Any = torch.autocast(options.to, torch.bfloat16) if options.bf16 else contextlib.nullcontext()
        with precision:
            loss = model(batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        print(f"step {step + 1}: {float(loss):.4f} nats, {time.perf_counter() - begin:.2f} s", flush=True)
    after = nats(model, held_out, options.length)
    print(f"held out, fine-tuned on it: {after:.4f} nats a token")
    gaincell.torch.save_pretrained(
        model, options.output, vocabulary=options.model,
        record={"steps": options.steps, "batch": options.batch, "length": options.length, "lr": options.lr,
                "seed": options.seed, "held_out_nats": {"before": before, "after": after}})


if __name__ == "__main__":
    main()
