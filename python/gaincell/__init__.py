"""gaincell from Python: campaigns, their samples, a device's tables on NumPy arrays, analog attention and language models.

>>> import gaincell, numpy as np
>>> samples = gaincell.Bench.open("bench.yaml").run("samples.h5").samples
>>> samples.to_xarray()                                                # conditions as coordinates
>>> device = gaincell.Device.open("device.h5")
>>> charge = device["cell_read_charge"]
>>> charge(v_store=0.6, pulse_width="15 ns", v_bitline=0.45)           # C
>>> charge.gradient("v_store", v_store=np.linspace(0, 0.9, 10), pulse_width=5e-9, v_bitline=0.45)
>>> q, k, v = (np.random.rand(12, 100, 64).astype("float32") for _ in range(3))
>>> result = gaincell.attend(q, k, 0.9 * v, device=device, window=64)  # [head, time, dim]
>>> result.energy["total"]                                             # J, of all tokens
>>> gaincell.infer("adapted", "text.txt", device=device)["perplexity"]

All that is computed is computed by the C++ library that the program uses.
"""

from ._attend import Attention, Stream, attend
from ._bench import Bench, Campaign
from ._device import Device, Error, HoldOut, Table
from ._gaincell import Axis, GaincellError, __version__
from ._model import GaincellWarning, adapt, infer
from ._samples import SampledBench, Samples

__all__ = [
    "Attention", "Axis", "Bench", "Campaign", "Device", "Error", "GaincellError", "GaincellWarning", "HoldOut",
    "SampledBench", "Samples", "Stream", "Table", "__version__", "adapt", "attend", "infer",
]
