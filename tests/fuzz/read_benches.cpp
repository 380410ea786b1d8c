// Benches, netlists with their models, and decks that go straight to the simulator.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "characterize/pool/pool.h"
#include "mutate.h"
#include "readers.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

const fs::path kSource = GAINCELL_SOURCE_DIR;

// The shipped circuits, and the corpus beside them.
void copy_circuits(const fs::path& folder) {
  fs::copy(kSource / "netlists", folder, fs::copy_options::recursive);
  fs::copy(kSource / "tests/fuzz/corpus", folder / "corpus", fs::copy_options::recursive);
}

fs::path changed(Case& at, Words words) {
  const Sample& chosen = at.any_sample();
  const fs::path input = at.folder / chosen.name;
  std::string text = mutate_text(chosen.bytes, at.random, words, at.corpus);
  if (at.one_in(30)) text = recode(std::move(text), at.random);
  put_input(input, text, at.random);
  return input;
}

// Without a simulation: those are the deck's reader.
int check(const fs::path& bench) { return run_verb({"check", bench.string(), "--probes", "0"}); }

}  // namespace

std::vector<Sample> prepare_bench(const fs::path& folder) {
  copy_circuits(folder);
  return read_samples(folder, ".yaml");
}

fs::path mutate_bench(Case& at) { return changed(at, bench_words()); }

int run_bench(Case& at, const fs::path& input) {
  if (at.one_in(8))
    return run_verb({"characterize", input.string(), "-o", "out/x.h5", "--dry-run", "--no-cache"});
  return check(input);
}

std::vector<Sample> prepare_netlist(const fs::path& folder) {
  copy_circuits(folder);
  std::vector<Sample> all;  // but for the corpus' decks
  for (const char* extension : {".cir", ".inc", ".lib"})
    for (Sample& sample : read_samples(folder, extension))
      if (!sample.name.starts_with("corpus/")) all.push_back(std::move(sample));
  return all;
}

fs::path mutate_netlist(Case& at) { return changed(at, bench_words()); }

// Through a bench that names it: one of its own folder, or any where it is a part of many.
int run_netlist(Case& at, const fs::path& input) {
  std::vector<fs::path> benches;
  for (const auto& entry : fs::directory_iterator(input.parent_path()))
    if (entry.path().extension() == ".yaml" &&
        read_file(entry.path()).find("gaincell_bench:") != std::string::npos)
      benches.push_back(entry.path());
  std::sort(benches.begin(), benches.end());
  if (benches.empty()) return check(at.folder / "gain_cell_a/write.yaml");
  return check(benches[at.random.below(benches.size())]);
}

// What a bench takes from files beside it: rows of conditions, a waveform.
std::vector<Sample> prepare_columns(const fs::path& folder) {
  copy_circuits(folder);
  std::vector<Sample> samples;
  for (const char* name : {"corpus/rows.csv", "corpus/wave.txt"})
    samples.push_back({name, read_file(folder / name)});
  return samples;
}

fs::path mutate_columns(Case& at) { return changed(at, text_words()); }

int run_columns(Case& at, const fs::path&) { return check(at.folder / "corpus/files.yaml"); }

std::vector<Sample> prepare_deck(const fs::path&) {
  return read_samples(kSource / "tests/fuzz/corpus", ".cir");
}

fs::path mutate_deck(Case& at) {
  const Sample& chosen = at.any_sample();
  const fs::path input = at.folder / chosen.name;
  std::string text = mutate_text(chosen.bytes, at.random, bench_words(), at.corpus) + "\n";
  std::erase(text, '\0');
  write_file(input, text);
  return input;
}

// Past the screening: whatever the simulator does, the pool has one result with a reason.
int run_deck(Case&, const fs::path& input) {
  using namespace characterize;
  Job job;
  job.head = std::make_shared<DeckHead>(DeckHead{"", "hash"});
  job.title = "* fuzzed";
  job.body = read_file(input);
  job.proof = {"tran", 1e-9, true, 0};
  job.calls = {{"value", {"v(a)"}, {{"at", 1e-9}}, {}}};
  job.timeout_s = 2;
  PoolOptions options;
  options.worker = worker_program();
  options.memory_bytes = std::size_t{512} << 20;
  std::size_t results = 0;
  bool good = false;
  PoolListener listener;
  listener.done = [&](const Job&, const JobResult& result) {
    ++results;
    good = result.ok;
    if (!result.ok && result.failure.reason.empty())
      throw std::runtime_error("a failure without a reason");
  };
  listener.tick = [] { return true; };
  const Job* one = &job;
  (void)Pool(options).run(std::span(&one, 1), listener);
  if (results != 1) throw std::runtime_error("the job has no result");
  return good ? 0 : 1;
}

}  // namespace gaincell::fuzz
