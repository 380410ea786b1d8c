"""column_macro.py GAINCELL NETLISTS DEVICE SCRATCH: whole columns of 64 cells, transistors beside `gaincell export --to ngspice`.

Both arrays, with charges from none to beyond saturation. Charge and pulse of the macro models lie within 2 % of full scale of the
transistors', in a fifth of their processor time, which is printed and no test."""
import os
import re
import resource
import shutil
import subprocess
import sys

import h5py

gaincell, netlists, device, scratch = map(os.path.abspath, sys.argv[1:])
TOLERANCE = 0.02
CORNERS = re.compile(r"corners:\n(  .*\n)+")
# Mostly on one side of zero, so that charges reach full scale.
DRAWS = "draws: {points: 5, seed: 7}"
LEVELS = {"column_relu": "enumerate: [0.30, 0.37, 0.50, 0.63, 0.76]", "column_signed": "enumerate: [0.37, 0.43, 0.50, 0.63, 0.76]"}


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def transistors(name, bench):
    bench = re.sub(r"draws: {.*}", DRAWS, bench)
    return re.sub(r"(v_store:.*draw: {)enumerate: \[.*?\]", r"\1" + LEVELS[name], bench)


def macro(name, bench, starts):
    """The same bench of macro models: no transistor, so no models, corners, mirrors or loads of gates."""
    bench = transistors(name, bench)
    bench = re.sub(r"netlist: \[.*?\]", "netlist: [macro.cir, column.cir]", bench)
    bench = re.sub(r"models: .*\n", "", bench, count=1)
    bench = CORNERS.sub("", bench).replace("  corner: {typical: typical}\n", "")
    bench = re.sub(r"  (vdd_bias|vdd_reference|nref|pref|cref):.*\n", "", bench)
    bench = re.sub(r"  i_reference:.*\n", "", bench)
    start = re.search(r"  - xstart .*\n", bench).group()
    lines = [f"  - v{net} {net} 0 0.4\n" for net in ("bias_p", "bias_n", "bias_c") if f" {net} " in start]
    lines += [f"  - c{net} {net} 0 20f\n" for net in starts]
    return re.sub(r"elements:\n.*?initial_conditions:", "elements:\n" + start + "".join(lines) + "initial_conditions:",
                  bench, flags=re.S)


def seconds_of(samples, folder):
    """Processor time of ngspice on the deck of one point."""
    run(gaincell, "replay", samples, "--point", "0", "-o", folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(["ngspice", "-b", "tran.cir", "-r", "all.raw"], cwd=folder, check=True, capture_output=True,
                   env={**os.environ, "OMP_THREAD_LIMIT": "1"})
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def compare(name, starts):
    path = os.path.join(folder, name + ".yaml")
    bench = open(path).read()
    results, seconds = [], []
    for kind, text in ("transistors", transistors(name, bench)), ("macro", macro(name, bench, starts)):
        changed = os.path.join(folder, f"{name}_{kind}.yaml")
        open(changed, "w").write(text)
        samples = os.path.join(scratch, f"{name}_{kind}.h5")
        run(gaincell, "characterize", changed, "-o", samples, "-j", "2", "--no-cache")
        with h5py.File(samples) as file:
            measured = file["benches"][name]["measurements"]
            results.append({key: measured[key][:] for key in ("start_voltage", "bitline_voltage", "pulse_width_out")})
        seconds.append(seconds_of(samples, os.path.join(scratch, f"{name}_{kind}")))
    return results, seconds


folder = os.path.join(scratch, "netlists", "column")
shutil.rmtree(scratch, ignore_errors=True)
shutil.copytree(netlists, os.path.join(scratch, "netlists"))
run(gaincell, "export", device, "--to", "ngspice", "-o", os.path.join(folder, "macro.cir"))
wrong = 0
for name, starts, tables in ("column_relu", ["start"], "relu"), ("column_signed", ["start_p", "start_n"], "signed"):
    (transistor, macro_model), seconds = compare(name, starts)
    with h5py.File(device) as file:
        widths = file[tables + "_pulse_width"]
        full_pulse = widths[:].max()
        bitline = file[tables + "_bitline_voltage"][:]
        charges = file[widths.dims[0][0].name][:]
        # The charge that fills a pulse, as bitline voltage: what moves the bitline is the same capacitor in both.
        full_charge_v = abs(bitline[(widths[:] >= 0.99 * full_pulse).argmax()] - bitline[abs(charges).argmin()])
    moved = [one["start_voltage"] - one["bitline_voltage"] for one in (transistor, macro_model)]
    charge_off = abs(moved[1] - moved[0]).max() / full_charge_v
    pulse_off = abs(macro_model["pulse_width_out"] - transistor["pulse_width_out"]).max() / full_pulse
    ratio = seconds[0] / seconds[1]
    print(f"{name}: charges to {moved[0].max() / full_charge_v:.2f} of full scale, pulses to "
          f"{transistor['pulse_width_out'].max() * 1e9:.2f} ns; off by {100 * charge_off:.3f} % and {100 * pulse_off:.3f} %; "
          f"{seconds[0]:.2f} s and {seconds[1]:.2f} s, {ratio:.1f} times faster")
    wrong += not (charge_off < TOLERANCE and pulse_off < TOLERANCE)
    wrong += not (moved[0].max() > 0.5 * full_charge_v and transistor["pulse_width_out"].max() > 0.5 * full_pulse)
shutil.rmtree(scratch, ignore_errors=True)
sys.exit(wrong)
