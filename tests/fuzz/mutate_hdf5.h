#pragma once

#include <filesystem>

#include "base/random.h"

namespace gaincell::fuzz {

// Changes a whole HDF5 file in place through the library, one to three times: types, shapes,
// claimed sizes, layouts, filters, values, attributes, links, dimension scales. What the library
// refuses to make is left out.
void mutate_hdf5(const std::filesystem::path& file, Random& random);

// Takes a file of ours for one of another program: no seal, and nothing that says so.
void remove_seal(const std::filesystem::path& file);

// Made once, ahead of the cases: the chunk that stands for far more than it holds.
void prepare_hdf5();

}  // namespace gaincell::fuzz
