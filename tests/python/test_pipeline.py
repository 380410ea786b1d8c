"""Campaigns, samples and language models from Python, against the program: `./dev test python`."""

import filecmp
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import warnings

import h5py
import numpy as np
import pytest

import gaincell

PROGRAM = os.environ["GAINCELL_PROGRAM"]
DEVICE = os.environ["GAINCELL_DEVICE"]
SOURCE = pathlib.Path(os.environ["GAINCELL_SOURCE"])
LEAKAGE = SOURCE / "netlists/gain_cell_a/leakage.yaml"
LINEAR = SOURCE / "models/shakespeare_linear"
TEXT = SOURCE / "data/shakespeare/held_out.txt"

# The logarithm has no number where v_in is 1 V: those points fail.
DIVIDER = """gaincell_bench: 1
name: divider
sources: {in: {net: in, dc: "{v_in}"}}
elements: [R1 in out 3k, "R2 out 0 {load}"]
conditions:
  load: {unit: Ohm, enumerate: [1000, 3000]}
  v_in: {unit: V, enumerate: [1, 2, 3]}
analysis: {type: op}
measurements:
  v_out: {unit: V, value: v(out), spec: {maximum: 1.2}}
  v_log: {unit: "1", formula: "log(v_in - 1.5)"}
"""


def program(*arguments, cwd=None):
    return subprocess.run([PROGRAM, *map(str, arguments)], cwd=cwd, check=True, capture_output=True, text=True).stdout


def refused(words, call, *arguments, **options):
    with pytest.raises(gaincell.GaincellError) as raised:
        call(*arguments, **options)
    for word in words:
        assert word in str(raised.value)
    return raised.value


@pytest.fixture(scope="module")
def leakage(tmp_path_factory):
    """The program's samples file."""
    folder = tmp_path_factory.mktemp("leakage")
    program("characterize", LEAKAGE, "-o", folder / "samples.h5", "--no-cache")
    return folder / "samples.h5"


def test_a_campaign_writes_the_programs_bytes(leakage, tmp_path):
    bench = gaincell.Bench.open(LEAKAGE)
    events = []
    campaign = bench.run(tmp_path / "s.h5", jobs=2, cache=False, progress=events.append)
    assert filecmp.cmp(campaign.samples_path, leakage, shallow=False)
    assert events[0]["event"] == "begin"
    assert events[0]["simulations"] == bench.outline[0]["simulations"] == campaign.report["simulations"] == 501
    assert campaign.ok and campaign.missed == []
    assert list(campaign.samples) == ["leakage"]
    at = gaincell.Bench.open(LEAKAGE, at={"temperature": 85}).run(tmp_path / "hot.h5", cache=False).samples["leakage"]
    assert set(at["temperature"]) == {85.0}
    assert at["current"].max() > campaign.samples["leakage"]["current"].max()


def test_ctrl_c_stops_a_campaign_and_the_same_call_goes_on(tmp_path):
    bench = gaincell.Bench.open(SOURCE / "netlists/gain_cell_a/read_charge.yaml")
    begun, stopped_s, before = threading.Event(), [], signal.getsignal(signal.SIGINT)

    def stop():  # a thread of Python's, which the campaign leaves the lock
        begun.wait()
        time.sleep(0.6)
        stopped_s.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        bench.run(tmp_path / "s.h5", cache=False, progress=lambda event: begun.set())
    thread.join()
    assert time.monotonic() - stopped_s[0] < 5
    assert (tmp_path / "s.h5.journal").exists() and not (tmp_path / "s.h5").exists()
    assert signal.getsignal(signal.SIGINT) is before

    class Enough(Exception):
        pass

    def enough(event):  # by now some simulations are known
        assert event["from_journal"] > 0
        raise Enough

    with pytest.raises(Enough):
        bench.run(tmp_path / "s.h5", cache=False, progress=enough)
    assert (tmp_path / "s.h5.journal").exists() and not (tmp_path / "s.h5").exists()


def test_one_campaign_at_a_time(tmp_path):
    bench = gaincell.Bench.open(LEAKAGE)
    refused(["a campaign runs in this process already"], bench.run, tmp_path / "a.h5", cache=False,
            progress=lambda event: bench.run(tmp_path / "b.h5"))
    assert not (tmp_path / "b.h5").exists()


def test_wrong_benches_are_refused(tmp_path):
    refused(["nowhere.yaml"], gaincell.Bench.open, "nowhere.yaml")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(DIVIDER + "conditoins: {}\n")
    error = refused(["wrong.yaml", "conditoins", "did you mean `conditions`"], gaincell.Bench.open, wrong)
    assert error.place.startswith(str(wrong))
    assert error.remedy != ""
    refused(["corner=nowhere"], gaincell.Bench.open, LEAKAGE, filters={"corner": "nowhere"})
    refused(["temperture"], gaincell.Bench.open, LEAKAGE, at={"temperture": 3})
    refused(["temperature"], gaincell.Bench.open, LEAKAGE, at={"temperature": float("nan")})
    bench = gaincell.Bench.open(LEAKAGE)
    refused([str(tmp_path / "no" / "s.h5")], bench.run, tmp_path / "no" / "s.h5")
    refused(["--refine", "--filter"], gaincell.Bench.open(LEAKAGE, filters=["v_store=0..0.5"]).run, tmp_path / "s.h5", refine=True)
    assert not list(tmp_path.glob("*.h5*"))


def test_samples_are_the_files_numbers(leakage):
    bench = gaincell.Samples.open(leakage)["leakage"]
    with h5py.File(leakage) as file:
        group = file["benches/leakage"]
        for name in bench.measurements:
            np.testing.assert_array_equal(bench[name], group[f"measurements/{name}"][()])
            assert bench.unit(name) == group[f"measurements/{name}"].attrs["units"]
        np.testing.assert_array_equal(bench["v_store"], group["conditions/v_store"][()])
        assert set(bench["corner"]) == {"typical"}
        assert bench.provenance["bench_sha256"] == group.attrs["bench_sha256"]
    assert not bench["current"].flags.writeable
    assert len(bench) == 661 and bench.failures == {}


def test_samples_are_an_xarray(leakage):
    pytest.importorskip("xarray", reason="xarray is not installed")
    samples = gaincell.Samples.open(leakage)
    bench, grid = samples["leakage"], samples.to_xarray()
    assert grid.sizes == {"v_store": 161}
    assert grid["current"].attrs["units"] == "A" and grid["v_store"].attrs["units"] == "V"
    assert grid["corner"].item() == "typical" and grid.attrs["holdout_points_left_out"] == 500
    at = float(bench["v_store"][40])
    assert grid["current"].sel(v_store=at).item() == bench["current"][40]
    both = samples.to_xarray(points="all")
    assert both.sizes == {"point": 661}
    np.testing.assert_array_equal(both["current"], bench["current"])
    held = samples.to_xarray("leakage", points="holdout")
    assert held.sizes == {"point": 500} and int(held["point"][0]) == 161
    refused(["must be"], bench.to_xarray, points="none")


def test_points_of_several_conditions_lie_where_they_belong(tmp_path):
    pytest.importorskip("xarray", reason="xarray is not installed")
    (tmp_path / "b.yaml").write_text(DIVIDER)
    campaign = gaincell.Bench.open(tmp_path / "b.yaml").run(tmp_path / "s.h5", cache=False)
    assert not campaign.ok and campaign.report["benches"][0]["failed_points"] == 2
    assert len(campaign.missed) == 1 and "v_out: maximum" in campaign.missed[0]
    bench = campaign.samples["divider"]
    grid = bench.to_xarray()
    assert grid.sizes == {"load": 2, "v_in": 3}
    for load in (1000.0, 3000.0):
        for v_in in (1.0, 2.0, 3.0):
            assert grid["v_out"].sel(load=load, v_in=v_in).item() == pytest.approx(v_in * load / (3000 + load), rel=1e-6)
    failed = grid.sel(v_in=1.0)
    assert (failed["status"] == 1).all() and np.isnan(failed["v_log"]).all()
    assert all("v_log" in str(reason) for reason in failed["failure"].values)
    assert grid.attrs["failed_points"] == 2 == len(bench.failures)


def test_files_that_are_no_samples_are_refused(leakage, tmp_path):
    refused(["nowhere.h5"], gaincell.Samples.open, "nowhere.h5")
    refused([DEVICE], gaincell.Samples.open, DEVICE)
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(leakage.read_bytes()[:-1000])
    refused([str(damaged)], gaincell.Samples.open, damaged)
    samples = gaincell.Samples.open(leakage)
    refused(["lekage", "did you mean `leakage`"], lambda: samples["lekage"])
    refused(["curent", "did you mean `current`"], lambda: samples["leakage"]["curent"])


def test_holdouts_are_what_the_error_says():
    table = gaincell.Device.open(DEVICE)["cell_read_charge"]
    held = table.holdout
    off = np.abs(held.predicted - held.measured)
    assert len(off) == table.error.holdout_points and off.max() == table.error.max_abs
    np.testing.assert_array_equal(table(**held.at, outside="hold"), held.predicted)


@pytest.mark.parametrize("options", [
    {"attention": "softmax", "special_tokens": True},
    {"attention": "analog", "device": DEVICE, "against": "linear"},
    {"attention": "analog", "device": "published", "window": 64, "without": ["retention"]},
    {"attention": "linear", "hardware": ["q_levels=4", "v_levels=3"], "digital": "f32"},
    {"attention": "analog", "device": DEVICE, "spread": ["cell_gain=0.02"], "spread_seed": 4, "token_period_s": 1e-5},
])
def test_infer_says_what_the_program_says(options):
    words = []
    for name, value in options.items():
        option = "--token-period" if name == "token_period_s" else "--" + name.replace("_", "-")
        words += [option] if value is True else [option, ",".join(value) if isinstance(value, list) else value]
    said = json.loads(program("infer", "--model", LINEAR, "--text", TEXT, "--tokens", 200, *words, "--json"))
    shares = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gaincell.GaincellWarning)
        ours = gaincell.infer(LINEAR, TEXT, tokens=200, progress=shares.append, **options)
    assert said.pop("tokens_per_second") > 0 and ours.pop("tokens_per_second") > 0
    assert ours == said
    assert shares[-1] == 1.0


def test_wrong_inferences_are_refused():
    refused(["nowhere"], gaincell.infer, "nowhere", TEXT)
    refused(["nowhere.txt"], gaincell.infer, LINEAR, "nowhere.txt")
    refused(["--tokens", "at least 2"], gaincell.infer, LINEAR, TEXT, tokens=1)
    refused(["--level", "fast or column"], gaincell.infer, LINEAR, TEXT, attention="analog", device=DEVICE, level="slow")
    refused(["--device", "needs the tables"], gaincell.infer, LINEAR, TEXT, attention="analog")
    refused(["--token-period", "nan"], gaincell.infer, LINEAR, TEXT, attention="analog", device=DEVICE, token_period_s=float("nan"))
    refused(["--digital", "int9"], gaincell.infer, LINEAR, TEXT, digital="int9")
    refused(["--hardware", "q_level"], gaincell.infer, LINEAR, TEXT, attention="linear", hardware=["q_level=4"])
    # What nothing would heed.
    refused(["--spread-seed", "softmax attention has no circuits"], gaincell.infer, LINEAR, TEXT, attention="softmax", spread_seed=1)
    with pytest.raises(TypeError, match="windw"):
        gaincell.infer(LINEAR, TEXT, windw=3)


def test_what_is_unusual_is_a_warning():
    with pytest.warns(gaincell.GaincellWarning, match="clipped to the circuits' ranges"):
        gaincell.infer(LINEAR, TEXT, tokens=100, attention="analog", device=DEVICE)


def test_what_the_callback_raises_ends_an_inference():
    with pytest.raises(ZeroDivisionError):
        gaincell.infer(LINEAR, TEXT, tokens=100, attention="softmax", progress=lambda share: 1 / 0)


def test_adapt_is_the_programs(tmp_path):
    text = SOURCE / "data/shakespeare/train.txt"
    said = json.loads(program("adapt", "--model", LINEAR, "--device", DEVICE, "--text", text, "--out", tmp_path / "theirs",
                              "--steps", 5, "--batch", 2, "--length", 64, "--json"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gaincell.GaincellWarning)
        ours = gaincell.adapt(LINEAR, DEVICE, text, tmp_path / "ours", steps=5, batch=2, length=64)
    assert said.pop("seconds") > 0 and ours.pop("seconds") > 0
    assert ours == said
    files = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert filecmp.cmpfiles(tmp_path / "theirs", tmp_path / "ours", files, shallow=False)[0] == files


def test_wrong_adaptations_are_refused_and_write_nothing(tmp_path):
    text, out = SOURCE / "data/shakespeare/train.txt", tmp_path / "out"
    refused(["--steps", "from 1"], gaincell.adapt, LINEAR, DEVICE, text, out, steps=0)
    refused(["nowhere.h5"], gaincell.adapt, LINEAR, "nowhere.h5", text, out)
    refused(["no hardware scalers"], gaincell.adapt, SOURCE / "models/shakespeare_softmax", DEVICE, text, out)
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    refused([str(out)], gaincell.adapt, LINEAR, DEVICE, text, out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
