#pragma once

#include <map>
#include <utility>
#include <vector>

#include "attention/analog.h"
#include "audit/column_case.h"

namespace gaincell::audit {

struct DrawOptions {
  int columns = 200;  // of each stage
  int tiles = 0;      // whole sub-tiles
  std::uint64_t seed = 1;
};

// Draws steps of an inference that is still to run, and keeps their columns while it runs: layer,
// head, token, sub-tile and column uniform over what there will be. Which ones follows from seed
// and sizes alone.
class Recorder {
 public:
  // `tokens` will run through `layers` layers of this shape; `tile` as in the device.
  Recorder(const attention::Shape& shape, int layers, int tile, std::int64_t tokens,
           const DrawOptions& options);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Observes one layer. Layers may run in threads of their own; the recorder must outlive them.
  void attach(int layer, attention::Analog& engine, double v_zero);

  // After the run.
  const Cases& cases() const { return cases_; }

 private:
  struct Wanted {
    std::vector<std::size_t> first, second, tiles;  // indices into cases_
  };
  // By token and head; one map a layer, as layers may run side by side.
  using OfLayer = std::map<std::pair<std::int64_t, int>, Wanted>;

  Place draw(std::string_view purpose, std::size_t index) const;
  void keep(const attention::StepTrace& trace, const Wanted& wanted, double v_zero);
  void fill_first(const attention::StepTrace& trace, ColumnCase& column, double v_zero) const;
  void fill_second(const attention::StepTrace& trace, ColumnCase& column, double v_zero) const;
  int tokens_in(const Place& place) const;  // of its sub-tile, at that step

  attention::Shape shape_;
  int layers_, tile_;
  std::int64_t tokens_;
  std::uint64_t seed_;
  Cases cases_;
  std::vector<OfLayer> wanted_;
};

}  // namespace gaincell::audit
