#!/usr/bin/python3
"""./dev bench model [--json] [--model DIR --text FILE] [--tokens N] [--threads N] [--rounds N]: evaluation of a whole
model beside its matrix products alone and beside PyTorch, same weights, same text, turn and turn about.

A GPT-2 folder and a text, or random weights of a shape: `books` (8 layers of 512, 51 M parameters; the default) or
`124m` (12 layers of 768), windows of all positions by half of them. Ratios are medians over the rounds of what was
measured in the same round. Products are OpenBLAS's in F32, a window's rows in one call. The device of analog attention
is GAINCELL_DEVICE, else the published one.
"""
import argparse
import json
import math
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

PROGRAM = Path(__file__).resolve().parent.parent / "build/dev/bench/model_bench"
SHAPES = {"books": (8, 512, 8), "124m": (12, 768, 12)}  # layers, width, heads
WORDS, POSITIONS = 50257, 1024
FIRST_WORD = 0x10000  # random models spell a word as one character from here on


def random_tensors(layers, width):
    random = np.random.default_rng(1)

    def normal(*shape):
        return (0.02 * random.standard_normal(shape)).astype(np.float16)

    def flat(size, value):
        return np.full(size, value, np.float16)

    tensors = {"wte.weight": normal(WORDS, width), "wpe.weight": normal(POSITIONS, width),
               "ln_f.weight": flat(width, 1), "ln_f.bias": flat(width, 0)}
    for i in range(layers):
        for name in ("ln_1", "ln_2"):
            tensors |= {f"h.{i}.{name}.weight": flat(width, 1), f"h.{i}.{name}.bias": flat(width, 0)}
        for name, inputs, outputs in (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
                                      ("mlp.c_fc", width, 4 * width), ("mlp.c_proj", 4 * width, width)):
            tensors |= {f"h.{i}.{name}.weight": normal(inputs, outputs), f"h.{i}.{name}.bias": flat(outputs, 0)}
        # As after training: queries about a third of the longest pulse, cells about the middle.
        for part, a, b in (("q", 0.55, 0.3), ("k", 0.45, 0.45), ("v", 0.45, 0.45), ("o", 0.25, 0.0)):
            tensors |= {f"h.{i}.attn.scaler.{part}.a": flat(width // 64, a),
                        f"h.{i}.attn.scaler.{part}.b": flat(width // 64, b)}
    return tensors


def write_model(folder, layers, width, heads, tokens):
    """Random weights, and a text of random words."""
    header, data = {}, b""
    for name, values in sorted(random_tensors(layers, width).items()):
        raw = values.tobytes()
        header[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    config = {"model_type": "gpt2", "n_layer": layers, "n_embd": width, "n_head": heads, "n_positions": POSITIONS,
              "n_ctx": POSITIONS, "vocab_size": WORDS, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"}
    (folder / "config.json").write_text(json.dumps(config))
    words = [chr(FIRST_WORD + i) for i in range(WORDS)]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    chosen = np.random.default_rng(2).integers(0, WORDS, tokens)
    (folder / "text.txt").write_text("".join(words[i] for i in chosen), encoding="utf-8")
    return folder / "text.txt"


def read_tensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    kinds = {"F16": np.float16, "F32": np.float32}
    tensors = {}
    for name, entry in json.loads(raw[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + at for at in entry["data_offsets"])
        values = np.frombuffer(raw[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
        tensors[name.removeprefix("transformer.")] = torch.tensor(values.astype(np.float32))
    return tensors


class Torch:
    """The same evaluation in PyTorch as one writes it: a window at a time, the head for the tokens scored."""

    def __init__(self, folder, tokens):
        self.config = json.loads((folder / "config.json").read_text())
        self.w = read_tensors(folder / "model.safetensors")
        self.tokens = tokens
        self.mask = torch.full((POSITIONS, POSITIONS), -math.inf).triu(1)

    def hidden(self, tokens):
        w, heads, n = self.w, self.config["n_head"], len(tokens)
        x = w["wte.weight"][tokens] + w["wpe.weight"][:n]

        def norm(x, name):
            return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])

        def dense(x, name):
            return torch.addmm(w[f"{name}.bias"], x, w[f"{name}.weight"])

        for i in range(self.config["n_layer"]):
            q, k, v = (part.view(n, heads, -1).transpose(0, 1)
                       for part in dense(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn").chunk(3, -1))
            scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) + self.mask[:n, :n]
            attended = (torch.softmax(scores, -1) @ v).transpose(0, 1).reshape(n, -1)
            x = x + dense(attended, f"h.{i}.attn.c_proj")
            inner = F.gelu(dense(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc"), approximate="tanh")
            x = x + dense(inner, f"h.{i}.mlp.c_proj")
        return norm(x, "ln_f")

    def run(self):
        scored, total, done, begin, run = len(self.tokens) - 1, 0.0, 0, 0, 0
        while done < scored:
            end = min(begin + POSITIONS, scored)
            x = self.hidden(self.tokens[begin:end])[done - begin:]
            total += F.cross_entropy(x @ self.w["wte.weight"].T, self.tokens[done + 1:end + 1], reduction="sum").item()
            run += end - begin
            done, begin = end, begin + POSITIONS // 2
        return run, total / scored

    def measure(self):
        wall, process = time.perf_counter(), time.process_time()
        run, nats = self.run()
        return {"wall_s": time.perf_counter() - wall, "process_s": time.process_time() - process, "tokens": run,
                "nats_per_token": nats}


class Engine:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench_model: {PROGRAM.name} ended at '{line}'")
        return json.loads(answer)


def has(flag):
    return flag in Path("/proc/cpuinfo").read_text().split()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shape", choices=SHAPES, default="books")
    parser.add_argument("--model", type=Path, help="a GPT-2 folder, with --text")
    parser.add_argument("--text", type=Path)
    parser.add_argument("--tokens", type=int, default=3073)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if (options.model is None) != (options.text is None):
        parser.error("--model and --text belong together")
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)

    with tempfile.TemporaryDirectory() as made:
        folder, text = options.model, options.text
        if folder is None:
            folder = Path(made)
            text = write_model(folder, *SHAPES[options.shape], options.tokens)
        engine = Engine(folder, text, options.tokens)
        kinds = [("softmax", "f32"), ("linear", "f32"), ("analog", "f32")]
        kinds += [("softmax", digital) for digital, flag in (("bf16", "avx512_bf16"), ("int8", "avx512_vnni"))
                  if has(flag)]
        cases = {f"{attention}, {digital}": f"evaluation {attention} {digital} {options.threads}"
                 for attention, digital in kinds}
        cases["products"] = f"products {options.threads}"
        peer = Torch(folder, torch.tensor(engine.ask("tokens")))
        for line in cases.values():
            engine.ask(line)  # warm up
        times = {case: [] for case in [*cases, "torch"]}
        for _ in range(options.rounds):
            for case, line in cases.items():
                times[case].append(engine.ask(line))
            times["torch"].append(peer.measure())
        settings = engine.ask("settings")

    def ratio(case, beside, key="wall_s"):
        if not times.get(case) or not times.get(beside):
            return None
        return statistics.median(a[key] / b[key] for a, b in zip(times[case], times[beside]))

    def ratios(key):
        return {"evaluation_over_matrix_products": ratio("softmax, f32", "products", key),
                "bf16_over_matrix_products": ratio("softmax, bf16", "products", key),
                "int8_over_matrix_products": ratio("softmax, int8", "products", key),
                "linear_over_softmax": ratio("linear, f32", "softmax, f32", key),
                "analog_over_softmax": ratio("analog, f32", "softmax, f32", key),
                "evaluation_over_torch": ratio("softmax, f32", "torch", key)}

    result = {
        **ratios("wall_s"),
        "of_process_time": ratios("process_s"),
        "tokens_per_second": {case: statistics.median(one["tokens"] / one["wall_s"] for one in all_of)
                              for case, all_of in times.items()},
        "tokens_per_process_second": {case: statistics.median(one["tokens"] / one["process_s"] for one in all_of)
                                      for case, all_of in times.items()},
        "nats_per_token": {case: all_of[0]["nats_per_token"] for case, all_of in times.items() if case != "products"},
        "settings": {**settings, "model": str(options.model) if options.model else f"random, {options.shape}",
                     "device": os.environ.get("GAINCELL_DEVICE", "published"), "threads": options.threads, "text_tokens": options.tokens,
                     "rounds": options.rounds, "torch": torch.__version__},
    }
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'case':16}{'tokens/s':>10}{'a core s':>10}{'nats':>10}   (medians of {options.rounds} rounds)")
    for case in times:
        nats = result["nats_per_token"].get(case)
        print(f"{case:16}{result['tokens_per_second'][case]:10.0f}{result['tokens_per_process_second'][case]:10.0f}"
              f"{f'{nats:.4f}' if nats else '':>10}")
    for key, value in ratios("wall_s").items():
        if value is not None:
            print(f"{key}: {value:.2f} (process time {result['of_process_time'][key]:.2f})")
    print(json.dumps(result["settings"]))


if __name__ == "__main__":
    main()
