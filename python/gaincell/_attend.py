"""Analog attention on a device."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _arguments
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
    try:
        array = np.asarray(x)
    except ValueError:  # rows of several lengths
        raise GaincellError(f"{name}: must be an array of numbers, and its rows have several lengths") from None
    if array.dtype.kind not in "fiu":
        raise GaincellError(f"{name}: must be an array of numbers, and is of {array.dtype}")
    if array.ndim not in dimensions:
        shapes = {2: "[head, dim]", 3: "[head, time, dim]", 4: "[batch, head, time, dim]"}
        raise GaincellError(f"{name}: has {array.ndim} dimensions; give {' or '.join(shapes[n] for n in dimensions)}")
    if array.size == 0:
        raise GaincellError(f"{name}: has the shape {list(array.shape)}: must not be empty")
    return np.ascontiguousarray(array, dtype=np.float32)


def _scaler(name: str, value: npt.ArrayLike) -> list[float]:
    if name not in SCALERS:
        raise GaincellError(f"scalers: {name}: is no scaler; there are {', '.join(SCALERS)}")
    try:
        return [float(x) for x in np.atleast_1d(np.asarray(value))]
    except (TypeError, ValueError):
        raise GaincellError(f"scalers: {name} = {value!r}: must be numbers, one a head") from None


class Stream:
    """One layer that goes on token by token: what a decoder needs.

    q is a share of the longest pulse, 0 .. 1; k and v are voltages, 0 .. `v_dd`, unless `scalers` (a_q, b_q, ..,
    one a head) take other numbers there. With `kv_heads` fewer heads of k and v are shared by neighbouring heads of q
    (grouped queries). Options as in `gaincell attend`.
    """

    def __init__(
        self,
        device: Device | str | os.PathLike[str],
        heads: int,
        dim: int,
        *,
        kv_heads: int | None = None,
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
        self.heads, self.dim = _arguments.whole("heads", heads), _arguments.whole("dim", dim)
        self.kv_heads = self.heads if kv_heads is None else _arguments.whole("kv_heads", kv_heads)
        if self.kv_heads < 1 and kv_heads is not None:
            raise GaincellError(f"kv_heads = {kv_heads}: must be at least 1")
        self._data = StreamData(
            device._data, self.heads, self.dim, kv_heads=0 if kv_heads is None else self.kv_heads, window=_arguments.whole("window", window),
            token_period_s=None if token_period_s is None else _arguments.number("token_period_s", token_period_s, "s"),
            level=level or "", without=_arguments.names("without", without), spread=_arguments.names("spread", spread),
            spread_seed=_arguments.seed("spread_seed", spread_seed), noise_seed=_arguments.seed("noise_seed", noise_seed),
            error_limit=_arguments.number("error_limit", error_limit),
            scalers={name: _scaler(name, value) for name, value in (scalers or {}).items()},
        )

    def step(self, q: npt.ArrayLike, k: npt.ArrayLike, v: npt.ArrayLike) -> Array:
        """One token; q is [head, dim], and so is what comes back; k and v are, or [kv_head, dim]."""
        one = [_numbers(n, x, (2,))[:, np.newaxis, :] for n, x in zip("qkv", (q, k, v), strict=True)]
        return self.run(*one)[:, 0, :]

    def run(self, q: npt.ArrayLike, k: npt.ArrayLike, v: npt.ArrayLike, *, together: int = 1) -> Array:
        """Tokens one after the other; [head, time, dim], k and v with their own heads.

        `together`: so many tokens are given to the engine at once, which is quicker. Outputs are the same to the last
        bit, energies to eleven digits.
        """
        of_q, of_k, of_v = (_numbers(n, x, (3,)) for n, x in zip("qkv", (q, k, v), strict=True))
        at_once = _arguments.whole("together", together)
        if at_once < 1:
            raise GaincellError(f"together = {together}: must be at least 1")
        return self._data.run(of_q, of_k, of_v, at_once)

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

    q, k, v: [head, time, dim] or [batch, head, time, dim], of one shape, but for k's and v's heads, which may be fewer
    (grouped queries: heads h .. of q share head h / (heads / kv_heads)); units as in `Stream`. Gives what
    `gaincell attend` writes, bit for bit. Raises GaincellError for NaN, other shapes, unknown names, and ages
    beyond the device's retention.
    """
    arrays = [_numbers(n, x, (3, 4)) for n, x in zip("qkv", (q, k, v), strict=True)]
    shape, kv_shape = arrays[0].shape, arrays[1].shape
    if kv_shape[:-3] + kv_shape[-2:] != shape[:-3] + shape[-2:]:
        raise GaincellError(f"k: has the shape {list(kv_shape)}, and q has {list(shape)}: only heads may be fewer")
    if arrays[2].shape != kv_shape:
        raise GaincellError(f"v: has the shape {list(arrays[2].shape)}, and k has {list(kv_shape)}")
    batches = [a.reshape((-1, *a.shape[-3:])) for a in arrays]
    stream = Stream(
        device, shape[-3], shape[-1], kv_heads=kv_shape[-3], window=window, token_period_s=token_period_s, level=level, without=without,
        spread=spread, spread_seed=spread_seed, noise_seed=noise_seed, error_limit=error_limit, scalers=scalers,
    )
    output = np.empty_like(batches[0])
    for b in range(len(output)):
        if b > 0:
            stream.reset()
        output[b] = stream.run(*(x[b] for x in batches))
    return Attention(output.reshape(shape), stream.energy, stream.ranges, stream.settings)
