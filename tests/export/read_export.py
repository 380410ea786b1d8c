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
    """As pytorch_quantization/cim/modules/_utils.py of NeuroSim 1.5 (branch 2DInferenceV1.5-dev, cddb7d3) reads its tables of
    states and, with the ADC's bits as key, of output noise; what macro.py then draws for the sums that follow, rounded as there.
    NeuroSim itself wants CUDA and TensorRT."""
    import csv as format
    with open(path) as file:
        reader = format.reader(file)
        header = next(reader)
        mean, std = header.index("mean"), header.index("std")
        rows = list(reader)
    means, stds = [float(row[mean]) for row in rows], [float(row[std]) for row in rows]
    if not keys:
        return {"header": header, "means": means, "stds": stds}
    value, most = header.index("output"), 2 ** int(keys[0])
    assert len([float(row[value]) for row in rows]) <= most + 1
    generator, drawn = numpy.random.default_rng(1), {}
    for key in map(int, keys[1:]):
        reference = numpy.clip(numpy.full(20000, key), 0, most)
        out = generator.normal(numpy.array(means)[reference], numpy.array(stds)[reference])
        out = numpy.clip(numpy.round(out), 0, most)
        drawn[key] = [out.mean(), out.std()]
    return {"header": header, "rows": len(rows), "means": [None if numpy.isnan(m) else m for m in means],
            "stds": [None if numpy.isnan(s) else s for s in stds], "drawn": drawn}


def own_crosssim():
    """CrossSim's own interface where it is installed, else what 0a2eb1e gives its devices."""
    try:
        import simulator.devices.idevice
        return "package"
    except ImportError:
        pass
    import types
    backend, idevice = types.ModuleType("simulator.backend"), types.ModuleType("simulator.devices.idevice")
    backend.ComputeBackend = lambda: numpy
    idevice.EmptyDevice = type("EmptyDevice", (), {})
    for name, module in (("simulator", types.ModuleType("simulator")), ("simulator.devices", types.ModuleType("simulator.devices")),
                         ("simulator.backend", backend), ("simulator.devices.idevice", idevice)):
        sys.modules[name] = module
    return "interface"


def crosssim(path):
    """The class with normalized conductances Gmin_norm .. 1 and a time in days, by CrossSim where it is installed."""
    by = own_crosssim()
    space = {}
    exec(open(path).read(), space)
    if by == "package":
        from simulator.backend import ComputeBackend
        from simulator.devices.device import Device
        from simulator.parameters.xbar_parameters import DeviceParameters
        ComputeBackend(use_gpu=False)
        parameters = DeviceParameters()
        for errors in (parameters.programming_error, parameters.drift_error):
            errors.enable, errors.model = True, "GainCell"
        device = Device.create_device(parameters)  # finds the class by its name, and tries it
    else:
        device = space["GainCell"]()
        device.Gmin_norm, device.Grange_norm = 0.2, 0.8
    weight, age = float(keys[0]), float(keys[1])
    low, span = float(device.Gmin_norm), float(device.Grange_norm)
    conductance = numpy.array([[low + span * weight]])
    return {"by": by, "programmed": float((device.programming_error(conductance)[0, 0] - low) / span),
            "drifted": float((device.drift_error(conductance, age / 86400)[0, 0] - low) / span),
            "weights": len(space["WEIGHT"]), "head": open(path).read()}


def aihwkit(path):
    """NOISE_MODEL by CustomDriftPCMLikeNoiseModel of aihwkit where that is installed (it has to be compiled), else against
    what 1.2.0 asserts; and what its drift leaves of the largest conductance at the age of VALID_UNTIL_S."""
    space = {}
    exec(open(path).read(), space)
    model, until = space["NOISE_MODEL"], space["VALID_UNTIL_S"]
    drift = model["custom_drift_model"]
    result = {"by": "assertions", "g_max": model["g_max"], "t_0": model["t_0"], "nu": drift["nu_mean_lst"], "until": until,
              "head": open(path).read()}
    try:
        from aihwkit.inference.noise.pcm import CustomDriftPCMLikeNoiseModel
        from torch import tensor
    except ImportError:
        assert set(drift) == {"g_lst", "nu_mean_lst", "nu_std_lst"}
        assert all(isinstance(values, list) and len(values) >= 2 for values in drift.values())
        assert sorted(drift["g_lst"]) == drift["g_lst"] and min(drift["g_lst"]) >= 0
        assert max(drift["g_lst"]) >= model["g_max"] and min(drift["nu_std_lst"]) >= 0
        result["left"] = (until / model["t_0"]) ** -drift["nu_mean_lst"][-1]
    else:
        noise = CustomDriftPCMLikeNoiseModel(**model)
        largest = tensor([model["g_max"]])
        nu = noise.generate_drift_coefficients(largest.clone())
        # Its time counts from t_0 on.
        left = noise.apply_drift_noise_to_conductance(largest, nu, until - model["t_0"])
        result.update(by="package", left=float(left / largest))
    return result


def gainsight(path):
    """The dictionaries, as any Python program takes them; infinite is said in words, which JSON has."""
    space = {}
    exec(open(path).read(), space)

    def plain(value):
        if isinstance(value, dict):
            return {str(key): plain(one) for key, one in value.items()}
        return "inf" if value == float("inf") else value

    return {**{name: plain(value) for name, value in space.items() if name.isupper()}, "head": open(path).read()}


keys = sys.argv[3:]
result = {"csv": csv, "npz": npz, "mat": mat, "netcdf": netcdf, "table": table_file, "verilog-a": verilog_a,
          "neurosim": neurosim, "crosssim": crosssim, "aihwkit": aihwkit, "gainsight": gainsight}[sys.argv[1]](sys.argv[2])
print(json.dumps(result, default=lambda value: value.item()))
