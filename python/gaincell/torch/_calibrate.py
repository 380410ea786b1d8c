"""From exact softmax to gain cells: scalers out of a model's own queries, keys and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._gaincell import GaincellError
from ._attention import GainCellAttention
from ._linear import Linear
from ._loss import trunk

# Where queries (share of the longest pulse), keys and values (shares of v_max) are put: what models that were trained
# on the cells from the start began with.
PLACED = {"q": (0.3, 0.25), "k": (0.5, 0.2 / 0.9), "v": (0.5, 0.2 / 0.9)}


@dataclass(frozen=True)
class Calibration:
    """A layer's each: scalers by name, and shares of q, k and v that are clipped, [head]."""

    scalers: list[dict[str, Tensor]]
    clipped: list[dict[str, Tensor]]

    def __str__(self) -> str:
        def share(part: str) -> str:
            every = torch.stack([layer[part] for layer in self.clipped])
            return f"{part} {100 * float(every.mean()):.2f} % (a head at most {100 * float(every.max()):.1f} %)"

        return "clipped: " + ", ".join(share(part) for part in "qkv")


@torch.no_grad()
def calibrate(model: Any, tokens: Tensor | Sequence[int], *, hardware: Linear | None = None) -> Calibration:
    """Scalers for a GPT2LMHeadModel with exact softmax, for `convert(model, "linear", scalers=found.scalers)`.

    q, k and v of each head get the mean and spread of `PLACED`; a_o and b_o are the least squares fit of what linear
    hardware makes of them to the softmax's own output. `tokens` is [text, time] or one text of at most n_positions.
    """
    blocks = getattr(getattr(model, "transformer", None), "h", None)
    if blocks is None or any(isinstance(block.attn, GainCellAttention) for block in blocks):
        raise GaincellError(f"{type(model).__name__}: must be a GPT2LMHeadModel with softmax attention; scalers of one on "
                            "cells are fitted by training or `gaincell adapt`")
    texts = torch.as_tensor(tokens, dtype=torch.long).to(model.lm_head.weight.device)
    texts = texts[None] if texts.ndim == 1 else texts
    if texts.shape[1] < 2 or texts.shape[1] > model.config.n_positions:
        raise GaincellError(f"tokens = {list(texts.shape)}: must be [text, time] of 2 to {model.config.n_positions} tokens")
    heads, dim = model.config.n_head, model.config.n_embd // model.config.n_head
    hardware = hardware or Linear()
    found = Calibration([], [])
    projected: list[Tensor] = []
    attended: list[Tensor] = []

    def kept(to: list[Tensor], value: Tensor) -> None:
        to.append(value.detach().float())

    hooks = [block.attn.c_attn.register_forward_hook(lambda _, __, out: kept(projected, out)) for block in blocks]
    hooks += [block.attn.c_proj.register_forward_pre_hook(lambda _, given: kept(attended, given[0])) for block in blocks]
    was = model.training
    model.eval()
    try:
        trunk(model, texts)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was)

    def of_heads(x: Tensor) -> Tensor:
        return x.reshape(*texts.shape, heads, dim).transpose(1, 2)

    for qkv, target in zip(projected, attended):
        parts = dict(zip("qkv", (of_heads(x) for x in qkv.split(heads * dim, 2))))
        scalers: dict[str, Tensor] = {}
        clipped: dict[str, Tensor] = {}
        for part, x in parts.items():
            high = 1.0 if part == "q" else hardware.v_max
            mean, spread = (place * high for place in PLACED[part])
            a = spread / x.std((0, 2, 3)).clamp(min=1e-6)
            b = mean - a * x.mean((0, 2, 3))
            scalers[f"a_{part}"], scalers[f"b_{part}"] = a, b
            y = x * a[:, None, None] + b[:, None, None]
            clipped[part] = ((y < 0) | (y > high)).float().mean((0, 2, 3))
        cells = GainCellAttention(hardware, heads, dim, window=model.config.n_positions, scalers=scalers).to(texts.device)
        sums, wanted = cells(*parts.values()), of_heads(target)
        a_o, b_o = _line(sums, wanted)
        scalers["a_o"], scalers["b_o"] = a_o, b_o
        found.scalers.append(scalers)
        found.clipped.append(clipped)
    return found


def _line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """a and b of each head with a x + b nearest to y."""
    over = (0, 2, 3)
    mean_x, mean_y = x.mean(over), y.mean(over)
    dx, dy = x - mean_x[:, None, None], y - mean_y[:, None, None]
    a = (dx * dy).mean(over) / dx.square().mean(over).clamp(min=1e-12)
    return a, mean_y - a * mean_x
