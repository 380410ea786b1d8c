#include "characterize/bench/bench.h"

#include "base/error.h"
#include "base/files.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {

std::string scale_name(const Analysis& analysis) {
  if (analysis.scale_unit == "s") return "time";
  return analysis.scale_unit == "Hz" ? "frequency" : "sweep";
}

std::size_t Bench::condition(const std::string& condition_name) const {
  for (std::size_t k = 0; k < conditions.size(); ++k) {
    if (conditions[k].name == condition_name) return k;
  }
  throw Error({.place = path,
               .key = "conditions",
               .value = condition_name,
               .rule = "is no condition of this bench"});
}

std::unique_ptr<const Bench> read_bench(const std::string& path, const BenchOptions& options) {
  return parse_bench(read_file(path), path, options);
}

std::unique_ptr<const Bench> parse_bench(std::string text, const std::string& path,
                                         const BenchOptions& options) {
  auto bench = std::make_unique<Bench>();
  bench->path = path;
  bench->text = std::move(text);
  const Item root = parse_yaml(bench->text, path);
  if (!root.is_map())
    throw Error(
        {.place = path, .rule = "is not a bench", .remedy = "it begins with gaincell_bench: 1"});
  if (!root.has("gaincell_bench"))
    throw Error({.place = path,
                 .rule = "is not a bench: the key `gaincell_bench` is missing",
                 .remedy = "a bench begins with gaincell_bench: 1"});
  validate(root, form::block(bench_block()));
  BenchReader(root, options, *bench).read();
  return bench;
}

}  // namespace gaincell::characterize
