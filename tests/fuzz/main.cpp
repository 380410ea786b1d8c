// A seeded fuzzer of all that comes from outside. Every case is a whole input, made malformed, and
// read as the program reads it, in a process of its own with limits. It must end with exit code 0,
// 1 or 2, and where it refuses, with one line that names a place and a rule.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "base/files.h"
#include "report/markdown_table.h"
#include "runner.h"

namespace gaincell::fuzz {
namespace {

std::string table_of(const std::vector<ReaderReport>& reports) {
  report::MarkdownTable table({"reader", "cases", "accepted", "refused", "failed",
                               "slowest, s of processor", "largest growth, MiB"});
  for (const ReaderReport& r : reports)
    table.row({r.name, std::to_string(r.cases), std::to_string(r.accepted),
               std::to_string(r.refused), std::to_string(r.failed),
               fmt::format("{:.2f}", r.slowest_s),
               fmt::format("{}", r.largest_growth_bytes >> 20)});
  return table.text();
}

std::vector<Reader> chosen(const std::vector<std::string>& names) {
  std::vector<Reader> found;
  for (const Reader& reader : readers())
    if (names.empty() || std::find(names.begin(), names.end(), reader.name) != names.end())
      found.push_back(reader);
  return found;
}

int run(const std::vector<std::string>& names, const RunOptions& options,
        const std::string& record) {
  std::vector<ReaderReport> reports;
  std::size_t failed = 0;
  for (const Reader& reader : chosen(names)) {
    reports.push_back(
        run_cases(reader, options, [](const std::string& repeat, const std::string& wrong) {
          fmt::print(stderr, "{}\n  {}\n", repeat, wrong);
        }));
    failed += reports.back().failed;
  }
  const std::string text = table_of(reports) + fmt::format("\nseed {}; sanitizers: {}\n",
                                                           options.seed, sanitizers_of_build());
  fmt::print("{}", text);
  if (!record.empty()) write_file(record, text);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gaincell::fuzz

int main(int argc, char** argv) {
  gaincell::fuzz::RunOptions options;
  std::vector<std::string> names, known;
  std::string record;
  for (const auto& reader : gaincell::fuzz::readers()) known.emplace_back(reader.name);
  CLI::App app{"fuzzer of all that the program reads"};
  app.add_option("--reader", names, "this one alone; may be repeated (default: all)")
      ->check(CLI::IsMember(known));
  app.add_option("--cases", options.cases, "of each reader")->take_last()->capture_default_str();
  app.add_option("--seed", options.seed, "of the mutations")->capture_default_str();
  app.add_option("--case", options.only, "this one alone; its input is kept");
  app.add_option("-j,--jobs", options.jobs, "cases at a time")->take_last()->capture_default_str();
  app.add_option("--keep", options.kept, "folder for the inputs of failed cases")
      ->capture_default_str();
  app.add_option("--record", record, "also write the table to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    return gaincell::fuzz::run(names, options, record);
  } catch (const std::exception& error) {
    fmt::print(stderr, "fuzzer: {}\n", error.what());
    return 2;
  }
}
