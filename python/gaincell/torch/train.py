"""Brings a GPT-2 from exact softmax, or from cells, onto gain cells by a recipe.

    python -m gaincell.torch.train --from gpt2 --recipe recipes/published.yaml --text books.txt --device device.h5 \\
        --out trained --to cuda
    gaincell infer --model trained --device device.h5 --text held_out.txt

--text is UTF-8, or tokens as a .npy of whole numbers. A folder with softmax attention gets scalers fitted to its own
queries, keys and values first. After every stage the model stands in OUT/STAGE_ATTENTION, after the last in OUT itself.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._device import Device
from .._gaincell import GaincellError
from ._attention import GainCellAttention
from ._calibrate import calibrate
from ._gpt2 import convert, folder_kind, from_pretrained, save_pretrained
from ._loss import evaluate, loss, use_fused_gelu
from ._optimiser import Optimisers, rate
from ._recipe import Recipe, StageRecipe, read

CHECKPOINT = "checkpoint.pt"
END_OF_TEXT = "<|endoftext|>"


@dataclass
class Options:
    """Of one training; folders and files are paths."""

    folder: Path
    recipe: Path
    text: Path
    out: Path
    device: str | None = None
    to: str = "cpu"
    held_out: Path | None = None
    resume: bool = False
    stop_after: int = 0  # steps, then a checkpoint and no more
    log_steps: int = 10


def read_tokens(path: Path, folder: Path, vocabulary: int) -> Tensor:
    """A text by the folder's vocabulary, or tokens as they stand in a .npy."""
    if not path.exists():
        raise GaincellError(f"{path}: is not there; name a text in UTF-8, or tokens in a .npy")
    if path.suffix == ".npy":
        try:
            tokens = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise GaincellError(f"{path}: can't be read as .npy: {error}") from None
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise GaincellError(f"{path}: has the shape {list(tokens.shape)} of {tokens.dtype}: must be one row of whole numbers")
        found = torch.from_numpy(tokens.astype(np.int32))
    else:
        from tokenizers import ByteLevelBPETokenizer, Tokenizer

        whole = folder / "tokenizer.json"
        if not whole.exists() and not (folder / "vocab.json").exists():
            raise GaincellError(f"{folder / 'vocab.json'}: is not there; a text needs the model's vocab.json and merges.txt")
        tokenizer: Any = (Tokenizer.from_file(str(whole)) if whole.exists() else
                          ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")))
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise GaincellError(f"{path}: is not UTF-8 at byte {error.start}; convert it") from None
        # Cut at line ends, so that the tokenizer's memory stays small.
        pieces, ids = text.splitlines(keepends=True), []
        for n in range(0, len(pieces), 4096):
            ids += tokenizer.encode("".join(pieces[n : n + 4096])).ids
        found = torch.tensor(ids, dtype=torch.int32)
    if len(found) and not 0 <= int(found.min()) <= int(found.max()) < vocabulary:
        raise GaincellError(f"{path}: has the token {int(found.max())}: must be below the model's vocab_size, {vocabulary}")
    return found


class Sequences:
    """Which tokens a sequence has: all windows of the text once, in a drawn order, then again from another start."""

    def __init__(self, tokens: Tensor, length: int, seed: int, place: str) -> None:
        self.tokens, self.length, self.seed = tokens, length, seed
        self.each = (len(tokens) - 1) // length - (1 if len(tokens) >= 2 * length else 0)
        if self.each < 1:
            raise GaincellError(f"{place}: has {len(tokens)} tokens: must be at least {length + 1}, one sequence of the recipe; "
                                "give a longer text or a smaller `length`")
        self._epoch, self._order, self._start = -1, torch.empty(0), 0

    def rows(self, first: int, count: int) -> Tensor:
        """[count, length + 1], of the sequences from `first` on."""
        return torch.stack([self._row(first + i) for i in range(count)]).long()

    def _row(self, n: int) -> Tensor:
        epoch, i = divmod(n, self.each)
        if epoch != self._epoch:
            draw = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            spare = len(self.tokens) - 1 - self.each * self.length
            self._start = int(torch.randint(0, spare + 1, (1,), generator=draw))
            self._order = torch.randperm(self.each, generator=draw)
            self._epoch = epoch
        begin = self._start + int(self._order[i]) * self.length
        return self.tokens[begin : begin + self.length + 1]


class Training:
    """A recipe under way."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options, self.say = options, say
        self.recipe: Recipe = read(options.recipe)
        self.where = _where(options.to)
        self.kind = folder_kind(options.folder)
        self._check_devices()
        if options.out.exists() and not options.out.is_dir():
            raise GaincellError(f"--out = {options.out}: must be a folder, or the name of a new one")
        self.model: Any = from_pretrained(options.folder, None if self.kind == "softmax" else "linear")
        config = self.model.config
        self.length = self.recipe.length or config.n_positions
        if self.length > config.n_positions:
            raise GaincellError(f"{options.recipe}: length = {self.length}: must be at most the model's n_positions, {config.n_positions}")
        tokens = read_tokens(options.text, options.folder, config.vocab_size)
        self.sequences = Sequences(tokens, self.length, self.recipe.seed, str(options.text))
        self.held_out = None
        if options.held_out is not None:
            self.held_out = read_tokens(options.held_out, options.folder, config.vocab_size)
            if len(self.held_out) < 2:
                raise GaincellError(f"{options.held_out}: has {len(self.held_out)} tokens: must be at least 2")
        self.key = hashlib.sha256(repr(asdict(self.recipe)).encode() + tokens.numpy().tobytes()).hexdigest()
        if self.where.type == "cuda":  # small enough to stand there whole
            self.sequences.tokens = tokens.to(self.where)
        self.teacher: Any = None
        self.stage, self.step, self.sequence = 0, 0, 0
        self.record: dict[str, Any] = {"recipe": options.recipe.name, "stages": []}

    def _check_devices(self) -> None:
        stages, device = self.recipe.stages, self.options.device
        if any(stage.attention == "device" for stage in stages):
            if device is None:
                raise GaincellError(f"{self.options.recipe}: has a stage on a device: name its file with --device DEVICE.h5")
            self.device: Any = Device.open(device)
        elif device is not None:
            raise GaincellError(f"--device = {device}: no stage of {self.options.recipe} is on a device; leave it out")
        if any(stage.distill > 0 for stage in stages) and self.kind != "softmax":
            raise GaincellError(f"{self.options.folder}: is made for {self.kind} attention: `distill` needs a softmax model "
                                "to learn from; set it to 0")

    def run(self) -> bool:
        """Whether the recipe is through."""
        saved = self._restore() if self.options.resume else None
        if saved is None:
            self._begin()
        if self.recipe.distills:
            self.teacher = self._teacher()
        left = self.options.stop_after or None
        while self.stage < len(self.recipe.stages):
            stage = self.recipe.stages[self.stage]
            self._place(stage)
            if saved is not None:
                self.model.load_state_dict(saved["model"])
            optimisers = Optimisers(self.model, stage)
            if saved is not None and saved["optimisers"] is not None:
                optimisers.load(saved["optimisers"])
            saved = None
            left = self._train(stage, optimisers, left)
            if left == 0 and self.step < (stage.steps or self.step + 1):
                self._keep(optimisers)
                self.say(f"stopped at step {self.step} of stage {self.stage + 1}; go on with --resume")
                return False
            self._end(stage)
        return True

    def _begin(self) -> None:
        self.model.to(self.where)
        if self.kind != "softmax":
            return
        # Beyond the ones that train: none where the text is short.
        count = max(1, min(self.recipe.calibration_tokens // self.length, self.sequences.each))
        found = calibrate(self.model, self.sequences.rows(0, count)[:, :-1])
        self.say(f"scalers of {count * self.length} tokens; {found}")
        self.record["calibration"] = str(found)
        if self.recipe.distills:
            self.teacher = copy.deepcopy(self.model)
        convert(self.model, "linear", scalers=found.scalers)

    def _teacher(self) -> Any:
        teacher = self.teacher or from_pretrained(self.options.folder, None).to(self.where)
        use_fused_gelu(teacher)
        teacher.requires_grad_(False)
        if self.recipe.precision == "bf16":
            teacher.to(torch.bfloat16)
        return teacher.eval()

    def _place(self, stage: StageRecipe) -> None:
        on_cells = isinstance(self.model.transformer.h[0].attn, GainCellAttention)
        if stage.attention == "device":
            if not on_cells:
                convert(self.model, "linear")
            convert(self.model, self.device)
        elif not on_cells:  # resumed: what was trained is loaded into it
            convert(self.model, "linear")
        self.model.to(self.where)
        use_fused_gelu(self.model)
        for block in self.model.transformer.h:
            block.attn.checks = False
        # Dropout of pre-training has no place in a few hundred steps.
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0

    def _precision(self) -> Any:
        if self.recipe.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.where.type, torch.bfloat16)

    def _train(self, stage: StageRecipe, optimisers: Optimisers, left: int | None) -> int | None:
        """Steps of a stage from where it stands; gives what is left of `left`."""
        torch.backends.cuda.matmul.allow_tf32 = stage.tf32
        self.model.train()
        name = f"stage {self.stage + 1} ({stage.attention})"
        begin = shown = time.perf_counter()
        since, batch = 0, self.recipe.batch
        while left != 0:
            elapsed = time.perf_counter() - begin
            done = self.step / stage.steps if stage.steps else elapsed / stage.seconds
            if done >= 1.0:
                break
            nats, kl, norm = self._descend(stage, optimisers, rate(stage, self.step, done))
            self.step += 1
            since += batch * self.length
            left = None if left is None else left - 1
            if self.step % self.options.log_steps == 0 or self.step in (1, stage.steps):
                now, value = float(nats), time.perf_counter()
                if not np.isfinite(now) or not np.isfinite(float(norm)):
                    raise GaincellError(f"{name}: step {self.step}: loss or gradient is not finite; lower lr, or begin with "
                                        f"more warm-up steps; the checkpoint before it is kept")
                far = f", KL {float(kl):.4f}" if stage.distill > 0 else ""
                self.say(f"{name} step {self.step}: {now:.4f} nats{far}, gradient {float(norm):.2f}, "
                         f"{since / (value - shown):.0f} tokens/s")
                shown, since = value, 0
            keep = self.recipe.checkpoint_steps
            if keep and self.step % keep == 0:
                self._keep(optimisers)
        return left

    def _descend(self, stage: StageRecipe, optimisers: Optimisers, of_full: float) -> tuple[Tensor, Tensor, Tensor]:
        batch, micro = self.recipe.batch, self.recipe.micro_batch or self.recipe.batch
        parts = batch // micro
        nats, kl = torch.zeros((), device=self.where), torch.zeros((), device=self.where)
        for n in range(parts):
            rows = self.sequences.rows(self.sequence + n * micro, micro).to(self.where)
            with self._precision():
                total, one, far = loss(self.model, rows, teacher=self.teacher, share=stage.distill)
            (total / parts).backward()
            nats, kl = nats + one / parts, kl + far / parts
        self.sequence += batch
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), stage.clip)
        optimisers.step(of_full)
        self.model.zero_grad(set_to_none=True)
        return nats, kl, norm

    def _end(self, stage: StageRecipe) -> None:
        entry: dict[str, Any] = {**asdict(stage), "steps": self.step, "tokens": self.step * self.recipe.batch * self.length}
        self.record["stages"].append(entry)
        last = self.stage + 1 == len(self.recipe.stages)
        if self.held_out is not None:
            torch.backends.cuda.matmul.allow_tf32 = False
            entry["held_out_nats"] = evaluate(self.model, self.held_out)
            self.say(f"held out, on {stage.attention}: {entry['held_out_nats']:.4f} nats a token ({len(self.held_out) - 1} scored)")
        out = self.options.out
        for folder in [out / f"{self.stage + 1}_{stage.attention}"] + ([out] if last else []):
            save_pretrained(self.model, folder, vocabulary=self.options.folder, record=self.record)
            self.say(f"wrote {folder}")
        self.stage, self.step = self.stage + 1, 0
        if last:
            (out / CHECKPOINT).unlink(missing_ok=True)
        else:
            self._keep(None)

    def _keep(self, optimisers: Optimisers | None) -> None:
        self.options.out.mkdir(parents=True, exist_ok=True)
        path = self.options.out / CHECKPOINT
        temporary = path.with_suffix(".tmp")
        torch.save({"key": self.key, "stage": self.stage, "step": self.step, "sequence": self.sequence, "record": self.record,
                    "model": self.model.state_dict(), "optimisers": optimisers.state() if optimisers is not None else None}, temporary)
        os.replace(temporary, path)

    def _restore(self) -> Any:
        path = self.options.out / CHECKPOINT
        if not path.exists():
            raise GaincellError(f"{path}: is not there: nothing to go on from; leave out --resume to begin")
        saved = torch.load(path, map_location=self.where)
        if saved["key"] != self.key:
            raise GaincellError(f"{path}: is of another recipe or text; give the same files, or begin anew in another --out")
        self.stage, self.step, self.sequence = saved["stage"], saved["step"], saved["sequence"]
        self.record = saved["record"]
        return saved


def _where(to: str) -> torch.device:
    try:
        where = torch.device(to)
    except RuntimeError:
        raise GaincellError(f"--to = {to}: must be cpu or cuda") from None
    if where.type not in ("cpu", "cuda"):
        raise GaincellError(f"--to = {to}: must be cpu or cuda")
    if where.type == "cuda" and not torch.cuda.is_available():
        raise GaincellError(f"--to = {to}: this PyTorch ({torch.__version__}) sees no GPU; install one built for CUDA, or say --to cpu")
    return where


def train(options: Options, say: Callable[[str], None] = print) -> bool:
    """Runs a recipe; False where it stopped on the way (`stop_after`). Throws GaincellError."""
    return Training(options, say).run()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gaincell.torch.train", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path, required=True, metavar="DIR", help="model folder to begin with")
    parser.add_argument("--recipe", type=Path, required=True, help="recipes/published.yaml, or one of your own")
    parser.add_argument("--text", type=Path, required=True, help="to train on: UTF-8, or tokens in a .npy")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to write")
    parser.add_argument("--device", help="device file, for stages on a device")
    parser.add_argument("--to", default="cpu", help="cpu or cuda")
    parser.add_argument("--held-out", type=Path, help="measured on after each stage, as `gaincell infer` does by stride")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt, to the same bytes")
    parser.add_argument("--stop-after", type=int, default=0, metavar="STEPS", help="leave a checkpoint after so many steps and end")
    parser.add_argument("--log-steps", type=int, default=10, metavar="STEPS", help="a line every so many")
    try:
        given = parser.parse_args(arguments)
        train(Options(**vars(given)), lambda line: print(line, flush=True))
    except GaincellError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
