"""gaincell from Python: a device's tables on NumPy arrays, and analog attention on a device.

>>> import gaincell, numpy as np
>>> device = gaincell.Device.open("device.h5")
>>> charge = device["cell_read_charge"]
>>> charge(v_store=0.6, pulse_width="15 ns", v_bitline=0.45)           # C
>>> charge.gradient("v_store", v_store=np.linspace(0, 0.9, 10), pulse_width=5e-9, v_bitline=0.45)
>>> q, k, v = (np.random.rand(12, 100, 64).astype("float32") for _ in range(3))
>>> result = gaincell.attend(q, k, 0.9 * v, device=device, window=64)  # [head, time, dim]
>>> result.energy["total"]                                             # J, of all tokens

All that is computed is computed by the C++ library that the program uses.
"""

from ._attend import Attention, Stream, attend
from ._device import Device, Error, Table
from ._gaincell import Axis, GaincellError, __version__

__all__ = ["Attention", "Axis", "Device", "Error", "GaincellError", "Stream", "Table", "__version__", "attend"]
