"""What a campaign has simulated, point by point."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ._gaincell import GaincellError, SampledBenchData, SamplesData, SeriesData, datasheet_json, suggest

if TYPE_CHECKING:
    import xarray

Points = Literal["grid", "holdout", "all"]


class SampledBench:
    """What one bench has simulated: a condition or a measurement is one number a point.

    Points come as in the file: the grid, row-major over `axes` (times the draws), then the hold-out points.
    """

    def __init__(self, data: SampledBenchData) -> None:
        self._data = data

    name: str = property(lambda self: self._data.name)  # type: ignore[assignment]
    description: str = property(lambda self: self._data.description)  # type: ignore[assignment]

    @property
    def axes(self) -> dict[str, npt.NDArray[np.float64]]:
        """Swept conditions of more than one value, the slowest first: their values, rising, in SI."""
        return {axis.name: axis.nodes for axis in self._data.axes}

    @property
    def conditions(self) -> list[str]:
        """Names of all conditions, swept or fixed, those of several numbers a point behind the others."""
        return [*self._data.condition_names, *self._data.vector_names]

    @property
    def measurements(self) -> list[str]:
        return self._data.measurement_names

    @property
    def failures(self) -> dict[int, str]:
        """By number of the point: why it has no result."""
        return self._data.failures

    @property
    def provenance(self) -> dict[str, str | float]:
        """What made it: bench, netlists, hashes, simulator."""
        return self._data.provenance

    def __len__(self) -> int:
        """Points, hold-outs and failed ones among them."""
        return len(self._data.status)

    def unit(self, name: str) -> str:
        """Of a condition or measurement; "" is 1."""
        if name in self._data.vector_names:
            return self._data.vector(name).unit
        return self._series(name).unit

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A condition or measurement at all points, in SI: [point], of a vector [point, element].

        NaN where the point failed; words (a corner) are texts. Read-only and no copy, but for words.
        """
        if name in self._data.vector_names:
            return self._data.vector(name).values
        return _numbers_or_words(self._series(name))

    def to_xarray(self, points: Points | None = None) -> xarray.Dataset:
        """Measurements as variables, conditions as coordinates, units as attributes. Needs xarray.

        `points` says which: "grid" all but the hold-outs, with the axes as dimensions (and `draw`, where there are
        draws); "holdout" those that no table sees, and "all", along the one dimension `point`. By default
        the grid, or all where the points are none (rows of conditions). Failed points are NaN, said in `status` (1) and `failure`.

        >>> samples["gain_cell_a_read_charge"].to_xarray()["charge"].sel(v_bitline=0.45).plot()

        Raises GaincellError where a grid is asked for and there is none.
        """
        data = self._data
        kept = data.hold_out == 0
        shape = self._grid_shape(int(np.count_nonzero(kept)))
        if points not in (None, "grid", "holdout", "all"):
            raise GaincellError(f'{self.name}: points = {points!r}: must be "grid", "holdout" or "all"')
        if points is None:
            points = "all" if shape is None else "grid"
        if points != "grid":
            return self._dataset(np.ones_like(kept) if points == "all" else ~kept, {"point": -1})
        if shape is None:
            raise GaincellError(
                f'{self.name}: points = "grid": its points are no grid over {", ".join(self.axes) or "its conditions"}; '
                'points="all" gives them along one dimension'
            )
        return self._dataset(kept, shape)

    def __repr__(self) -> str:
        return f"<gaincell.SampledBench {self.name}: {len(self)} points, {len(self.failures)} failed>"

    def _series(self, name: str) -> SeriesData:
        if name in self._data.measurement_names:
            return self._data.measurement(name)
        if name in self._data.condition_names:
            return self._data.condition(name)
        remedy = suggest(name, [*self.measurements, *self.conditions])
        raise GaincellError(f"{self.name}: {name}: is no condition and no measurement of this bench; {remedy}")

    def _grid_shape(self, points: int) -> dict[str, int] | None:
        """Dimensions of the grid; None where its points are not those of the axes, in order."""
        shape = {axis.name: len(axis.nodes) for axis in self._data.axes}
        cells = int(np.prod(list(shape.values()), dtype=int))
        if cells == 0 or points == 0 or points % cells != 0:
            return None
        if points > cells:
            shape["draw"] = points // cells
        for axis in self._data.axes:
            if axis.name not in self._data.condition_names:
                return None
            values = self._data.condition(axis.name).values[self._data.hold_out == 0].reshape(list(shape.values()))
            along = np.moveaxis(values, list(shape).index(axis.name), 0).reshape(len(axis.nodes), -1)
            if not (along == along[:, :1]).all() or len(np.unique(along[:, 0])) != len(axis.nodes):
                return None
        return shape

    def _dataset(self, which: npt.NDArray[np.bool_], shape: dict[str, int]) -> xarray.Dataset:
        import xarray

        dims, sizes = tuple(shape), tuple(shape.values())
        data = self._data
        coordinates: dict[str, Any] = {}
        for name in data.condition_names:
            series = data.condition(name)
            values = _numbers_or_words(series)[which].reshape(sizes)
            about = {"units": series.unit, "long_name": series.long_name}
            if name in shape:  # in the order of the file, which need not rise
                first = tuple(slice(None) if d == name else 0 for d in dims)
                coordinates[name] = (name, values[first], about)
            elif values.size > 0 and (values == values.flat[0]).all():
                coordinates[name] = ((), values.flat[0], about)
            else:
                coordinates[name] = (dims, values, about)
        for name in data.vector_names:
            vector = data.vector(name)
            values = vector.values[which]
            about = {"units": vector.unit, "long_name": vector.long_name}
            coordinates[name] = ((*dims, f"{name}_element"), values.reshape((*sizes, values.shape[1])), about)
        reasons = np.array([self.failures.get(point, "") for point in range(len(self))], dtype=str)
        coordinates["status"] = (dims, data.status[which].reshape(sizes), {"long_name": "0 simulated, 1 failed"})
        coordinates["failure"] = (dims, reasons[which].reshape(sizes), {"long_name": "why there is no result"})
        if "point" in shape:
            coordinates["point"] = ("point", np.flatnonzero(which), {"long_name": "number of the point"})
            coordinates["holdout"] = (
                dims, data.hold_out[which], {"long_name": "0 in the tables, 1 kept from them, 2 and in the working range"})
            if len(data.draw) > 0:
                coordinates["draw"] = (dims, data.draw[which])
        elif "draw" in shape:
            coordinates["draw"] = ("draw", np.arange(shape["draw"]))
        variables = {}
        for name in data.measurement_names:
            series = data.measurement(name)
            about = {"units": series.unit, "long_name": series.long_name}
            variables[name] = (dims, series.values[which].reshape(sizes), about)
        attributes: dict[str, Any] = {
            "bench": self.name, "description": self.description, "points": int(np.count_nonzero(which)),
            "failed_points": int(np.count_nonzero(data.status[which])),
            "holdout_points_left_out": int(np.count_nonzero(data.hold_out)) if "point" not in shape else 0,
        }
        return xarray.Dataset(variables, coords=coordinates, attrs=attributes)


def _numbers_or_words(series: SeriesData) -> npt.NDArray[Any]:
    if not series.words:
        return series.values
    return np.take(np.array(series.words), series.values.astype(int))


class Samples(Mapping[str, SampledBench]):
    """A samples file: what each of its benches has simulated, by name.

    >>> samples = Samples.open("samples.h5")
    >>> list(samples)
    >>> samples.to_xarray("gain_cell_a_read_charge")     # xarray.Dataset over the swept conditions
    """

    def __init__(self, data: SamplesData, place: str) -> None:
        self._data = data
        self.place = place
        self._benches = {bench.name: SampledBench(bench) for bench in data.benches}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Samples:
        """Reads a file of `gaincell characterize` or `Bench.run`.

        Raises GaincellError for what is no such file, is damaged, or of a newer format.
        """
        return cls(SamplesData.read(os.fspath(path)), os.fspath(path))

    @property
    def program_version(self) -> str:
        return self._data.program_version

    @property
    def ngspice_version(self) -> str:
        return self._data.ngspice_version

    def to_xarray(self, bench: str | None = None, points: Points | None = None) -> xarray.Dataset:
        """One bench as `SampledBench.to_xarray` gives it; `bench` may be left out where there is but one."""
        if bench is None:
            if len(self) != 1:
                raise GaincellError(f"{self.place}: bench: holds several; say which: {', '.join(self)}")
            bench = next(iter(self))
        return self[bench].to_xarray(points)

    def datasheet(self) -> dict[str, Any]:
        """What `gaincell datasheet --json` prints: each measurement's range, where it stands, and its limits."""
        sheet: dict[str, Any] = json.loads(datasheet_json(self.place))
        return sheet

    def __getitem__(self, name: str) -> SampledBench:
        try:
            return self._benches[name]
        except KeyError:
            remedy = suggest(name, list(self._benches))
            raise GaincellError(f"{self.place}: {name}: is no bench of this file; {remedy}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._benches)

    def __len__(self) -> int:
        return len(self._benches)

    def __contains__(self, name: object) -> bool:
        return name in self._benches

    def __repr__(self) -> str:
        return f"<gaincell.Samples {self.place}: {', '.join(self)}>"
