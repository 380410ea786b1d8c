"""Linear hardware attention (the published linear equations): for training before a device's own tables.

    S = slope (q . (k - v_zero)) D,  phi = clamp(S / s_sat_first, 0, 1),  D = exp(-decay age)
    sub-tile = round(clamp(slope / s_sat_second (phi D) . (v - v_zero), -1, 1)),  output = sum of the sub-tiles

Backward is that of the same without rounding. Cells are whole numbers of half a level, so products of bf16 are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from .._gaincell import GaincellError
from ._form import Block, Part, Ring


@dataclass(frozen=True)
class Linear:
    """Constants of linear hardware, those of `attention` in a model folder's config.json (docs/model.md)."""

    tile: int = 64
    q_levels: int = 16
    kv_levels: int = 8
    output_levels: int = 32
    v_max: float = 0.9
    v_zero: float = 0.45
    slope_a_per_v: float = 19.3e-6
    s_sat_first_a: float = 80e-6
    s_sat_second_a: float = 40e-6
    decay_per_token: float = 1.6e-4

    def __post_init__(self) -> None:
        for name in ("q_levels", "kv_levels", "output_levels"):
            if not 2 <= getattr(self, name) <= 256:
                raise GaincellError(f"attention.{name} = {getattr(self, name)}: must be 2 to 256")
        for name in ("tile", "v_max", "slope_a_per_v", "s_sat_first_a", "s_sat_second_a"):
            if not getattr(self, name) > 0:
                raise GaincellError(f"attention.{name} = {getattr(self, name)}: must be above 0")

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Linear:
        """Out of the block `attention` of a config.json; what it does not have is as published."""
        return cls(**{f.name: config[f.name] for f in fields(cls) if f.name in config})

    def config(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LinearColumns:
    """What a module asks of a form's columns."""

    v_max: float
    q_levels: int
    kv_levels: int
    rounds_q: bool = True


class LinearForm:
    """Linear hardware of a window, in the place of a device's `Form`."""

    def __init__(self, linear: Linear, *, dim: int, window: int) -> None:
        if dim < 1 or window < 1:
            raise GaincellError(f"dim = {dim}, window = {window}: must be at least 1")
        self.linear, self.dim, self.window = linear, dim, window
        self.columns = LinearColumns(linear.v_max, linear.q_levels, linear.kv_levels)
        self.counts = 0.5 * (linear.output_levels - 1)  # counter steps in a full scale
        volt = linear.v_max / (linear.kv_levels - 1)
        # A level's current over a converter's full scale, by query steps and by half levels of a cell.
        self.first = linear.slope_a_per_v / linear.s_sat_first_a * 0.5 * volt / (linear.q_levels - 1)
        self.second = linear.slope_a_per_v / linear.s_sat_second_a * 0.5 * volt
        zero = 2.0 * linear.v_zero / volt
        self.whole = abs(zero - round(zero)) < 1e-9 and linear.kv_levels <= 128  # exact in bf16
        self.zero_half_levels = float(round(zero)) if self.whole else zero

    def cells(self, level: Tensor) -> Tensor:
        """Half levels from the zero of the cells."""
        return 2.0 * level - self.zero_half_levels

    def queries(self, rows: int, where: torch.device) -> tuple[int, int]:
        """Queries of a block, and how many (batch, head) pairs at a time, so that memory stays bounded."""
        block = 128 if where.type == "cpu" else 256
        return block, max(1, (1 << 20 if where.type == "cpu" else 1 << 27) // (block * rows))


class _LinearPass:
    """A text of [batch and head, time, dim] in blocks of queries. Columns are rows, queries stand last."""

    def __init__(self, form: LinearForm, where: torch.device, time: int) -> None:
        self.form, self.where = form, where
        self.ring = Ring(time, form.window, form.linear.tile)
        self.block, self.together = form.queries(self.ring.padded, where)

    def tiles(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.ring.tile))

    def fade(self, part: Part, block: Block) -> Tensor:
        query = torch.arange(block.begin, block.end, device=self.where)
        age = self.ring.age(part, block, query).clamp_(min=0)
        return (age * -self.form.linear.decay_per_token).exp_()

    def pulses(self, block: Block, q: Tensor, cells: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Of the first array by part: [n, row, query], shares of full scale; and D."""
        own = q[:, block.tokens].transpose(1, 2)
        phis, fades = [], []
        for part in block.parts:
            fade = self.fade(part, block)
            phi = torch.matmul(cells[:, part.rows], own).mul_(fade * self.form.first).clamp_(0.0, 1.0)
            rows, hidden = self.ring.hidden(part, block, self.where)
            phi[:, rows].masked_fill_(hidden, 0.0)
            phis.append(phi)
            fades.append(fade)
        return phis, fades

    def columns(self, block: Block, phis: list[Tensor], fades: list[Tensor], cells: Tensor) -> Tensor:
        """Of the second array, shares of full scale: [n, sub-tile, dim, query]."""
        at = [part.slot // self.ring.tile for part in block.parts]
        count = max(a + phi.shape[1] // self.ring.tile for a, phi in zip(at, phis))
        total: Tensor | None = None
        for a, part, phi, fade in zip(at, block.parts, phis, fades):
            one = torch.matmul(self.tiles(cells[:, part.rows]).transpose(2, 3),
                               self.tiles(phi * (fade * self.form.second)))
            if total is None and one.shape[1] == count:
                total = one
                continue
            if total is None:
                total = one.new_zeros((one.shape[0], count, *one.shape[2:]))
            total[:, a : a + one.shape[1]] += one
        assert total is not None
        return total

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        counts = self.form.counts
        for block in self.ring.blocks(self.block):
            phis, fades = self.pulses(block, q, k)
            held = self.columns(block, phis, fades, v).clamp_(-1.0, 1.0)
            out[:, block.tokens] = held.mul_(counts).round_().sum(1).div_(counts).transpose(1, 2)
        return out

    def backward(self, of_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """By query steps and half levels; the pulses are computed again, which costs less than to keep them."""
        of_q, of_k, of_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for block in self.ring.blocks(self.block):
            phis, fades = self.pulses(block, q, k)
            inside = self.columns(block, phis, fades, v).abs_() < 1.0
            of_sum = of_out[:, block.tokens].transpose(1, 2)[:, None] * inside
            own, of_own = q[:, block.tokens], torch.zeros((), device=self.where)
            for part, phi, fade in zip(block.parts, phis, fades):
                a = part.slot // self.ring.tile
                of_tile = of_sum[:, a : a + phi.shape[1] // self.ring.tile]
                weight = fade * self.form.second
                of_x = torch.matmul(self.tiles(v[:, part.rows]), of_tile).flatten(1, 2)
                of_x.mul_(weight * fade * self.form.first).masked_fill_((phi <= 0) | (phi >= 1), 0.0)
                of_v[:, part.rows] += torch.matmul(self.tiles(phi.mul_(weight)), of_tile.transpose(2, 3)).flatten(1, 2)
                of_k[:, part.rows] += torch.matmul(of_x, own)
                of_own = of_own + torch.matmul(k[:, part.rows].transpose(1, 2), of_x)
            of_q[:, block.tokens] = of_own.transpose(1, 2)
        return of_q, of_k, of_v


def _kernels(form: LinearForm, q: Tensor) -> Any:
    """Kernels of one pass for this text, where there are."""
    fits = q.shape[1] <= form.window and form.whole and form.linear.tile == 64 and form.dim in (16, 32, 64, 128)
    if not (q.is_cuda and fits):
        return None
    try:
        from . import _linear_kernels
    except ImportError:
        return None
    return _linear_kernels


class LinearArrays(torch.autograd.Function):
    """Both arrays of linear hardware, of levels [batch and head, time, dim]."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, form: LinearForm) -> Tensor:
        ctx.form = form
        ctx.save_for_backward(q, k, v)
        with torch.autocast(device_type=q.device.type, enabled=False):
            kernels = _kernels(form, q)
            if kernels is not None:
                out: Tensor = kernels.forward(form, q, k, v)
                return out
            run = _LinearPass(form, q.device, q.shape[1])
            zk, zv = run.ring.pad(form.cells(k)), run.ring.pad(form.cells(v))
            return torch.cat([run.forward(q[n : n + run.together], zk[n : n + run.together], zv[n : n + run.together])
                              for n in range(0, q.shape[0], run.together)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        q, k, v = ctx.saved_tensors
        form: LinearForm = ctx.form
        of_out = gradients[0].to(torch.float32).contiguous()
        with torch.autocast(device_type=q.device.type, enabled=False):
            kernels = _kernels(form, q)
            if kernels is not None:
                of_q, of_k, of_v = kernels.backward(form, of_out, q, k, v)
                return of_q, of_k, of_v, None
            run = _LinearPass(form, q.device, q.shape[1])
            zk, zv = run.ring.pad(form.cells(k)), run.ring.pad(form.cells(v))
            parts = []
            for n in range(0, q.shape[0], run.together):
                some = slice(n, n + run.together)
                parts.append(run.backward(of_out[some], q[some], zk[some], zv[some]))
            of_q, of_k, of_v = (torch.cat(one) for one in zip(*parts))
            return of_q, 2.0 * run.ring.unpad(of_k), 2.0 * run.ring.unpad(of_v), None
