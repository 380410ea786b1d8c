"""Arguments as they come from outside: another type than is meant is refused in the package's own words."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Sequence
from typing import Any

from ._gaincell import GaincellError

MOST = 2**31 - 1  # a C++ int, which says itself what its range is
SEEDS = 2**64 - 1


def whole(name: str, value: Any, most: int = MOST) -> int:
    """A whole number; the C++ side knows narrower ranges, and says so."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise GaincellError(f"{name} = {value!r}: must be a whole number")
    least = 0 if most == SEEDS else -MOST
    if not least <= number <= most:
        raise GaincellError(f"{name} = {value!r}: must lie between {least} and {most}")
    return number


def seed(name: str, value: Any) -> int:
    return whole(name, value, SEEDS)


def number(name: str, value: Any, unit: str = "") -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise GaincellError(f"{name} = {value!r}: must be a number{f' in {unit}' if unit else ''}, without its unit")
    return float(value)


def names(name: str, value: Any) -> list[str]:
    """A list of names; one text alone would be taken letter by letter."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(x, str) for x in value):
        raise GaincellError(f"{name} = {value!r}: must be a list of texts, [{value!r}]" if isinstance(value, str)
                            else f"{name} = {value!r}: must be a list of texts")
    return list(value)
