"""Devices and their tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from ._gaincell import Axis, DeviceData, GaincellError, TableData, suggest

if TYPE_CHECKING:
    import xarray

Array = npt.NDArray[np.float64]
Outside = Literal["refuse", "hold", "nan"]


@dataclass(frozen=True)
class Error:
    """How far a table is off simulations that it has not seen (hold-out points).

    All but `holdout_points` are None where none was measured. `max_abs` and `rms_abs` are in the
    table's unit, the others in percent of its full scale.
    """

    holdout_points: int
    max_abs: float | None
    rms_abs: float | None
    max_percent: float | None
    rms_percent: float | None


@dataclass(frozen=True)
class HoldOut:
    """The simulations behind `Error`: where they stand, by axis, what they gave, and what the table says there.

    Arrays of one number a point, in the axes' and the table's unit.
    """

    at: dict[str, Array]
    measured: Array
    predicted: Array


class Table:
    """A function of one to five variables from simulations, between the nodes of a grid.

    Call it with a keyword an axis, each a number, an array of any shape, or a text with a unit
    ("15 ns"); the shapes broadcast as NumPy's do. Numbers are SI, in the units of `axes`.
    """

    def __init__(self, data: TableData) -> None:
        self._data = data

    name: str = property(lambda self: self._data.name)  # type: ignore[assignment]
    unit: str = property(lambda self: self._data.unit)  # type: ignore[assignment]
    long_name: str = property(lambda self: self._data.long_name)  # type: ignore[assignment]

    @property
    def axes(self) -> dict[str, Axis]:
        """By name, in the order of the values' dimensions."""
        return {axis.name: axis for axis in self._data.axes}

    @property
    def values(self) -> Array:
        """At the nodes, a dimension an axis; read-only and no copy."""
        return self._data.values

    @property
    def interpolation(self) -> list[str]:
        """"linear" or "cubic", of each axis."""
        return self._data.interpolation

    @property
    def error(self) -> Error:
        d = self._data
        return Error(d.holdout_points, d.max_abs, d.rms_abs, d.max_percent, d.rms_percent)

    @property
    def holdout(self) -> HoldOut:
        """Read-only and no copies; empty where the file keeps none."""
        d = self._data
        at = {axis.name: d.hold_out_at(i) for i, axis in enumerate(d.axes)} if d.holdout_points > 0 else {}
        return HoldOut(at, d.hold_out_measured, d.hold_out_predicted)

    @property
    def source(self) -> str:
        """The bench that made it, and how, where it is more than plain samples."""
        return "; ".join(part for part in (self._data.bench, self._data.comment) if part)

    def __call__(self, *, outside: Outside = "refuse", **axes: npt.ArrayLike) -> Array:
        """The values, in the table's unit.

        `outside` says what becomes of places outside the axes: "refuse" raises GaincellError, "hold"
        takes the value of the nearest end, as the engine does, "nan" gives NaN.
        """
        return self._evaluate(None, outside, axes)

    def gradient(self, along: str, *, outside: Outside = "refuse", **axes: npt.ArrayLike) -> Array:
        """The slope along one axis, in the table's unit over that axis'; 0 beyond held ends."""
        names = [axis.name for axis in self._data.axes]
        if along not in names:
            raise self._unknown(along, names)
        return self._evaluate(names.index(along), outside, axes)

    def to_xarray(self) -> xarray.DataArray:
        """Values, axes as coordinates, units and errors as attributes. Needs xarray."""
        import xarray

        error = self.error
        attributes: dict[str, Any] = {"units": self.unit, "long_name": self.long_name, "source": self.source}
        attributes |= {f"error_{key}": value for key, value in vars(error).items() if value is not None}
        coordinates = {
            name: (name, axis.nodes, {"units": axis.unit, "long_name": axis.long_name})
            for name, axis in self.axes.items()
        }
        return xarray.DataArray(
            self.values, dims=list(coordinates), coords=coordinates, name=self.name, attrs=attributes
        )

    def __repr__(self) -> str:
        axes = ", ".join(f"{axis.name} [{axis.unit}] {len(axis.nodes)}" for axis in self._data.axes)
        return f"<gaincell.Table {self.name} [{self.unit}] over {axes}>"

    def _unknown(self, name: str, known: list[str]) -> GaincellError:
        remedy = suggest(name, known)
        return GaincellError(f"{self.name}: {name}: is no axis of this table; {remedy}")

    def _coordinate(self, number: int, axis: Axis, value: npt.ArrayLike) -> Array:
        if isinstance(value, str):
            value = self._data.number_of(number, value)
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise GaincellError(f"{self.name}: {axis.name} = {value!r}: must be numbers in {axis.unit or '1'}")
        return array.astype(np.float64, copy=False)

    def _evaluate(self, along: int | None, outside: str, given: dict[str, npt.ArrayLike]) -> Array:
        axes = self._data.axes
        names = [axis.name for axis in axes]
        for name in given:
            if name not in names:
                raise self._unknown(name, names)
        missing = [name for name in names if name not in given]
        if missing:
            raise GaincellError(f"{self.name}: {', '.join(missing)}: is missing; a place needs a number an axis")
        arrays = [self._coordinate(i, axis, given[axis.name]) for i, axis in enumerate(axes)]
        try:
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
        except ValueError:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(names, arrays, strict=True))
            raise GaincellError(f"{self.name}: the shapes don't broadcast: {shapes}") from None
        flat = [np.broadcast_to(array, shape).reshape(-1) if array.size != 1
                else np.broadcast_to(array.reshape(()), (int(np.prod(shape)),)) for array in arrays]
        return self._data.evaluate(flat, along, outside).reshape(shape)


class _Constants(dict[str, float]):
    def __init__(self, numbers: dict[str, float], place: str) -> None:
        super().__init__(numbers)
        self._place = place

    def __missing__(self, name: object) -> float:
        remedy = suggest(str(name), list(self))
        raise GaincellError(f"{self._place}: {name}: is no constant of this device; {remedy}")


class Device(Mapping[str, Table]):
    """A device file: its tables by name, and its constants.

    >>> device = Device.open("device.h5")
    >>> list(device)
    >>> device.constants["t_max"]     # s
    """

    def __init__(self, data: DeviceData, place: str) -> None:
        self._data = data
        self.place = place
        self._tables = {table.name: Table(table) for table in data.tables}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Device:
        """Reads a file of `gaincell compile`, `device` or `import`; "published" is the authors' analytic device.

        Raises GaincellError for what is no such file, is damaged, or of a newer format.
        """
        return cls(DeviceData.read(os.fspath(path)), os.fspath(path))

    @property
    def tables(self) -> dict[str, Table]:
        return dict(self._tables)

    @property
    def constants(self) -> dict[str, float]:
        """In SI; `constant_units` has the units."""
        return _Constants(self._data.constants, self.place)

    @property
    def constant_units(self) -> dict[str, str]:
        return self._data.constant_units

    @property
    def provenance(self) -> dict[str, dict[str, str | float]]:
        """What made the tables, by bench: hashes, simulator, conditions, netlists."""
        return self._data.provenance

    def to_xarray(self) -> dict[str, xarray.DataArray]:
        """The tables by name; those of one name of axis may have other nodes."""
        return {name: table.to_xarray() for name, table in self._tables.items()}

    def __getitem__(self, name: str) -> Table:
        try:
            return self._tables[name]
        except (KeyError, TypeError):
            remedy = suggest(str(name), list(self._tables))
            raise GaincellError(f"{self.place}: {name}: is no table of this device; {remedy}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __repr__(self) -> str:
        return f"<gaincell.Device {self.place}: {len(self._tables)} tables>"
