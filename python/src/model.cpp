#include "python/src/model.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/adaptation.h"
#include "cli/inference.h"
#include "python/src/running.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

using Words = std::vector<std::string>;
using Said = std::tuple<std::string, Words>;  // what `--json` prints, and warnings

Said infer(const std::string& model, const std::string& text, const std::string& text_format,
           const std::string& encoding, const std::string& attention, const std::string& device,
           Words published_variant, std::optional<int> window, const std::string& level,
           Words without, Words spread, std::uint64_t spread_seed, std::uint64_t noise_seed,
           double error_limit, std::optional<double> token_period_s, std::optional<int> tokens,
           std::optional<int> stride, const std::string& against, bool special_tokens,
           Words hardware, const std::string& digital, int threads, const Words& given,
           const nb::object& progress) {
  cli::InferenceOptions options;
  options.run = {.model = model,
                 .attention = attention,
                 .device = device,
                 .published_variant = std::move(published_variant),
                 .level = level,
                 .without = std::move(without),
                 .spread = std::move(spread),
                 .hardware = std::move(hardware),
                 .seed = spread_seed,
                 .noise_seed = noise_seed,
                 .error_limit = error_limit,
                 .window = window,
                 .token_period_s = token_period_s,
                 .threads = threads,
                 .digital = digital,
                 .was_given = [&given](const char* option) {
                   return std::find(given.begin(), given.end(), option) != given.end();
                 }};
  options.text = {
      .path = text, .format = text_format, .special_tokens = special_tokens, .encoding = encoding};
  options.tokens = tokens;
  options.stride = stride;
  options.against = against;
  options.progress = told_of_share(progress);
  const nb::gil_scoped_release release;
  const cli::Inference inference = cli::infer(options);
  return {json_text(inference.to_json()), inference.warnings};
}

Said adapt(const std::string& model, const std::string& device, const std::string& text,
           const std::string& out, const std::string& text_format, const std::string& encoding,
           Words published_variant, int steps, int batch, int length, std::uint64_t seed,
           bool from_identity, std::optional<int> window, const std::string& level, Words without,
           std::optional<double> token_period_s, bool special_tokens, Words hardware,
           const std::string& digital, int threads, const nb::object& progress) {
  cli::AdaptationOptions options;
  options.model = model;
  options.device = device;
  options.out = out;
  options.published_variant = std::move(published_variant);
  options.text = {
      .path = text, .format = text_format, .special_tokens = special_tokens, .encoding = encoding};
  options.level = level;
  options.without = std::move(without);
  options.hardware = std::move(hardware);
  options.digital = digital;
  options.window = window;
  options.token_period_s = token_period_s;
  options.batch = batch;
  options.length = length;
  options.seed = seed;
  options.threads = threads;
  options.adapt.steps = steps;
  options.adapt.start_from_identity = from_identity;
  options.adapt.progress = [told = told_of_share(progress), steps](const model::AdaptStep& step) {
    told(static_cast<double>(step.step) / steps);
  };
  const nb::gil_scoped_release release;
  const cli::Adaptation adaptation = cli::adapt(options);
  return {json_text(adaptation.to_json()), adaptation.warnings};
}

}  // namespace

void bind_model(nb::module_& module) {
  module.def("infer_json", infer, nb::arg("model"), nb::arg("text"), nb::kw_only(),
             nb::arg("text_format"), nb::arg("encoding"), nb::arg("attention"), nb::arg("device"),
             nb::arg("published_variant"), nb::arg("window").none(), nb::arg("level"),
             nb::arg("without"), nb::arg("spread"), nb::arg("spread_seed"), nb::arg("noise_seed"),
             nb::arg("error_limit"), nb::arg("token_period_s").none(), nb::arg("tokens").none(),
             nb::arg("stride").none(), nb::arg("against"), nb::arg("special_tokens"),
             nb::arg("hardware"), nb::arg("digital"), nb::arg("threads"), nb::arg("given"),
             nb::arg("progress").none());
  module.def("adapt_json", adapt, nb::arg("model"), nb::arg("device"), nb::arg("text"),
             nb::arg("out"), nb::kw_only(), nb::arg("text_format"), nb::arg("encoding"),
             nb::arg("published_variant"), nb::arg("steps"), nb::arg("batch"), nb::arg("length"),
             nb::arg("seed"), nb::arg("from_identity"), nb::arg("window").none(), nb::arg("level"),
             nb::arg("without"), nb::arg("token_period_s").none(), nb::arg("special_tokens"),
             nb::arg("hardware"), nb::arg("digital"), nb::arg("threads"),
             nb::arg("progress").none());
}

}  // namespace gaincell::python
