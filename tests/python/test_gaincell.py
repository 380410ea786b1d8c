"""The Python package against the program: `./dev test python`."""

import json
import os
import pathlib
import subprocess

import h5py
import numpy as np
import pytest

import gaincell

PROGRAM = os.environ["GAINCELL_PROGRAM"]
DEVICE = os.environ["GAINCELL_DEVICE"]
NOT_DRAWN = ["mismatch", "read_noise"]
RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def device():
    return gaincell.Device.open(DEVICE)


def get(table, **axes):
    arguments = [PROGRAM, "get", DEVICE, table, *(f"{k}={v!r}" for k, v in axes.items()), "--json"]
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def test_tables_say_what_the_program_says(device):
    for name in ("cell_read_charge", "relu_pulse_width", "cell_retention"):
        table = device[name]
        for _ in range(3):
            place = {n: float(RNG.uniform(a.nodes[0], a.nodes[-1])) for n, a in table.axes.items()}
            said = get(name, **place)
            assert table(**place) == said["value"]
            for axis in table.axes:
                assert table.gradient(axis, **place) == said["gradient"][axis]
            assert table.error.max_abs == said["error"]["max_abs"]
        assert table.unit == said["units"]


def test_nodes_are_the_tables_values(device):
    table = device["cell_static_current"]
    grid = np.meshgrid(*(a.nodes for a in table.axes.values()), indexing="ij")
    np.testing.assert_array_equal(table(**dict(zip(table.axes, grid))), table.values)
    assert not table.values.flags.writeable
    assert np.shares_memory(table.values, device["cell_static_current"].values)


def test_shapes_broadcast(device):
    table = device["cell_read_charge"]
    v = np.linspace(0, 0.9, 7)[:, np.newaxis]
    t = np.linspace(1e-9, 15e-9, 5)
    both = table(v_store=v, pulse_width=t, v_bitline="450 mV")
    assert both.shape == (7, 5)
    assert both[3, 2] == table(v_store=v[3, 0], pulse_width=t[2], v_bitline=0.45)
    assert table(v_store=0.3, pulse_width="5n", v_bitline=0.45).shape == ()
    assert table(v_store=np.empty(0), pulse_width=1e-9, v_bitline=0.45).shape == (0,)


def refused(words, call, **arguments):
    with pytest.raises(gaincell.GaincellError) as raised:
        call(**arguments)
    for word in words:
        assert word in str(raised.value)
    assert isinstance(raised.value, ValueError)
    return raised.value


def test_wrong_places_are_refused(device):
    table = device["cell_read_charge"]
    at = {"v_store": 0.3, "pulse_width": 1e-9, "v_bitline": 0.45}
    error = refused(["cell_read_charge", "v_store", "entry 1", "nan"], table, **{**at, "v_store": [0.3, np.nan]})
    assert (error.place, error.key) == ("cell_read_charge", "v_store")
    refused(["pulse_width", "outside=\"hold\""], table, **{**at, "pulse_width": 1.0})
    refused(["did you mean `v_store`"], table, **{**at, "v_stor": 1.0})
    refused(["v_bitline", "is missing"], table, v_store=0.3, pulse_width=1e-9)
    refused(["is not a number in s"], table, **{**at, "pulse_width": "15 nF"})
    refused(["don't broadcast"], table, **{**at, "v_store": [0.1, 0.2], "pulse_width": [1e-9] * 3})
    refused(["must be numbers in V"], table, **{**at, "v_store": [None]})
    with pytest.raises(gaincell.GaincellError, match="did you mean `cell_retention`"):
        device["cell_retentoin"]


def test_what_lies_outside_is_held_or_nan_if_one_says_so(device):
    table = device["cell_read_charge"]
    at = {"pulse_width": 1e-9, "v_bitline": 0.45}
    end = table.axes["v_store"].nodes[-1]
    assert table(outside="hold", v_store=[5.0], **at)[0] == table(v_store=end, **at)
    assert np.isnan(table(outside="nan", v_store=[5.0], **at)[0])
    assert table.gradient("v_store", outside="hold", v_store=[5.0], **at)[0] == 0


def test_files_that_are_none_are_refused(tmp_path):
    refused(["nowhere.h5"], gaincell.Device.open, path="nowhere.h5")
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(pathlib.Path(DEVICE).read_bytes()[:-1000])
    refused([str(damaged)], gaincell.Device.open, path=damaged)


def inputs(*shape):
    return (RNG.random(shape, dtype=np.float32), 0.9 * RNG.random(shape, dtype=np.float32),
            0.9 * RNG.random(shape, dtype=np.float32))


@pytest.mark.parametrize("options", [[], ["--without", "retention,read_noise"], ["--level", "column"]])
def test_attend_is_the_programs_bit_for_bit(tmp_path, options):
    q, k, v = inputs(2, 2, 20, 16)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        for name, x in zip("qkv", (q, k, v)):
            file[name] = x
    subprocess.run([PROGRAM, "attend", "--device", DEVICE, "--input", "in.h5", "--output", "out.h5", "--window", "8",
                    "--noise-seed", "3", *options], cwd=tmp_path, check=True, capture_output=True)
    level = options[1] if options[:1] == ["--level"] else None
    without = options[1].split(",") if options[:1] == ["--without"] else []
    seed = 3
    ours = gaincell.attend(q, k, v, device=DEVICE, window=8, noise_seed=seed, level=level, without=without)
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(ours.output, file["output"][()])
        assert ours.energy["total"] == file["energy/total"][()]


def test_a_stream_goes_on_where_it_was(device):
    q, k, v = inputs(2, 12, 8)
    whole = gaincell.attend(q, k, v, device=device, window=4)
    stream = gaincell.Stream(device, 2, 8, window=4)
    np.testing.assert_array_equal(stream.run(q[:, :5], k[:, :5], v[:, :5]), whole.output[:, :5])
    for t in range(5, 12):
        np.testing.assert_array_equal(stream.step(q[:, t], k[:, t], v[:, t]), whole.output[:, t])
    assert stream.energy == whole.energy
    e = whole.energy
    assert e["total"] == e["active"] + e["standing"] + e["digital"]


def test_neighbouring_heads_share_keys_and_values(device):
    q, k, v = inputs(2, 6, 20, 16)
    whole = gaincell.attend(q, k[:, :2], v[:, :2], device=device, window=8, without=NOT_DRAWN)
    alone = gaincell.attend(q, np.repeat(k[:, :2], 3, 1), np.repeat(v[:, :2], 3, 1), device=device, window=8, without=NOT_DRAWN)
    np.testing.assert_array_equal(whole.output, alone.output)
    assert np.std(whole.output[:, 3:], axis=(0, 2, 3)).min() > 0.005
    assert whole.energy["active"] < alone.energy["active"]  # a key is written once for three heads
    stream = gaincell.Stream(device, 6, 16, kv_heads=2, window=8, without=NOT_DRAWN)
    np.testing.assert_array_equal(stream.step(q[0, :, 0], k[0, :2, 0], v[0, :2, 0]), whole.output[0, :, 0])
    refused(["k", "[2, 1, 16]"], stream.step, q=q[0, :, 0], k=k[0, :, 0], v=v[0, :2, 0])


def test_wrong_inputs_of_attention_are_refused(device):
    q, k, v = inputs(2, 4, 8)
    nan = q.copy()
    nan[1, 2, 3] = np.nan
    refused(["token 2", "head 1"], gaincell.attend, q=nan, k=k, v=v, device=device)
    refused(["k: has the shape"], gaincell.attend, q=q, k=k[:, :3], v=v, device=device)
    refused(["v: has the shape"], gaincell.attend, q=q, k=k[:1], v=v, device=device)
    refused(["kv_heads", "must divide the 2 heads"], gaincell.attend, q=q, k=np.repeat(k, 2, 0), v=np.repeat(v, 2, 0), device=device)
    refused(["dimensions"], gaincell.attend, q=q[0], k=k[0], v=v[0], device=device)
    refused(["is no effect; there are write, retention"], gaincell.attend, q=q, k=k, v=v, device=device, without=["retentoin"])
    refused(["--token-period", "at least"], gaincell.attend, q=q, k=k, v=v, device=device, token_period_s=1e-12)
    refused(["is no scaler"], gaincell.attend, q=q, k=k, v=v, device=device, scalers={"c_q": 1})
    refused(["one a head"], gaincell.attend, q=q, k=k, v=v, device=device, scalers={"a_q": [1, 2, 3]})


def test_arguments_of_another_type_are_named(device):
    q, k, v = inputs(2, 4, 8)
    for words, options in {"window = 2.5: must be a whole number": {"window": 2.5},
                           "window = '8': must be a whole number": {"window": "8"},
                           "window = 1000000000000: must lie between": {"window": 10**12},
                           "noise_seed = -1: must lie between 0": {"noise_seed": -1},
                           "token_period_s = '65 ns': must be a number in s": {"token_period_s": "65 ns"},
                           "without = 'read_noise': must be a list": {"without": "read_noise"},
                           "scalers: a_q = 'x': must be numbers": {"scalers": {"a_q": "x"}}}.items():
        refused([words], gaincell.attend, q=q, k=k, v=v, device=device, **options)
    refused(["q: has the shape [2, 0, 8]: must not be empty"], gaincell.attend, q=q[:, :0], k=k[:, :0], v=v[:, :0], device=device)
    refused(["rows have several lengths"], gaincell.attend, q=[[1, 2], [3]], k=k, v=v, device=device)
    refused(["heads = '2': must be a whole number"], gaincell.Stream, device=device, heads="2", dim=8)
    refused(["tokens = '5': must be a whole number"], gaincell.infer, model="models", text="text", tokens="5")
    refused(["3: is no table of this device"], device.__getitem__, name=3)
    with pytest.raises(gaincell.GaincellError, match="t_maks: is no constant of this device; did you mean `t_max`?"):
        device.constants["t_maks"]


def test_a_table_is_an_xarray(device):
    pytest.importorskip("xarray", reason="xarray is not installed")
    array = device["cell_read_charge"].to_xarray()
    assert array.attrs["units"] == "C"
    assert array.sel(v_store=array.v_store[3]).shape == array.shape[1:]
