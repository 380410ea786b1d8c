#!/usr/bin/python3
"""./dev bench lut [--json]: 10^6 random places of a table of three cubic axes, one thread, beside SciPy.

The library, its scalar look-up, the Python package (where `./dev test python` has installed it) and SciPy's
RegularGridInterpolator, turn and turn about on the same table; nanoseconds of processor time a place, medians of the rounds.
"""
import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "build/dev/bench/lut_bench"
ONE_THREAD = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
PLACES = """
import json, sys, time
import numpy as np
axes = [np.linspace(-0.05, 0.95, 21), np.array([0, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 4, 8, 15]), np.linspace(0, 0.9, 19)]
values = np.sin(axes[0])[:, None, None] + axes[2] + 0 * axes[1][:, None]
places = [np.random.default_rng(1).uniform(a[0], a[-1], 1_000_000) for a in axes]
"""
SCIPY = PLACES + """
import scipy
from scipy.interpolate import RegularGridInterpolator
table = RegularGridInterpolator(axes, values, method="cubic")
stacked = np.stack(places, 1)
start = time.process_time()
table(stacked)
print(json.dumps({"ns": 1e3 * (time.process_time() - start), "version": scipy.__version__}))
"""
PACKAGE = PLACES + """
import gaincell
table = gaincell.Device.open(sys.argv[1])["cell_read_charge"]
places = {a.name: np.random.default_rng(1).uniform(a.nodes[0], a.nodes[-1], 1_000_000) for a in table.axes.values()}
table(**places)
start = time.process_time()
table(**places)
print(json.dumps({"ns": 1e3 * (time.process_time() - start), "version": gaincell.__version__}))
"""


def library():
    run = subprocess.run([BENCH, "--benchmark_format=json", "--benchmark_filter=many|3d_cubic$"], check=True, capture_output=True)
    times = {b["name"]: b["cpu_time"] for b in json.loads(run.stdout)["benchmarks"]}
    return {"cpp": times["look_up_many"], "cpp_scalar": times["look_up/3d_cubic"]}  # ms a 10^6 is ns each


def python(interpreter, script, *arguments):
    run = subprocess.run([interpreter, "-c", script, *arguments], check=True, capture_output=True, env=ONE_THREAD)
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    scipy = ROOT / "build/python/bin/python"
    package, device = ROOT / "build/wheel/tests/venv/bin/python", ROOT / "build/wheel/tests/device.h5"
    rounds, version = [], ""
    for _ in range(options.rounds):
        one = library()
        peer = python(scipy, SCIPY)
        one["scipy"], version = peer["ns"], peer["version"]
        if package.exists() and device.exists():
            one["python"] = python(package, PACKAGE, device)["ns"]
        rounds.append(one)
    ns = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    result = {"ns_per_place": ns, "scipy_version": version, "scipy_over_cpp": ns["scipy"] / ns["cpp"]}
    result["python_over_cpp"] = ns["python"] / ns["cpp"] if "python" in ns else None
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for key, value in ns.items():
        print(f"{key:12} {value:8.1f} ns a place")
    print(f"SciPy {version} takes {result['scipy_over_cpp']:.1f} times as long as the library")
    if result["python_over_cpp"] is None:
        print("Python package: not measured; ./dev test python installs it")
    else:
        print(f"the Python package takes {result['python_over_cpp']:.2f} times as long as the library (table cell_read_charge)")


if __name__ == "__main__":
    main()
