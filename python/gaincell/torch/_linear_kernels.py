"""Linear hardware attention on a GPU as three Triton kernels: nothing of [time, time] is kept.

A text within its window, sub-tiles of 64 tokens. Products are of half levels and query steps, exact in bf16; the
second array's weights go in two fp16 halves, so that counts are those of single precision. Triton reads annotations: its functions have none.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = 64


@triton.jit
def _cells(place, rows, time, columns, zero, DIM: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows past the text are at the zero of the cells: they add nothing."""
    level = tl.load(place + rows[:, None] * DIM + columns[None, :], mask=rows[:, None] < time, other=0.5 * zero)
    return 2.0 * level - zero


@triton.jit
def _pulses(queries, cells, rows, tokens, first, decay):  # type: ignore[no-untyped-def]
    """[query, row]: x, and D."""
    fade = tl.exp((tokens[:, None] - rows[None, :]).to(tl.float32) * -decay)
    x = tl.dot(queries, tl.trans(cells)) * (fade * first)
    return tl.where(tokens[:, None] >= rows[None, :], x, 0.0), fade


@triton.jit
def _forward(Q, K, V, OUT, time, first, second, decay, zero, counts,  # type: ignore[no-untyped-def]
             DIM: tl.constexpr, TILE: tl.constexpr):
    block = tl.program_id(0)
    base = tl.program_id(1).to(tl.int64) * time * DIM
    columns = tl.arange(0, DIM)
    tokens = block * TILE + tl.arange(0, TILE)
    own = tokens[:, None] < time
    queries = tl.load(Q + base + tokens[:, None] * DIM + columns[None, :], mask=own, other=0.0).to(tl.bfloat16)
    total = tl.zeros((TILE, DIM), tl.float32)
    for tile in range(0, block + 1):
        rows = tile * TILE + tl.arange(0, TILE)
        keys = _cells(K + base, rows, time, columns, zero, DIM).to(tl.bfloat16)
        x, fade = _pulses(queries, keys, rows, tokens, first, decay)
        weight = tl.minimum(tl.maximum(x, 0.0), 1.0) * fade
        values = _cells(V + base, rows, time, columns, zero, DIM).to(tl.float16)
        coarse = weight.to(tl.float16)
        fine = ((weight - coarse.to(tl.float32)) * 2048.0).to(tl.float16)
        column = (tl.dot(coarse, values) + tl.dot(fine, values) * (1.0 / 2048.0)) * second
        held = tl.minimum(tl.maximum(column, -1.0), 1.0) * counts
        # Half to even: in single precision no number this large has a fraction.
        total += (held + 12582912.0) - 12582912.0
    tl.store(OUT + base + tokens[:, None] * DIM + columns[None, :], total / counts, mask=own)


@triton.jit
def _sums(x, fade, of_out, values, second):  # type: ignore[no-untyped-def]
    """Pulses, and the gradient of the sub-tile's columns where its converters are inside."""
    weight = (tl.minimum(tl.maximum(x, 0.0), 1.0) * fade).to(tl.float16)
    column = tl.dot(weight, values) * second
    return weight, tl.where(tl.abs(column) < 1.0, of_out, 0.0).to(tl.bfloat16)


@triton.jit
def _backward_queries(Q, K, V, GOUT, GQ, time, first, second, decay,  # type: ignore[no-untyped-def]
                      zero, DIM: tl.constexpr, TILE: tl.constexpr):
    block = tl.program_id(0)
    base = tl.program_id(1).to(tl.int64) * time * DIM
    columns = tl.arange(0, DIM)
    tokens = block * TILE + tl.arange(0, TILE)
    own = tokens[:, None] < time
    at = base + tokens[:, None] * DIM + columns[None, :]
    queries = tl.load(Q + at, mask=own, other=0.0).to(tl.bfloat16)
    of_out = tl.load(GOUT + at, mask=own, other=0.0)
    total = tl.zeros((TILE, DIM), tl.float32)
    for tile in range(0, block + 1):
        rows = tile * TILE + tl.arange(0, TILE)
        keys = _cells(K + base, rows, time, columns, zero, DIM).to(tl.bfloat16)
        values = _cells(V + base, rows, time, columns, zero, DIM)
        x, fade = _pulses(queries, keys, rows, tokens, first, decay)
        _, of_sum = _sums(x, fade, of_out, values.to(tl.float16), second)
        of_x = tl.dot(of_sum, tl.trans(values.to(tl.bfloat16))) * (fade * fade)
        of_x = tl.where((x > 0.0) & (x < 1.0), of_x, 0.0)
        total += tl.dot(of_x.to(tl.bfloat16), keys)
    tl.store(GQ + at, total * (first * second), mask=own)


@triton.jit
def _backward_cells(Q, K, V, GOUT, GK, GV, time, first, second, decay,  # type: ignore[no-untyped-def]
                    zero, DIM: tl.constexpr, TILE: tl.constexpr):
    tile = tl.program_id(0)
    base = tl.program_id(1).to(tl.int64) * time * DIM
    columns = tl.arange(0, DIM)
    rows = tile * TILE + tl.arange(0, TILE)
    keys = _cells(K + base, rows, time, columns, zero, DIM).to(tl.bfloat16)
    values = _cells(V + base, rows, time, columns, zero, DIM)
    whole, short = values.to(tl.float16), values.to(tl.bfloat16)
    of_keys = tl.zeros((TILE, DIM), tl.float32)
    of_values = tl.zeros((TILE, DIM), tl.float32)
    for block in range(tile, tl.cdiv(time, TILE)):
        tokens = block * TILE + tl.arange(0, TILE)
        own = tokens[:, None] < time
        at = base + tokens[:, None] * DIM + columns[None, :]
        queries = tl.load(Q + at, mask=own, other=0.0).to(tl.bfloat16)
        of_out = tl.load(GOUT + at, mask=own, other=0.0)
        x, fade = _pulses(queries, keys, rows, tokens, first, decay)
        weight, of_sum = _sums(x, fade, of_out, whole, second)
        of_values += tl.dot(tl.trans(weight.to(tl.bfloat16)), of_sum)
        of_x = tl.dot(of_sum, tl.trans(short)) * (fade * fade)
        of_x = tl.where((x > 0.0) & (x < 1.0), of_x, 0.0)
        of_keys += tl.dot(tl.trans(of_x.to(tl.bfloat16)), queries)
    at = base + rows[:, None] * DIM + columns[None, :]
    own = rows[:, None] < time
    # Two half levels a level.
    tl.store(GK + at, of_keys * (2.0 * first * second), mask=own)
    tl.store(GV + at, of_values * (2.0 * second), mask=own)


def _arguments(form: Any, q: Tensor) -> tuple[tuple[int, int], tuple[Any, ...]]:
    pairs, time, _ = q.shape
    numbers = (time, form.first, form.second, form.linear.decay_per_token, form.zero_half_levels)
    return (triton.cdiv(time, TILE), pairs), numbers


def forward(form: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    out = torch.empty_like(q)
    grid, numbers = _arguments(form, q)
    _forward[grid](q, k, v, out, *numbers, form.counts, DIM=q.shape[2], TILE=TILE)
    return out


def backward(form: Any, of_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v, of_out = q.contiguous(), k.contiguous(), v.contiguous(), of_out.contiguous()
    of_q, of_k, of_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
    grid, numbers = _arguments(form, q)
    _backward_queries[grid](q, k, v, of_out, of_q, *numbers, DIM=q.shape[2], TILE=TILE)
    _backward_cells[grid](q, k, v, of_out, of_k, of_v, *numbers, DIM=q.shape[2], TILE=TILE)
    return of_q, of_k, of_v
