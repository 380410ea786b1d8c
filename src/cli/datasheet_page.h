#pragma once

#include <string>

#include "characterize/results/datasheet.h"

namespace gaincell::cli {

// The datasheet in Markdown, in full precision.
std::string datasheet_page(const characterize::Datasheet& sheet);

// What a user is told of the specifications after a campaign: writes the page where `page` names a
// file, prints what is missed; false where something is. `quiet` prints nothing.
struct DatasheetRequest {
  std::string samples;
  std::string page;
  bool quiet = false;
};
bool check_specifications(const DatasheetRequest& request);

}  // namespace gaincell::cli
