// NeuroSim 1.5: states of a cell, and what its arrays put out (branch 2DInferenceV1.5-dev,
// cddb7d3).
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "export/folder.h"
#include "export/formats.h"
#include "export/levels.h"

namespace gaincell::exports {
namespace {

std::size_t count_of(const DeviceContent& content, const std::string& name) {
  const double value = content.device.constant(name);
  if (value < 2)
    throw Error({.place = content.origin.file,
                 .key = name,
                 .value = format_exact(value),
                 .rule = "must be at least 2"});
  return static_cast<std::size_t>(value);
}

double spread_of(const lut::DeviceFile& device, const std::string& name) {
  const lut::Constant* constant = device.find_constant("spread_" + name);
  return constant == nullptr ? 0 : constant->value;
}

// Shares of an array's rows of which one product of input bit and level is known in the mean:
// levels are drawn evenly, bits too, and both leant towards the product until the mean is right,
// which of all distributions with that mean assumes least. `on[w]`: bit 1 and level w.
std::vector<double> shares_of_rows(double mean_product, std::size_t levels) {
  const auto shares = [levels](double lean) {
    const double top = std::max(0.0, lean * static_cast<double>(levels - 1));
    double all = static_cast<double>(levels) * std::exp(-top);  // of bits that are 0
    std::vector<double> on;
    for (std::size_t w = 0; w < levels; ++w) {
      on.push_back(std::exp(lean * static_cast<double>(w) - top));
      all += on.back();
    }
    for (double& share : on) share /= all;
    return on;
  };
  const auto mean = [](const std::vector<double>& on) {
    double sum = 0;
    for (std::size_t w = 0; w < on.size(); ++w) sum += static_cast<double>(w) * on[w];
    return sum;
  };
  double low = -60, high = 60;
  for (int halving = 0; halving < 80; ++halving) {
    const double lean = 0.5 * (low + high);
    (mean(shares(lean)) < mean_product ? low : high) = lean;
  }
  return shares(0.5 * (low + high));
}

// A column of the signed array under input bits of the shortest pulse above none, beside the
// reference column of level 0 that NeuroSim subtracts.
class Column {
 public:
  Column(const DeviceContent& content, std::size_t levels)
      : device_(content.device),
        read_(device_.table("cell_read_charge")),
        v_zero_(device_.constant("v_zero")),
        pulse_s_(device_.constant("t_max") /
                 static_cast<double>(count_of(content, "q_levels") - 1)),
        rows_(static_cast<double>(count_of(content, "tile"))) {
    if (const lut::TableEntry* moves = device_.find_table("signed_bitline_voltage"))
      bitline_ = moves->table;
    const double top_v = device_.constant("v_dd");
    const double gain = spread_of(device_, "cell_gain");
    const double offset_v = spread_of(device_, "cell_offset_v");
    const double t_max_s = device_.constant("t_max");
    noise_c_ = spread_of(device_, "cell_noise_c") * std::sqrt(pulse_s_ / t_max_s);
    for (std::size_t w = 0; w < levels; ++w) {
      const double v = top_v * static_cast<double>(w) / static_cast<double>(levels - 1);
      stored_v_.push_back(v);
      charge_c_.push_back(read_.at(v, pulse_s_, v_zero_));
      sigma_c_.push_back(std::hypot(gain * charge_c_.back(),
                                    offset_v * read_.derivative(0, v, pulse_s_, v_zero_)));
    }
    step_c_ = (charge_c_.back() - charge_c_.front()) / static_cast<double>(levels - 1);
  }

  double pulse_s() const { return pulse_s_; }
  double step_c() const { return step_c_; }
  bool moves() const { return bitline_.has_value(); }

  // Mean and standard deviation, in steps, of what stands for this sum of products.
  std::pair<double, double> output(double sum) const {
    const std::vector<double> on = shares_of_rows(sum / rows_, stored_v_.size());
    std::vector<double> cells, reference(on.size());
    for (const double share : on) cells.push_back(rows_ * share);
    for (const double one : cells) reference[0] += one;
    const double mean_c = taken_c(cells) - taken_c(reference);
    double f = 0, ff = 0, g = 0, gg = 0, fg = 0, own = 0;
    for (std::size_t w = 0; w < on.size(); ++w) {
      const double product = static_cast<double>(w), c = charge_c_[w] - charge_c_[0];
      f += on[w] * c;
      ff += on[w] * c * c;
      g += on[w] * product;
      gg += on[w] * product * product;
      fg += on[w] * product * c;
      own +=
          on[w] * (sigma_c_[w] * sigma_c_[w] + sigma_c_[0] * sigma_c_[0] + 2 * noise_c_ * noise_c_);
    }
    // What levels that are no straight line leave open where the sum alone is known.
    const double spread_g = gg - g * g, along = fg - f * g;
    const double bent = spread_g > 1e-9 ? std::max(0.0, ff - f * f - along * along / spread_g) : 0;
    const double loaded = f > 1e-9 * step_c_ ? mean_c / (rows_ * f) : 1;
    const double converter_c = spread_of(device_, "signed_noise_c");
    return {mean_c / step_c_,
            std::hypot(loaded * std::sqrt(rows_ * (bent + own)), converter_c) / step_c_};
  }

 private:
  // Out of a bitline, of so many cells of each level that are read at once, while it moves.
  double taken_c(const std::vector<double>& cells) const {
    constexpr int kSteps = 8;
    const auto per_step = [&](double taken) {
      const double v = bitline_ ? bitline_->at(taken) : v_zero_;
      double sum = 0;
      for (std::size_t w = 0; w < cells.size(); ++w)
        sum += cells[w] * read_.at(stored_v_[w], pulse_s_, v);
      return sum / kSteps;
    };
    double taken = 0;
    for (int step = 0; step < kSteps; ++step) taken += per_step(taken + 0.5 * per_step(taken));
    return taken;
  }

  const lut::DeviceFile& device_;
  const lut::Table& read_;
  std::optional<lut::Table> bitline_;
  double v_zero_, pulse_s_, rows_, noise_c_ = 0, step_c_ = 0;
  std::vector<double> stored_v_, charge_c_, sigma_c_;
};

std::string states_csv(const Levels& levels) {
  std::string csv = "states,mean,std\n";
  for (std::size_t s = 0; s < levels.current_a.size(); ++s)
    csv += fmt::format(
        "{},{:.9g},{:.9g}\n", s, (levels.current_a[s] - levels.current_a[0]) / levels.read_v,
        levels.sigma[s] * (levels.current_a.back() - levels.current_a.front()) / levels.read_v);
  return csv;
}

// What the README says of the two tables.
std::vector<std::string> about_lines(const DeviceContent& content, const Column& column,
                                     const std::string& spread, std::size_t states,
                                     std::size_t rows) {
  const std::size_t largest = rows * (states - 1), adc_bits = std::bit_width(largest);
  const std::size_t bits = std::bit_width(states) - 1;
  std::vector<std::string> lines;
  lines.push_back(
      fmt::format("mem_states.csv: for `inference.py --mem_type resistive --mem_states_file "
                  "mem_states.csv` with --bitcell {}",
                  bits));
  lines.emplace_back(
      "conductances in S: read current above that of level 0, over the supply, bitline at "
      "mid-rail");
  lines.push_back(spread);
  lines.push_back(
      fmt::format("output_noise.csv: for `--output_noise -1 --output_noise_file output_noise.csv` "
                  "with --bitcell {} --dac_precision 1 --parallel_read {} --adc_precision {}; "
                  "NeuroSim then leaves mem_states.csv unread",
                  bits, rows, adc_bits));
  lines.push_back(
      fmt::format("a sum of products of input bit (a pulse of {}) and level, to mean and standard "
                  "deviation of what a column has above a reference column of level 0, in steps "
                  "of one level, {} of charge",
                  format_si(column.pulse_s(), "s", 3), format_si(column.step_c(), "C", 3)));
  lines.push_back(fmt::format("in the mean: levels as the cell has them, a bitline that {}",
                              column.moves() ? "moves as it integrates"
                                             : "is held, since the device has no "
                                               "signed_bitline_voltage"));
  lines.push_back(fmt::format(
      "in the deviation: which levels made the sum (drawn evenly), mismatch and read "
      "noise of the cells of both columns, noise of one signed conversion ({})",
      content.device.find_constant("spread_signed_noise_c") != nullptr ? "as stated"
                                                                       : "the device states none"));
  lines.push_back(
      fmt::format("rows above {} cannot come from {} rows and are nan; for fewer bits of an ADC "
                  "keep the first 2^bits + 1 rows, which NeuroSim counts",
                  largest, rows));
  lines.emplace_back(
      "NeuroSim reads no comments, so these lines stand beside the tables; its drift is a power "
      "of time, which a gain cell's retention is not: none is given");
  return lines;
}

}  // namespace

void device_to_neurosim(const DeviceContent& content, const std::filesystem::path& out) {
  const std::size_t states = count_of(content, "kv_levels"), rows = count_of(content, "tile");
  if (!std::has_single_bit(states))
    throw Error({.place = content.origin.file,
                 .key = "kv_levels",
                 .value = std::to_string(states),
                 .rule = "must be a power of two, NeuroSim's bits of a cell"});
  const Levels levels = levels_of(content, "neurosim", states);
  require_tables(content, "neurosim", {"cell_read_charge"});
  const Column column(content, states);
  const std::size_t largest = rows * (states - 1), adc_bits = std::bit_width(largest);
  std::string noise = "output,mean,std\n";
  for (std::size_t sum = 0; sum <= (std::size_t{1} << adc_bits); ++sum) {
    // NeuroSim looks rows up by their number: one that these arrays never reach must not look like
    // an answer.
    const auto [mean, std] = sum <= largest ? column.output(static_cast<double>(sum))
                                            : std::pair{std::nan(""), std::nan("")};
    noise += fmt::format("{},{:.6g},{:.6g}\n", sum, mean, std);
  }
  const std::vector<std::string> lines = about_lines(content, column, levels.about, states, rows);
  std::vector<std::string> about = header_lines(content);
  about.insert(about.begin() + 1, lines.begin(), lines.end());
  write_folder(out, {{"mem_states.csv", states_csv(levels)},
                     {"output_noise.csv", noise},
                     {"README.txt", as_comment(about, "")}});
}

}  // namespace gaincell::exports
