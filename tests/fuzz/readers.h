#pragma once
// What stands behind the rows of readers.cpp: for each reader `prepare`, `mutate` and `run`.

#include "reader.h"

namespace gaincell::fuzz {

#define GAINCELL_FUZZ_READER(name)                                  \
  std::vector<Sample> prepare_##name(const std::filesystem::path&); \
  std::filesystem::path mutate_##name(Case&);                       \
  int run_##name(Case&, const std::filesystem::path&);

// read_benches.cpp
GAINCELL_FUZZ_READER(bench)
GAINCELL_FUZZ_READER(netlist)
GAINCELL_FUZZ_READER(columns)
GAINCELL_FUZZ_READER(deck)
// read_records.cpp
GAINCELL_FUZZ_READER(frame)
GAINCELL_FUZZ_READER(journal)
GAINCELL_FUZZ_READER(shard)
GAINCELL_FUZZ_READER(cache)
// read_hdf5.cpp
GAINCELL_FUZZ_READER(samples)
GAINCELL_FUZZ_READER(device)
GAINCELL_FUZZ_READER(vectors)
// read_models.cpp
GAINCELL_FUZZ_READER(safetensors)
GAINCELL_FUZZ_READER(config)
GAINCELL_FUZZ_READER(vocabulary)
GAINCELL_FUZZ_READER(merges)
GAINCELL_FUZZ_READER(tokenizer)
GAINCELL_FUZZ_READER(text)
// read_tables.cpp
GAINCELL_FUZZ_READER(csv)
GAINCELL_FUZZ_READER(report)

#undef GAINCELL_FUZZ_READER

}  // namespace gaincell::fuzz
