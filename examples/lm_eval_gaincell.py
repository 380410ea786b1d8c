#!/usr/bin/env python3
"""Scores by EleutherAI's lm-evaluation-harness, with `gaincell eval --requests` as the model.

    pip install lm_eval          # the harness alone; no PyTorch is needed
    python examples/lm_eval_gaincell.py --tasks lambada_openai arc_easy --limit 100 -- \
        --model MODEL --attention analog --device device.h5

What stands behind -- goes to `gaincell eval`. Tasks of log-likelihoods (multiple choice, last words) are answered;
those that generate text, or score whole documents, are refused: `gaincell eval --task wikitext2` has perplexities.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager


class Gaincell(LM):
    """`options`: of `gaincell eval`, such as ["--model", "gpt2", "--attention", "softmax"]."""

    def __init__(self, options: list[str], program: str = os.environ.get("GAINCELL_PROGRAM", "gaincell")) -> None:
        super().__init__()
        self.command = [program, "eval", "--special-tokens", *options]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "requests.jsonl"
            with path.open("w", encoding="utf-8") as file:
                for context, continuation in (request.args for request in requests):
                    # Nothing before it: as the harness has it, the token between two texts.
                    line = {"context": context or "<|endoftext|>", "continuation": continuation}
                    print(json.dumps(line), file=file)
            done = subprocess.run([*self.command, "--requests", str(path)], check=True, stdout=subprocess.PIPE)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return [(answer["log_likelihood"], answer["greedy"]) for answer in answers]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError("whole documents are not scored here; gaincell eval --task wikitext2 has perplexities")

    def generate_until(self, requests: list[Instance]) -> list[str]:
        raise NotImplementedError("tasks that generate text are not answered here; gaincell generate continues a prompt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", required=True, help="names of the harness, or of a task of --include")
    parser.add_argument("--include", help="folder with task files of your own")
    parser.add_argument("--limit", type=int, help="only the first so many documents")
    parser.add_argument("options", nargs="+", help="of gaincell eval, behind --")
    o = parser.parse_args()
    results = simple_evaluate(
        model=Gaincell(o.options), tasks=o.tasks, limit=o.limit, task_manager=TaskManager(include_path=o.include)
    )
    print(json.dumps(results["results"], indent=2, default=str))


if __name__ == "__main__":
    main()
