#!/usr/bin/python3
"""tools/bench_torch.py --device device.h5 [--json] [--cuda]: a training step on gain cells beside the published
equations in plain PyTorch, turn and turn about: forward and backward of one layer of attention, and of a whole GPT-2 of
8 layers with its optimiser (needs transformers), at 1,024 tokens. Needs the package: pip install .[torch]

The peer is the published training: the article's cubic forward, a matrix product for each of its powers, and the
gradient of its straight line, as an autograd.Function, so that it keeps and computes nothing twice.
"""
import argparse
import json
import statistics
import time

import torch

import gaincell
import gaincell.torch

HEADS, DIM, TOKENS, TILE, LAYERS = 8, 64, 1024, 64, 8
P = (0.5213636139, 13.612260634, -2.620445619, 46.05483778)  # uA / V^i
SLOPE, FIRST, SECOND, DECAY = 19.3, 80.0, 40.0, 1.6e-4


class Straight(torch.autograd.Function):
    """Quantised and clamped, with the gradient of the clamp."""

    @staticmethod
    def forward(ctx, x, low, high, levels):
        ctx.save_for_backward((x >= low) & (x <= high))
        step = (high - low) / (levels - 1)
        return step * torch.round(torch.clamp(x, low, high) / step)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0], None, None, None


class Product(torch.autograd.Function):
    """sum of p_i (x D^i) (z^i) over rows, with the gradient of the straight line. x: [.., query, row], z: [.., row, column]
    of the first array's turned; decay_powers: [query, column] (first) or [query, row] (second)."""

    @staticmethod
    def forward(ctx, x, z, powers, first):
        ctx.save_for_backward(x, z, powers[1])
        ctx.first = first
        total = 0
        for i, p in enumerate(P):
            left = x if first else x * powers[i]
            part = p * torch.matmul(left, z**i)
            total = total + (part * powers[i] if first else part)
        return total

    @staticmethod
    def backward(ctx, gradient):
        x, z, decay = ctx.saved_tensors
        gradient = SLOPE * gradient
        if ctx.first:
            gradient = gradient * decay
            return torch.matmul(gradient, z.transpose(-1, -2)), torch.matmul(x.transpose(-1, -2), gradient), None, None
        return (torch.matmul(gradient, z.transpose(-1, -2)) * decay,
                torch.matmul((x * decay).transpose(-1, -2), gradient), None, None)


class Published(torch.nn.Module):
    """The published equations with their gradient: [batch, head, time, dim]."""

    def __init__(self, heads, where):
        super().__init__()
        t = torch.arange(TOKENS, device=where)
        age = (t[:, None] - t[None, :]).float()
        self.mask = (age >= 0).float()
        self.powers = [torch.exp(-DECAY * age * i) * self.mask for i in range(4)]
        start = {"a_q": 0.25, "b_q": 0.3, "a_k": 0.2, "b_k": 0.45, "a_v": 0.2, "b_v": 0.45, "a_o": 0.25, "b_o": 0.0}
        for name, value in start.items():
            self.register_parameter(name, torch.nn.Parameter(torch.full((heads, 1, 1), value, device=where)))

    def forward(self, q, k, v):
        q = Straight.apply(self.a_q * q + self.b_q, 0.0, 1.0, 16)
        k = Straight.apply(self.a_k * k + self.b_k, 0.0, 0.9, 8) - 0.45
        v = Straight.apply(self.a_v * v + self.b_v, 0.0, 0.9, 8) - 0.45
        s = Product.apply(q, k.transpose(-1, -2), self.powers, True)
        phi = torch.clamp(s / FIRST, 0.0, 1.0) * self.mask
        out = 0
        for first in range(0, TOKENS, TILE):
            tile = slice(first, first + TILE)
            a = Product.apply(phi[..., tile], v[..., tile, :], [p[:, tile] for p in self.powers], False)
            out = out + Straight.apply(a / SECOND, -1.0, 1.0, 32)
        return self.a_o * out + self.b_o


def finish(where):
    if where.type == "cuda":
        torch.cuda.synchronize()


def layer_step(attention, qkv, where):
    def run():
        for x in qkv:
            x.grad = None
        attention(*qkv).square().mean().backward()
        finish(where)
    return run


def model_step(model, tokens, where):
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def run():
        optimiser.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        optimiser.step()
        finish(where)
    return run


def models(device, where, layers):
    """The same GPT-2 on gain cells and with the published equations."""
    from transformers import GPT2Config, GPT2LMHeadModel

    made = []
    for kind in ("gain cells", "published"):
        torch.manual_seed(1)
        config = GPT2Config(n_layer=layers, n_head=HEADS, n_embd=HEADS * DIM, n_positions=TOKENS, resid_pdrop=0.0,
                            embd_pdrop=0.0, attn_pdrop=0.0)
        model = gaincell.torch.convert(GPT2LMHeadModel(config), device).to(where)
        if kind == "published":
            for block in model.transformer.h:
                published = Published(HEADS, where)
                block.attn.gain_cells = lambda q, k, v, published=published: published(q, k, v)
        made.append(model)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", required=True, help="device file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of PyTorch")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    where = torch.device("cuda" if options.cuda else "cpu")
    torch.manual_seed(1)
    device = gaincell.Device.open(options.device)
    qkv = [torch.randn(1, HEADS, TOKENS, DIM, device=where).requires_grad_() for _ in range(3)]
    start = {"a_q": 0.25, "b_q": 0.3, "a_k": 0.2, "b_k": 0.45, "a_v": 0.2, "b_v": 0.45, "a_o": 0.25}
    ours = gaincell.torch.GainCellAttention(device, HEADS, DIM, window=TOKENS, layers=LAYERS, scalers=start,
                                            v_max=0.9).to(where)
    cases = {"layer": (layer_step(ours, qkv, where), layer_step(Published(HEADS, where), qkv, where))}
    try:
        on_cells, published = models(device, where, LAYERS)
        tokens = torch.randint(0, 50257, (1, TOKENS), device=where)
        cases["model"] = (model_step(on_cells, tokens, where), model_step(published, tokens, where))
    except ImportError:
        print("bench_torch: transformers is not installed; the layer alone is measured")
    result = {}
    for name, steps in cases.items():
        times = [[], []]
        for i in range(options.rounds + 1):
            for which, step in enumerate(steps):
                begin = time.perf_counter()
                step()
                if i > 0:
                    times[which].append(time.perf_counter() - begin)
        cells, published = (statistics.median(x) for x in times)
        result[name] = {"gain_cells_s": cells, "published_s": published, "ratio": cells / published}
    result["settings"] = {"torch": torch.__version__, "threads": torch.get_num_threads(), "where": str(where),
                          "heads": HEADS, "tokens": TOKENS, "layers": LAYERS, "rounds": options.rounds}
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name in cases:
        one = result[name]
        print(f"{name}: gain cells {one['gain_cells_s']:.3f} s, published {one['published_s']:.3f} s, "
              f"ratio {one['ratio']:.2f}")
    print(json.dumps(result["settings"]))


if __name__ == "__main__":
    main()
