#include "characterize/bench/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/suggest.h"

namespace gaincell::characterize {

void refuse_other_keys(const Item& item, const std::string& kind,
                       const std::vector<std::string>& own) {
  for (const auto& [key, value] : item.map()) {
    if (std::find(own.begin(), own.end(), key) == own.end())
      value.refuse(fmt::format("is not a key of `{}`", kind), suggest_remedy(key, own));
  }
}

void no_argument(const Key& key) {
  throw std::logic_error(fmt::format("nothing reads a key of the form of `{}`", key.name));
}

std::size_t index_of(const std::vector<std::string>& names, const Item& item, const char* what) {
  const auto at = std::find(names.begin(), names.end(), item.text());
  if (at == names.end())
    item.refuse(fmt::format("is no {} of this bench", what), suggest_remedy(item.text(), names));
  return static_cast<std::size_t>(at - names.begin());
}

void BenchReader::read() {
  if (root_["gaincell_bench"].integer() != 1)
    root_["gaincell_bench"].refuse("is a format that this program does not know",
                                   "it reads format 1");
  bench_.name = root_.text("name");
  bench_.description = root_.text("description");
  read_conditions();
  declare_search();
  read_parameters();
  read_circuit();
  read_sources();
  read_elements();
  read_net_voltages();
  read_analyses();
  refuse_idle_voltages();
  read_limits();
  note_simulated();
  read_measurements();
  read_search();
  read_waveforms();
  read_tables();
  read_constants();
  read_spreads();
  read_holdout();
  make_save_cards();
}

void BenchReader::know(const std::string& name, const Item& at) {
  static const std::set<std::string> reserved{"i", "pi"};
  if (reserved.contains(name) || name.starts_with("element__"))
    at.refuse(fmt::format("the name `{}` is taken", name), "choose another");
  if (!names_.insert(name).second)
    at.refuse(fmt::format("the name `{}` stands for something else already", name),
              "conditions, parameters and measurements share their names");
}

}  // namespace gaincell::characterize
