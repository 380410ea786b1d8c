#!/usr/bin/python3
"""./dev bench attention [--json] [--rounds N]: the fast level beside PyTorch on the same sizes.

12 heads of 64, one thread each, turn and turn about; medians over the rounds. Ratios of one-thread
cases are of process time, which other programs on the machine disturb less than wall time; both
are printed. The device is GAINCELL_DEVICE, else the closed form of the tests.

PyTorch's published equations are run as they come, and once more by a process whose allocator keeps
the memory it has had: page faults, whose price differs from machine to machine, are then left out.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

# Before the libraries start: a product's own threads would spin beside the one that is timed.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
import torch  # noqa: E402

HEADS, DIM, WINDOW, TOKENS, TILE = 12, 64, 1024, 1024, 64
WINDOWS = [64, 256, 1024, 4096, 16384, 65536]
PROGRAM = Path(__file__).resolve().parent.parent / "build/dev/bench/attention_bench"


class Server:
    """A process that measures the case on each line it is given."""

    def __init__(self, *command, **environment):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench_attention: {Path(self.command[-1]).name} ended at '{line}'")
        return json.loads(answer)


class TorchGeneration:
    """Exact softmax attention for one new token, keys and values in a ring."""

    STEPS = 100

    def __init__(self):
        # Keys are kept as the product wants them, so that nothing is transposed in a step.
        self.keys = torch.randn(HEADS, DIM, WINDOW)
        self.values = torch.randn(HEADS, WINDOW, DIM)
        self.q, self.k, self.v = (torch.randn(HEADS, 1, DIM) for _ in range(3))
        self.scores = torch.empty(HEADS, 1, WINDOW)
        self.out = torch.empty(HEADS, 1, DIM)
        self.scale = DIM**-0.5

    def run(self):
        for i in range(self.STEPS):
            slot = i % WINDOW
            self.keys[:, :, slot] = self.k[:, 0]
            self.values[:, slot] = self.v[:, 0]
            torch.bmm(self.q, self.keys, out=self.scores)
            weights = torch.softmax(self.scores.mul_(self.scale), dim=-1)
            torch.bmm(weights, self.values, out=self.out)
        return self.STEPS


class TorchGenerationRows(TorchGeneration):
    """The same with a token's key in one row; the faster of the two counts."""

    def __init__(self):
        super().__init__()
        self.keys = torch.randn(HEADS, WINDOW, DIM)

    def run(self):
        for i in range(self.STEPS):
            slot = i % WINDOW
            self.keys[:, slot] = self.k[:, 0]
            self.values[:, slot] = self.v[:, 0]
            torch.bmm(self.q, self.keys.transpose(1, 2), out=self.scores)
            weights = torch.softmax(self.scores.mul_(self.scale), dim=-1)
            torch.bmm(weights, self.values, out=self.out)
        return self.STEPS


class TorchPublished:
    """The published gain-cell equations over a whole text, as one writes them: a matrix product for
    each power of the cell's cubic in both stages, decay as a masked matrix, tiles of 64."""

    P = (0.5213636139, 13.612260634, -2.620445619, 46.05483778)

    def __init__(self):
        self.q = 0.3 * torch.randn(HEADS, TOKENS, DIM) + 0.3
        self.k = 0.2 * torch.randn(HEADS, TOKENS, DIM) + 0.45
        self.v = 0.2 * torch.randn(HEADS, TOKENS, DIM) + 0.45
        t = torch.arange(TOKENS)
        age = (t[:, None] - t[None, :]).float()
        self.mask = (age >= 0).float()
        self.decay = torch.exp(-1.6e-4 * age) * self.mask
        self.decay_powers = [self.decay**i * self.mask for i in range(4)]  # once, not for every text

    @staticmethod
    def quantise(x, low, high, levels):
        step = (high - low) / (levels - 1)
        return step * torch.round(torch.clamp(x, low, high) / step)

    def run(self):
        q = self.quantise(self.q, 0.0, 1.0, 16)
        k = self.quantise(self.k, 0.0, 0.9, 8) - 0.45
        v = self.quantise(self.v, 0.0, 0.9, 8) - 0.45
        s = torch.zeros(HEADS, TOKENS, TOKENS)
        for i, p in enumerate(self.P):
            s += p * torch.matmul(q, (k**i).transpose(1, 2)) * self.decay_powers[i]
        phi = torch.clamp(s / 80.0, 0.0, 1.0) * self.mask
        out = torch.zeros(HEADS, TOKENS, DIM)
        for first in range(0, TOKENS, TILE):
            tile = slice(first, first + TILE)
            a = torch.zeros(HEADS, TOKENS, DIM)
            for i, p in enumerate(self.P):
                a += p * torch.matmul(phi[:, :, tile] * self.decay_powers[i][:, tile], v[:, tile] ** i)
            out += self.quantise(a / 40.0, -1.0, 1.0, 32)
        return TOKENS


def timed(peer):
    wall, process = time.perf_counter(), time.process_time()
    tokens = peer.run()
    return {
        "wall_s": (time.perf_counter() - wall) / tokens,
        "process_s": (time.process_time() - process) / tokens,
    }


PUBLISHED, MEMORY_KEPT = "torch published, evaluation", "torch published, memory kept"
KEEP_MEMORY = ":".join(f"glibc.malloc.{key}={value}" for key, value in
                       {"mmap_max": 0, "mmap_threshold": 1 << 32, "trim_threshold": 1 << 33}.items())


def answer():
    """Measures the published equations for every line on standard input."""
    peer = TorchPublished()
    peer.run()  # warm up
    for _ in sys.stdin:
        print(json.dumps(timed(peer)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9, help="of the short cases; the long ones take a third")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    if options.answer:
        answer()
        return

    engine = Server(PROGRAM)
    memory_kept = Server(sys.executable, __file__, "--answer", GLIBC_TUNABLES=KEEP_MEMORY)
    softmax_peers = {"torch softmax, generation": TorchGenerationRows(),
                     "torch softmax, keys transposed": TorchGeneration()}
    peers = {**softmax_peers, PUBLISHED: TorchPublished()}
    for peer in peers.values():
        peer.run()  # warm up
    beside = {name: partial(timed, peer) for name, peer in peers.items()}
    beside[MEMORY_KEPT] = partial(memory_kept.ask, "")

    def ours(kind, size, threads=1, heads=HEADS):
        return f"{kind} {size} {threads} {heads}"

    generation, evaluation = ours("generation", WINDOW), ours("evaluation", TOKENS)
    # Windows that take long to fill are shown with one head.
    by_window = {w: ours("generation", w, heads=HEADS if w <= 4096 else 1) for w in WINDOWS}
    two_threads = {"evaluation": ("evaluation", TOKENS), "generation": ("generation", WINDOW),
                   "generation_4096": ("generation", 4096)}
    short = [generation, by_window[64], by_window[4096], evaluation, ours("published", TOKENS),
             *(ours(*case, 2) for case in two_threads.values()), *softmax_peers]
    long = [PUBLISHED, MEMORY_KEPT]
    long += [case for case in by_window.values() if case not in short]
    times = {case: [] for case in short + long}
    for i in range(options.rounds):
        for case in short + (long if i % 3 == 0 else []):
            times[case].append(beside[case]() if case in beside else engine.ask(case))

    def median(case, key="process_s"):
        return statistics.median(one[key] for one in times[case])

    def threads_speedup(kind, size):
        return median(ours(kind, size), "wall_s") / median(ours(kind, size, 2), "wall_s")

    softmax = min(median(peer) for peer in softmax_peers)
    published = median(PUBLISHED)
    result = {
        "generation_over_torch_softmax": median(generation) / softmax,
        # The same equations on both sides; then the engine's with the bitline's movement beside the
        # same peer, which leaves it out.
        "evaluation_speedup_over_torch_published": published / median(ours("published", TOKENS)),
        "evaluation_speedup_over_torch_published_memory_kept":
            median(MEMORY_KEPT) / median(ours("published", TOKENS)),
        "evaluation_with_bitline_over_torch_published": published / median(evaluation),
        "window_64_step_s": median(by_window[64]),
        "two_threads_speedup": {name: threads_speedup(*case) for name, case in two_threads.items()},
        "s_per_token_and_head_by_window": {
            str(w): median(case) / int(case.split()[-1]) for w, case in by_window.items()},
        "process_s": {case: median(case) for case in times},
        "wall_s": {case: median(case, "wall_s") for case in times},
        "settings": {"heads": HEADS, "dim": DIM, "rounds": options.rounds, "torch": torch.__version__,
                     "torch_threads": torch.get_num_threads(), "engine": engine.ask("settings")},
    }
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"heads of {DIM}; microseconds a token and layer, medians of {options.rounds} rounds")
    print(f"{'case size threads heads':44}{'process':>10}{'wall':>10}")
    for name in result["process_s"]:
        print(f"{name:44}{1e6 * result['process_s'][name]:10.1f}{1e6 * result['wall_s'][name]:10.1f}")
    print("a head's time for each token of the window:")
    for w, seconds in result["s_per_token_and_head_by_window"].items():
        print(f"  window {w:>6}: {1e9 * seconds / int(w):8.1f} ns")
    for key in ("generation_over_torch_softmax", "evaluation_speedup_over_torch_published",
                "evaluation_speedup_over_torch_published_memory_kept",
                "evaluation_with_bitline_over_torch_published"):
        print(f"{key}: {result[key]:.2f}")
    print(f"window_64_step: {1e6 * result['window_64_step_s']:.1f} us")
    for key, value in result["two_threads_speedup"].items():
        print(f"two threads, {key}: {value:.2f} times (wall)")
    print(json.dumps(result["settings"]))


if __name__ == "__main__":
    main()
