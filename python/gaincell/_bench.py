"""Campaigns: benches through ngspice."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _arguments
from ._gaincell import default_cache, outline, run_campaign
from ._samples import Samples

Event = dict[str, Any]
Words = Sequence[str] | Mapping[str, object]
WORKER = pathlib.Path(__file__).parent / "gaincell-worker"


@dataclass(frozen=True)
class Campaign:
    """What a run made: `samples_path`, and the event `end` of `gaincell characterize --json` as `report`."""

    samples_path: str
    report: Event
    refinement: dict[str, Any] | None  # where it was asked for

    @property
    def ok(self) -> bool:
        """Every point was measured. Limits are another matter: `missed`."""
        return bool(self.report["ok"])

    @property
    def samples(self) -> Samples:
        return Samples.open(self.samples_path)

    @property
    def missed(self) -> list[str]:
        """The benches' specifications that do not hold, with value and limit."""
        missed: list[str] = self.samples.datasheet()["missed"]
        return missed


def _words(given: Words) -> list[str]:
    """"corner=slow,fast" each, as on the command line."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Mapping):
        return list(given)
    several = {n: v if isinstance(v, (list, tuple)) else [v] for n, v in given.items()}
    return [f"{name}={','.join(map(str, values))}" for name, values in several.items()]


class Bench:
    """One or more bench files, read and checked; `run` simulates them.

    >>> bench = Bench.open("netlists/gain_cell_a/read_charge.yaml", at={"temperature": 85})
    >>> bench.outline[0]["simulations"]
    >>> samples = bench.run("samples.h5", progress=lambda event: print(event)).samples
    """

    def __init__(self, paths: list[str], filters: list[str], at: list[str], allow: list[str]) -> None:
        self._paths, self._filters, self._at, self._allow = paths, filters, at, allow
        self.outline: list[dict[str, Any]] = json.loads(outline(paths, filters, at, allow))
        """Of each bench: name, points (holdout among them), simulations, axes, warnings."""

    @classmethod
    def open(
        cls, *paths: str | os.PathLike[str], filters: Words = (), at: Words = (), allow: Sequence[str] = ()
    ) -> Bench:
        """Reads bench files (docs/bench.md).

        `filters` takes only some values of a condition ({"corner": ["slow", "fast"]}, "temperature=-40..27"), `at` puts
        fixed ones elsewhere ({"v_dd": 0.81}); `allow` is what netlists may do beyond being circuits.
        Raises GaincellError for what is no bench: file, line and key, the rule, and what to do.
        """
        return cls([os.fspath(path) for path in paths], _words(filters), _words(at),
                   _arguments.names("allow", allow))

    def run(
        self,
        output: str | os.PathLike[str],
        *,
        jobs: int = 0,
        progress: Callable[[Event], object] | None = None,
        memory_mib: int = 4096,
        cache: str | os.PathLike[str] | bool = True,
        fresh: bool = False,
        keep_going: bool = False,
        refine: bool = False,
    ) -> Campaign:
        """Simulates what journal and cache do not know, and writes the samples file: the bytes of `gaincell characterize`.

        jobs: simulators at a time, each in a process of its own; 0 is as many as cores. progress: called with the
        events of `gaincell characterize --json` ("begin", "progress" once a second, "failure", "warning",
        "worker_lost"; docs/campaigns.md). cache: a folder, True for the user's own, False for none. fresh: not from the
        journal of an interrupted run. refine: few values of each axis first, more where the tables' errors are.

        Runs without the interpreter's lock, one campaign a process at a time. Ctrl-C raises KeyboardInterrupt, an exception of
        `progress` itself; both keep the journal, and the same call goes on from there. A simulation that fails
        stands in the file with its reason and is no exception.
        """
        folder = default_cache() if cache is True else "" if cache is False else os.fspath(cache)
        report, refinement = run_campaign(
            self._paths, filters=self._filters, at=self._at, allow=self._allow, output=os.fspath(output),
            jobs=_arguments.whole("jobs", jobs), memory_mib=_arguments.whole("memory_mib", memory_mib),
            cache=folder, fresh=fresh, keep_going=keep_going, refine=refine, worker=WORKER,
            progress=None if progress is None else lambda event: progress(json.loads(event)),
        )
        return Campaign(os.fspath(output), json.loads(report), None if refinement is None else json.loads(refinement))

    def __repr__(self) -> str:
        return f"<gaincell.Bench {', '.join(bench['name'] for bench in self.outline)}>"
