"""Attention on gain cells in a PyTorch model: `pip install gaincell[torch]`.

>>> import gaincell.torch
>>> attention = gaincell.torch.GainCellAttention("device.h5", heads=8, dim=64, window=1024)
>>> out = attention(q, k, v)                        # [batch, head, time, dim]
>>> model = gaincell.torch.convert(gpt2, "device.h5")              # Hugging Face's GPT2LMHeadModel
>>> gaincell.torch.save_pretrained(model, "folder", vocabulary="gpt2")    # for `gaincell infer --model folder`
"""

from ._attention import GainCellAttention, Scaler
from ._calibrate import Calibration, calibrate
from ._gpt2 import GPT2GainCellAttention, convert, from_pretrained, save_pretrained
from ._linear import Linear
from ._loss import evaluate

__all__ = ["Calibration", "GPT2GainCellAttention", "GainCellAttention", "Linear", "Scaler", "calibrate", "convert",
           "evaluate", "from_pretrained", "save_pretrained"]
