"""A device's columns as tensors: what C++ has fitted (docs/fast_level.md), evaluated as matrix products."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._attend import Stream
from .._device import Device
from .._gaincell import ColumnForm, ColumnStage, column_form

# Of the largest u_1, what the terms of its separation by age and level may leave.
LEFT_BY_TERMS = 6e-5
# What fits keep within where nobody says otherwise: of the matrices here, and of the engine, as in `gaincell infer`.
MATRIX_LIMIT, ENGINE_LIMIT = 1e-3, 2e-3
NOT_DRAWN = ("mismatch", "read_noise")
TOGETHER = 256  # tokens that the engine is given at once

_fused: dict[Any, Any] = {}


def fused(function: Callable[..., Any], x: Tensor) -> Callable[..., Any]:
    """The function as few kernels where x is on a GPU and this PyTorch can compile, else as it is."""
    if not x.is_cuda or not hasattr(torch, "compile"):
        return function
    if function not in _fused:
        _fused[function] = torch.compile(function)
    return _fused[function]  # type: ignore[no-any-return]


class Stage:
    """One array: cells to sums, sums to charge, charge to pulses. Columns are rows of tensors, queries stand last."""

    def __init__(self, form: ColumnStage, block: int, where: torch.device) -> None:
        self.form = form

        def tensor(x: np.ndarray) -> Tensor:
            return torch.tensor(x, dtype=torch.float32, device=where)

        self.slope_per_v = tensor(form.slope_per_v)
        self.rank = form.rank
        # u_r(level, age) = sum over terms of by_age[r][:, term] by_level[r][term], and how u_1 moves with age.
        self.by_age: list[Tensor] = []
        self.by_level: list[Tensor] = []
        largest = 0.0
        for r in range(form.rank):
            left, size, right = np.linalg.svd(form.u[:, r, :], full_matrices=False)
            largest = max(largest, size[0])
            terms = max(1, int(np.sum(size > LEFT_BY_TERMS * largest)))
            of_age = left[:, :terms] * size[:terms]
            self.by_age.append(tensor(of_age))
            self.by_level.append(tensor(right[:terms]))
            if r == 0:
                half = max(1, block // 2)
                secant = np.zeros_like(of_age)
                secant[half:-half] = (of_age[2 * half :] - of_age[: -2 * half]) / (2 * half)
                self.by_age_and_token = tensor(secant)

        # The same in one expression, for a compiler: [segment][r] and start to pulses.
        self.converted = _converted(form) if form.substeps == 0 else lambda *of: self.pulse(self.end(*of))

    def terms(self, level: Tensor) -> list[list[Tensor]]:
        """[r][term] of cells that hold these levels."""
        return [[table[level] for table in tables] for tables in self.by_level]

    def cells(self, terms: list[list[Tensor]], rows: slice, age: Tensor) -> list[Tensor]:
        """u_1, its change with a token, u_2 .. of the cells in these rows, which are so old (index into tables by age)."""
        weights = [(terms[0], self.by_age[0][age]), (terms[0], self.by_age_and_token[age])]
        weights += [(terms[r], self.by_age[r][age]) for r in range(1, self.rank)]
        result = []
        for of_rank, weight in weights:  # weight: [row, term]
            u = of_rank[0][:, rows] * weight[:, 0:1]
            for term in range(1, len(of_rank)):
                u.addcmul_(of_rank[term][:, rows], weight[:, term : term + 1])
            result.append(u)
        return result

    def lasting(self, pulse: Tensor) -> Tensor:
        """How long a cell under this pulse is read; in place."""
        delay = self.form.pulse_delay
        if delay == 0:
            return pulse
        has_none = pulse == 0
        return pulse.add_(delay).clamp_(min=0).masked_fill_(has_none, 0)

    def weights(self, lasting: Tensor, longest: Tensor) -> list[Tensor]:
        """Time in each segment of the longest pulse at hand."""
        begin = self.form.begin
        if self.form.segments == 1:
            return [lasting]
        parts = []
        for g in range(self.form.segments):
            part = lasting - begin[g] * longest if g > 0 else lasting
            if g + 1 < self.form.segments:
                part = torch.minimum(part, (begin[g + 1] - begin[g]) * longest)
            parts.append(part.clamp_(min=0) if g > 0 else part)
        return parts

    def end(self, sums: list[list[Tensor]], start: Tensor | float) -> Tensor:
        """x of columns whose sums are [segment][r]; those are used up."""
        return self._closed(sums, start) if self.form.substeps == 0 else self._stepped(sums, start)

    def _closed(self, sums: list[list[Tensor]], start: Tensor | float) -> Tensor:
        k, low, high = self.form.w[0], self.form.x_low, self.form.x_high
        early = sums[0][0].mul_(k[0]).add_(start)
        x = early if len(sums) == 1 else torch.add(early, sums[1][0], alpha=k[0])
        c = x.clamp(low, high)
        power = c * k[2]
        power.add_(k[1]).mul_(c).mul_(c)
        if len(sums) == 1:
            return power.add_(x)
        x.add_(power)
        a = early.clamp_(low, high)
        torch.mul(a, a, out=power)
        power.mul_(k[4]).add_(k[3]).mul_(a).mul_(sums[0][1])
        x.add_(power)
        torch.mul(c, k[7], out=power)
        power.add_(a, alpha=k[8]).mul_(c).add_(k[6]).mul_(c).add_(a, alpha=k[5]).mul_(sums[1][1])
        return x.add_(power)

    def _stepped(self, sums: list[list[Tensor]], start: Tensor | float) -> Tensor:
        form = self.form
        x = torch.zeros_like(sums[0][0]).add_(start)
        w: list[Tensor | float] = [one[0] for one in form.w]
        for charge in sums:
            for _ in range(form.substeps):
                middle = x.clone()
                for r in range(form.rank):
                    self._add(middle, charge[r], w[r], 0.5 / form.substeps)
                middle.clamp_(form.x_low, form.x_high)
                w = [self._polynomial(one, middle) for one in form.w]
                for r in range(form.rank):
                    self._add(x, charge[r], w[r], 1.0 / form.substeps)
        return x

    @staticmethod
    def _add(to: Tensor, charge: Tensor, w: Tensor | float, share: float) -> None:
        if isinstance(w, Tensor):
            to.addcmul_(charge, w, value=share)
        else:
            to.add_(charge, alpha=w * share)

    @staticmethod
    def _polynomial(powers: Sequence[float], x: Tensor) -> Tensor | float:
        if len(powers) == 1:
            return powers[0]
        y = x * powers[-1]
        for one in powers[-2:0:-1]:
            y.add_(one).mul_(x)
        return y.add_(powers[0])

    def pulse(self, x: Tensor) -> Tensor:
        """Out of the converter, share of its full scale."""
        form = self.form
        y = torch.full_like(x, form.at_low)
        for knot, slope in zip(form.knot, form.slope):
            y.add_((x - knot).clamp_(min=0), alpha=slope)
        return y.masked_fill_(x >= form.x_end, form.at_high)


def _converted(form: ColumnStage) -> Callable[[list[list[Tensor]], Any], Tensor]:
    """`Stage._closed` and `Stage.pulse` without a tensor changed in place."""
    k, low, high = list(form.w[0]), form.x_low, form.x_high
    pieces, at_low, x_end, at_high = list(zip(form.knot, form.slope)), form.at_low, form.x_end, form.at_high

    def converted(sums: list[list[Tensor]], start: Any) -> Tensor:
        early = sums[0][0] * k[0] + start
        x = early + sums[1][0] * k[0] if len(sums) > 1 else early
        c = x.clamp(low, high)
        end = x + (c * k[2] + k[1]) * c * c
        if len(sums) > 1:
            a = early.clamp(low, high)
            end = end + (a * a * k[4] + k[3]) * a * sums[0][1]
            end = end + (((c * k[7] + a * k[8]) * c + k[6]) * c + a * k[5]) * sums[1][1]
        y = torch.full_like(end, at_low)
        for knot, slope in pieces:
            y = y + (end - knot).clamp(min=0) * slope
        return torch.where(end >= x_end, at_high, y)

    return converted


def second_array(stage: Stage, phi_per_pulse: float, tile: int, counts: float, dim: int) -> tuple[Any, Any]:
    """Of the second array, without a tensor changed in place: pulses of the first to weights and start; and the
    sums of its matrix products to counts and where converters are inside their range."""
    delay, pulse_x, begin = stage.form.pulse_delay, stage.form.pulse_x, list(stage.form.begin)
    segments = stage.form.segments

    def weights(phi: Tensor) -> tuple[list[Tensor], Tensor]:
        tiles = phi.unflatten(1, (-1, tile))
        width = (tiles * phi_per_pulse).clamp(max=1.0)
        lasting = torch.where(width == 0, 0.0, (width + delay).clamp(min=0)) if delay != 0 else width
        start = (tiles > 0).sum(2, keepdim=True) * pulse_x
        if segments == 1:
            return [lasting], start
        longest = lasting.amax(2, keepdim=True)
        parts = []
        for g in range(segments):
            part = lasting - begin[g] * longest
            if g + 1 < segments:
                part = torch.minimum(part, (begin[g + 1] - begin[g]) * longest)
            parts.append(part.clamp(min=0))
        return parts, start

    def counted(sums: list[Tensor], off: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        by_rank = []
        for of_segment in sums:
            u1, moves, *others = of_segment.split(dim, 2)
            by_rank.append([u1 + moves * off, *others])
        pulse = stage.converted(by_rank, start)
        held = pulse.clamp(-1.0, 1.0)
        if counts > 0:
            held = (held * counts).round() / counts
        return held.sum(1), pulse.abs() < 1.0

    return weights, counted


@dataclass(frozen=True)
class Part:
    """Slots of the ring that hold tokens of one lap, for the queries of a block."""

    rows: slice  # of the keys and values, which are padded to whole tiles in every lap
    slot: int  # of the first row
    laps_ago: int


@dataclass(frozen=True)
class Block:
    """Neighbouring queries of one lap of the ring."""

    tokens: slice
    begin: int  # slots of the queries
    end: int
    parts: tuple[Part, ...]


class Ring:
    """Which slots each query sees: token t stands in slot t mod window, `tile` slots share a sub-tile."""

    def __init__(self, time: int, window: int, tile: int) -> None:
        self.time, self.window, self.tile = time, window, tile
        self.slots = min(time, window)
        self.padded = -(-self.slots // tile) * tile
        self.laps = -(-time // window)

    def blocks(self, queries: int) -> Iterator[Block]:
        for lap in range(self.laps):
            slots = min(self.window, self.time - lap * self.window)
            for begin in range(0, slots, queries):
                end = min(begin + queries, slots)
                last = -(-end // self.tile) * self.tile
                at = lap * self.padded
                parts = [Part(slice(at, at + last), 0, 0)]
                oldest = (begin + 1) // self.tile * self.tile
                if lap > 0 and begin + 1 < self.window:
                    parts.append(Part(slice(at - self.padded + oldest, at), oldest, 1))
                first = lap * self.window
                yield Block(slice(first + begin, first + end), begin, end, tuple(parts))

    def pad(self, x: Tensor) -> Tensor:
        """Rows of tokens to rows of padded laps."""
        if self.laps == 1 and self.padded == self.time:
            return x
        padded = x.new_zeros((x.shape[0], self.laps * self.padded, x.shape[2]))
        for lap in range(self.laps):
            tokens = x[:, lap * self.window : (lap + 1) * self.window]
            padded[:, lap * self.padded : lap * self.padded + tokens.shape[1]] = tokens
        return padded

    def unpad(self, x: Tensor) -> Tensor:
        if self.laps == 1 and self.padded == self.time:
            return x
        laps = [x[:, lap * self.padded : lap * self.padded + self.slots] for lap in range(self.laps)]
        return torch.cat(laps, 1)[:, : self.time]

    def age(self, part: Part, block: Block, query: Tensor) -> Tensor:
        """[row, query] of the tokens in a part's rows, for queries that stand in these slots."""
        rows = part.rows.stop - part.rows.start
        slot = torch.arange(part.slot, part.slot + rows, device=query.device)
        return query[None, :] - slot[:, None] + part.laps_ago * self.window

    def hidden(self, part: Part, block: Block, where: torch.device) -> tuple[slice, Tensor]:
        """Rows in which some cell is not in some query's window, and there [row, query] where."""
        rows = part.rows.stop - part.rows.start
        query = torch.arange(block.begin, block.end, device=where)
        if part.laps_ago == 0:
            some = slice(block.begin, rows)
            slot = torch.arange(block.begin, rows, device=where)
            return some, slot[:, None] > query[None, :]
        slot = torch.arange(part.slot, part.slot + rows, device=where)
        return slice(0, rows), (slot[:, None] <= query[None, :]) | (slot[:, None] >= self.window)


class Form:
    """All that attention on a device computes with, on every torch device that asks for it."""

    def __init__(
        self,
        device: Device,
        *,
        dim: int,
        window: int,
        layers: int,
        token_period_s: float | None,
        without: Sequence[str],
        error_limit: float | None,
    ) -> None:
        self.columns: ColumnForm = column_form(
            device._data, dim=dim, window=window, layers=layers, token_period_s=token_period_s,
            without=list(without), error_limit=MATRIX_LIMIT if error_limit is None else error_limit,
        )
        self.window, self.dim = window, dim
        self._device, self._without = device, list(dict.fromkeys((*without, *NOT_DRAWN)))
        self._engine_limit = ENGINE_LIMIT if error_limit is None else error_limit
        self._engines: dict[int, Stream] = {}
        self._one_at_a_time = threading.Lock()
        self._stages: dict[torch.device, tuple[Stage, Stage]] = {}
        self._seconds: dict[torch.device, tuple[Any, Any]] = {}

    def stages(self, where: torch.device) -> tuple[Stage, Stage]:
        if where not in self._stages:
            self._stages[where] = tuple(Stage(form, self.columns.age_block, where) for form in (self.columns.first, self.columns.second))
        return self._stages[where]

    def second_in_one(self, where: torch.device) -> tuple[Any, Any]:
        """`second_array`'s for a torch device."""
        if where not in self._seconds:
            c = self.columns
            self._seconds[where] = second_array(self.stages(where)[1], c.phi_per_pulse, c.tile, self.count_steps, self.dim)
        return self._seconds[where]

    def by_engine(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What the fast engine makes of [batch, head, time, dim], rounded already: q in shares of the longest pulse, k
        and v in volts of the device."""
        heads, texts = q.shape[1], []
        with self._one_at_a_time:
            if heads not in self._engines:
                self._engines[heads] = Stream(
                    self._device, heads, self.dim, window=self.window, token_period_s=self.columns.token_period_s,
                    level="fast", without=self._without, error_limit=self._engine_limit,
                )
            engine = self._engines[heads]
            for text in zip(q, k, v):
                engine.reset()
                texts.append(torch.from_numpy(engine.run(*(x.contiguous().numpy() for x in text), together=TOGETHER)))
        return torch.stack(texts)

    def __deepcopy__(self, memo: dict[int, Any]) -> Form:
        return self  # what is fitted does not change, and a copy of a model computes with the same

    @property
    def count_steps(self) -> float:
        """Counter steps in a full scale, 0: not rounded."""
        return 0.5 * (self.columns.output_levels - 1) if self.columns.counts else 0.0

    def age_index(self, age: Tensor) -> Tensor:
        known = self.window + self.columns.age_block
        return age.clamp(self.columns.youngest, known) - self.columns.youngest

    def queries(self, rows: int, where: torch.device) -> tuple[int, int]:
        """Queries of a block, and how many (batch, head) pairs at a time, so that memory stays bounded."""
        block = min(self.columns.age_block, 128 if where.type == "cpu" else 256)
        most = 1 << 20 if where.type == "cpu" else 1 << 26
        return block, max(1, math.floor(most / (block * rows)))
