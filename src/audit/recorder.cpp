#include "audit/recorder.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/random.h"

namespace gaincell::audit {

Recorder::Recorder(const attention::Shape& shape, int layers, int tile, std::int64_t tokens,
                   const DrawOptions& options)
    : shape_(shape),
      layers_(layers),
      tile_(tile),
      tokens_(tokens),
      seed_(options.seed),
      wanted_(layers) {
  const auto of = [&](const Place& place) -> Wanted& {
    return wanted_[place.layer][{place.token, place.head}];
  };
  for (int i = 0; i < options.columns; ++i) {
    const std::size_t index = static_cast<std::size_t>(i);
    Place first = draw("audit, first stage", index);
    Random random(seed_, "audit, column", index);
    first.column = static_cast<int>(random.below(tokens_in(first)));
    cases_.first.push_back({first, {}, {}, 0});
    of(first).first.push_back(index);
    Place second = draw("audit, second stage", index);
    second.column = static_cast<int>(random.below(shape_.dim));
    cases_.second.push_back({second, {}, {}, 0});
    of(second).second.push_back(index);
  }
  for (int i = 0; i < options.tiles; ++i) {
    const Place place = draw("audit, sub-tile", static_cast<std::size_t>(i));
    cases_.tiles.push_back({place, {}, {}});
    of(place).tiles.push_back(static_cast<std::size_t>(i));
  }
}

Place Recorder::draw(std::string_view purpose, std::size_t index) const {
  Random random(seed_, purpose, index);
  Place place;
  place.layer = static_cast<int>(random.below(layers_));
  place.head = static_cast<int>(random.below(shape_.heads));
  place.token = static_cast<std::int64_t>(random.below(tokens_));
  const std::int64_t filled = std::min<std::int64_t>(place.token + 1, shape_.window);
  place.sub_tile = static_cast<int>(random.below((filled + tile_ - 1) / tile_));
  return place;
}

int Recorder::tokens_in(const Place& place) const {
  const std::int64_t filled = std::min<std::int64_t>(place.token + 1, shape_.window);
  return static_cast<int>(
      std::min<std::int64_t>(tile_, filled - static_cast<std::int64_t>(place.sub_tile) * tile_));
}

void Recorder::attach(int layer, attention::Analog& engine, double v_zero) {
  const OfLayer& wanted = wanted_[layer];
  engine.observe(
      [&wanted](std::int64_t token, int head) {
        return wanted.contains({token, head});
      },
      [this, &wanted, v_zero](const attention::StepTrace& trace) {
        keep(trace, wanted.at({trace.token, trace.head}), v_zero);
      });
}

void Recorder::fill_first(const attention::StepTrace& trace, ColumnCase& column,
                          double v_zero) const {
  const std::size_t slot =
      static_cast<std::size_t>(column.place.sub_tile) * tile_ + column.place.column;
  column.v_store.assign(tile_, v_zero);
  column.width_s.assign(tile_, 0.0);
  std::copy_n(trace.key_v.begin() + static_cast<std::ptrdiff_t>(slot * shape_.dim), shape_.dim,
              column.v_store.begin());
  column.target_v.assign(tile_, v_zero);
  std::copy_n(trace.key_target_v.begin() + static_cast<std::ptrdiff_t>(slot * shape_.dim),
              shape_.dim, column.target_v.begin());
  column.age_s = trace.age_s[slot];
  std::copy_n(trace.q_width_s.begin(), shape_.dim, column.width_s.begin());
  column.fast_pulse_s = trace.phi_s[slot];
}

void Recorder::fill_second(const attention::StepTrace& trace, ColumnCase& column,
                           double v_zero) const {
  column.v_store.assign(tile_, v_zero);
  column.width_s.assign(tile_, 0.0);
  const std::size_t first = static_cast<std::size_t>(column.place.sub_tile) * tile_;
  for (int i = 0; i < tokens_in(column.place); ++i) {
    column.v_store[i] = trace.value_v[(first + i) * shape_.dim + column.place.column];
    column.width_s[i] = trace.phi_s[first + i];
  }
  column.fast_pulse_s =
      trace.second_pulse_s[static_cast<std::size_t>(column.place.sub_tile) * shape_.dim +
                           column.place.column];
}

void Recorder::keep(const attention::StepTrace& trace, const Wanted& wanted, double v_zero) {
  for (const std::size_t i : wanted.first) fill_first(trace, cases_.first[i], v_zero);
  for (const std::size_t i : wanted.second) fill_second(trace, cases_.second[i], v_zero);
  for (const std::size_t i : wanted.tiles) {
    TileCase& tile = cases_.tiles[i];
    ColumnCase column{tile.place, {}, {}, 0};
    for (column.place.column = 0; column.place.column < tokens_in(tile.place);
         ++column.place.column) {
      fill_first(trace, column, v_zero);
      tile.first.push_back(column);
    }
    for (column.place.column = 0; column.place.column < shape_.dim; ++column.place.column) {
      fill_second(trace, column, v_zero);
      tile.second.push_back(column);
    }
  }
}

}  // namespace gaincell::audit
