#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "grids.h"
#include "lut/device_file.h"

namespace gaincell::lut {

class TemporaryFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("lut_") + std::to_string(getpid()) + "_" + info->test_suite_name() +
               "_" + info->name());
    std::filesystem::create_directories(folder_);
    file_ = folder_ / "a.h5";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_, file_;
};

// A whole gain-cell device from closed forms.
inline DeviceFile example_device() {
  const Axis store = axis("v_store", linear_nodes(0, 0.9, 10), "V");
  const Axis width = axis("pulse_width", {0, 1e-9, 4e-9, 15e-9}, "s");
  const Axis bitline = axis("v_bitline", linear_nodes(0, 0.9, 7), "V");
  const Axis target = axis("v_target", linear_nodes(0, 0.9, 8), "V");
  const Axis initial = axis("v_initial", linear_nodes(0, 0.9, 9), "V");
  const Axis age = axis("age", {0, 1e-4, 1e-3, 1e-2}, "s");
  const Axis relu_charge = axis("charge", linear_nodes(-0.5e-12, 1.2e-12, 12), "C");
  const Axis signed_charge = axis("charge", linear_nodes(-0.6e-12, 0.6e-12, 13), "C");
  const auto current = [](double v, double b) { return 15e-6 * (v - 0.45) * (0.5 + b); };

  DeviceFile device;
  const auto add = [&device](Table table, const std::string& bench) {
    TableEntry entry{std::move(table), bench};
    entry.limit.rms_abs = 1e-2;
    for (const Axis& a : entry.table.axes())
      entry.hold_out.coordinates.push_back({a.front(), a.back(), a.front()});
    entry.hold_out.measured.resize(3);
    entry.hold_out.predicted = predict(entry.table, entry.hold_out);
    for (std::size_t i = 0; i < 3; ++i)
      entry.hold_out.measured[i] =
          entry.hold_out.predicted[i] + 1e-3 * static_cast<double>(i) * entry.table.full_scale();
    entry.accuracy = accuracy_of(entry.table, entry.hold_out, entry.hold_out.predicted);
    device.add(std::move(entry));
  };
  add(tabulate({"cell_read_charge", "C", "charge of one pulse"}, {store, width, bitline},
               [&](const auto& x) { return current(x[0], x[2]) * x[1]; },
               {Interpolation::kCubic, Interpolation::kLinear, Interpolation::kCubic}),
      "read_charge");
  add(tabulate({"cell_read_energy", "J"}, {store, width, bitline},
               [](const auto& x) { return 1e-15 + 1e-6 * x[1]; }),
      "read_charge");
  add(tabulate({"cell_word_line_energy", "J"}, {store, width, bitline},
               [](const auto&) { return 0.5e-15; }),
      "read_charge");
  add(tabulate({"cell_static_current", "A"}, {store, bitline},
               [&](const auto& x) { return current(x[0], x[1]); }),
      "read_current");
  add(tabulate({"cell_written_voltage", "V"}, {target}, [](const auto& x) { return x[0] - 0.01; }),
      "write");
  add(tabulate({"cell_write_energy", "J"}, {target}, [](const auto& x) { return 1e-15 * x[0]; }),
      "write");
  add(tabulate({"cell_retention", "V"}, {initial, age},
               [](const auto& x) { return 0.45 + (x[0] - 0.45) * std::exp(-x[1] / 5e-3); }),
      "leakage + storage_capacitance");
  add(tabulate(
          {"relu_pulse_width", "s"}, {relu_charge},
          [](const auto& x) { return 15e-9 * std::clamp(x[0] / 0.9e-12, 0.0, 1.0); },
          Interpolation::kLinear),
      "relu_conversion");
  add(tabulate(
          {"relu_energy", "J"}, {relu_charge}, [](const auto&) { return 1e-12; },
          Interpolation::kLinear),
      "relu_conversion");
  add(tabulate({"relu_bitline_voltage", "V"}, {relu_charge},
               [](const auto& x) { return 0.45 - x[0] / 4e-12; }),
      "relu_conversion");
  add(tabulate(
          {"signed_pulse_width", "s"}, {signed_charge},
          [](const auto& x) { return 15e-9 * std::clamp(x[0] / 0.45e-12, -1.0, 1.0); },
          Interpolation::kLinear),
      "signed_conversion");
  add(tabulate(
          {"signed_energy", "J"}, {signed_charge}, [](const auto&) { return 1e-12; },
          Interpolation::kLinear),
      "signed_conversion");
  add(tabulate({"signed_bitline_voltage", "V"}, {signed_charge},
               [](const auto& x) { return 0.45 - x[0] / 2e-12; }),
      "signed_conversion");

  const auto state = [&device](const char* name, const char* unit, double value) {
    device.add(
        Constant{{name, unit, std::string("what ") + name + " means"}, value, "read_charge"});
  };
  state("t_max", "s", 15e-9);
  state("v_dd", "V", 0.9);
  state("v_zero", "V", 0.45);
  state("q_levels", "1", 16);
  state("kv_levels", "1", 8);
  state("output_levels", "1", 32);
  state("tile", "1", 64);
  state("signed_full_scale", "s", 15e-9);
  state("latency_first_stage", "s", 22e-9);
  state("latency_second_stage", "s", 32e-9);
  device.add(Provenance{"read_charge",
                        {{"bench_text", std::string("gaincell_bench: 1\n")}, {"seed", 12.0}}});
  return device;
}

}  // namespace gaincell::lut
