"""Attention on a device, for training: the device's own physics forward, the published gradient backward."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .. import _arguments
from .._attend import SCALERS
from .._device import Device
from .._gaincell import GaincellError
from ._form import Block, Form, Part, Ring, Stage, fused
from ._linear import Linear, LinearArrays, LinearForm


def _level(x: Tensor, a: Tensor, b: Tensor, high: float, steps: float, rounds: bool) -> tuple[Tensor, Tensor]:
    """The level, and where it was not clipped."""
    y = torch.addcmul(b.double(), a.double(), x.double())
    held = y.clamp(0.0, high)
    level = held * steps
    return (level.round() if rounds else level).to(torch.float32), held == y


def _of_level(gradient: Tensor, x: Tensor, a: Tensor, inside: Tensor, steps: float) -> tuple[Tensor, Tensor, Tensor]:
    of_y = gradient * inside * steps
    return ((of_y * a).to(x.dtype), (of_y * x).sum((0, 2, 3), keepdim=True)[0], of_y.sum((0, 2, 3), keepdim=True)[0])


class _Level(torch.autograd.Function):
    """round(clamp(a x + b, 0, high) steps), half to even, in double precision as the engine does; straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor, high: float, steps: float, rounds: bool) -> Tensor:
        level, inside = fused(_level, x)(x, a, b, high, steps, rounds)
        ctx.save_for_backward(x, a, inside)
        ctx.steps = steps
        return level  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, a, inside = ctx.saved_tensors
        of_x, of_a, of_b = fused(_of_level, x)(gradients[0], x, a, inside, ctx.steps)
        return of_x, of_a.to(a.dtype), of_b.to(a.dtype), None, None, None


class _Pass:
    """One text through both arrays: [batch and head, time, dim]."""

    def __init__(self, form: Form, where: torch.device, time: int) -> None:
        self.form, self.where = form, where
        self.first, self.second = form.stages(where)
        self.ring = Ring(time, form.window, form.columns.tile)
        self.queries, self.together = form.queries(self.ring.padded, where)
        self.compiled = where.type == "cuda"

    def slots(self, block: Block) -> Tensor:
        return torch.arange(block.begin, block.end, device=self.where)

    def middle(self, block: Block) -> Tensor:
        return torch.tensor([block.begin + (block.end - block.begin) // 2], device=self.where)

    def shared(self, part: Part, block: Block) -> Tensor:
        """Into tables by age, of a part's rows for the middle of a block."""
        return self.form.age_index(self.ring.age(part, block, self.middle(block))[:, 0])

    def off(self, block: Block) -> Tensor:
        """Tokens from the middle of a block to each of its queries."""
        return (self.slots(block) - self.middle(block)).to(torch.float32)

    def run(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, list[list[Tensor]], list[Tensor]]:
        """q: share of the longest pulse; k, v: levels, padded. Gives counts; pulses of the first array by block and
        part; where the second converters and counters are inside their range, by block."""
        first, second = self.first, self.second
        keys, values = first.terms(k.long()), second.terms(v.long())
        pulses = q.clone()
        start = first.form.pulse_x * (q > 0).sum(-1, keepdim=True).transpose(1, 2).to(q.dtype)
        lasting = first.lasting(pulses)
        weights = [w.transpose(1, 2) for w in first.weights(lasting, lasting.amax(-1, keepdim=True))]
        out = torch.empty_like(q)
        phis, insides = [], []
        for block in self.ring.blocks(self.queries):
            own = [w[:, :, block.tokens] for w in weights]
            # Over u_1 and its change with a token at once.
            both = [torch.cat((w, w * self.off(block)), 1) for w in own]
            phi, tables = [], []
            for part in block.parts:
                shared = self.shared(part, block)
                cells = first.cells(keys, part.rows, shared)
                moving = torch.cat(cells[:2], 2)
                sums = [[torch.matmul(moving, w2), *(torch.matmul(u, w) for u in cells[2:])] for w2, w in zip(both, own)]
                pulse = (fused(first.converted, q) if self.compiled else self._first)(sums, start[:, :, block.tokens])
                rows, hidden = self.ring.hidden(part, block, self.where)
                pulse[:, rows].masked_fill_(hidden, 0.0)
                phi.append(pulse)
                tables.append(shared)
            counts, inside = self.second_array(block, phi, tables, values)
            out[:, block.tokens] = counts.transpose(1, 2)
            phis.append(phi)
            insides.append(inside)
        return out, phis, insides

    def _first(self, sums: list[list[Tensor]], start: Tensor) -> Tensor:
        return self.first.pulse(self.first.end(sums, start))

    def second_in_one(
        self, block: Block, phi: Tensor, table: Tensor, values: list[list[Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """`second_array` of a block whose tokens are all of one lap, compiled."""
        weights, counted = (fused(one, phi) for one in self.form.second_in_one(self.where))
        of_segments, start = weights(phi)
        cells = self.second.cells(values, block.parts[0].rows, table)
        all_cells = torch.cat([self.tiles(u).transpose(2, 3) for u in cells], 2)
        counts, inside = counted([torch.matmul(all_cells, w) for w in of_segments], self.off(block), start)
        return counts, inside

    def tiles(self, x: Tensor) -> Tensor:
        """[n, row, ..] to [n, sub-tile, row of it, ..]."""
        return x.unflatten(1, (-1, self.ring.tile))

    def second_array(
        self, block: Block, phi: list[Tensor], tables: list[Tensor], values: list[list[Tensor]]
    ) -> tuple[Tensor, Tensor]:
        if self.compiled and len(phi) == 1 and self.second.form.substeps == 0:
            return self.second_in_one(block, phi[0], tables[0], values)
        stage, tile = self.second, self.ring.tile
        lasts, at = [], [part.slot // tile for part in block.parts]
        for pulse in phi:
            width = (pulse * self.form.columns.phi_per_pulse).clamp_(max=1.0)
            lasts.append(self.tiles(stage.lasting(width)))
        tiles = max(a + one.shape[1] for a, one in zip(at, lasts))
        n, queries = phi[0].shape[0], phi[0].shape[2]
        longest = phi[0].new_zeros((n, tiles, 1, queries))
        start = torch.zeros_like(longest)
        for a, one, pulse in zip(at, lasts, phi):
            of = slice(a, a + one.shape[1])
            longest[:, of] = torch.maximum(longest[:, of], one.amax(2, keepdim=True))
            if stage.form.pulse_x != 0:
                start[:, of] += (self.tiles(pulse) > 0).sum(2, keepdim=True)
        start.mul_(stage.form.pulse_x)
        sums: list[list[Tensor]] = []
        off = self.off(block)
        for i, (part, one, shared) in enumerate(zip(block.parts, lasts, tables)):
            of = slice(at[i], at[i] + one.shape[1])
            cells = stage.cells(values, part.rows, shared)
            all_cells = torch.cat([self.tiles(u).transpose(2, 3) for u in cells], 2)
            added = []
            for w in stage.weights(one, longest[:, of]):
                u1, moves, *others = torch.matmul(all_cells, w).split(self.form.dim, 2)
                added.append([torch.addcmul(u1, moves, off), *others])
            if i == 0 and one.shape[1] == tiles:
                sums = added
                continue
            if i == 0:
                sums = [[a.new_zeros((n, tiles, *a.shape[2:])) for a in of_w] for of_w in added]
            for total, new in zip(sums, added):
                for a, b in zip(total, new):
                    a[:, of] += b
        pulse = stage.pulse(stage.end(sums, start))
        inside = pulse.abs() < 1.0
        counts = self.form.count_steps
        pulse.clamp_(-1.0, 1.0)
        if counts > 0:
            pulse.mul_(counts).round_().div_(counts)
        return pulse.sum(1), inside


class _Arrays(torch.autograd.Function):
    """Both arrays. Backward: the published surrogate. The current is a straight line in the written voltage from
    v_max / 2, that falls with age as the device's does; converters are clamps, quantisers are passed straight."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        run = _Pass(form, q.device, q.shape[1])
        columns = form.columns
        share = q / (columns.q_levels - 1) if columns.rounds_q else q
        k_rows, v_rows = run.ring.pad(k), run.ring.pad(v)
        saved = []
        with torch.autocast(device_type=q.device.type, enabled=False):
            outs = []
            for n in range(0, q.shape[0], run.together):
                some = slice(n, n + run.together)
                out, phis, insides = run.run(share[some], k_rows[some], v_rows[some])
                outs.append(out)
                if any(ctx.needs_input_grad):
                    saved.append((phis, insides))
        ctx.form, ctx.run, ctx.kept = form, run, saved
        ctx.save_for_backward(share, k_rows, v_rows)
        return torch.cat(outs) if len(outs) != 1 else outs[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        share, k_rows, v_rows = ctx.saved_tensors
        form: Form = ctx.form
        run: _Pass = ctx.run
        columns = form.columns
        volt = columns.v_max / (columns.kv_levels - 1)
        of_out = gradients[0].to(torch.float32)
        of_q, of_k, of_v = torch.empty_like(share), torch.zeros_like(k_rows), torch.zeros_like(v_rows)
        with torch.autocast(device_type=share.device.type, enabled=False):
            for i, (phis, insides) in enumerate(ctx.kept):
                some = slice(i * run.together, (i + 1) * run.together)
                zk = k_rows[some] * volt - 0.5 * columns.v_max
                zv = v_rows[some] * volt - 0.5 * columns.v_max
                for block, phi, inside in zip(run.ring.blocks(run.queries), phis, insides):
                    of_sum = of_out[some, block.tokens].transpose(1, 2)[:, None] * inside  # [n, tile, dim, query]
                    own, of_own = share[some, block.tokens], 0.0
                    for part, pulse in zip(block.parts, phi):
                        a, tiles = part.slot // run.ring.tile, pulse.shape[1] // run.ring.tile
                        of_tile = of_sum[:, a : a + tiles]
                        age = form.age_index(run.ring.age(part, block, run.slots(block)).clamp_(min=0))
                        second = run.second.slope_per_v[age].mul_(columns.phi_per_pulse)
                        of_pulse = torch.matmul(run.tiles(zv[:, part.rows]), of_tile).flatten(1, 2)
                        of_x = of_pulse.mul_(second.mul(run.first.slope_per_v[age]))
                        of_x.masked_fill_((pulse <= 0) | (pulse >= 1), 0.0)
                        of_v[some, part.rows] += torch.matmul(
                            run.tiles(pulse * second), of_tile.transpose(2, 3)
                        ).flatten(1, 2)
                        of_k[some, part.rows] += torch.matmul(of_x, own)
                        of_own = of_own + torch.matmul(zk[:, part.rows].transpose(1, 2), of_x)
                    of_q[some, block.tokens] = of_own.transpose(1, 2)
        if columns.rounds_q:
            of_q /= columns.q_levels - 1
        return of_q, run.ring.unpad(of_k) * volt, run.ring.unpad(of_v) * volt, None


class Scaler(nn.Module):
    """a x + b, one of each a head."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(a), nn.Parameter(b)


def form_of(
    device: Device | Linear | str | os.PathLike[str],
    *,
    dim: int,
    window: int,
    layers: int,
    token_period_s: float | None,
    without: Sequence[str],
    error_limit: float | None,
) -> Form | LinearForm:
    """What attention computes with, on a device or on linear hardware."""
    dim, window, layers = (
        _arguments.whole(name, x) for name, x in (("dim", dim), ("window", window), ("layers", layers))
    )
    without = _arguments.names("without", without)
    if token_period_s is not None:
        token_period_s = _arguments.number("token_period_s", token_period_s, "s")
    if error_limit is not None:
        error_limit = _arguments.number("error_limit", error_limit)
    if device == "linear":
        device = Linear()
    if not isinstance(device, Linear):
        opened = device if isinstance(device, Device) else Device.open(device)
        return Form(opened, dim=dim, window=window, layers=layers, token_period_s=token_period_s, without=without,
                    error_limit=error_limit)
    for name, value in (("token_period_s", token_period_s), ("without", list(without) or None)):
        if value is not None:
            raise GaincellError(f"{name} = {value}: linear hardware has no circuit that it could change; leave it out, "
                                "or place the attention on a device")
    return LinearForm(device, dim=dim, window=window)


class GainCellAttention(nn.Module):
    """Sliding-window attention of [batch, head, time, dim] on a device, in place of a model's own.

    `device` is a file, `Device.open`'s, or "linear" (or `Linear`): linear hardware, as `--attention linear`, which has
    neither effects to leave out nor a token's period. Forward is what the fast engine computes (tables, quantisers, clamps, ageing, window, sub-tiles) to within
    `error`; mismatch and noise are not drawn, as in `gaincell adapt`. Backward is published: a linear surrogate, and
    straight through the quantisers. The scalers a_q, b_q, .. (one a head) are parameters, in the units of
    model folders: q' = a_q q + b_q is a share of the longest pulse, k' and v' are volts of 0 .. `v_max`.
    Options as in `gaincell infer`: without `token_period_s`, a token takes the time of `layers` layers one after the
    other. As for `gaincell.attend` these are 12 unless said: cells age as fast in both.

    **On a CPU, evaluated (`eval()`, no gradient asked for), the engine itself runs**: what comes out is `gaincell.attend`'s
    to the last bit, but for the output's scaler, which is single precision here. Else it is computed in matrices, within `error` of the columns. `error_limit` is that of both fits (without it
    1e-3 in matrices, 2e-3 in the engine, as in `gaincell infer`). With `uses_engine = False` matrices are taken throughout.
    """

    def __init__(
        self,
        device: Device | Linear | str,
        heads: int,
        dim: int,
        *,
        window: int = 1024,
        layers: int = 12,
        token_period_s: float | None = None,
        without: Sequence[str] = (),
        error_limit: float | None = None,
        scalers: Mapping[str, Any] | None = None,
        v_max: float | None = None,
        form: Form | LinearForm | None = None,
    ) -> None:
        super().__init__()
        if form is None:
            form = form_of(device, dim=dim, window=window, layers=layers, token_period_s=token_period_s,
                           without=without, error_limit=error_limit)
        self.form, self.heads, self.dim = form, heads, dim
        self.uses_engine = True
        self.checks = True  # that q, k and v are finite: a GPU waits for the answer; a trainer looks at its loss
        self.volts = 1.0 if v_max is None else form.columns.v_max / v_max
        given = dict(scalers or {})
        for name in given:
            if name not in SCALERS:
                raise GaincellError(f"scalers: {name}: is no scaler; there are {', '.join(SCALERS)}")

        def scaler(part: str) -> Scaler:
            return Scaler(*(self._numbers(f"{c}_{part}", given.get(f"{c}_{part}", 1.0 if c == "a" else 0.0))
                            for c in "ab"))

        self.scaler = nn.ModuleDict({part: scaler(part) for part in "qkvo"})

    def _numbers(self, name: str, value: Any) -> Tensor:
        try:
            numbers = torch.as_tensor(value, dtype=torch.float32).detach().clone().reshape(-1)
        except (TypeError, ValueError):
            raise GaincellError(f"scalers: {name} = {value!r}: must be numbers, one a head") from None
        if not bool(torch.isfinite(numbers).all()):
            raise GaincellError(f"scalers: {name} = {value!r}: must be finite")
        if numbers.numel() == 1:
            numbers = numbers.repeat(self.heads)
        if numbers.numel() != self.heads:
            raise GaincellError(f"scalers: {name} = {numbers.numel()} numbers: must be one a head, {self.heads}")
        return numbers

    def scalers(self) -> dict[str, Tensor]:
        """By name (a_q, b_q, ..), one number a head."""
        return {f"{c}_{part}": getattr(self.scaler[part], c).detach().clone() for part in "qkvo" for c in "ab"}

    @property
    def error(self) -> tuple[float, float]:
        """Off the column level at the ends of random columns of either array, rms at most, in full scales."""
        if isinstance(self.form, LinearForm):
            return 0.0, 0.0
        return self.form.columns.first.error, self.form.columns.second.error

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        for name, x in zip("qkv", (q, k, v)):
            if not isinstance(x, Tensor) or not x.is_floating_point():
                what = x.dtype if isinstance(x, Tensor) else type(x).__name__
                raise GaincellError(f"{name}: is {what}: must be a tensor of fp32 or bf16")
            if x.ndim != 4 or x.shape[1] != self.heads or x.shape[3] != self.dim or x.shape != q.shape:
                raise GaincellError(f"{name}: has the shape {list(x.shape)}: must be [batch, {self.heads}, time, "
                                    f"{self.dim}], as [batch, head, time, dim], and that of q")
        if self.checks and not bool(torch.isfinite(torch.stack([x.float().sum() for x in (q, k, v)])).all()):
            raise GaincellError("q, k and v: must be finite; look for an overflow or a damaged weight before this layer")
        columns = self.form.columns
        steps = columns.q_levels - 1.0 if columns.rounds_q else 1.0
        levels = [
            self._level("q", q, 1.0, 1.0, steps, columns.rounds_q),
            *(self._level(part, x, self.volts, columns.v_max, (columns.kv_levels - 1) / columns.v_max, True)
              for part, x in (("k", k), ("v", v))),
        ]
        sums = self._sums(*levels)
        o = self.scaler["o"]
        return (sums * o.a[:, None, None] + o.b[:, None, None]).to(q.dtype)

    def _sums(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Of sub-tiles, in full scales."""
        form = self.form
        if isinstance(form, LinearForm):
            sums: Tensor = LinearArrays.apply(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), form)
        elif self.uses_engine and not (self.training or torch.is_grad_enabled() or q.is_cuda):
            share = q / (form.columns.q_levels - 1) if form.columns.rounds_q else q
            volt = form.columns.v_max / (form.columns.kv_levels - 1)
            sums = form.by_engine(share, k * volt, v * volt)
        else:
            sums = _Arrays.apply(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), form)
        return sums.reshape(q.shape)

    def _level(self, part: str, x: Tensor, unit: float, high: float, steps: float, rounds: bool) -> Tensor:
        s = self.scaler[part]
        a, b = s.a.float()[:, None, None] * unit, s.b.float()[:, None, None] * unit
        levels: Tensor = _Level.apply(x, a, b, high, steps, rounds)
        return levels

    def extra_repr(self) -> str:
        return f"heads={self.heads}, dim={self.dim}, window={self.form.window}"
