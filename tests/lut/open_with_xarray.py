"""Opens the example device (example_device.h) as a stranger would: by xarray alone. Exit code 77: no xarray."""
import sys

try:
    import h5netcdf  # noqa: F401
    import h5py
    import numpy
    import xarray
except ImportError as missing:
    print(missing)
    sys.exit(77)

path = sys.argv[1]
device = xarray.open_dataset(path, engine="h5netcdf")
charge = device["cell_read_charge"]
assert charge.dims == ("v_store", "pulse_width", "v_bitline"), charge.dims
assert charge.attrs["units"] == "C"
assert charge.attrs["long_name"] == "charge of one pulse"
assert abs(charge.attrs["error_max_percent"] - 0.2) < 1e-9
assert device["v_store"].attrs["units"] == "V"
assert list(device["pulse_width"].values) == [0, 1e-9, 4e-9, 15e-9]
# bilinear in v_bitline at a node of the others
value = float(charge.sel(v_store=0.9, pulse_width=15e-9, method="nearest").interp(v_bitline=0.5))
assert numpy.isclose(value, 15e-6 * 0.45 * 1.0 * 15e-9), value
assert device["signed_pulse_width"].dims == ("signed_pulse_width_charge",)
assert device["signed_pulse_width_charge"].attrs["axis"] == "charge"
assert float(device["t_max"]) == 15e-9
assert device.attrs["gaincell_format"] == "device"

holdout = xarray.open_dataset(path, engine="h5netcdf", group="holdout/cell_read_charge")
assert holdout["predicted"].dims == ("point",)
errors = abs(holdout["measured"] - holdout["predicted"]).values
assert numpy.isclose(errors.max(), charge.attrs["error_max_abs"], rtol=1e-9), errors

with h5py.File(path) as file:
    assert file["cell_read_charge"].dims[0][0].name == "/v_store"
    assert file["cell_read_charge"].attrs["units"] == "C"  # text, not bytes
    assert file["provenance/read_charge"].attrs["bench_text"].startswith("gaincell_bench")
