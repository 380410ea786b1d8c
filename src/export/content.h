#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lut/device_file.h"
#include "lut/samples_file.h"
#include "sweep/results.h"

namespace gaincell::exports {

// Which file an export was made of.
struct Origin {
  std::string file;    // its name without folders
  std::string sha256;  // of the whole file
};

struct DeviceContent {
  Origin origin;
  lut::DeviceFile device;
};

struct SamplesContent {
  Origin origin;
  lut::SamplesFile samples;
};

struct StudyContent {
  Origin origin;
  sweep::StudyResults study;
};

// What stands at the head of every export, a line each without line breaks: program and version,
// the file with its SHA-256, by which simulator, netlists and benches it was made, and for a device
// how far each table is off simulations that it has not seen.
std::vector<std::string> header_lines(const DeviceContent& content);
std::vector<std::string> header_lines(const SamplesContent& content);
std::vector<std::string> header_lines(const StudyContent& content);

// The error of a table, in words: "at most 1.2e-17 C (0.015 % of full scale), rms ... at 300
// hold-out points", or that it is not known.
std::string error_words(const lut::TableEntry& entry);

// `lines` with `mark` in front of each, and a line feed behind.
std::string as_comment(const std::vector<std::string>& lines, const std::string& mark);

// A name that C, Verilog-A and MATLAB take: letters, digits and underscores, no digit in front.
std::string identifier(const std::string& name);

// The tables that a format cannot do without, or an Error that names the first one missing and what
// provides it.
void require_tables(const DeviceContent& content, const std::string& format,
                    const std::vector<std::string>& names);

}  // namespace gaincell::exports
