// What workers say, and what campaigns keep: frames, journals, shards, cache entries. Half of the
// cases have a right checksum around wrong content.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/files.h"
#include "characterize/campaign/campaign.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"
#include "characterize/results/cache.h"
#include "characterize/results/journal.h"
#include "characterize/results/shard.h"
#include "mutate.h"
#include "readers.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;
using namespace characterize;
namespace {

constexpr std::size_t kMagic = 8;  // bytes ahead of the records of a file

// A file as magic and payloads.
struct Records {
  std::string magic;
  std::vector<std::string> payloads;
};

Records records_of(std::string_view bytes) {
  Records all{std::string(bytes.substr(0, kMagic)), {}};
  bytes.remove_prefix(kMagic);
  while (const auto payload = take_checked_record(bytes)) all.payloads.emplace_back(*payload);
  return all;
}

std::string bytes_of(const Records& all) {
  std::string bytes = all.magic;
  for (const std::string& payload : all.payloads) bytes += checked_record(payload);
  return bytes;
}

void change(JobResult& result, Random& random) {
  switch (random.below(11)) {
    case 0:
      result.values.clear();
      result.reasons.clear();
      break;
    case 1:
      result.values.push_back(odd_number(random));
      result.reasons.emplace_back();
      break;
    case 2:
    case 3:
      for (double& value : result.values) value = odd_number(random);
      break;
    case 4:
      result.reasons.assign(result.values.size(), odd_text(random));
      break;
    case 5:
      result.ok = !result.ok;
      break;
    case 6:
      result.failure = {static_cast<JobFailure::Why>(random.below(7)), odd_text(random),
                        odd_text(random)};
      result.ok = random.below(2) == 0;
      break;
    case 7:
      result.waveforms.assign(random.below(4),
                              std::vector<double>(random.below(5), odd_number(random)));
      break;
    case 8:
      result.steps = random.bits();
      result.simulator_s = odd_number(random);
      break;
    case 9:
      result.id = random.bits();
      break;
    default:
      result.aided = !result.aided;
  }
}

void change(ShardHeader& header, Random& random) {
  const auto number = [&]() -> std::size_t {
    static constexpr std::array<std::size_t, 8> kNumbers{0,
                                                         1,
                                                         2,
                                                         3,
                                                         1'000'000,
                                                         4'294'967'296,
                                                         std::size_t{1} << 62,
                                                         std::numeric_limits<std::size_t>::max()};
    return kNumbers[random.below(kNumbers.size())];
  };
  switch (random.below(10)) {
    case 0:
      header.shard.index = number();
      break;
    case 1:
      header.shard.count = number();
      break;
    case 2:
      header.shard = {number(), number()};
      break;
    case 3:
      header.program_version = odd_text(random);
      break;
    case 4:
      header.ngspice_version = odd_text(random);
      break;
    case 5:
      header.fingerprint = odd_text(random);
      break;
    case 6:
      header.benches.assign(random.below(3), odd_text(random));
      break;
    case 7:
      header.filters.assign(1 + random.below(2), random.below(2) == 0 ? odd_text(random) : "v=9");
      break;
    case 8:
      header.at.assign(1 + random.below(2), random.below(2) == 0 ? odd_text(random) : "v=9");
      break;
    default:
      header.allow.assign(1, odd_text(random));
  }
}

// The payload with its content changed, and still in its form.
std::string changed_payload(const std::string& payload, Random& random) {
  try {
    ShardHeader header = decode_shard_header(payload);
    change(header, random);
    return encode(header);
  } catch (const BadBytes&) {
  }
  try {
    ByteReader in(payload);
    std::string key = in.text();
    bool last = false;
    JobResult result = decode_result(std::string_view(payload).substr(4 + key.size()), last);
    for (std::uint64_t k = 1 + random.below(2); k > 0; --k) change(result, random);
    if (random.below(10) == 0) key = odd_text(random);
    return ByteWriter().text(key).bytes() + encode(result, false);
  } catch (const BadBytes&) {
  }
  return mutate_bytes(payload, random);
}

std::string mutate_records(const std::string& bytes, Random& random) {
  if (random.below(3) == 0) return mutate_bytes(bytes, random);
  Records all = records_of(bytes);
  std::vector<std::string>& payloads = all.payloads;
  for (std::uint64_t k = 1 + random.below(2); k > 0 && !payloads.empty(); --k) {
    // The first, a header, is met as often as all others together.
    std::string& one = payloads[random.below(2) == 0 ? 0 : random.below(payloads.size())];
    switch (random.below(8)) {
      case 0:
        one = mutate_bytes(one, random);
        break;
      case 1:
        std::swap(one, payloads[random.below(payloads.size())]);
        break;
      case 2:
        payloads.push_back(std::string(one));
        break;
      case 3:
        payloads.erase(payloads.begin() +
                       static_cast<std::ptrdiff_t>(random.below(payloads.size())));
        break;
      default:
        one = changed_payload(one, random);
    }
  }
  return bytes_of(all);
}

const char* kBench = "grid.yaml";

// A small campaign, simulated once: its two shards.
std::vector<Sample> simulate_shards(const fs::path& folder) {
  fs::copy(fs::path(GAINCELL_SOURCE_DIR) / "tests/fuzz/corpus" / kBench, folder / kBench);
  std::vector<Sample> made;
  for (const std::size_t k : {1, 2}) {
    CampaignOptions options;
    options.benches = {(folder / kBench).string()};
    options.output = folder / ("shard" + std::to_string(k));
    options.pool.worker = worker_program();
    options.shard = {k, 2};
    (void)characterize::characterize(options);
    made.push_back({options.output.filename().string(), read_file(options.output)});
  }
  return made;
}

// The verb, simulating what it doesn't find. It starts a worker, so it is the rarer way.
int go_on(const fs::path& output, std::vector<std::string> more) {
  std::vector<std::string> words{"characterize", kBench, "-o", output.string(), "-j", "1", "-q"};
  words.insert(words.end(), more.begin(), more.end());
  return run_verb(words);
}

// The header of an unsharded run's journal.
std::string identity_of(const std::vector<Sample>& shards) {
  return decode_shard_header(records_of(shards.front().bytes).payloads.front()).identity;
}

KnownResults results_of(const std::vector<Sample>& shards, const fs::path& folder) {
  KnownResults all;
  for (const Sample& shard : shards) all.merge(read_journal(folder / shard.name).results);
  return all;
}

constexpr const char* kJournal = "out/x.h5.journal";
constexpr const char* kCache = "cache";

}  // namespace

std::vector<Sample> prepare_frame(const fs::path&) {
  Job job;
  job.title = "* title";
  job.body = "r1 a 0 1\n.tran 1n 2n\n";
  job.calls = {{"value", {"v(a)"}, {{"at", 1}}, {{"edge", "rise"}}}};
  JobResult result;
  result.values = {1, 2};
  result.reasons = {"", "no crossing"};
  result.failure = {JobFailure::Why::kCrash, "reason", "log"};
  return {
      {"hello", encode_frame(FrameType::kHello, encode(Hello{kProtocolVersion, "1", "39", ""}))},
      {"head", encode_frame(FrameType::kHead, encode(HeadMessage{1, ".model a r\n"}))},
      {"run", encode_frame(FrameType::kRun, encode_run(job, 1, false))},
      {"reply", encode_frame(FrameType::kReply, encode(result, false))}};
}

fs::path mutate_frame(Case& at) {
  constexpr std::size_t kHeader = 13;
  const Sample& chosen = at.any_sample();
  std::string bytes = mutate_bytes(chosen.bytes, at.random);
  // Payloads behind a right header and checksum, as a worker gone wrong would send them.
  if (bytes.size() > kHeader && at.one_in(2))
    bytes = encode_frame(static_cast<FrameType>(1 + at.random.below(4)),
                         std::string_view(bytes).substr(kHeader));
  write_file(at.folder / chosen.name, bytes);
  return at.folder / chosen.name;
}

// BadBytes is what the pool knows how to take.
int run_frame(Case&, const fs::path& input) {
  try {
    FrameBuffer buffer;
    buffer.add(read_file(input));
    while (const auto frame = buffer.next()) {
      bool last = false;
      switch (frame->type) {
        case FrameType::kHello:
          (void)decode_hello(frame->payload);
          break;
        case FrameType::kHead:
          (void)decode_head(frame->payload);
          break;
        case FrameType::kRun:
          (void)decode_run(frame->payload);
          break;
        case FrameType::kReply:
          (void)decode_result(frame->payload, last);
          break;
      }
    }
  } catch (const BadBytes&) {
    return 1;
  }
  return 0;
}

std::vector<Sample> prepare_journal(const fs::path& folder) {
  const std::vector<Sample> shards = simulate_shards(folder);
  {
    Journal journal(folder / kJournal, identity_of(shards));
    for (const auto& [key, result] : results_of(shards, folder)) journal.add(key, result);
  }
  return {{kJournal, read_file(folder / kJournal)}};
}

fs::path mutate_journal(Case& at) {
  put_input(at.folder / kJournal, mutate_records(at.any_sample().bytes, at.random), at.random);
  return at.folder / kJournal;
}

int run_journal(Case& at, const fs::path& input) {
  if (at.one_in(8)) return go_on("out/x.h5", {"--no-cache"});
  Journal journal(input, records_of(at.any_sample().bytes).payloads.front());
  journal.add("key", {});
  return journal.size() > 0 ? 0 : 1;
}

std::vector<Sample> prepare_shard(const fs::path& folder) { return simulate_shards(folder); }

fs::path mutate_shard(Case& at) {
  const Sample& chosen = at.any_sample();
  put_input(at.folder / chosen.name, mutate_records(chosen.bytes, at.random), at.random);
  return at.folder / chosen.name;
}

int run_shard(Case&, const fs::path&) {
  return run_verb({"merge", "shard1", "shard2", "-o", "out/x.h5"});
}

std::vector<Sample> prepare_cache(const fs::path& folder) {
  const std::vector<Sample> shards = simulate_shards(folder);
  ResultCache cache(folder / kCache, identity_of(shards));
  for (const auto& [key, result] : results_of(shards, folder)) cache.add(key, result);
  std::vector<Sample> entries;
  for (const auto& entry : fs::recursive_directory_iterator(folder / kCache))
    if (entry.is_regular_file() && entry.path().filename() != "CACHEDIR.TAG")
      entries.push_back(
          {entry.path().lexically_relative(folder).string(), read_file(entry.path())});
  std::sort(entries.begin(), entries.end(),
            [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return entries;
}

fs::path mutate_cache(Case& at) {
  const Sample& chosen = at.any_sample();
  put_input(at.folder / chosen.name, mutate_records(chosen.bytes, at.random), at.random);
  return at.folder / chosen.name;
}

// Damaged or not, a cache is an aid: the campaign ends as without it.
int run_cache(Case&, const fs::path&) { return go_on("out/x.h5", {"--cache", kCache}); }

}  // namespace gaincell::fuzz
