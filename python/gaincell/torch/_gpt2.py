"""Hugging Face's GPT-2 with attention on gain cells, and the model folders that `gaincell infer` runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .._attend import SCALERS
from .._device import Device
from .._gaincell import GaincellError
from ._attention import GainCellAttention, form_of
from ._form import Form
from ._linear import Linear, LinearForm

FORMAT = 1  # of config.json's "gaincell" (docs/model.md)
FOLDER_V_MAX = 0.9  # what scalers of k and v count to in model folders, on any device
# Where those of the books models started; `gaincell adapt` fits them to a device.
START = {"a_q": 0.25, "b_q": 0.3, "a_k": 0.2, "b_k": 0.45, "a_v": 0.2, "b_v": 0.45, "a_o": 0.25, "b_o": 0.0}
MATRICES = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
VOCABULARIES = ("vocab.json", "encoder.json", "merges.txt", "vocab.bpe", "tokenizer.json", "tokenizer_config.json")


class GPT2GainCellAttention(GainCellAttention):
    """Stands where GPT2Attention stood, with its projections."""

    def __init__(self, replaced: Any, device: Device | Linear | str, heads: int, dim: int, **options: Any) -> None:
        super().__init__(device, heads, dim, **options)
        self.c_attn: nn.Module = replaced.c_attn
        self.c_proj: nn.Module = replaced.c_proj
        self.resid_dropout: nn.Module = replaced.resid_dropout

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        self._refuse(args, kwargs)
        batch, time, width = hidden_states.shape
        q, k, v = (x.reshape(batch, time, self.heads, self.dim).transpose(1, 2)
                   for x in self.c_attn(hidden_states).split(width, dim=2))
        out = self.gain_cells(q, k, v).transpose(1, 2).reshape(batch, time, width)
        return self.resid_dropout(self.c_proj(out)), None

    def gain_cells(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return super().forward(q, k, v)

    @staticmethod
    def _refuse(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if args:
            raise GaincellError("GPT2GainCellAttention: takes what stands beside hidden_states by its keyword alone")
        for name in ("layer_past", "past_key_value", "past_key_values"):
            if kwargs.get(name) is not None or kwargs.get("use_cache"):
                raise GaincellError("use_cache = True: the ring of cells is not kept between calls; "
                                    "say use_cache=False, as convert() sets it in the model's configuration")
        for name in ("head_mask", "encoder_hidden_states", "output_attentions"):
            value = kwargs.get(name)
            if value is not None and value is not False:
                raise GaincellError(f"{name}: is not built for attention on gain cells; leave it out")
        mask = kwargs.get("attention_mask")
        if mask is None:
            return
        last = mask[..., -1, :].reshape(-1, mask.shape[-1])
        seen = last if last.dtype == torch.bool else last >= 0
        if bool((~seen[:, :-1] & seen[:, 1:]).any()):
            raise GaincellError("attention_mask: hides tokens ahead of others (padding on the left): cells of a window "
                                "are all read; pad on the right")


def convert(
    model: Any,
    device: Device | Linear | str | os.PathLike[str],
    *,
    window: int | None = None,
    token_period_s: float | None = None,
    without: Sequence[str] = (),
    error_limit: float | None = None,
    scalers: Sequence[Mapping[str, Any]] | None = None,
) -> Any:
    """Puts gain cells in the place of a GPT2LMHeadModel's attention, in place, and gives it back.

    A model that is on cells already goes to `device` with its scalers. `scalers` are a layer's each (a_q, b_q, ..; k and v in volts of 0 .. 0.9, as in model folders); without them all
    heads begin at what models trained from scratch began at, which `calibrate`, training or `gaincell adapt` has to fit. `window`
    is n_positions where it is not said. Options as in `GainCellAttention`.
    """
    config, blocks = getattr(model, "config", None), getattr(getattr(model, "transformer", None), "h", None)
    if getattr(config, "model_type", None) != "gpt2" or blocks is None:
        raise GaincellError(f"{type(model).__name__}: is no GPT2LMHeadModel: the GPT-2 architecture alone is built")
    for key in ("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"):
        if getattr(config, key, False):
            raise GaincellError(f"config.{key} = True: is not built for attention on gain cells; set it to false")
    if scalers is not None and len(scalers) != len(blocks):
        raise GaincellError(f"scalers = {len(scalers)} layers: must be one mapping a layer, {len(blocks)}")
    heads, dim = config.n_head, config.n_embd // config.n_head
    form = form_of(device, dim=dim, window=config.n_positions if window is None else window, layers=len(blocks),
                   token_period_s=token_period_s, without=without, error_limit=error_limit)
    v_max = form.columns.v_max if isinstance(form, LinearForm) else FOLDER_V_MAX
    for i, block in enumerate(blocks):
        place = block.attn.c_attn.weight
        if scalers is not None:
            own = scalers[i]
        else:
            own = block.attn.scalers() if isinstance(block.attn, GainCellAttention) else START
        block.attn = GPT2GainCellAttention(block.attn, "", heads, dim, scalers=own, v_max=v_max, form=form).to(place.device).train(model.training)
    config.use_cache = False
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.use_cache = False
    return model


def scaler_name(layer: int, name: str) -> str:
    return f"h.{layer}.attn.scaler.{name[2]}.{name[0]}"


def _config_of(model: Any, form: Form | LinearForm, record: Mapping[str, Any]) -> dict[str, Any]:
    c = model.config
    if isinstance(form, LinearForm):
        attention = {"kind": "linear", "window": form.window, **form.linear.config()}
        made = dict(record)
    else:
        attention = {"kind": "analog", "window": form.window}
        made = {"effects": form.columns.effects, "token_period_s": form.columns.token_period_s, **record}
    ours = {"format": FORMAT, "positions": "learned", "attention": attention, "record": {"torch": made}}
    return {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_layer": c.n_layer, "n_head": c.n_head,
        "n_embd": c.n_embd, "n_inner": c.n_inner or 4 * c.n_embd, "n_positions": c.n_positions, "n_ctx": c.n_positions,
        "vocab_size": c.vocab_size, "activation_function": c.activation_function,
        "layer_norm_epsilon": c.layer_norm_epsilon, "tie_word_embeddings": c.tie_word_embeddings, "gaincell": ours,
    }


def save_pretrained(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    vocabulary: str | os.PathLike[str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Writes a converted model as a folder for `gaincell infer` (docs/model.md), tensors in F32.

    `vocabulary` is a folder whose vocab.json, merges.txt or tokenizer.json go along; `record` stands in
    config.json. Needs safetensors.
    """
    from safetensors.torch import save_file

    attention = [block.attn for block in model.transformer.h]
    if not all(isinstance(one, GPT2GainCellAttention) for one in attention):
        raise GaincellError("model: its attention is not on gain cells: convert() it first")
    tensors = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        name = name.removeprefix("transformer.")
        tensors[name] = value.detach().to("cpu", torch.float32).contiguous().clone()
    to = Path(folder)
    to.mkdir(parents=True, exist_ok=True)
    files = ["config.json", "model.safetensors"]

    def replace(name: str, write: Any) -> None:
        temporary = to / f".{name}.tmp"
        write(temporary)
        os.replace(temporary, to / name)

    replace("model.safetensors", lambda path: save_file(tensors, path, metadata={"format": "pt"}))
    text = json.dumps(_config_of(model, attention[0].form, dict(record or {})), indent=1) + "\n"
    replace("config.json", lambda path: path.write_text(text))
    for name in VOCABULARIES if vocabulary is not None else ():
        source = Path(vocabulary) / name  # type: ignore[arg-type]
        if source.exists():
            replace(name, lambda path, source=source: shutil.copyfile(source, path))
            files.append(name)
    sums = "".join(f"{hashlib.sha256((to / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(files))
    replace("SHA256SUMS", lambda path: path.write_text(sums))


def _tensors(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    names = (sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists()
             else ["model.safetensors"])
    tensors: dict[str, Tensor] = {}
    for name in names:
        if not (folder / name).exists():
            raise GaincellError(f"{folder / name}: is not there; a model folder holds config.json and model.safetensors")
        try:
            read = load_file(str(folder / name))
        except SafetensorError as error:
            raise GaincellError(f"{folder / name}: is no safetensors file ({error}); copy the file again") from None
        for key, value in read.items():
            tensors[key.removeprefix("transformer.")] = value.float()
    return tensors


def _config(folder: Path) -> dict[str, Any]:
    """config.json, of a format that is known here."""
    at = folder / "config.json"
    if not at.exists():
        raise GaincellError(f"{at}: is not there; a model folder holds config.json and model.safetensors")
    try:
        text = json.loads(at.read_text())
    except ValueError as error:  # JSON's, and that of letters that are none
        raise GaincellError(f"{at}: is no JSON ({error}); copy the file again") from None
    if not isinstance(text, dict):
        raise GaincellError(f"{at}: must be a JSON object")
    ours = text.get("gaincell", {})
    if not isinstance(ours, dict) or ours.get("format", FORMAT) != FORMAT:
        found = ours.get("format") if isinstance(ours, dict) else ours
        raise GaincellError(f"{at}: gaincell.format = {found}: must be {FORMAT}, which this version reads; update gaincell")
    return text


def folder_kind(folder: str | os.PathLike[str]) -> str:
    """What attention a model folder was made for: softmax, linear or analog."""
    kind: str = _config(Path(folder)).get("gaincell", {}).get("attention", {}).get("kind", "softmax")
    return kind


def from_pretrained(
    folder: str | os.PathLike[str],
    device: Device | Linear | str | os.PathLike[str] | None,
    *,
    window: int | None = None,
    **options: Any,
) -> Any:
    """A model folder (docs/model.md; F16, BF16 or F32) as a GPT2LMHeadModel on gain cells; options as in `convert`.

    "linear" takes its constants from the folder. With None attention stays softmax.

    Needs transformers and safetensors. Rotary positions are refused: GPT2LMHeadModel has none.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    at = Path(folder)
    text = _config(at)
    if text.get("model_type", "gpt2") != "gpt2":
        raise GaincellError(f"{at / 'config.json'}: model_type = {text['model_type']}: the GPT-2 architecture alone is trained here; "
                            "`gaincell convert` and `adapt` take LLaMA's")
    ours = text.pop("gaincell", {})
    if ours.get("positions", "learned") != "learned":
        raise GaincellError(f"{at / 'config.json'}: gaincell.positions = {ours['positions']}: must be learned, "
                            "as GPT2LMHeadModel has them")
    config = GPT2Config(**{k: v for k, v in text.items() if k not in ("architectures", "model_type", "n_ctx")})
    tensors = _tensors(at)
    model: Any = GPT2LMHeadModel(config)
    if tensors.get("h.0.attn.c_attn.weight", torch.empty(0)).shape == (3 * config.n_embd, config.n_embd):
        for name in tensors:
            if name.endswith(MATRICES):
                tensors[name] = tensors[name].T.contiguous()
    scalers = None
    if scaler_name(0, "a_q") in tensors:
        scalers = [{name: tensors.pop(scaler_name(i, name)) for name in SCALERS} for i in range(config.n_layer)]
    if config.tie_word_embeddings:
        tensors.setdefault("wte.weight", tensors.get("lm_head.weight", torch.empty(0)))
        tensors["lm_head.weight"] = tensors["wte.weight"]
    tensors = {k: v for k, v in tensors.items() if not k.endswith((".attn.bias", ".attn.masked_bias"))}
    state = {k if k == "lm_head.weight" else f"transformer.{k}": v for k, v in tensors.items()}
    own = {k: v.shape for k, v in model.state_dict().items() if not k.endswith((".attn.bias", ".attn.masked_bias"))}
    for name in sorted(own.keys() | state.keys()):
        found, asked = getattr(state.get(name), "shape", None), own.get(name)
        if found != asked:
            raise GaincellError(f"{at}: {name} = {list(found) if found else 'missing'}: config.json asks for "
                                f"{list(asked) if asked else 'no such tensor'}; use the checkpoint that belongs to it")
    model.load_state_dict(state, strict=False)
    model.eval()
    attention = ours.get("attention", {})
    if device is None:
        if scalers is not None:
            raise GaincellError(f"{at}: has scalers: it was made for gain cells; name a device, or linear")
        return model
    if device == "linear":
        device = Linear.of(attention)
    own_window = attention.get("window")
    return convert(model, device, window=own_window if window is None else window, scalers=scalers, **options)
