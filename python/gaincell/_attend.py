"""Analog attention on a device."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._device import Device
from ._gaincell import GaincellError, StreamData, published_decay_per_token

Array = npt.NDArray[np.float32]
SCALERS = ("a_q", "b_q", "a_k", "b_k", "a_v", "b_v", "a_o", "b_o")


@dataclass(frozen=True)
class Attention:
    """What attention gave.

    `output` has the shape of q. `energy` is in J, of all tokens and heads: active, standing and digital, which
    make up `total`, then every part; None is not known. `ranges` is what was held at the ends of
    ranges, `settings` all that it takes to do it again.
    """

    output: Array
    energy: dict[str, float | None]
    ranges: dict[str, Any]
    settings: dict[str, Any]


def _numbers(name: str, x: npt.ArrayLike, dimensions: Sequence[int]) -> Array:
    array = np.asarray(x)
    if array.dtype.kind not in "fiu":
        raise GaincellError(f"{name}: must be an array of numbers, and is of {array.dtype}")
    if array.ndim not in dimensions:
        raise GaincellError(f"{name}: has {array.ndim} dimensions; give [head, time, dim] or [batch, head, time, dim]")
    return np.ascontiguousarray(array, dtype=np.float32)


class Stream:
    """One layer that goes on token by token: what a decoder needs.

    q is a share of the longest pulse, 0 .. 1; k and v are voltages, 0 .. `v_dd`, unless `scalers` (a_q, b_q, ..,
    one a head) take other numbers there. Options as in `gaincell attend`.
    """

    def __init__(
        self,
        device: Device | str | os.PathLike[str],
        heads: int,
        dim: int,
        *,
        window: int = 1024,
        token_period_s: float | None = None,
        level: str | None = None,
        without: Sequence[str] = (),
        spread: Sequence[str] = (),
        spread_seed: int = 1,
        noise_seed: int = 1,
        error_limit: float = 2e-3,
        scalers: Mapping[str, npt.ArrayLike] | None = None,
    ) -> None:
        device = device if isinstance(device, Device) else Device.open(device)
        if token_period_s is None and device.place == "published":  # as its authors run it
            token_period_s = published_decay_per_token * device.constants["retention_tau"]
        given = dict(scalers or {})
        for name in given:
            if name not in SCALERS:
                raise GaincellError(f"scalers: {name}: is no scaler; there are {', '.join(SCALERS)}")
        self.heads, self.dim = heads, dim
        self._data = StreamData(
            device._data, heads, dim, window=window, token_period_s=token_period_s, level=level or "",
            without=list(without), spread=list(spread), spread_seed=spread_seed, noise_seed=noise_seed,
            error_limit=error_limit,
            scalers={name: [float(x) for x in np.atleast_1d(np.asarray(v))] for name, v in given.items()},
        )

    def step(self, q: npt.ArrayLike, k: npt.ArrayLike, v: npt.ArrayLike) -> Array:
        """One token; each of q, k, v is [head, dim], and so is what comes back."""
        one = [np.asarray(x)[:, np.newaxis, :] if np.ndim(x) == 2 else np.asarray(x) for x in (q, k, v)]
        return self.run(*one)[:, 0, :]

    def run(self, q: npt.ArrayLike, k: npt.ArrayLike, v: npt.ArrayLike) -> Array:
        """Tokens one after the other; [head, time, dim]."""
        return self._data.run(*(_numbers(n, x, (3,)) for n, x in zip("qkv", (q, k, v), strict=True)))

    def reset(self) -> None:
        """Empties the window; energy goes on adding up."""
        self._data.reset()

    @property
    def energy(self) -> dict[str, float | None]:
        """J, of all tokens since the stream was made."""
        energy: dict[str, float | None] = json.loads(self._data.energy_json())
        return energy

    @property
    def ranges(self) -> dict[str, Any]:
        ranges: dict[str, Any] = json.loads(self._data.ranges_json())
        return ranges

    @property
    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads(self._data.settings_json())
        return settings


def attend(
    q: npt.ArrayLike,
    k: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    device: Device | str | os.PathLike[str],
    window: int = 1024,
    token_period_s: float | None = None,
    level: str | None = None,
    without: Sequence[str] = (),
    spread: Sequence[str] = (),
    spread_seed: int = 1,
    noise_seed: int = 1,
    error_limit: float = 2e-3,
    scalers: Mapping[str, npt.ArrayLike] | None = None,
) -> Attention:
    """Sliding-window attention of whole sequences on a device.

    q, k, v: [head, time, dim] or [batch, head, time, dim], of one shape; units as in `Stream`. Gives what
    `gaincell attend` writes, bit for bit. Raises GaincellError for NaN, other shapes, unknown names, and ages
    beyond the device's retention.
    """
    arrays = [_numbers(n, x, (3, 4)) for n, x in zip("qkv", (q, k, v), strict=True)]
    for name, array in zip("kv", arrays[1:], strict=True):
        if array.shape != arrays[0].shape:
            raise GaincellError(f"{name}: has the shape {list(array.shape)}, and q has {list(arrays[0].shape)}")
    shape = arrays[0].shape
    batches = [a.reshape((-1, *shape[-3:])) for a in arrays]
    stream = Stream(
        device, shape[-3], shape[-1], window=window, token_period_s=token_period_s, level=level, without=without,
        spread=spread, spread_seed=spread_seed, noise_seed=noise_seed, error_limit=error_limit, scalers=scalers,
    )
    output = np.empty_like(batches[0])
    for b in range(len(output)):
        if b > 0:
            stream.reset()
        output[b] = stream.run(*(x[b] for x in batches))
    return Attention(output.reshape(shape), stream.energy, stream.ranges, stream.settings)
