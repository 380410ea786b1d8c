"""A bench through ngspice and a model on a device, from Python.

    python examples/campaign.py netlists/gain_cell_a/leakage.yaml models/shakespeare_linear data/shakespeare/held_out.txt device.h5
"""

import sys
import tempfile
from typing import Any

import gaincell


def tell(event: dict[str, Any]) -> None:
    if event["event"] == "progress":
        print(f"{event['done']} of {event['simulations']} simulations")


def main() -> None:
    bench_file, model, text, device = sys.argv[1:]
    bench = gaincell.Bench.open(bench_file)
    with tempfile.TemporaryDirectory() as folder:
        campaign = bench.run(f"{folder}/samples.h5", progress=tell)
        samples = campaign.samples
    for name, points in samples.items():
        print(f"{name}: {len(points)} points, {len(points.failures)} failed")
        for measurement in points.measurements:
            values = points[measurement]
            print(f"  {measurement}: {values.min():.3g} .. {values.max():.3g} {points.unit(measurement)}")
    run = gaincell.infer(model, text, attention="analog", device=device, tokens=200)
    print(f"perplexity {run['perplexity']:.3f}, {1e9 * run['energy_j_per_token']['circuits']:.2f} nJ a token in the circuits")


if __name__ == "__main__":
    main()
