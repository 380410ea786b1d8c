"""Recipe files of `python -m gaincell.torch.train`: read and checked whole before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .._gaincell import GaincellError, suggest

PARTS = ("matrices", "embeddings", "rest", "scalers")


@dataclass(frozen=True)
class StageRecipe:
    """A stretch of training on one kind of attention."""

    attention: str  # linear or device
    steps: int = 0
    seconds: float = 0.0  # in place of steps: the schedule runs by the clock, and is then no longer the same twice
    optimiser: str = "adamw"  # or muon, for matrices
    lr: Mapping[str, float] = field(default_factory=dict)  # of PARTS
    warmup: int = 0  # steps
    hold: float = 0.0  # share of the steps at full rate, then straight down to `end` of it
    end: float = 0.1
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.95
    clip: float = 1.0
    distill: float = 0.0  # share of the loss that is KL to the softmax model that training began with
    tf32: bool = False


@dataclass(frozen=True)
class Recipe:
    stages: tuple[StageRecipe, ...]
    seed: int = 1
    length: int = 0  # tokens of a sequence; 0: the model's n_positions
    batch: int = 64  # sequences of a step
    micro_batch: int = 0  # of them at a time; 0: all
    precision: str = "bf16"
    calibration_tokens: int = 8192
    checkpoint_steps: int = 0  # 0: after every stage alone

    @property
    def distills(self) -> bool:
        return any(stage.distill > 0 for stage in self.stages)


RANGES: dict[str, tuple[float, float]] = {
    "steps": (0, 1e9), "seconds": (0, 1e7), "warmup": (0, 1e9), "hold": (0, 1), "end": (0, 1), "weight_decay": (0, 1e3),
    "momentum": (0, 0.9999), "clip": (1e-9, 1e9), "distill": (0, 1), "seed": (0, 2**31), "length": (0, 65536),
    "batch": (1, 1e6), "micro_batch": (0, 1e6), "calibration_tokens": (64, 1e7), "checkpoint_steps": (0, 1e9),
    "lr": (0, 10), "betas": (0, 0.99999),
}
CHOICES = {"attention": ("linear", "device"), "optimiser": ("adamw", "muon"), "precision": ("bf16", "fp32")}


def _number(place: str, key: str, value: Any, whole: bool) -> float:
    low, high = RANGES[key.split(".")[0]]
    kind = "a whole number" if whole else "a number"
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not ok or (whole and value != int(value)):
        raise GaincellError(f"{place}: {key} = {value}: must be {kind} of {low:g} to {high:g}")
    return int(value) if whole else float(value)


def _value(place: str, key: str, value: Any, default: Any) -> Any:
    if key in CHOICES:
        if value not in CHOICES[key]:
            raise GaincellError(f"{place}: {key} = {value}: must be {' or '.join(CHOICES[key])}")
        return value
    if key == "tf32":
        if not isinstance(value, bool):
            raise GaincellError(f"{place}: tf32 = {value}: must be true or false")
        return value
    if key == "lr":
        given = value if isinstance(value, Mapping) else {part: value for part in PARTS}
        return {part: _number(place, f"lr.{part}", rate, False) for part, rate in _known(place, "lr", given, PARTS).items()}
    if key == "betas":
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise GaincellError(f"{place}: betas = {value}: must be two numbers, as [0.9, 0.95]")
        return tuple(_number(place, "betas", one, False) for one in value)
    return _number(place, key, value, isinstance(default, int))


def _known(place: str, what: str, given: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise GaincellError(f"{place}: {what} = {given}: must be keys with values")
    for key in given:
        if key not in names:
            raise GaincellError(f"{place}: {key}: is no key of {what}; {suggest(str(key), list(names))}")
    return given


def _of(kind: Any, place: str, what: str, given: Any) -> Any:
    defaults = {f.name: f.default for f in fields(kind)}
    known = _known(place, what, given, tuple(defaults))
    return {key: _value(place, key, value, defaults[key]) for key, value in known.items() if key != "stages"}


def read(path: str | os.PathLike[str]) -> Recipe:
    """The recipe in a YAML file. Throws GaincellError with place, key, value and rule."""
    import yaml

    try:
        given = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GaincellError(f"{path}: is not there; recipes/published.yaml is one to begin with") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GaincellError(f"{path}: can't be read as YAML: {' '.join(str(error).split())}") from None
    values = _of(Recipe, str(path), "the recipe", given)
    stages = given.get("stages")
    if not isinstance(stages, list) or not stages:
        raise GaincellError(f"{path}: stages = {stages}: must be a list of at least one stage, each with attention and steps")
    made = []
    for i, stage in enumerate(stages):
        place = f"{path}: stages[{i}]"
        of_stage = _of(StageRecipe, place, "a stage", stage)
        if "attention" not in of_stage:
            raise GaincellError(f"{place}: attention: is missing; it is linear or device")
        if (of_stage.get("steps", 0) > 0) == (of_stage.get("seconds", 0) > 0):
            raise GaincellError(f"{place}: steps, seconds: one of both must be above 0")
        for part in PARTS:
            if part not in of_stage.get("lr", {}):
                raise GaincellError(f"{place}: lr.{part}: is missing; lr is one number, or one each of {', '.join(PARTS)}")
        made.append(StageRecipe(**of_stage))
    recipe = Recipe(stages=tuple(made), **values)
    if recipe.batch % (recipe.micro_batch or recipe.batch) != 0:
        raise GaincellError(f"{path}: micro_batch = {recipe.micro_batch}: must divide batch = {recipe.batch}")
    return recipe
