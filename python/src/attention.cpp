#include "python/src/attention.h"

#include <fmt/format.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "attention/analog.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/energy_notes.h"
#include "cli/model_run.h"
#include "cli/range_notes.h"
#include "energy/energy_model.h"
#include "lut/gain_cell_device.h"
#include "lut/published.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

constexpr int kPublishedLayers = 12;  // whose time is the token period where none is said

// [head][time][dim]
using Input = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::numpy, float, nb::ndim<3>>;
using Words = std::vector<std::string>;

struct Options {
  int kv_heads = 0;  // 0: as many as heads
  int window = 1024;
  std::optional<double> token_period_s;
  std::string level;  // empty: as `gaincell attend` chooses
  Words without, spread;
  std::uint64_t spread_seed = 1, noise_seed = 1;
  double error_limit = 2e-3;
};

// Query heads that read one array of keys and values.
int group_of(int heads, int kv_heads) {
  if (kv_heads == 0) return 1;
  if (kv_heads < 0 || kv_heads > heads || heads % kv_heads != 0)
    throw Error({.key = "kv_heads",
                 .value = std::to_string(kv_heads),
                 .rule = fmt::format("must divide the {} heads of q: as many of them read each "
                                     "head of k and v",
                                     heads)});
  return heads / kv_heads;
}

std::vector<float> scaler(const std::map<std::string, std::vector<float>>& given, const char* name,
                          std::vector<float> standard) {
  const auto found = given.find(name);
  if (found == given.end()) return standard;
  if (found->second.size() != standard.size())
    throw Error({.place = "scalers",
                 .key = name,
                 .value = fmt::format("{} numbers", found->second.size()),
                 .rule = fmt::format("must be one a head, {}; of k and v one a head of theirs",
                                     standard.size())});
  return found->second;
}

// One layer on a device, fed token by token.
class Stream {
 public:
  Stream(lut::DeviceFile file, int heads, int dim, const Options& o,
         const std::map<std::string, std::vector<float>>& scalers)
      : device_(std::move(file)), circuit_(attention::circuit_of(device_)) {
    const double own_s = device_.latency_first_stage_s + device_.latency_second_stage_s;
    options_ = cli::analog_options(!o.level.empty()              ? o.level
                                   : circuit_.relu.bitline_moves ? "fast"
                                                                 : "column",
                                   o.without,
                                   cli::token_period(o.token_period_s, kPublishedLayers * own_s,
                                                     own_s, "a token's attention in a layer"));
    cli::set_error_limit(o.error_limit, options_);
    options_.spread = cli::parse_spread(o.spread, device_);
    options_.seed = o.spread_seed;
    options_.noise_seed = o.noise_seed;
    const int group = group_of(heads, o.kv_heads);
    attention::Scalers s = attention::Scalers::identity(heads, group);
    // Keys and values are voltages where no scaler says otherwise.
    std::fill(s.b_k.begin(), s.b_k.end(), 0.0f);
    std::fill(s.b_v.begin(), s.b_v.end(), 0.0f);
    for (const auto& [name, values] : {std::pair{"a_q", &s.a_q},
                                       {"b_q", &s.b_q},
                                       {"a_k", &s.a_k},
                                       {"b_k", &s.b_k},
                                       {"a_v", &s.a_v},
                                       {"b_v", &s.b_v},
                                       {"a_o", &s.a_o},
                                       {"b_o", &s.b_o}})
      *values = scaler(scalers, name, *values);
    engine_ =
        attention::make_analog({.heads = heads, .dim = dim, .window = o.window, .group = group},
                               circuit_, std::move(s), options_);
  }

  Output run(const Input& q, const Input& k, const Input& v, int together) {
    const auto heads = static_cast<std::size_t>(engine_->shape().heads);
    const auto dim = static_cast<std::size_t>(engine_->shape().dim);
    const std::size_t time = q.shape(1);
    const auto arrays = static_cast<std::size_t>(engine_->shape().arrays());
    for (const auto& [name, x, own] :
         {std::tuple{"q", &q, heads}, {"k", &k, arrays}, {"v", &v, arrays}})
      if (x->shape(0) != own || x->shape(1) != time || x->shape(2) != dim)
        throw Error({.key = name,
                     .value = fmt::format("[{}, {}, {}]", x->shape(0), x->shape(1), x->shape(2)),
                     .rule = fmt::format("must have the shape [{}, {}, {}], as [head, time, dim]",
                                         own, time, dim)});
    auto out = std::make_unique<float[]>(heads * time * dim);
    {
      const nb::gil_scoped_release release;
      cli::require_known_ages(circuit_, options_, tokens_ + static_cast<std::int64_t>(time),
                              engine_->shape().window);
      run_tokens(q.data(), k.data(), v.data(), time, static_cast<std::size_t>(together), out.get());
    }
    float* const data = out.get();
    nb::capsule owner(out.release(), [](void* p) noexcept { delete[] static_cast<float*>(p); });
    return Output(data, {heads, time, dim}, owner);
  }

  void reset() {
    before_ += engine_->activity();
    engine_->reset();
    tokens_ = 0;
  }

  // Of all tokens since the stream was made.
  std::string energy_json() const {
    energy::Activity all = before_;
    all += engine_->activity();
    const energy::EnergyModel model(device_);
    return json_text(cli::to_json(model.of(all, options_.token_period_s)));
  }
  std::string ranges_json() const {
    const double known = attention::with_effects(circuit_, options_.effects).known_age_s;
    return json_text(
        cli::RangeNotes{{engine_->ranges()}, known, cli::circuit_warnings(circuit_)}.to_json());
  }
  std::string settings_json() const {
    nlohmann::ordered_json settings{
        {"device", device_.file().place()},
        {"level", options_.level == attention::Level::kFast ? "fast" : "column"},
        {"window", engine_->shape().window},
        {"token_period_s", options_.token_period_s},
        {"effects", cli::effect_names(options_.effects)},
        {"spread", cli::to_json(options_.spread)},
        {"spread_seed", options_.seed},
        {"noise_seed", options_.noise_seed}};
    if (const attention::FastReport* report = engine_->fast_report())
      settings["fast_level"] = cli::to_json(*report, options_.error_limit);
    return json_text(settings);
  }

 private:
  // Tokens by head on this side, heads by token on the engine's, which shares work between those
  // that it is given at once.
  void run_tokens(const float* q, const float* k, const float* v, std::size_t time,
                  std::size_t together, float* out) {
    const auto heads = static_cast<std::size_t>(engine_->shape().heads);
    const auto arrays = static_cast<std::size_t>(engine_->shape().arrays());
    const auto dim = static_cast<std::size_t>(engine_->shape().dim);
    const std::size_t most = std::min(time, together);
    std::vector<float> of_q(most * heads * dim), of_k(most * arrays * dim),
        of_v(most * arrays * dim), of_out(most * heads * dim);
    for (std::size_t begin = 0; begin < time; begin += most) {
      const std::size_t tokens = std::min(most, time - begin);
      const auto gather = [&](const float* from, std::size_t count, float* to) {
        for (std::size_t t = 0; t < tokens; ++t)
          for (std::size_t h = 0; h < count; ++h, to += dim)
            std::copy_n(from + (h * time + begin + t) * dim, dim, to);
      };
      gather(q, heads, of_q.data());
      gather(k, arrays, of_k.data());
      gather(v, arrays, of_v.data());
      engine_->run(static_cast<int>(tokens), of_q.data(), of_k.data(), of_v.data(), of_out.data());
      for (std::size_t t = 0; t < tokens; ++t)
        for (std::size_t h = 0; h < heads; ++h)
          std::copy_n(of_out.data() + (t * heads + h) * dim, dim,
                      out + (h * time + begin + t) * dim);
      tokens_ += static_cast<std::int64_t>(tokens);
    }
  }

  lut::GainCellDevice device_;
  attention::Circuit circuit_;
  attention::AnalogOptions options_;
  std::unique_ptr<attention::Analog> engine_;
  energy::Activity before_;  // of what was reset
  std::int64_t tokens_ = 0;
};

}  // namespace

void bind_attention(nb::module_& module) {
  module.attr("published_decay_per_token") = lut::kPublished.decay_per_token;
  nb::class_<Stream>(module, "StreamData", "One layer on a device.")
      .def(
          "__init__",
          [](Stream* self, const lut::DeviceFile& device, int heads, int dim, int kv_heads,
             int window, std::optional<double> token_period_s, const std::string& level,
             const Words& without, const Words& spread, std::uint64_t spread_seed,
             std::uint64_t noise_seed, double error_limit,
             const std::map<std::string, std::vector<float>>& scalers) {
            new (self) Stream(device, heads, dim,
                              {kv_heads, window, token_period_s, level, without, spread,
                               spread_seed, noise_seed, error_limit},
                              scalers);
          },
          nb::arg("device"), nb::arg("heads"), nb::arg("dim"), nb::kw_only(), nb::arg("kv_heads"),
          nb::arg("window"), nb::arg("token_period_s").none(), nb::arg("level"), nb::arg("without"),
          nb::arg("spread"), nb::arg("spread_seed"), nb::arg("noise_seed"), nb::arg("error_limit"),
          nb::arg("scalers"))
      .def("run", &Stream::run, nb::arg("q"), nb::arg("k"), nb::arg("v"), nb::arg("together"))
      .def("reset", &Stream::reset)
      .def("energy_json", &Stream::energy_json)
      .def("ranges_json", &Stream::ranges_json)
      .def("settings_json", &Stream::settings_json);
}

}  // namespace gaincell::python
