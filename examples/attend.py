"""Attention on a device, from Python: what the circuits make of random inputs, in joules.

    python examples/attend.py device.h5
"""

import sys

import numpy as np

import gaincell


def main() -> None:
    device = gaincell.Device.open(sys.argv[1])
    rng = np.random.default_rng(1)
    heads, time, dim = 4, 200, 64
    q = rng.random((heads, time, dim), dtype=np.float32)  # shares of the longest pulse
    k = 0.9 * rng.random((heads, time, dim), dtype=np.float32)  # V
    v = 0.9 * rng.random((heads, time, dim), dtype=np.float32)  # V
    result = gaincell.attend(q, k, v, device=device, window=128)
    total = result.energy["total"]
    print(f"output {result.output.shape}, {np.std(result.output):.3f} rms")
    if total is not None:
        print(f"{1e12 * total / (heads * time):.1f} pJ a token and head")
    pulse = device["relu_pulse_width"]
    print(f"300 fC make {1e9 * float(pulse(charge=300e-15)):.3f} ns, within {1e12 * (pulse.error.max_abs or 0):.1f} ps")


if __name__ == "__main__":
    main()
