"""Trunk, loss and evaluation of a GPT-2, made for training: logits exist for a few thousand tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._gaincell import GaincellError
from ._form import fused


def trunk(model: Any, tokens: Tensor) -> Tensor:
    """[batch, time] to what the head reads. No mask, no cache: texts of one length."""
    t = model.transformer
    x = t.drop(t.wte(tokens) + t.wpe(torch.arange(tokens.shape[1], device=tokens.device)))
    for block in t.h:
        x = x + block.attn(block.ln_1(x))[0]
        x = x + block.mlp(block.ln_2(x))
    return t.ln_f(x)  # type: ignore[no-any-return]


def use_fused_gelu(model: Any) -> None:
    """The same function in one kernel in place of six."""
    if model.config.activation_function in ("gelu_new", "gelu_pytorch_tanh"):
        for block in model.transformer.h:
            block.mlp.act = nn.GELU(approximate="tanh")


def _of_logits(
    logits: Tensor, target: Tensor, taught: Tensor | None, vocabulary: int, share: float, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Nats of the targets, KL to the teacher, and the gradient of (1 - share) nats + share KL by the logits."""
    column = torch.arange(logits.shape[1], device=logits.device)
    x = torch.where(column < vocabulary, logits.float(), -torch.inf)
    log_p = x - torch.logsumexp(x, 1, keepdim=True)
    nats = -log_p.gather(1, target[:, None])[:, 0]
    wanted = (column == target[:, None]).float()
    kl = torch.zeros_like(nats)
    if taught is not None:
        y = torch.where(column < vocabulary, taught.float(), -torch.inf)
        log_t = y - torch.logsumexp(y, 1, keepdim=True)
        t = log_t.exp()
        kl = torch.where(t > 0, t * (log_t - log_p), 0.0).sum(1)
        wanted = torch.lerp(wanted, t, share)
    return nats, kl, ((log_p.exp() - wanted) * scale).to(logits.dtype)


class _Nats(torch.autograd.Function):
    """Mean loss of rows of hidden states. Its gradient is made with it, so that no logits are kept."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, target: Tensor, taught: Tensor | None, teacher: Tensor | None, share: float
    ) -> Any:
        rows, vocabulary = hidden.shape[0], weight.shape[0]
        pad = -vocabulary % 64 if hidden.is_cuda else 0  # rows of logits are then aligned
        kind = hidden.dtype
        w = nn.functional.pad(weight.to(kind), (0, 0, 0, pad))
        tw = None if teacher is None else nn.functional.pad(teacher.to(kind), (0, 0, 0, pad))
        needed = any(ctx.needs_input_grad)
        of_hidden, of_weight = torch.empty_like(hidden), torch.zeros_like(w, dtype=torch.float32)
        nats, kl = hidden.new_zeros((), dtype=torch.float32), hidden.new_zeros((), dtype=torch.float32)
        step = 8192 if hidden.is_cuda else 512
        with torch.autocast(device_type=hidden.device.type, enabled=False):
            for n in range(0, rows, step):
                h = hidden[n : n + step]
                other = None if tw is None or taught is None else taught[n : n + step].to(kind) @ tw.T
                one, far, g = fused(_of_logits, h)(h @ w.T, target[n : n + step], other, vocabulary, share, 1.0 / rows)
                nats, kl = nats + one.sum() / rows, kl + far.sum() / rows
                if needed:
                    of_hidden[n : n + step] = g @ w
                    of_weight += g.T @ h
        ctx.save_for_backward(of_hidden, of_weight[:vocabulary])
        ctx.kinds = weight.dtype
        ctx.mark_non_differentiable(nats, kl)
        return (1.0 - share) * nats + share * kl, nats, kl

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        of_hidden, of_weight = ctx.saved_tensors
        g = gradients[0]
        return of_hidden * g.to(of_hidden.dtype), (of_weight * g).to(ctx.kinds), None, None, None, None


def loss(model: Any, tokens: Tensor, *, teacher: Any = None, share: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Of [batch, time + 1] tokens: what to descend, nats a token, and KL to the teacher (0 without one)."""
    x, target = tokens[:, :-1], tokens[:, 1:].flatten()
    hidden = trunk(model, x).flatten(0, 1)
    if torch.is_autocast_enabled() if hidden.is_cuda else torch.is_autocast_cpu_enabled():
        hidden = hidden.to(torch.bfloat16)
    taught = weight = None
    if teacher is not None and share > 0:
        with torch.no_grad():
            taught = trunk(teacher, x).flatten(0, 1)
        weight = teacher.lm_head.weight
    total, nats, kl = _Nats.apply(hidden, model.lm_head.weight, target, taught, weight, share)
    return total, nats, kl


@torch.no_grad()
def evaluate(
    model: Any, tokens: Tensor | Sequence[int], *, window: int | None = None, stride: int | None = None, batch: int = 8
) -> float:
    """Nats a token as `gaincell infer` counts them: windows that move by `stride` (half of one), each scoring what the
    one before did not reach."""
    all_tokens = torch.as_tensor(tokens, dtype=torch.long).to(model.lm_head.weight.device)
    most: int = model.config.n_positions
    reach = most if window is None else window
    if not 1 <= reach <= most:
        raise GaincellError(f"window = {reach}: must be 1 to the model's n_positions, {most}")
    move = max(1, reach // 2) if stride is None else stride
    if not 1 <= move <= reach:
        raise GaincellError(f"stride = {move}: must be 1 to the window, {reach}")
    if len(all_tokens) < 2:
        raise GaincellError(f"tokens = {len(all_tokens)}: must be 2 or more: the first is not scored")
    was = model.training
    model.eval()
    inputs, targets = all_tokens[:-1], all_tokens[1:]

    def score(begins: list[int], first: int, end: int) -> float:
        """Windows of `end` tokens from their place `first` on."""
        rows = torch.stack([inputs[at : at + end] for at in begins])
        hidden, nats = trunk(model, rows)[:, first:].flatten(0, 1), 0.0
        wanted = torch.stack([targets[at + first : at + end] for at in begins]).flatten()
        for n in range(0, len(hidden), 4096):
            logits = model.lm_head(hidden[n : n + 4096]).float()
            nats += float(nn.functional.cross_entropy(logits, wanted[n : n + 4096], reduction="sum"))
        return nats

    begin, done, total = 0, 0, 0.0
    alike: list[int] = []  # whole windows, of which the last `move` places are scored
    while done < len(inputs):
        end = min(begin + reach, len(inputs))
        if begin > 0 and end - begin == reach:
            alike.append(begin)
        else:
            total += score([begin], done - begin, end - begin)
        begin, done = begin + move, end
    for n in range(0, len(alike), batch):
        total += score(alike[n : n + batch], reach - move, reach)
    model.train(was)
    return total / (len(all_tokens) - 1)
