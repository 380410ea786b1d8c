"""python -m gaincell.torch.train: `./dev test python`."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

import gaincell
import gaincell.torch
from gaincell.torch import _loss, _optimiser, _recipe
from gaincell.torch.train import Options, Sequences, main, train

PROGRAM = os.environ["GAINCELL_PROGRAM"]
DEVICE = os.environ["GAINCELL_DEVICE"]
SOURCE = pathlib.Path(os.environ["GAINCELL_SOURCE"])
torch.set_num_threads(1)
LR = {"matrices": 0.01, "embeddings": 2e-3, "rest": 2e-3, "scalers": 5e-3}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A folder with softmax attention, a text that can be learned, its tokens."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from safetensors.torch import save_file

    at = tmp_path_factory.mktemp("start")
    torch.manual_seed(1)
    config = GPT2Config(n_layer=2, n_head=2, n_embd=32, n_positions=48, vocab_size=65, tie_word_embeddings=True)
    model = GPT2LMHeadModel(config)
    tensors = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight" and not k.endswith(".attn.bias")}
    (at / "soft").mkdir()
    save_file(tensors, at / "soft/model.safetensors")
    (at / "soft/config.json").write_text(json.dumps({"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 32, "n_positions": 48,
                                                     "vocab_size": 65, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
                                                     "tie_word_embeddings": True}))
    (at / "soft/vocab.json").write_text(json.dumps({chr(48 + i): i for i in range(65)}))
    (at / "soft/merges.txt").write_text("#version: 0.2\n")
    draw = torch.Generator().manual_seed(3)
    phrase = torch.randint(0, 65, (97,), generator=draw)
    np.save(at / "tokens.npy", phrase.repeat(20).numpy().astype(np.uint16))
    (at / "text.txt").write_text("".join(chr(48 + i) for i in phrase.repeat(2).tolist()))
    return at


def recipe(folder, *stages, **over):
    whole = {"batch": 4, "micro_batch": 2, "precision": "fp32", "calibration_tokens": 96, "stages": list(stages), **over}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(whole))
    return path


def stage(attention="linear", steps=6, **over):
    return {"attention": attention, "steps": steps, "lr": LR, "optimiser": "muon", "warmup": 2, "hold": 0.5, **over}


def run(start, recipe_file, out, **options):
    said = []
    done = train(Options(folder=start / "soft", recipe=recipe_file, text=start / "tokens.npy", out=out, log_steps=1, **options), said.append)
    return done, said


def test_it_goes_from_softmax_to_a_device_and_runs_in_the_program(start, tmp_path):
    file = recipe(tmp_path, stage(steps=40), stage("device", 4, optimiser="adamw", lr=1e-3))
    done, said = run(start, file, tmp_path / "out", device=DEVICE, held_out=start / "text.txt")
    assert done and "clipped: q" in said[0]
    nats = [float(line.split(": ")[1].split(" nats")[0]) for line in said if "step" in line]
    assert len(nats) == 44 and "tokens/s" in said[1]
    assert nats[39] < nats[0] - 0.8 and nats[-1] < nats[0] - 0.8
    held = [float(line.split(": ")[1].split(" nats")[0]) for line in said if line.startswith("held out")]
    for folder, options, nats in ((tmp_path / "out/1_linear", ["linear"], held[0]),
                                  (tmp_path / "out", ["analog", "--device", DEVICE, "--without", "mismatch,read_noise"], held[1])):
        arguments = [PROGRAM, "infer", "--model", folder, "--text", start / "text.txt", "--json", "--attention", *options]
        told = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
        assert told["nats_per_token"] == pytest.approx(nats, abs=5e-3)
    record = json.loads((tmp_path / "out/config.json").read_text())["gaincell"]["record"]["torch"]
    assert [one["tokens"] for one in record["stages"]] == [40 * 4 * 48, 4 * 4 * 48]
    assert not (tmp_path / "out/checkpoint.pt").exists()


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_interrupted_it_goes_on_to_the_same_bytes(start, tmp_path, optimiser):
    file = recipe(tmp_path, stage(optimiser=optimiser, distill=0.5), stage("device", 3, optimiser=optimiser))
    run(start, file, tmp_path / "whole", device=DEVICE)
    for stop in (4, 3, 1):  # in the first stage, past its end, in the second
        done, said = run(start, file, tmp_path / "parts", device=DEVICE, stop_after=stop, resume=stop != 4)
        assert not done and "go on with --resume" in said[-1]
    assert run(start, file, tmp_path / "parts", device=DEVICE, resume=True)[0]
    for name in ("1_linear/model.safetensors", "model.safetensors", "config.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_micro_batches_change_rounding_alone(start, tmp_path, monkeypatch):
    drawn, rows = [], Sequences.rows
    monkeypatch.setattr(Sequences, "rows", lambda self, first, count: drawn.append(first) or rows(self, first, count))
    lines = []
    for micro in (1, 4):
        _, said = run(start, recipe(tmp_path, stage(steps=2, optimiser="adamw", lr=1e-4), micro_batch=micro), tmp_path / str(micro))
        lines.append([line.split(", ")[:2] for line in said if "step" in line])  # nats and the gradient's norm
    assert lines[0] == lines[1] and len(lines[0]) == 2
    assert drawn == [0, *range(8), 0, 0, 4]  # calibration, then what each step takes, each once


def test_the_loss_is_cross_entropy_and_kl_with_their_gradients():
    torch.manual_seed(2)
    hidden, weight, target = torch.randn(700, 16), torch.randn(50, 16), torch.randint(0, 50, (700,))
    taught, teacher = torch.randn(700, 8), torch.randn(50, 8)
    ours, theirs = ([x.clone().requires_grad_() for x in (hidden, weight)] for _ in range(2))
    total, nats, kl = _loss._Nats.apply(*ours, target, taught, teacher, 0.3)
    logits = theirs[0] @ theirs[1].T
    of_nats = torch.nn.functional.cross_entropy(logits, target)
    of_kl = torch.nn.functional.kl_div(logits.log_softmax(1), (taught @ teacher.T).log_softmax(1), reduction="batchmean", log_target=True)
    torch.testing.assert_close(torch.stack([nats, kl]), torch.stack([of_nats, of_kl]))
    (2 * total).backward()
    (2 * (0.7 * of_nats + 0.3 * of_kl)).backward()
    for x, y in zip(ours, theirs):
        torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-6)


def test_muon_makes_matrices_nearly_orthogonal():
    torch.manual_seed(2)
    for rows, columns in ((32, 96), (96, 32)):
        left, _, right = torch.linalg.svd(torch.randn(3, rows, columns), full_matrices=False)
        sizes = torch.linalg.svdvals(_optimiser.orthogonal(left * torch.linspace(0.05, 1.0, 32) @ right))
        assert 0.6 < float(sizes.min()) and float(sizes.max()) < 1.3


def test_every_sequence_comes_once_before_any_comes_again():
    tokens = torch.arange(1000, dtype=torch.int32)
    drawn = Sequences(tokens, 48, 1, "text")
    first = drawn.rows(0, drawn.each)
    assert len(set(first[:, 0].tolist())) == drawn.each and drawn.each >= 18
    assert bool((first[:, 1:] - first[:, :-1] == 1).all())
    assert drawn.rows(0, drawn.each).equal(first)
    assert not drawn.rows(drawn.each, drawn.each).equal(first)


def test_the_shipped_recipe_is_read():
    found = _recipe.read(SOURCE / "recipes/published.yaml")
    assert [one.attention for one in found.stages] == ["linear", "device"]


def test_wrong_input_is_one_message(start, tmp_path, capsys):
    good = recipe(tmp_path, stage())
    short = tmp_path / "short.npy"
    np.save(short, np.arange(40, dtype=np.uint16))
    far = tmp_path / "far.npy"
    np.save(far, np.full(400, 65, dtype=np.uint16))

    def refused(words, recipe_file=good, **over):
        given = {"--from": start / "soft", "--recipe": recipe_file, "--text": start / "tokens.npy", "--out": tmp_path / "none", **over}
        assert main([str(x) for pair in given.items() for x in pair]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1
        assert words in said, said
        assert not (tmp_path / "none").exists()

    refused("is not there; recipes/published.yaml", tmp_path / "no.yaml")
    refused("missing/config.json: is not there", **{"--from": tmp_path / "missing"})
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama/config.json").write_text('{"model_type": "llama"}')
    refused("model_type = llama: the GPT-2 architecture alone is trained", **{"--from": tmp_path / "llama"})
    refused("no.txt: is not there", **{"--text": tmp_path / "no.txt"})
    refused("has 40 tokens: must be at least 49", **{"--text": short})
    refused("has the token 65: must be below the model's vocab_size, 65", **{"--text": far})
    refused("no stage of", **{"--device": DEVICE})
    refused("--to = tpu: must be cpu or cuda", **{"--to": "tpu"})
    if not torch.cuda.is_available():
        refused("sees no GPU", **{"--to": "cuda"})

    def wrong(words, *stages, **over):
        refused(words, recipe(tmp_path / "wrong", *stages, **over))

    (tmp_path / "wrong").mkdir()
    wrong("learning_rate: is no key of a stage", {**stage(), "learning_rate": 1})
    wrong("stages[0]: attention = cubic: must be linear or device", stage("cubic"))
    wrong("stages[0]: steps, seconds: one of both", stage(steps=0))
    wrong("batchsize: is no key of the recipe", stage(), batchsize=3)
    wrong("hold = 2: must be a number of 0 to 1", stage(hold=2))
    wrong("steps = 1.5: must be a whole number", stage(steps=1.5))
    wrong("lr.scalers: is missing", stage(lr={"matrices": 1, "embeddings": 1, "rest": 1}))
    wrong("lr.rest = fast: must be a number", stage(lr={**LR, "rest": "fast"}))
    wrong("micro_batch = 3: must divide batch = 4", stage(), micro_batch=3)
    wrong("length = 49: must be at most the model's n_positions, 48", stage(), length=49)
    wrong("has a stage on a device: name its file with --device", stage("device"))
    (tmp_path / "wrong/recipe.yaml").write_text("stages: [")
    refused("can't be read as YAML", tmp_path / "wrong/recipe.yaml")
    good = recipe(tmp_path, stage())
    assert main(["--from", str(start / "soft"), "--recipe", str(good), "--text", str(start / "tokens.npy"), "--out", str(tmp_path / "none"), "--resume"]) == 2
    assert "checkpoint.pt: is not there" in capsys.readouterr().err


def test_a_checkpoint_of_another_recipe_is_refused(start, tmp_path, capsys):
    run(start, recipe(tmp_path, stage()), tmp_path / "out", stop_after=1)
    other = recipe(tmp_path, stage(steps=7))
    with pytest.raises(gaincell.GaincellError, match="is of another recipe or text"):
        run(start, other, tmp_path / "out", resume=True)


def test_it_is_a_program():
    said = subprocess.run([sys.executable, "-m", "gaincell.torch.train", "--help"], check=True, capture_output=True, text=True).stdout
    assert "--recipe" in said and "--resume" in said
    by_verb = subprocess.run([PROGRAM, "train", "--from", "x", "--help"], check=True, capture_output=True, text=True,
                             env={**os.environ, "GAINCELL_PYTHON": sys.executable}).stdout
    assert by_verb == said
