#pragma once

#include <string>

#include "base/store/reader.h"
#include "lut/table.h"

namespace gaincell::lut {

// What a dataset of ours says that it is.
inline Quantity quantity_of(const store::ReadDataset& dataset, const std::string& name) {
  return {name, dataset.text_attribute("units"), dataset.text_attribute("long_name", "")};
}

}  // namespace gaincell::lut
