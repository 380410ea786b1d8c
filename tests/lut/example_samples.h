#pragma once

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/store/writer.h"

namespace gaincell::lut {

// A samples file as the harness lays it out, filled from a closed form.
struct ExampleBench {
  struct Sweep {
    std::string name, unit;
    std::vector<double> nodes;
  };
  std::string name;
  std::vector<Sweep> axes;
  std::string measurement, unit;
  std::function<double(const std::vector<double>&)> f;
  std::string table{};                     // its name; empty: none is asked for
  std::string over{};                      // its axes; empty: all
  std::map<std::string, double> limits{};  // limit_max_percent, ...
  std::string interpolation{};             // empty: attribute left out
  std::size_t hold_out_points = 20;
  std::set<std::size_t> failed{};             // points without a value
  std::map<std::string, double> constants{};  // in s
  std::vector<double> drawn{};                // values of so many draws, in place of axes and f
  std::map<std::string, bool> spreads{};      // whether relative
  bool deviation = false;                     // the spreads are measured as such
};

inline void write_bench(store::Group& root, const ExampleBench& bench) {
  std::vector<std::vector<double>> points;
  std::vector<std::size_t> index(bench.axes.size(), 0);
  for (bool more = true; more;) {
    std::vector<double> x;
    for (std::size_t a = 0; a < index.size(); ++a) x.push_back(bench.axes[a].nodes[index[a]]);
    points.push_back(x);
    std::size_t a = index.size();
    while (a > 0 && ++index[a - 1] == bench.axes[a - 1].nodes.size()) index[--a] = 0;
    more = a > 0;
  }
  if (!bench.drawn.empty()) points.assign(bench.drawn.size(), {});
  std::vector<std::uint8_t> hold_out(points.size(), 0);
  Random random(7, bench.name);
  for (std::size_t i = 0; i < bench.hold_out_points && bench.drawn.empty(); ++i) {
    std::vector<double> x;
    for (const auto& axis : bench.axes)
      x.push_back(random.uniform(axis.nodes.front(), axis.nodes.back()));
    points.push_back(x);
    hold_out.push_back(1);
  }

  store::Group group = root.group("benches/" + bench.name);
  group.attribute("description", "made from a closed form")
      .attribute("bench_text", "gaincell_bench: 1\n")
      .attribute("bench_sha256", "0123456789abcdef")
      .attribute("seed", 7);
  group.dimension("point", points.size());
  std::vector<std::uint8_t> status(points.size(), 0);
  std::vector<double> values;
  std::vector<std::uint32_t> job;
  for (std::size_t p = 0; p < points.size(); ++p) {
    job.push_back(static_cast<std::uint32_t>(p));
    const bool failed = bench.failed.contains(p);
    status[p] = failed ? 1 : 0;
    values.push_back(failed                ? std::numeric_limits<double>::quiet_NaN()
                     : bench.drawn.empty() ? bench.f(points[p])
                                           : bench.drawn[p]);
  }
  group.dataset("status", {"point"}, status);
  group.dataset("holdout", {"point"}, hold_out);
  group.dataset("job", {"point"}, job);

  store::Group axes = group.group("axes"), conditions = group.group("conditions");
  std::string order;
  for (std::size_t a = 0; a < bench.axes.size(); ++a) {
    const auto& axis = bench.axes[a];
    order += (a == 0 ? "" : " ") + axis.name;
    axes.axis(axis.name, axis.nodes).attribute("units", axis.unit);
    std::vector<double> column;
    for (const auto& x : points) column.push_back(x[a]);
    conditions.dataset(axis.name, {"point"}, column)
        .attribute("units", axis.unit)
        .attribute("long_name", "about " + axis.name);
  }
  axes.attribute("order", order);
  group.group("measurements")
      .dataset(bench.measurement, {"point"}, values)
      .attribute("units", bench.unit);

  if (!bench.table.empty()) {
    store::Group table = group.group("tables/" + bench.table);
    const std::string over = bench.over.empty() ? order : bench.over;
    table.attribute("of", bench.measurement)
        .attribute("over", over)
        .attribute("long_name", "table " + bench.table);
    if (!bench.interpolation.empty()) table.attribute("interpolation", bench.interpolation);
    for (const auto& [name, value] : bench.limits) table.attribute(name, value);
  }
  for (const auto& [name, value] : bench.constants)
    group.group("constants")
        .scalar(name, value)
        .attribute("units", "s")
        .attribute("long_name", "constant " + name);

  for (const auto& [name, relative] : bench.spreads)
    group.group("spreads/" + name)
        .attribute("of", bench.measurement)
        .attribute("relative", relative ? 1 : 0)
        .attribute("deviation", bench.deviation ? 1 : 0)
        .attribute("long_name", "spread " + name);

  store::Group failures = group.group("failures");
  failures.dimension("failure", bench.failed.size());
  std::vector<std::uint32_t> where;
  for (const std::size_t point : bench.failed) where.push_back(static_cast<std::uint32_t>(point));
  failures.dataset("job", {"failure"}, where);
  failures.dataset("point", {"failure"}, where);
  failures.dataset("reason", {"failure"}, std::vector<std::string>(where.size(), "no convergence"));
  failures.dataset("log_tail", {"failure"},
                   std::vector<std::string>(where.size(), "timestep too small"));
}

inline void write_samples(const std::filesystem::path& path,
                          const std::vector<ExampleBench>& benches) {
  store::Writer writer(path);
  store::Group root = writer.root();
  root.attribute("gaincell_format", "samples")
      .attribute("format_version", 1)
      .attribute("program_version", "0.1.0")
      .attribute("ngspice_version", "39");
  for (const ExampleBench& bench : benches) write_bench(root, bench);
  writer.commit();
}

}  // namespace gaincell::lut
