#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "export/content.h"

namespace gaincell::exports {

// A format that other tools read. The functions write `out`, a file or a folder, whole or not at
// all; a format that says nothing of samples or studies has no function for them.
struct Format {
  std::string_view name;
  std::string_view help;  // what it writes, and who reads it
  void (*device)(const DeviceContent& content, const std::filesystem::path& out);
  void (*samples)(const SamplesContent& content, const std::filesystem::path& out);
  void (*study)(const StudyContent& content, const std::filesystem::path& out) = nullptr;
};

// All of them. A new one is a file, a declaration below and a row.
std::span<const Format> formats();
std::vector<std::string> format_names();

// Reads a device, samples or study file and writes it in another format. Throws Error.
void export_file(const std::filesystem::path& file, const std::string& format,
                 const std::filesystem::path& out);

void device_to_csv(const DeviceContent& content, const std::filesystem::path& out);
void samples_to_csv(const SamplesContent& content, const std::filesystem::path& out);
void study_to_csv(const StudyContent& content, const std::filesystem::path& out);
void device_to_json(const DeviceContent& content, const std::filesystem::path& out);
void samples_to_json(const SamplesContent& content, const std::filesystem::path& out);
void device_to_npz(const DeviceContent& content, const std::filesystem::path& out);
void samples_to_npz(const SamplesContent& content, const std::filesystem::path& out);
void device_to_mat(const DeviceContent& content, const std::filesystem::path& out);
void samples_to_mat(const SamplesContent& content, const std::filesystem::path& out);
void device_to_netcdf(const DeviceContent& content, const std::filesystem::path& out);
void samples_to_netcdf(const SamplesContent& content, const std::filesystem::path& out);
void device_to_cpp(const DeviceContent& content, const std::filesystem::path& out);
void device_to_verilog_a(const DeviceContent& content, const std::filesystem::path& out);
void device_to_neurosim(const DeviceContent& content, const std::filesystem::path& out);
void device_to_crosssim(const DeviceContent& content, const std::filesystem::path& out);
void device_to_aihwkit(const DeviceContent& content, const std::filesystem::path& out);
void device_to_gainsight(const DeviceContent& content, const std::filesystem::path& out);
void device_to_ngspice(const DeviceContent& content, const std::filesystem::path& out);

}  // namespace gaincell::exports
