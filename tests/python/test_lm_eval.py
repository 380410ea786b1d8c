"""examples/lm_eval_gaincell.py with the real harness: `pip install lm_eval pytest`, then
GAINCELL_PROGRAM=build/dev/bin/gaincell python -m pytest tests/python/test_lm_eval.py. Skipped where there is no harness."""

import importlib.util
import json
import os
import pathlib

import pytest

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
lm_eval = pytest.importorskip("lm_eval")
source = pathlib.Path(os.environ.get("GAINCELL_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
program = str(pathlib.Path(os.environ.get("GAINCELL_PROGRAM", source / "build/dev/bin/gaincell")).resolve())


def adapter():
    spec = importlib.util.spec_from_file_location("lm_eval_gaincell", source / "examples/lm_eval_gaincell.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TASK = """task: local
dataset_path: json
dataset_kwargs: {{data_files: {{validation: {file}}}}}
output_type: multiple_choice
validation_split: validation
doc_to_text: "Question: {{{{goal}}}}\\nAnswer:"
doc_to_target: label
doc_to_choice: "{{{{[sol1, sol2]}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
"""


def test_the_harness_and_eval_agree_item_by_item(tmp_path, monkeypatch):
    import subprocess

    from lm_eval.tasks import TaskManager

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    items = [
        {"goal": "what is thy name", "sol1": "my lord, it is Romeo", "sol2": "zxq zxq", "label": 0},
        {"goal": "whither", "sol1": "qqq qqq qqq", "sol2": "to the king", "label": 1},
        {"goal": "who comes", "sol1": "the duke and all his men of war", "sol2": "no one", "label": 1},
    ]
    data = tmp_path / "task.jsonl"
    data.write_text("".join(json.dumps(item) + "\n" for item in items))
    (tmp_path / "task-labels.lst").write_text("".join(f"{item['label']}\n" for item in items))
    (tmp_path / "local.yaml").write_text(TASK.format(file=data))
    options = ["--model", str(source / "models/shakespeare_linear"), "--attention", "linear"]
    results = lm_eval.simple_evaluate(
        model=adapter().Gaincell(options, program),
        tasks=["local"],
        task_manager=TaskManager(include_path=str(tmp_path)),
    )
    own = json.loads(
        subprocess.run(
            [program, "eval", *options, "--task", "piqa", "--data", str(data), "--each", "--json"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    assert results["results"]["local"]["acc,none"] == own["accuracy"]
    assert results["results"]["local"]["acc_norm,none"] == own["accuracy_norm"]
    given = {sample["doc_id"]: [float(one[0]) for one in sample["filtered_resps"]] for sample in results["samples"]["local"]}
    for k, item in enumerate(own["each"]):
        assert given[k] == pytest.approx(item["log_likelihoods"], rel=1e-12)


def test_an_empty_context_is_what_stands_between_texts(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    module, asked = adapter(), []

    def run(command, **options):
        asked.extend(json.loads(line) for line in open(command[-1], encoding="utf-8"))
        return type("Done", (), {"stdout": b'{"log_likelihood": -1.5, "greedy": true}\n'})

    monkeypatch.setattr(module.subprocess, "run", run)
    instance = type("Request", (), {"args": ("", "a")})
    assert module.Gaincell(["--model", "x"]).loglikelihood([instance]) == [(-1.5, True)]
    assert asked == [{"context": "<|endoftext|>", "continuation": "a"}]
