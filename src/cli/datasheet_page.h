#pragma once

#include <filesystem>
#include <string>

#include "characterize/results/datasheet.h"

namespace gaincell::cli {

// The datasheet in Markdown, for people: SI prefixes, four digits.
std::string datasheet_page(const characterize::Datasheet& sheet);
// For programs, every number in full.
std::string datasheet_json(const characterize::Datasheet& sheet);
std::string datasheet_csv(const characterize::Datasheet& sheet);  // a line a measurement
// What the file's ending asks for: .json, .csv, else Markdown.
std::string datasheet_for(const characterize::Datasheet& sheet, const std::filesystem::path& file);

// What a user is told of the specifications after a campaign: writes the page where `page` names a
// file, prints what is missed; false where something is. `quiet` prints nothing.
struct DatasheetRequest {
  std::string samples;
  std::string page;
  bool quiet = false;
};
bool check_specifications(const DatasheetRequest& request);

}  // namespace gaincell::cli
