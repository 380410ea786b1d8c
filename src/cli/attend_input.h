#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attention/attention.h"

namespace gaincell::cli {

struct AttendSizes {
  std::size_t batch, head, time, dim;
  std::size_t vectors() const { return batch * head * time * dim; }
  std::size_t matrices() const { return batch * head * time * time; }
};

// How a file of q, k and v is to be understood where it does not say so itself.
struct AttendInputOptions {
  std::string file;
  // Names of the dimensions, of batch, head, time and dim, as the program that wrote the file
  // counts them; empty: by the file's own names, else [batch, head, time, dim].
  std::vector<std::string> order;
  // "ground" or "middle" (the cells' zero): what the numbers count from; empty: by the attribute
  // `counts_from`, else ground.
  std::string keys_from, values_from;
};

// q, k, v in the engine's order: [batch][time][head][dim].
struct AttendInput {
  AttendSizes sizes{};
  std::vector<float> q, k, v;
  attention::Scalers scalers;
  std::string keys_from, values_from;  // "ground", "middle", or "b_k" and "b_v" of the file
  // Lines for people: what was understood beyond the plain layout.
  std::vector<std::string> notes;
};

// Nothing is guessed from numbers: dimensions go by name where the file (netCDF, HDF5 labels) or
// `order` gives names, in reverse where MATLAB or Octave wrote it, else by place. Packed integers
// are unpacked by their netCDF attributes. Throws Error, naming file, dataset and place, for what
// is missing, ambiguous, of another type or unit, or not finite.
AttendInput read_attend_input(const AttendInputOptions& options, double v_zero);

}  // namespace gaincell::cli
