"""read_export.py FORMAT FILE KEY..: reads an export with the tool that it is for, and prints what stands there as JSON.

Exit code 77: the tool is not installed."""
import json
import sys

try:
    import numpy
    import pandas
except ImportError as missing:
    print(missing)
    sys.exit(77)


def csv(path):
    """One row as {title: value}, and how many rows there are; the row's number is the key."""
    table = pandas.read_csv(path, comment="#")
    row = table.iloc[int(keys[0])]
    return {"rows": len(table), "row": {name: None if pandas.isna(row[name]) else row[name] for name in table.columns}}


def npz(path):
    """Arrays by key, and the text that describes them."""
    with numpy.load(path) as arrays:  # without pickle
        text = json.loads(str(arrays["gaincell"]))
        return {"about": text, "arrays": {key: arrays[key].tolist() for key in keys},
                "shapes": {key: list(arrays[key].shape) for key in keys}}


def mat(path):
    """The tables' struct, the constants and the header, by SciPy."""
    from scipy.io import loadmat
    file = loadmat(path, simplify_cells=True)
    if "benches" in file:
        bench = file["benches"]["square"]
        # To SciPy a text without letters is an array without elements.
        return {"failure": [str(one) if len(one) else "" for one in bench["failure"]], "status": list(bench["status"]),
                "v_store": list(bench["conditions"]["v_store"]), "unit": bench["units"]["current"]}
    table = file["tables"][keys[0]]
    return {"shape": list(table["values"].shape), "value": table["values"][tuple(map(int, keys[1:]))],
            "units": table["units"], "axes": list(table["axes"]), "pulse_width": list(table["nodes"]["pulse_width"]),
            "holdout": len(table["holdout"]["measured"]), "t_max": file["constants"]["t_max"],
            "header": "\n".join(file["gaincell"]["header"]), "about": json.loads(file["gaincell"]["json"])["source"]}


def netcdf(path):
    """A table by its coordinates, and the head, by xarray."""
    import xarray
    if keys[0] == "square":
        bench = xarray.open_dataset(path, engine="h5netcdf", group="square")
        return {"failure": list(bench["failure"].values), "current": bench["current"].values[4],
                "units": bench["current"].attrs["units"]}
    file = xarray.open_dataset(path, engine="h5netcdf")
    table = file[keys[0]]
    at = table.sel(v_store=0.3, pulse_width=4e-9, v_bitline=0.6, method="nearest")
    return {"value": float(at), "units": table.attrs["units"], "error_max": float(table.attrs["error_max"]),
            "t_max": float(file["t_max"]), "head": file.attrs["comment"], "conventions": file.attrs["Conventions"],
            "axis_units": file["v_store"].attrs["units"]}


def table_file(path):
    """The rows of a file for $table_model: inputs and value, rising."""
    rows = numpy.loadtxt(path)
    assert all(tuple(a[:-1]) < tuple(b[:-1]) for a, b in zip(rows, rows[1:]))
    return {"rows": len(rows), "row": list(rows[int(keys[0])])}


def verilog_a(path):
    """Modules that OpenVAF's parser finds, and what it refuses: it has no $table_model, and says so after parsing."""
    try:
        import openvaf_py
    except ImportError:
        sys.exit(77)
    import os
    # Its messages go past Python.
    read, write = os.pipe()
    os.dup2(write, 2)
    refused = ""
    try:
        openvaf_py.compile_va(path)
    except ValueError as error:
        refused = str(error)
    os.close(write)
    os.close(2)
    import re
    text = re.sub("\x1b\\[[0-9;]*m", "", os.read(read, 1 << 20).decode())
    errors = re.findall("^error: (.*)$", text, re.MULTILINE)
    return {"refused": refused, "errors": errors}


def neurosim(path):
    """As pytorch_quantization/cim/modules/_utils.py of NeuroSim 1.5 (branch 2DInferenceV1.5-dev, cddb7d3) reads it."""
    import csv as format
    with open(path) as file:
        reader = format.reader(file)
        header = next(reader)
        mean, std = header.index("mean"), header.index("std")
        rows = list(reader)
    return {"header": header, "means": [float(row[mean]) for row in rows], "stds": [float(row[std]) for row in rows]}


def crosssim(path):
    """The class with what CrossSim 0a2eb1e gives its devices: simulator.devices.idevice.EmptyDevice, normalized conductances
    Gmin_norm .. 1 and a time in days; CrossSim itself is not packaged."""
    import types
    backend, idevice = types.ModuleType("simulator.backend"), types.ModuleType("simulator.devices.idevice")
    backend.ComputeBackend = lambda: numpy
    idevice.EmptyDevice = type("EmptyDevice", (), {"__init__": lambda self: self.__dict__.update(
        Gmin_norm=0.2, Gmax_norm=1.0, Grange_norm=0.8)})
    for name, module in (("simulator", types.ModuleType("simulator")), ("simulator.devices", types.ModuleType("simulator.devices")),
                         ("simulator.backend", backend), ("simulator.devices.idevice", idevice)):
        sys.modules[name] = module
    space = {}
    exec(open(path).read(), space)
    device = space["GainCell"]()
    weight, age = float(keys[0]), float(keys[1])
    conductance = numpy.array([[0.2 + 0.8 * weight]])
    return {"programmed": float(device.programming_error(conductance)[0, 0]),
            "drifted": float((device.drift_error(conductance, age / 86400)[0, 0] - 0.2) / 0.8),
            "weights": len(space["WEIGHT"]), "head": open(path).read()}


def aihwkit(path):
    """NOISE_MODEL against what CustomDriftPCMLikeNoiseModel of aihwkit 1.2.0 asserts; its package has to be compiled."""
    space = {}
    exec(open(path).read(), space)
    model = space["NOISE_MODEL"]
    drift = model["custom_drift_model"]
    assert set(drift) == {"g_lst", "nu_mean_lst", "nu_std_lst"}
    assert all(isinstance(values, list) and len(values) >= 2 for values in drift.values())
    assert sorted(drift["g_lst"]) == drift["g_lst"] and min(drift["g_lst"]) >= 0
    assert max(drift["g_lst"]) >= model["g_max"] and min(drift["nu_std_lst"]) >= 0
    return {"g_max": model["g_max"], "t_0": model["t_0"], "nu": drift["nu_mean_lst"], "until": space["VALID_UNTIL_S"],
            "head": open(path).read()}


keys = sys.argv[3:]
result = {"csv": csv, "npz": npz, "mat": mat, "netcdf": netcdf, "table": table_file, "verilog-a": verilog_a,
          "neurosim": neurosim, "crosssim": crosssim, "aihwkit": aihwkit}[sys.argv[1]](sys.argv[2])
print(json.dumps(result, default=lambda value: value.item()))
