"""Linear hardware attention of gaincell.torch: `./dev test python`."""

import json
import os
import pathlib
import subprocess

import pytest
import torch

import gaincell
import gaincell.torch
from gaincell.torch import _linear

PROGRAM = os.environ["GAINCELL_PROGRAM"]
BOOKS = pathlib.Path(os.environ["GAINCELL_SHARED"]) / "data/models/books"
TEXTS = pathlib.Path(os.environ["GAINCELL_SHARED"]) / "data/text/books"
torch.set_num_threads(1)
START = {"a_q": 0.25, "b_q": 0.3, "a_k": 0.2, "b_k": 0.45, "a_v": 0.2, "b_v": 0.45, "a_o": 0.25, "b_o": 0.0}
WHERE = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]

needs_books = pytest.mark.skipif(not BOOKS.exists(), reason="../shared/data is absent: the model is not part of the project")


def inputs(heads, time, dim, seed=3):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(1, heads, time, dim, generator=draw) + 0.4 for _ in range(3)]


def published(q, k, v, window, tile=64, without_rounding=False):
    """The equations of docs/model.md's linear hardware written out, token by token."""
    def held(x, name, high, levels):
        y = (START[f"a_{name}"] * x + START[f"b_{name}"]).clamp(0, high).double()
        steps = (levels - 1) / high
        return y + ((y * steps).round() / steps - y).detach()

    q, k, v = held(q, "q", 1.0, 16), held(k, "k", 0.9, 8) - 0.45, held(v, "v", 0.9, 8) - 0.45
    out = []
    for t in range(q.shape[2]):
        seen = torch.arange(max(0, t - window + 1), t + 1)
        fade = torch.exp(-1.6e-4 * (t - seen).double())
        s = 19.3 * (k[:, :, seen] @ q[:, :, t, :, None])[..., 0] * fade
        s = torch.where(s.abs() < 1e-9, torch.zeros_like(s), s)  # nothing flows where a converter gets no charge
        phi = (torch.relu(s) / 80).clamp(max=1) * fade
        total = 0.0
        for slots in (seen % window // tile).unique():
            own = seen % window // tile == slots
            a = (19.3 / 40 * (phi[:, :, None, own] @ v[:, :, seen[own]])[:, :, 0]).clamp(-1, 1)
            total = total + a + ((a * 15.5).round() / 15.5 - a).detach()
        out.append(0.25 * total)
    return torch.stack(out, 2)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(("window", "time"), [(256, 200), (64, 150), (100, 333), (7, 30)])
def test_it_is_the_published_equations_with_their_gradient(window, time, where):
    """A straight line between clamps: its surrogate is the gradient of what is written out."""
    module = gaincell.torch.GainCellAttention("linear", 2, 64, window=window, scalers=START).to(where)
    weights = torch.randn(1, 2, time, 64, generator=torch.Generator().manual_seed(1))
    ours, theirs = ([x.clone().to(to).requires_grad_() for x in inputs(2, time, 64)] for to in (where, "cpu"))
    out, expected = module(*ours), published(*theirs, window)
    assert float(expected.detach().std()) > 0.03
    off = (out.detach().cpu() - expected.detach()).abs()
    assert float((off > 1e-5).double().mean()) < 1e-3  # a count at a tie
    (out * weights.to(where)).sum().backward()
    (expected * weights).sum().backward()
    loose = 1e-5 if where == "cpu" else 1e-2  # products of bf16 in a GPU's kernels
    for ours_x, theirs_x in zip(ours, theirs):
        assert float((ours_x.grad.cpu() - theirs_x.grad).norm() / theirs_x.grad.norm()) < loose


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_kernels_of_a_gpu_count_as_its_matrix_products_do(monkeypatch):
    module = gaincell.torch.GainCellAttention("linear", 4, 64, window=1024, scalers=START).cuda()
    x = [y.cuda() for y in inputs(4, 1000, 64)]
    assert _linear._kernels(module.form, x[0].flatten(0, 1)) is not None
    out = module(*x)
    monkeypatch.setattr(_linear, "_kernels", lambda *_: None)
    assert float(((out - module(*x)).abs() > 1e-5).float().mean()) < 1e-3


def test_bf16_goes_in_and_out():
    module = gaincell.torch.GainCellAttention("linear", 2, 64, window=64, scalers=START)
    half = [x.to(torch.bfloat16).requires_grad_() for x in inputs(2, 90, 64)]
    out = module(*half)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), module(*(x.detach().float() for x in half)), rtol=1e-2, atol=1e-3)
    out.float().square().mean().backward()
    assert half[0].grad.dtype == torch.bfloat16 and bool(half[0].grad.abs().sum() > 0)


def test_wrong_input_is_refused():
    for words, options in {"without = .*counter.*no circuit": {"without": ["counter"]},
                           "token_period_s = 1e-06": {"token_period_s": 1e-6}}.items():
        with pytest.raises(gaincell.GaincellError, match=words):
            gaincell.torch.GainCellAttention("linear", 2, 16, **options)
    with pytest.raises(gaincell.GaincellError, match="q_levels = 1: must be 2 to 256"):
        gaincell.torch.Linear(q_levels=1)
    module = gaincell.torch.GainCellAttention("linear", 2, 16)
    q, k, v = inputs(2, 10, 16)
    with pytest.raises(gaincell.GaincellError, match="must be finite"):
        module(q, k, v * torch.inf)


def infer(model, attention, text, *options):
    arguments = [PROGRAM, "infer", "--model", str(model), "--attention", attention, "--text", str(text), "--json", *options]
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books")
    subprocess.run([os.environ.get("GAINCELL_PYTHON", "python3"), BOOKS / "unpack.py", folder], check=True, capture_output=True)
    return folder


def book_tokens(folder, text, count):
    from gaincell.torch.train import read_tokens

    return read_tokens(text, folder, 50257)[:count].long()


@needs_books
def test_the_books_model_says_what_the_program_says(books):
    tokens = book_tokens(books / "books_linear", TEXTS / "held_out.txt", 700)
    model = gaincell.torch.from_pretrained(books / "books_linear", "linear")
    said = infer(books / "books_linear", "linear", TEXTS / "held_out.txt", "--tokens", "700")
    assert said["tokens"] == 699
    assert gaincell.torch.evaluate(model, tokens) == pytest.approx(said["nats_per_token"], abs=2e-3)
    with torch.no_grad():  # Hugging Face's own loss
        assert gaincell.torch.evaluate(model, tokens) == pytest.approx(float(model(tokens[None], labels=tokens[None]).loss), abs=1e-4)


def test_scalers_are_fitted_to_a_softmax_model():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_head=2, n_embd=32, n_positions=48, vocab_size=65)).eval()
    for block in model.transformer.h:
        block.attn.c_attn.weight.data.mul_(20)  # so that it attends to something
    tokens = torch.randint(0, 65, (3, 40), generator=torch.Generator().manual_seed(2))
    found = gaincell.torch.calibrate(model, tokens)
    with torch.no_grad():
        x = model.transformer.wte(tokens) + model.transformer.wpe.weight[:40]
        first = model.transformer.h[0]
        q, k, v = (y.reshape(3, 40, 2, 16).transpose(1, 2) for y in first.attn.c_attn(first.ln_1(x)).split(32, 2))
        later = torch.full((40, 40), -torch.inf).triu(1)
        softmax = (q @ k.transpose(2, 3) / 4 + later).softmax(-1) @ v
        own = {name: value for name, value in found.scalers[0].items() if name[2] != "o"}
        sums = gaincell.torch.GainCellAttention("linear", 2, 16, window=48, scalers=own)(q, k, v)
    for head in range(2):
        for name, y, mean, spread, high in (("q", q, 0.3, 0.25, 1.0), ("k", k, 0.45, 0.2, 0.9), ("v", v, 0.45, 0.2, 0.9)):
            held = own[f"a_{name}"][head] * y[:, head] + own[f"b_{name}"][head]
            assert float(held.mean()) == pytest.approx(mean, abs=1e-4) and float(held.std()) == pytest.approx(spread, rel=1e-4)
            assert float(found.clipped[0][name][head]) == pytest.approx(float(((held < 0) | (held > high)).float().mean()), abs=1e-3)
        left = softmax[:, head] - found.scalers[0]["a_o"][head] * sums[:, head] - found.scalers[0]["b_o"][head]
        # Least squares: what is left has neither a mean nor anything in common with the sums.
        assert abs(float(left.mean())) < 1e-5 * float(softmax.std()) + 1e-7
        assert abs(float((left * sums[:, head]).mean())) < 1e-4 * float(softmax[:, head].std() * sums[:, head].std())
    assert str(found).startswith("clipped: q ")
    with pytest.raises(gaincell.GaincellError, match=r"tokens = \[1, 1\]"):
        gaincell.torch.calibrate(model, tokens[0, :1])
    with pytest.raises(gaincell.GaincellError, match="must be a GPT2LMHeadModel with softmax"):
        gaincell.torch.calibrate(gaincell.torch.convert(model, "linear", scalers=found.scalers), tokens)


def test_windows_are_scored_as_the_program_does(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    model = gaincell.torch.convert(GPT2LMHeadModel(GPT2Config(n_layer=2, n_head=2, n_embd=32, n_positions=48, vocab_size=65)), "linear")
    tokens = torch.randint(0, 65, (200,), generator=torch.Generator().manual_seed(2))
    gaincell.torch.save_pretrained(model, tmp_path / "kept", record={"steps": 0})
    kept = json.loads((tmp_path / "kept/config.json").read_text())["gaincell"]
    assert kept["attention"]["kind"] == "linear" and kept["attention"]["decay_per_token"] == 1.6e-4
    again = gaincell.torch.from_pretrained(tmp_path / "kept", "linear")
    assert gaincell.torch.evaluate(again, tokens) == gaincell.torch.evaluate(model, tokens)
    (tmp_path / "kept/vocab.json").write_text(json.dumps({chr(48 + i): i for i in range(65)}))
    (tmp_path / "text.txt").write_text("".join(chr(48 + i) for i in tokens.tolist()))
    for stride in (24, 48, 7):
        said = infer(tmp_path / "kept", "linear", tmp_path / "text.txt", "--stride", str(stride))
        assert said["tokens"] == 199
        assert gaincell.torch.evaluate(model, tokens, stride=stride) == pytest.approx(said["nats_per_token"], abs=1e-4)
    with pytest.raises(gaincell.GaincellError, match="stride = 49: must be 1 to the window, 48"):
        gaincell.torch.evaluate(model, tokens, stride=49)
