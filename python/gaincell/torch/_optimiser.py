"""What a stage of training descends with: AdamW, or Muon for the matrices of a GPT-2's layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._gpt2 import MATRICES
from ._recipe import StageRecipe


def orthogonal(g: Tensor) -> Tensor:
    """[n, row, column]: nearly U V^T of each one's singular value decomposition, by five Newton-Schulz steps."""
    x = g.to(torch.bfloat16 if g.is_cuda else torch.float32)
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.transpose(1, 2) if tall else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal (Jordan et al., 2024). q, k and v of c_attn are three matrices.

    Weights are [in, out], as GPT-2's. Matrices of one shape are taken together.
    """

    def __init__(self, params: Any, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            by_shape: dict[Any, list[tuple[Tensor, Tensor]]] = {}
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1.0 - group["momentum"])
                moved = p.grad.lerp(state["momentum"], group["momentum"])
                parts = 3 if p.shape[1] == 3 * p.shape[0] else 1
                for part, own in zip(moved.chunk(parts, 1), p.chunk(parts, 1)):
                    by_shape.setdefault(tuple(part.shape), []).append((part, own))
            for (rows, columns), pairs in by_shape.items():
                steps = orthogonal(torch.stack([part for part, _ in pairs]))
                rate = group["lr"] * max(1.0, columns / rows) ** 0.5
                for step, (_, own) in zip(steps, pairs):
                    own.mul_(1.0 - group["lr"] * group["weight_decay"]).sub_(step, alpha=rate)


class Optimisers:
    """A stage's, as one."""

    def __init__(self, model: Any, recipe: StageRecipe) -> None:
        parts: dict[str, list[Tensor]] = {"matrices": [], "embeddings": [], "rest": [], "scalers": []}
        for name, p in model.named_parameters():
            if ".scaler." in name:
                parts["scalers"].append(p)
            elif name.endswith(MATRICES):
                parts["matrices"].append(p)
            else:
                parts["embeddings" if p.ndim == 2 else "rest"].append(p)
        decay = {"matrices": recipe.weight_decay, "embeddings": recipe.weight_decay, "rest": 0.0, "scalers": 0.0}
        self.all: list[torch.optim.Optimizer] = []
        if recipe.optimiser == "muon":
            self.all.append(Muon(parts.pop("matrices"), recipe.lr["matrices"], recipe.momentum, recipe.weight_decay))
        groups = [{"params": p, "lr": recipe.lr[part], "weight_decay": decay[part]} for part, p in parts.items() if p]
        fused: dict[str, Any] = {"fused": True} if next(model.parameters()).is_cuda and hasattr(torch, "compile") else {}
        self.all.append(torch.optim.AdamW(groups, betas=recipe.betas, **fused))
        for group in self.groups():
            group["full"] = group["lr"]

    def groups(self) -> list[dict[str, Any]]:
        return [group for one in self.all for group in one.param_groups]

    def step(self, rate: float) -> None:
        for group in self.groups():
            group["lr"] = rate * group["full"]
        for one in self.all:
            one.step()

    def state(self) -> list[Any]:
        return [one.state_dict() for one in self.all]

    def load(self, states: list[Any]) -> None:
        for one, state in zip(self.all, states):
            one.load_state_dict(state)


def rate(recipe: StageRecipe, step: int, done: float) -> float:
    """Of the full learning rate, where `done` is the share of the stage that lies behind."""
    warm = min(1.0, (step + 1) / (recipe.warmup + 1))
    fall = 1.0 if done <= recipe.hold else 1.0 - (1.0 - recipe.end) * (done - recipe.hold) / (1.0 - recipe.hold)
    return warm * fall
