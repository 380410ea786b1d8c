#include "digital/vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "base/files.h"

namespace gaincell::digital {
namespace {

constexpr double kFsPerS = 1e15;

std::int64_t edge_fs(const Head& head, int k) {
  const std::int64_t t_max_fs = std::llround(head.output_full_scale_s * kFsPerS);
  const std::int64_t steps = head.output_levels - 1;
  return ((2 * k - 1) * t_max_fs + steps - 1) / steps;
}

template <class Values>
void put(std::string& text, const Values& values) {
  fmt::format_to(std::back_inserter(text), "{}\n", fmt::join(values, " "));
}

void put_token(std::string& text, const Head& head, const TokenActivity& token,
               const FixedScaler& scaler) {
  fmt::format_to(std::back_inserter(text), "{} {} {}\n", token.slot, scaler.a, scaler.b);
  put(text, token.q_levels);
  put(text, token.k_codes);
  put(text, token.v_codes);
  for (int tile = 0; tile < head.sub_tiles(); ++tile) {
    const std::size_t at = static_cast<std::size_t>(tile) * head.dim;
    std::vector<std::int64_t> pulses;
    std::vector<int> counts;
    for (std::size_t i = at; i < at + head.dim; ++i) {
      pulses.push_back(pulse_fs(head, token.signed_pulse_s[i], token.counts[i]));
      counts.push_back(token.counts[i]);
    }
    put(text, pulses);
    put(text, counts);
  }
  put(text, token.sums);
  std::vector<int> scaled;
  for (const int sum : token.sums) scaled.push_back(scaler(sum));
  put(text, scaled);
}

}  // namespace

std::int64_t pulse_fs(const Head& head, double pulse_s, int count) {
  const int edges = std::abs(count);
  std::int64_t width_fs = std::llround(std::abs(pulse_s) * kFsPerS);
  if (edges > 0) width_fs = std::max(width_fs, edge_fs(head, edges) + 1);
  if (edges < head.output_levels / 2) width_fs = std::min(width_fs, edge_fs(head, edges + 1) - 1);
  return std::signbit(pulse_s) ? -width_fs : width_fs;
}

void write_vectors(const std::filesystem::path& path, const Head& head,
                   const std::vector<TokenActivity>& tokens,
                   const std::vector<FixedScaler>& scalers) {
  std::string text =
      fmt::format("gaincell_vectors 1 {} {} {} {} {} {} {} {}\n", tokens.size(), head.dim,
                  head.window, head.tile, head.q_levels, head.kv_levels, head.output_levels,
                  std::llround(head.output_full_scale_s * kFsPerS));
  for (std::size_t i = 0; i < tokens.size(); ++i)
    put_token(text, head, tokens[i], scalers[i % scalers.size()]);
  write_file(path, text);
}

}  // namespace gaincell::digital
