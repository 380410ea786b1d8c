// `gaincell infer`, `generate` and `adapt` as a user runs them: exit code, messages, files.

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/random.h"
#include "temporary_folder.h"
#include "tests/lut/example_device.h"
#include "tiny_model.h"

namespace gaincell::model {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int code;
  std::string out, err;
};

// The example with what stands between tokens, known to a period of 1 ms.
lut::DeviceFile standing_device() {
  using lut::Axis;
  lut::DeviceFile device = lut::example_device();
  const auto add = [&](const char* name, const std::vector<Axis>& axes,
                       std::vector<double> values) {
    device.add(lut::TableEntry{
        lut::Table({name, "W"}, axes, std::move(values), lut::Interpolation::kLinear)});
  };
  const Axis charge("charge", "C", {-1e-12, 1e-12}), idle("idle_time", "s", {1e-8, 1e-3}),
      period("token_period", "s", {1e-8, 1e-3}), store("v_store", "V", {0, 0.9});
  for (const std::string name : {"relu", "signed"}) {
    add((name + "_standing_power").c_str(), {charge, idle}, {1e-6, 2e-6, 3e-6, 2e-6});
    add((name + "_bias_power").c_str(), {period}, {8e-6, 8e-6});
    device.add(lut::Constant{{name + "_active_time", "s"}, 38e-9});
  }
  add("cell_standing_power", {store}, {1e-12, 2e-12});
  return device;
}

struct Verbs : ::testing::Test {
  gaincell::TemporaryFolder folder;
  std::filesystem::path model = folder.path() / "model", text = folder.path() / "text.txt",
                        device = folder.path() / "device.h5", out = folder.path() / "adapted";
  Config config = tiny_config();

  void SetUp() override {
    config.positions = Positions::kRotary;
    config.rotary_dims = 8;
    config.rotary_base = 64;
    config.attention.kind = AttentionKind::kLinear;
    config.attention.window = 16;
    write_tiny_model(model, config, tiny_tensors(config));
    Random random(4);
    std::string letters;
    for (int i = 0; i < 600; ++i) letters += "abcdef\n"[random.below(7)];
    write_file(text, letters);
    standing_device().write(device);
  }

  Outcome run(const std::string& arguments) {
    const auto err = folder.path() / "stderr";
    const std::string command =
        std::string(GAINCELL_BINARY_DIR "/bin/gaincell ") + arguments + " 2>" + err.string();
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string result;
    char buffer[4096];
    for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
      result.append(buffer, n);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, result, read_file(err)};
  }
  std::string infer(const std::string& threads = "1") const {
    return "infer --threads " + threads + " --model " + model.string() + " --text " +
           text.string() + " ";
  }
  std::string adapt(const std::string& size = "--batch 2 --length 100 --steps 4",
                    const std::string& threads = "1") const {
    return "adapt --threads " + threads + " --model " + model.string() + " --text " +
           text.string() + " --device " + device.string() + " --out " + out.string() + " " + size +
           " ";
  }
  // Wrong input: exit code 2, one line, nothing on standard output, no file left behind.
  std::string refused(const std::string& arguments) {
    std::size_t before = entries();
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("gaincell: error: ")) << outcome.err;
    EXPECT_EQ(entries(), std::max<std::size_t>(before, 4)) << "files were left behind";
    return outcome.err;
  }
  std::size_t entries() {
    const std::ofstream made(folder.path() / "stderr", std::ios::app);
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder.path()), {}));
  }
};

TEST_F(Verbs, InferReportsTheKeysThatScriptsReadOn) {
  const Outcome outcome =
      run(infer() + "--attention analog --device " + device.string() + " --tokens 200 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, Not(HasSubstr("infer")));  // no progress bar without a terminal
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report.at("tokens"), 199);
  EXPECT_NEAR(report.at("perplexity").get<double>(),
              std::exp(report.at("nats_per_token").get<double>()), 1e-9);
  const json& energy = report.at("energy_j_per_token");
  const auto joules = [&](const char* key) { return energy.at(key).get<double>(); };
  EXPECT_GT(std::min({joules("active"), joules("standing"), joules("digital")}), 0);
  EXPECT_EQ(joules("total"), joules("active") + joules("standing") + joules("digital"));
  EXPECT_EQ(joules("circuits"), joules("active") + joules("standing"));
  EXPECT_EQ(joules("digital"), joules("digital_control") + joules("write_dac"));
  for (const json& entry : report.at("energy_not_counted"))
    EXPECT_TRUE(entry.at("low").is_null() || entry.at("low") > 0) << entry;
  // Two layers, one after the other, 22 ns and 32 ns each.
  EXPECT_NEAR(report.at("attention_latency_s_per_token").get<double>(), 108e-9, 1e-15);
  EXPECT_EQ(report.at("latency_s_per_token"), report.at("attention_latency_s_per_token"));
  EXPECT_GT(report.at("tokens_per_second").get<double>(), 0);
  const json& settings = report.at("settings");
  for (const char* key : {"program_version", "model_sha256", "device_sha256", "text_sha256",
                          "window", "attention", "level", "positions", "stride", "threads"})
    EXPECT_TRUE(settings.contains(key)) << key;
  EXPECT_EQ(settings.at("attention"), "analog");
  EXPECT_EQ(settings.at("window"), 16);
}

TEST_F(Verbs, TokenPeriodAgesTheCellsAndTheirEnergyAndStands) {
  const std::string analog = infer() + "--attention analog --json --device " + device.string();
  const auto json_of = [&](const std::string& more) { return json::parse(run(analog + more).out); };
  const json own = json_of(""), said = json_of(" --token-period 108e-9"),
             slow = json_of(" --token-period 1e-4"),
             kept = json_of(" --token-period 1e-4 --without retention"),
             own_kept = json_of(" --without retention");
  EXPECT_NEAR(own.at("settings").at("token_period_s").get<double>(), 108e-9, 1e-20);
  EXPECT_EQ(slow.at("settings").at("token_period_s"), 1e-4);
  EXPECT_EQ(own.at("nats_per_token"), said.at("nats_per_token"));
  EXPECT_NE(own.at("nats_per_token"), slow.at("nats_per_token"));  // 16 tokens are 1.6 of 5 ms
  EXPECT_EQ(own_kept.at("nats_per_token"), kept.at("nats_per_token"));
  const auto joules = [](const json& report, const char* key) {
    return report.at("energy_j_per_token").at(key).get<double>();
  };
  EXPECT_NE(joules(own, "first_array"), joules(slow, "first_array"));
  // Two layers of two heads, each with two mirror lines of 8 uW a sub-tile.
  EXPECT_NEAR(joules(slow, "standing_bias"), 4 * 2 * 8e-6 * 1e-4, 1e-15);
  EXPECT_NEAR(joules(own, "standing_bias"), 4 * 2 * 8e-6 * 108e-9, 1e-18);
  EXPECT_EQ(joules(own, "digital"), joules(slow, "digital"));
  EXPECT_GT(joules(slow, "standing_converters"), 500 * joules(own, "standing_converters"));
}

TEST_F(Verbs, TokenPeriodShorterThanTheLayersIsRefusedInOneLine) {
  const std::string on = " --attention analog --device " + device.string() + " --token-period ";
  for (const char* period : {"107e-9", "0", "-1", "nan", "inf"})
    EXPECT_THAT(refused(infer() + on + period),
                AllOf(HasSubstr("--token-period = "), HasSubstr("must be at least 108 ns")));
  EXPECT_THAT(refused(adapt() + "--token-period 1e-8"), HasSubstr("must be at least 108 ns"));
  EXPECT_THAT(refused(infer() + "--attention softmax --token-period 1e-4"),
              HasSubstr("--token-period: softmax attention has no circuits"));
}

TEST_F(Verbs, StandingEnergyBeyondTheDevicesTablesIsNullAndSaid) {
  const Outcome outcome = run(infer() + "--attention analog --without retention --json --device " +
                              device.string() + " --token-period 2e-3");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json energy = json::parse(outcome.out).at("energy_j_per_token");
  for (const char* key : {"standing", "circuits", "total"}) EXPECT_TRUE(energy.at(key).is_null());
  EXPECT_GT(energy.at("active"), 0);
  EXPECT_THAT(outcome.err,
              HasSubstr("warning: standing energy is not known at a token period of 2 "
                        "ms: the device's tables of power between tokens end at 1 ms"));
}

TEST_F(Verbs, InferTakesTheModelsOwnAttentionAndHasNoEnergyForIt) {
  const json report = json::parse(run(infer() + "--json").out);
  EXPECT_EQ(report.at("settings").at("attention"), "linear");
  EXPECT_TRUE(report.at("energy_j_per_token").at("total").is_null());
  EXPECT_TRUE(report.at("latency_s_per_token").is_null());
  EXPECT_EQ(report.at("tokens"), 599);
  EXPECT_THAT(run(infer()).out, HasSubstr("perplexity"));
}

TEST_F(Verbs, InferGivesTheSameResultWithAnyNumberOfThreads) {
  const std::string analog = "--json --attention analog --tokens 300 --device " + device.string();
  json one = json::parse(run(infer() + analog).out),
       two = json::parse(run(infer("2") + analog).out);
  EXPECT_EQ(one.at("nats_per_token"), two.at("nats_per_token"));
  EXPECT_EQ(one.at("energy_j_per_token"), two.at("energy_j_per_token"));
}

// Of an imported current no energies are known, and none are lent to it.
TEST_F(Verbs, InferHasNoEnergyOfADeviceThatHasNone) {
  write_file(folder.path() / "iv.csv", "V_store,V_in,I\n0,0.9,0\n0.5,0.9,1e-5\n0.9,0.9,2e-5\n");
  ASSERT_EQ(run("import " + (folder.path() / "iv.csv").string() + " -o " + device.string()).code,
            0);
  const std::string analog = "--attention analog --tokens 40 --device " + device.string();
  const json report = json::parse(run(infer() + analog + " --json").out);
  EXPECT_TRUE(report.at("energy_j_per_token").at("total").is_null());
  EXPECT_TRUE(report.at("energy_j_per_token").at("first_array").is_null());
  EXPECT_GT(report.at("energy_j_per_token").at("digital_control"), 0);
  for (const json& item : report.at("settings").at("energy_items")) {
    EXPECT_THAT(item.at("source").get<std::string>(), ::testing::Not(HasSubstr("iv.csv")));
    if (!item.at("energy_j_per_token").is_null()) continue;
    EXPECT_THAT(item.at("source").get<std::string>(), HasSubstr("not known: the device has no"));
  }
  EXPECT_THAT(run(infer() + analog).out, HasSubstr("energy per token         not known"));
}

TEST_F(Verbs, InferWritesJsonWhateverTheNameOfTheText) {
  const auto odd = folder.path() / "t\xFF.txt";
  write_file(odd, "abcabcabc");
  const Outcome outcome = run("infer --json --attention softmax --model " + model.string() +
                              " --text '" + odd.string() + "'");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(json::parse(outcome.out).at("settings").at("text").get<std::string>(),
              HasSubstr("t\xEF\xBF\xBD.txt"));
}

TEST_F(Verbs, InferCountsTheSameTokensWhateverTheEncodingAndTheLineEnds) {
  const auto tokens = [&](const std::string& bytes, const std::string& options) {
    write_file(text, bytes);
    const Outcome outcome = run(infer() + "--json --attention softmax " + options);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? json::parse(outcome.out).at("tokens").get<int>() : -1;
  };
  std::string wide = "\xFF\xFE";
  for (const char c : std::string("abc\nabc\n")) wide += std::string{c, '\0'};
  EXPECT_EQ(tokens("abc\nabc\n", ""), 7);
  EXPECT_EQ(tokens("\xEF\xBB\xBF"
                   "abc\nabc\n",
                   ""),
            7);
  EXPECT_EQ(tokens(wide, ""), 7);
  EXPECT_EQ(tokens("abc\nabc\n", "--encoding latin-1"), 7);
  const int lines = tokens("abc\nabc\n", "--text-format wikitext");
  EXPECT_EQ(tokens("abc\r\nabc\r\n", "--text-format wikitext"), lines);
  write_file(text, "abc\xE9");
  EXPECT_THAT(refused(infer()), HasSubstr("text.txt:1:4: byte = 0xE9: the text is not UTF-8; give "
                                          "--encoding latin-1"));
}

TEST_F(Verbs, GenerateContinuesThePrompt) {
  const Outcome outcome = run(
      "generate --greedy --tokens 70 --prompt abc --attention softmax --model " + model.string());
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out.size(), 3u + 70u + 1u);
  EXPECT_TRUE(outcome.out.starts_with("abc"));
  const std::string draw = "generate --seed 7 --tokens 40 --prompt abc --model " + model.string();
  EXPECT_EQ(run(draw).out, run(draw).out);
  EXPECT_NE(run(draw).out, run(draw + " --temperature 3").out);
  EXPECT_THAT(run(draw).err, HasSubstr("seed 7"));
}

TEST_F(Verbs, AdaptWritesAModelForTheDevice) {
  const Outcome outcome = run(adapt() + "--json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json config_json = json::parse(read_file(out / "config.json"));
  EXPECT_EQ(config_json.at("gaincell").at("attention").at("kind"), "analog");
  const json& record = config_json.at("gaincell").at("record").at("adaptation");
  EXPECT_EQ(record.at("seed"), 1);
  EXPECT_EQ(record.at("device_sha256").get<std::string>().size(), 64u);
  EXPECT_GT(record.at("nats_per_token_before").get<double>(), 0);
  // Runs as it is; the model it was made from keeps its tensors.
  const std::string run_adapted =
      "infer --json --model " + out.string() + " --text " + text.string();
  EXPECT_EQ(json::parse(run(run_adapted + " --device " + device.string()).out)
                .at("settings")
                .at("attention"),
            "analog");
  EXPECT_THAT(run(run_adapted).err, HasSubstr("--device"));
  const SafetensorsReader before(model / "model.safetensors"), after(out / "model.safetensors");
  EXPECT_EQ(before.entries().size(), after.entries().size());
  EXPECT_EQ(before.read("transformer.wte.weight").values,
            after.read("transformer.wte.weight").values);
  EXPECT_NE(before.read("transformer.h.0.attn.scaler.o.a").values,
            after.read("transformer.h.0.attn.scaler.o.a").values);
  // Again over its own output: the same bytes.
  const std::string weights = read_file(out / "model.safetensors");
  EXPECT_EQ(run(adapt()).code, 0);
  EXPECT_EQ(read_file(out / "model.safetensors"), weights);
}

TEST_F(Verbs, ConvertGivesASoftmaxModelScalersThatInferRunsAndAdaptTakes) {
  EXPECT_THAT(refused("convert --model " + model.string() + " --text " + text.string() + " --out " +
                      out.string()),
              HasSubstr("has hardware scalers"));
  config.attention.kind = AttentionKind::kSoftmax;
  std::map<std::string, Tensor> tensors = tiny_tensors(config);
  std::erase_if(tensors,
                [](const auto& one) { return one.first.find(".scaler.") != one.first.npos; });
  write_tiny_model(model, config, tensors);
  const std::string verb =
      "convert --model " + model.string() + " --text " + text.string() + " --out " + out.string();
  EXPECT_THAT(refused(verb + " --length 700"), HasSubstr("700 tokens and its target"));
  EXPECT_THAT(refused(verb + " --batch 0"), HasSubstr("--batch: Value 0 not in range"));
  const std::string small = " --batch 3 --length 100";
  const Outcome outcome = run(verb + small + " --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report.at("ranges").at("clipped_by_head").size(), 4u);
  const json made = json::parse(read_file(out / "config.json")).at("gaincell");
  EXPECT_EQ(made.at("attention").at("kind"), "linear");
  EXPECT_EQ(made.at("record").at("conversion").at("sequences"), 3);
  const std::string weights = read_file(out / "model.safetensors");
  EXPECT_EQ(run(verb + small + " --threads 2").code, 0);
  EXPECT_EQ(read_file(out / "model.safetensors"), weights);
  model = out;
  out = folder.path() / "on_device";
  EXPECT_EQ(json::parse(run(infer() + "--json").out).at("settings").at("attention"), "linear");
  EXPECT_EQ(run(adapt("--batch 2 --length 50 --steps 2")).code, 0);
}

TEST_F(Verbs, InferReportsWhatItHeldAtTheEndsOfRangesByLayerAndHead) {
  const std::string analog =
      infer() + "--attention analog --tokens 200 --device " + device.string();
  const json fast = json::parse(run(analog + " --json").out).at("ranges"),
             column = json::parse(run(analog + " --level column --json").out).at("ranges");
  EXPECT_EQ(fast.at("clipped_by_head").size(),
            static_cast<std::size_t>(config.n_layer * config.n_head));
  EXPECT_EQ(fast.at("retention_ends_s"), 1e-2);
  EXPECT_EQ(fast.at("reads_older_than_retention"), 0);
  // The first layer's inputs are the same at both levels.
  EXPECT_EQ(fast.at("clipped_by_head").at(0), column.at("clipped_by_head").at(0));
  // Level 0 is written at -10 mV, where the tables begin at 0.
  EXPECT_GT(fast.at("cells_beyond_voltage_tables"), 0);
  EXPECT_THAT(run(analog).err, HasSubstr("stored beyond the device's voltage tables"));
  EXPECT_TRUE(json::parse(run(infer() + "--attention softmax --json").out).at("ranges").is_null());
  EXPECT_TRUE(json::parse(run(infer() + "--json").out).at("ranges").contains("clipped"));
}

// Overlapping windows run some tokens twice, and each conversion has its own noise.
TEST_F(Verbs, InferMeetsNewNoiseInEveryWindow) {
  config.positions = Positions::kLearned;
  config.rotary_dims = 0;
  config.n_positions = 16;
  write_tiny_model(model, config, tiny_tensors(config));
  const std::string noisy = infer() + "--attention analog --device " + device.string() +
                            " --json --spread relu_noise_c=1e-13,signed_noise_c=1e-13 ";
  const auto nats = [&](const std::string& more) {
    const Outcome outcome = run(noisy + more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out).at("nats_per_token").get<double>();
  };
  write_file(text, std::string(200, 'a'));  // windows of one and the same text
  const double one = nats("--stride 16 --tokens 17"), two = nats("--stride 16 --tokens 33"),
               ten = nats("--stride 16 --tokens 161");
  EXPECT_NE(one, two);
  EXPECT_NE(two, ten);
  EXPECT_EQ(two, nats("--stride 16 --tokens 33"));
  EXPECT_NE(two, nats("--stride 16 --tokens 33 --noise-seed 2"));
  EXPECT_EQ(two, nats("--stride 16 --tokens 33 --spread-seed 2"));  // no mismatch to draw
}

TEST_F(Verbs, InferDrawsWhatTheDeviceStatesAndAdaptFitsToTheCircuit) {
  lut::DeviceFile file = lut::example_device();
  file.add(lut::Constant{{"spread_relu_noise_c", "C", "noise"}, 1e-13, "bench"});
  file.write(device);
  const std::string analog = infer() + "--attention analog --tokens 40 --device " + device.string();
  const auto of = [&](const std::string& more) {
    const Outcome outcome = run(analog + " --json" + more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out);
  };
  const json drawn = of(""), off = of(" --without mismatch,read_noise"),
             other = of(" --noise-seed 2");
  EXPECT_EQ(drawn.at("settings").at("spread").at("relu_noise_c"), 1e-13);
  EXPECT_EQ(drawn.at("settings").at("spread_seed"), 1);
  EXPECT_EQ(drawn.at("settings").at("noise_seed"), 1);
  EXPECT_NE(drawn.at("nats_per_token"), off.at("nats_per_token"));
  EXPECT_NE(drawn.at("nats_per_token"), other.at("nats_per_token"));
  EXPECT_THAT(run(analog).out, HasSubstr("mismatch and noise       noise 1\n"));
  EXPECT_THAT(run(analog + " --without read_noise").out,
              HasSubstr("mismatch and noise       none\n"));
  const Outcome adapted = run(adapt("--batch 2 --length 100 --steps 2 --json"));
  ASSERT_EQ(adapted.code, 0) << adapted.err;
  EXPECT_EQ(json::parse(adapted.out).at("spread"), "none: all alike");
}

TEST_F(Verbs, InferWarnsOfAModelThatWasNeverFitted) {
  config.attention.kind = AttentionKind::kSoftmax;
  write_tiny_model(model, config, tiny_tensors(config));
  const std::string analog = infer() + "--attention analog --tokens 50 --device " + device.string();
  EXPECT_THAT(run(analog).err, HasSubstr("never fitted to a circuit"));
  // The device's zero is off as well.
  const json warnings = json::parse(run(analog + " --json").out).at("settings").at("warnings");
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("half of the range"), HasSubstr("never fitted")));
  EXPECT_THAT(run(infer() + "--attention softmax").err, Not(HasSubstr("fitted")));
}

TEST_F(Verbs, AuditAndAdaptReadTextsAsInferDoes) {
  write_file(text, "abc\xe9 abc");
  const std::string audit = "audit --model " + model.string() + " --device " + device.string();
  for (const std::string& verb : {audit + " --text " + text.string(), infer(), adapt()}) {
    EXPECT_THAT(refused(verb), HasSubstr("give --encoding latin-1")) << verb;
    EXPECT_THAT(refused(verb + " --encoding latin-1 --text-format verse"),
                HasSubstr("--text-format = verse: must be plain or wikitext"));
  }
  EXPECT_THAT(refused("audit --random --device " + device.string() + " --encoding latin-1"),
              HasSubstr("--encoding requires --text"));
}

// Whole numbers at their ends: one message, or a run.
TEST_F(Verbs, RefuseNumbersThatNothingHolds) {
  const std::string analog = infer() + "--tokens 20 --attention analog --device " + device.string();
  const std::string generate = "generate --prompt abc --tokens 3 --model " + model.string() + " ";
  for (const std::string value : {"-1", "0", "65537", "2147483647", "9223372036854775808"}) {
    for (const std::string& verb : {analog, infer(), generate})
      EXPECT_THAT(refused(verb + " --window " + value), HasSubstr("--window = " + value));
  }
  for (const std::string value : {"-1", "9223372036854775808"}) {
    const std::string generate_by = "generate --prompt abc --model " + model.string();
    for (const std::string& verb : {infer(value), adapt("--batch 2 --length 100", value),
                                    generate_by + " --tokens 3 --threads " + value})
      EXPECT_THAT(refused(verb), HasSubstr("--threads = " + value));
    EXPECT_THAT(refused(generate + "--top-k " + value), HasSubstr("--top-k = " + value));
    EXPECT_THAT(refused(infer() + "--stride " + value), HasSubstr("--stride = " + value));
    EXPECT_THAT(refused(generate_by + " --tokens " + value), HasSubstr("--tokens = " + value));
  }
  EXPECT_EQ(run(infer() + "--tokens 2147483647").code, 0);
  EXPECT_EQ(run(generate + "--top-k 2147483647").code, 0);
  for (const std::string option : {"--batch", "--length", "--steps"})
    EXPECT_THAT(refused(adapt(option + " 2147483647")), HasSubstr(option + " = 2147483647"));
}

TEST_F(Verbs, RefuseOptionsThatDoNothing) {
  const std::string on_device = " --device " + device.string();
  const std::vector<std::string> of_circuits{on_device,
                                             " --level fast",
                                             " --without write",
                                             " --spread cell_gain=0.01",
                                             " --spread-seed 2",
                                             " --noise-seed 2",
                                             " --error-limit 1e-3",
                                             " --published-variant sign=minus"};
  for (const std::string attention : {"softmax", "linear"})
    for (const std::string& option : of_circuits)
      EXPECT_THAT(refused(infer() + "--attention " + attention + option), HasSubstr("no circuits"))
          << attention << option;
  for (const std::string level : {"fast", "column"}) {
    const std::string analog = infer() + "--attention analog --level " + level + on_device;
    for (const std::string option : {" --spread-seed 2", " --noise-seed 2"}) {
      EXPECT_THAT(refused(analog + option), HasSubstr("no mismatch and no noise"));
      EXPECT_EQ(run(analog + option + " --spread cell_gain=0.01").code, 0);
    }
  }
  EXPECT_THAT(refused(infer() + "--attention analog --level column --error-limit 1e-3" + on_device),
              HasSubstr("--error-limit"));
}

TEST_F(Verbs, RefuseWrongOptionsInOneLine) {
  EXPECT_THAT(refused(infer() + "--window 0"),
              AllOf(HasSubstr("--window = 0"), HasSubstr("own window is 16")));
  EXPECT_THAT(refused(infer() + "--window -4"), HasSubstr("--window = -4"));
  EXPECT_THAT(refused(infer() + "--attention analog"),
              AllOf(HasSubstr("--device"), HasSubstr("gaincell compile")));
  EXPECT_THAT(refused(infer() + "--attention analog --device nowhere.h5"), HasSubstr("nowhere.h5"));
  EXPECT_THAT(refused(infer() + "--attention quantum"), HasSubstr("--attention = quantum"));
  EXPECT_THAT(refused(infer() + "--attention analog --level spice --device " + device.string()),
              HasSubstr("--level = spice"));
  EXPECT_THAT(refused(infer() + "--attention analog --without gravity --device " + device.string()),
              AllOf(HasSubstr("--without = gravity"), HasSubstr("retention")));
  EXPECT_THAT(refused(infer() + "--device " + device.string()), HasSubstr("no circuits"));
  EXPECT_THAT(refused(infer() + "--tokens 1"), HasSubstr("--tokens = 1"));
  EXPECT_THAT(refused("infer --model nowhere --text " + text.string()), HasSubstr("nowhere"));
  EXPECT_THAT(refused("infer --text nowhere.txt --model " + model.string()),
              HasSubstr("nowhere.txt"));
  EXPECT_THAT(refused("generate --prompt '' --model " + model.string()), HasSubstr("--prompt"));
  EXPECT_THAT(refused("generate --prompt a --temperature 0 --model " + model.string()),
              HasSubstr("--temperature"));
  EXPECT_THAT(refused(adapt("--batch 2 --steps 0")), HasSubstr("--steps = 0"));
  EXPECT_THAT(refused(adapt("--batch 2 --length 600")), HasSubstr("600 tokens and its target"));
}

TEST_F(Verbs, RefuseForeignCharactersWithTheirPlace) {
  write_file(text, "abc\nabXc");
  EXPECT_THAT(refused(infer()),
              AllOf(HasSubstr("text.txt:2:3"), HasSubstr("'X' (U+0058)"), HasSubstr("vocab.json")));
}

TEST_F(Verbs, RefuseADamagedCheckpoint) {
  const auto path = model / "model.safetensors";
  const std::string whole = read_file(path);
  write_file(path, whole.substr(0, whole.size() / 2));
  EXPECT_THAT(refused(infer()), HasSubstr("cut off"));
  auto tensors = tiny_tensors(config);
  tensors.erase("transformer.h.1.ln_2.bias");
  write_safetensors(path, tensors);
  EXPECT_THAT(refused(infer()), HasSubstr("transformer.h.1.ln_2.bias: the tensor is missing"));
  tensors = tiny_tensors(config);
  tensors["transformer.ln_f.weight"] = {{31}, std::vector<float>(31), Dtype::kF32};
  write_safetensors(path, tensors);
  EXPECT_THAT(refused(infer()), HasSubstr("transformer.ln_f.weight = [31]"));
}

TEST_F(Verbs, AdaptDoesNotWriteOverWhatItDidNotMake) {
  std::filesystem::create_directory(out);
  EXPECT_THAT(refused(adapt()), HasSubstr("was not written by `gaincell adapt`"));
  write_tiny_model(out, config, tiny_tensors(config));
  EXPECT_THAT(refused(adapt()), HasSubstr("was not written by `gaincell adapt`"));
  std::filesystem::remove_all(out);
  EXPECT_THAT(
      refused("adapt --model " + model.string() + " --text " + text.string() + " --device " +
              device.string() + " --out " + folder.path().string() + "/no/such/folder"),
      HasSubstr("does not exist"));
  ASSERT_EQ(run(adapt("--batch 2 --length 100 --steps 1")).code, 0);
  ASSERT_EQ(run(adapt("--batch 2 --length 100 --steps 1")).code, 0)
      << "what adapt made it makes again";
  write_file(out / "notes.txt", "a user's own");
  EXPECT_THAT(refused(adapt("--batch 2 --length 100 --steps 1")),
              HasSubstr("was not written by `gaincell adapt`"));
  EXPECT_EQ(read_file(out / "notes.txt"), "a user's own");
  std::filesystem::remove_all(out);
  config.attention.kind = AttentionKind::kSoftmax;
  write_tiny_model(model, config, tiny_tensors(config));
  EXPECT_THAT(refused(adapt()), HasSubstr("no hardware scalers"));
}

}  // namespace
}  // namespace gaincell::model
