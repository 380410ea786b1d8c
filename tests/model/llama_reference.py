"""LLaMA checkpoints with random weights through `gaincell infer`, beside a plain NumPy forward in double precision, and
baby_llama beside its published figures: llama_reference.py GAINCELL"""
import json, os, struct, subprocess, sys, tempfile

try:
    import numpy as np
except ImportError:
    print("numpy is absent")
    sys.exit(77)

GAINCELL = sys.argv[1]
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/data/models/baby_llama")
LETTERS = "abcdefghij"
TEXT = "".join(LETTERS[(7 * i * i + i // 3) % 10] for i in range(70))


def config(**changes):
    c = dict(model_type="llama", hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, vocab_size=len(LETTERS), max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0,
             hidden_act="silu", tie_word_embeddings=True)
    c.update(changes)
    return c


def weights(c, seed=1):
    draw = np.random.default_rng(seed)
    width, inner = c["hidden_size"], c["intermediate_size"]
    dim = c.get("head_dim") or width // c["num_attention_heads"]
    q, kv = c["num_attention_heads"] * dim, c.get("num_key_value_heads", c["num_attention_heads"]) * dim
    w = {"model.embed_tokens.weight": draw.normal(0, 0.5, (c["vocab_size"], width)), "model.norm.weight": draw.normal(1, 0.2, width)}
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        for n in ("input_layernorm", "post_attention_layernorm"):
            w[p + n + ".weight"] = draw.normal(1, 0.2, width)
        for n, outs, ins, bias in (("self_attn.q_proj", q, width, "attention_bias"), ("self_attn.k_proj", kv, width, "attention_bias"),
                                   ("self_attn.v_proj", kv, width, "attention_bias"), ("self_attn.o_proj", width, q, "attention_bias"),
                                   ("mlp.gate_proj", inner, width, "mlp_bias"), ("mlp.up_proj", inner, width, "mlp_bias"),
                                   ("mlp.down_proj", width, inner, "mlp_bias")):
            w[p + n + ".weight"] = draw.normal(0, 0.3, (outs, ins))
            if c.get(bias):
                w[p + n + ".bias"] = draw.normal(0, 0.2, outs)
    if not c["tie_word_embeddings"]:
        w["lm_head.weight"] = draw.normal(0, 0.5, (c["vocab_size"], width))
    return {n: x.astype(np.float32) for n, x in w.items()}


def nats(c, w, tokens, window):
    """Mean of -log p(token | those before it that the window reaches)."""
    w = {n: x.astype(np.float64) for n, x in w.items()}
    heads, groups = c["num_attention_heads"], c.get("num_key_value_heads", c["num_attention_heads"])
    dim = c.get("head_dim") or c["hidden_size"] // heads
    n = len(tokens)
    at = np.arange(n)
    angle = at[:, None] * float(c.get("rope_theta", 10000.0)) ** (-2.0 * np.arange(dim // 2) / dim)

    def norm(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + c["rms_norm_eps"]) * w[name + ".weight"]

    def linear(x, name):
        return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)

    def turn(x):
        a, b = x[..., : dim // 2], x[..., dim // 2 :]
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    hidden = (at[None] <= at[:, None]) & (at[None] > at[:, None] - window)
    x = w["model.embed_tokens.weight"][tokens]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        y = norm(x, p + "input_layernorm")
        q = turn(linear(y, p + "self_attn.q_proj").reshape(n, heads, dim))
        k = turn(linear(y, p + "self_attn.k_proj").reshape(n, groups, dim))
        v = linear(y, p + "self_attn.v_proj").reshape(n, groups, dim)
        out = np.empty_like(q)
        for h in range(heads):
            g = h * groups // heads
            s = np.where(hidden, q[:, h] @ k[:, g].T / np.sqrt(dim), -np.inf)
            s = np.exp(s - s.max(-1, keepdims=True))
            out[:, h] = s / s.sum(-1, keepdims=True) @ v[:, g]
        x = x + linear(out.reshape(n, -1), p + "self_attn.o_proj")
        y = norm(x, p + "post_attention_layernorm")
        gate = linear(y, p + "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(y, p + "mlp.up_proj"), p + "mlp.down_proj")
    head = w["model.embed_tokens.weight"] if c["tie_word_embeddings"] else w["lm_head.weight"]
    logits = norm(x, "model.norm") @ head.T
    top = logits.max(-1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return -log_p[at[:-1], tokens[1:]].mean()


def write(folder, c, w):
    os.makedirs(folder, exist_ok=True)
    header, data = {}, b""
    for name, x in sorted(w.items()):
        header[name] = {"dtype": {"float32": "F32", "float16": "F16", "float64": "F64"}[str(x.dtype)], "shape": list(x.shape),
                        "data_offsets": [len(data), len(data) + x.nbytes]}
        data += x.tobytes()
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    for name, what in (("config.json", c), ("vocab.json", {x: i for i, x in enumerate(LETTERS)})):
        with open(os.path.join(folder, name), "w") as f:
            json.dump(what, f)


def infer(*words):
    done = subprocess.run([GAINCELL, "infer", *words, "--json"], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


failures = []


def expect(name, holds, found):
    print(f"{'right' if holds else 'WRONG'}  {name}: {found}")
    if not holds:
        failures.append(name)


with tempfile.TemporaryDirectory() as work:
    text, model = os.path.join(work, "text.txt"), os.path.join(work, "model")
    with open(text, "w") as f:
        f.write(TEXT)
    tokens = np.array([LETTERS.index(x) for x in TEXT])
    cases = {
        "two heads a group": config(),
        "one array for all": config(num_key_value_heads=1),
        "a head an array, by default": {k: v for k, v in config().items() if k != "num_key_value_heads"},
        "untied": config(tie_word_embeddings=False),
        "biases": config(attention_bias=True, mlp_bias=True),
        "another base": config(rope_theta=500000.0),
        "another epsilon": config(rms_norm_eps=0.1),
        "heads apart from the width": config(head_dim=12, num_attention_heads=6, num_key_value_heads=3),
        "three layers, wide": config(num_hidden_layers=3, hidden_size=96, intermediate_size=200, num_attention_heads=8, num_key_value_heads=2),
    }
    for name, c in cases.items():
        w = weights(c)
        write(model, c, w)
        for window in (64, 16):
            code, out, err = infer("--model", model, "--text", text, "--attention", "softmax", "--window", str(window))
            found = json.loads(out)["nats_per_token"] if code == 0 else err
            wanted = nats(c, w, tokens, window)
            expect(f"{name}, window {window}", code == 0 and abs(found - wanted) < 2e-5, f"{found}, {wanted:.6f}")

    c = config()
    halves = {n: x.astype(np.float16) for n, x in weights(c).items()}
    write(model, c, halves)
    code, out, err = infer("--model", model, "--text", text, "--attention", "softmax")
    wanted = nats(c, halves, tokens, 64)
    expect("F16", code == 0 and abs(json.loads(out)["nats_per_token"] - wanted) < 2e-5, out[:60] + err)

    # On a circuit: half as many arrays stand and are written as with an array a head.
    code, out, err = infer("--model", model, "--text", text, "--attention", "analog", "--device", "published", "--window", "32")
    expect("on arrays", code == 0 and json.loads(out)["settings"]["kv_heads"] == 2, err[-200:])

    for key, value in (("rope_scaling", {"rope_type": "llama3", "factor": 8.0}), ("hidden_act", "gelu"), ("sliding_window", 32),
                       ("num_key_value_heads", 3)):
        write(model, config(**{key: value}), weights(c))
        code, out, err = infer("--model", model, "--text", text, "--attention", "softmax")
        expect(f"refuses {key}", code == 2 and key in err and "config.json" in err and err.count("\n") == 1, err.strip())
    w = weights(c)
    del w["model.layers.1.self_attn.k_proj.weight"]
    write(model, c, w)
    code, out, err = infer("--model", model, "--text", text, "--attention", "softmax")
    expect("refuses a missing tensor", code == 2 and "model.layers.1.self_attn.k_proj.weight" in err, err.strip())

    if os.path.isdir(DATA):
        for window, wanted in ((256, 0.3029668), (64, 0.3009992), (16, 0.3435286)):
            code, out, err = infer("--model", DATA, "--text", os.path.join(DATA, "story.txt"), "--tokens", "256", "--attention", "softmax",
                                   "--window", str(window))
            found = json.loads(out)["nats_per_token"] if code == 0 else err
            expect(f"baby_llama, window {window}", code == 0 and abs(found - wanted) < 1e-5, found)
        done = subprocess.run([GAINCELL, "generate", "--model", DATA, "--prompt", "Once upon a time", "--greedy", "--tokens", "130",
                               "--attention", "softmax"], capture_output=True, text=True)
        wanted = ("Once upon a time, there was a little girl named Lily. She loved to play outside in the sunshine. One day, she went "
                  "to the park with her ")
        expect("baby_llama, greedy", done.stdout.startswith(wanted.rstrip()), done.stdout.strip())
    else:
        print("skipped  baby_llama: ../shared/data is absent: the checkpoint is not part of the project")

print(f"{len(failures)} wrong")
sys.exit(1 if failures else 0)
