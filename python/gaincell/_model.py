"""A language model on a device."""

from __future__ import annotations

import json
import os
import warnings as python_warnings
from collections.abc import Callable, Sequence
from typing import Any

from . import _arguments
from ._device import Device
from ._gaincell import adapt_json, infer_json

Path = str | os.PathLike[str]


class GaincellWarning(UserWarning):
    """What is allowed and probably not meant."""


def _device(device: Device | Path | None) -> str:
    return device.place if isinstance(device, Device) else os.fspath(device or "")


def _whole(name: str, value: Any) -> int | None:
    return None if value is None else _arguments.whole(name, value)


def _seconds(name: str, value: Any) -> float | None:
    return None if value is None else _arguments.number(name, value, "s")


def _warn(warnings: list[str]) -> None:
    for text in warnings:
        python_warnings.warn(text, GaincellWarning, stacklevel=3)


def infer(
    model: Path,
    text: Path,
    *,
    device: Device | Path | None = None,
    attention: str | None = None,
    published_variant: Sequence[str] = (),
    window: int | None = None,
    level: str | None = None,
    without: Sequence[str] = (),
    spread: Sequence[str] = (),
    spread_seed: int | None = None,
    noise_seed: int | None = None,
    error_limit: float | None = None,
    token_period_s: float | None = None,
    tokens: int | None = None,
    stride: int | None = None,
    against: str | None = None,
    text_format: str = "plain",
    encoding: str | None = None,
    special_tokens: bool = False,
    hardware: Sequence[str] = (),
    digital: str = "f32",
    threads: int = 0,
    progress: Callable[[float], object] | None = None,
) -> dict[str, Any]:
    """A text through a model: what `gaincell infer --json` prints.

    `model` is a folder, `text` a file. `nats_per_token`, `perplexity`, `energy_j_per_token` (J, by part; None is not
    known), `attention_latency_s_per_token` (s), `ranges` (shares held at the ends of ranges), `settings` (all that it takes to do
    it again). Options are those of the program: attention "softmax", "linear" or "analog" (default: the model's
    own), `tokens` the first so many (2 or more), `window` tokens attended to, `token_period_s` at least the layers' own
    time; `against` "softmax" or "linear" adds `agreement` with the same weights under that; with `special_tokens` those that are
    written out in the text are themselves; `hardware` NAME=VALUE words, `digital` "f32", "bf16" or "int8". `progress` is called with the share done, 0 .. 1.

    >>> run = gaincell.infer("adapted", "held_out.txt", device="device.h5", tokens=5000)
    >>> run["perplexity"], run["energy_j_per_token"]["total"]

    Runs without the interpreter's lock. Raises GaincellError in the program's words; what is unusual is a GaincellWarning.
    """
    given = {
        "--device": device is not None, "--published-variant": len(published_variant) > 0, "--level": level is not None,
        "--without": len(without) > 0, "--spread": len(spread) > 0, "--spread-seed": spread_seed is not None,
        "--noise-seed": noise_seed is not None, "--error-limit": error_limit is not None,
        "--token-period": token_period_s is not None, "--window": window is not None,
    }
    said, warnings = infer_json(
        os.fspath(model), os.fspath(text), text_format=text_format, encoding=encoding or "", attention=attention or "",
        device=_device(device), published_variant=_arguments.names("published_variant", published_variant),
        window=_whole("window", window), level=level or "fast", without=_arguments.names("without", without),
        spread=_arguments.names("spread", spread),
        spread_seed=1 if spread_seed is None else _arguments.seed("spread_seed", spread_seed),
        noise_seed=1 if noise_seed is None else _arguments.seed("noise_seed", noise_seed),
        error_limit=2e-3 if error_limit is None else _arguments.number("error_limit", error_limit),
        token_period_s=_seconds("token_period_s", token_period_s), tokens=_whole("tokens", tokens),
        stride=_whole("stride", stride), against=against or "", special_tokens=special_tokens,
        hardware=_arguments.names("hardware", hardware), digital=digital, threads=_arguments.whole("threads", threads),
        given=[option for option, was_given in given.items() if was_given], progress=progress,
    )
    _warn(warnings)
    result: dict[str, Any] = json.loads(said)
    return result


def adapt(
    model: Path,
    device: Device | Path,
    text: Path,
    out: Path,
    *,
    steps: int = 100,
    batch: int = 16,
    length: int = 256,
    seed: int = 1,
    from_identity: bool = False,
    published_variant: Sequence[str] = (),
    window: int | None = None,
    level: str = "fast",
    without: Sequence[str] = (),
    token_period_s: float | None = None,
    text_format: str = "plain",
    encoding: str | None = None,
    special_tokens: bool = False,
    hardware: Sequence[str] = (),
    digital: str = "f32",
    threads: int = 0,
    progress: Callable[[float], object] | None = None,
) -> dict[str, Any]:
    """Fits a model's scalers to a device and writes the model folder `out`: what `gaincell adapt --json` prints.

    `text` is a part of what the model was trained on, of which `batch` sequences of `length` tokens are drawn by
    `seed`; at most `steps`. `nats_per_token_before` and `_after` are of the device on those, `_linear` of the target.
    `out` is replaced only where adapt wrote it. `progress` is called with the share of the steps, 0 .. 1.

    >>> gaincell.adapt("models/shakespeare_linear", "device.h5", "train.txt", "adapted")["nats_per_token_after"]

    Runs without the interpreter's lock. Raises GaincellError in the program's words, with nothing written.
    """
    said, warnings = adapt_json(
        os.fspath(model), _device(device), os.fspath(text), os.fspath(out), text_format=text_format,
        encoding=encoding or "", published_variant=_arguments.names("published_variant", published_variant),
        steps=_arguments.whole("steps", steps), batch=_arguments.whole("batch", batch),
        length=_arguments.whole("length", length), seed=_arguments.seed("seed", seed), from_identity=from_identity,
        window=_whole("window", window), level=level, without=_arguments.names("without", without),
        token_period_s=_seconds("token_period_s", token_period_s), special_tokens=special_tokens,
        hardware=_arguments.names("hardware", hardware), digital=digital, threads=_arguments.whole("threads", threads), progress=progress,
    )
    _warn(warnings)
    record: dict[str, Any] = json.loads(said)
    return record
