#include "model/config.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "temporary_folder.h"

namespace gaincell::model {
namespace {

using ::testing::HasSubstr;

struct ConfigFile : ::testing::Test {
  TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "config.json";

  nlohmann::json plain = {
      {"n_layer", 2}, {"n_head", 4}, {"n_embd", 64}, {"n_positions", 32}, {"vocab_size", 10}};

  Config read(const nlohmann::json& object) {
    write_file(path, object.dump());
    return read_config(path);
  }
  std::string complaint(const nlohmann::json& object) {
    try {
      read(object);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("config.json"));
      return error.what();
    }
    ADD_FAILURE() << "accepted " << object;
    return {};
  }
};

TEST_F(ConfigFile, WithoutOurBlockIsPlainGpt2) {
  const Config c = read(plain);
  EXPECT_EQ(c.n_inner, 256);
  EXPECT_EQ(c.positions, Positions::kLearned);
  EXPECT_EQ(c.attention.kind, AttentionKind::kSoftmax);
  EXPECT_EQ(c.attention.window, 32);
  EXPECT_TRUE(c.tie_word_embeddings);
  EXPECT_EQ(c.activation, Activation::kGeluTanh);
}

TEST_F(ConfigFile, ReadsBackWhatWasWritten) {
  Config c = read(plain);
  c.n_inner = 100;
  c.activation = Activation::kGeluErf;
  c.norm_epsilon = 1e-6;
  c.tie_word_embeddings = false;
  c.positions = Positions::kRotary;
  c.rotary_dims = 8;
  c.rotary_base = 64;
  c.attention = {.kind = AttentionKind::kLinear,
                 .window = 17,
                 .tile = 16,
                 .q_levels = 4,
                 .kv_levels = 5,
                 .output_levels = 6,
                 .v_max = 1.2,
                 .v_zero = 0.6,
                 .slope_a_per_v = 1e-6,
                 .s_sat_first_a = 2e-6,
                 .s_sat_second_a = 3e-6,
                 .decay_per_token = 0};
  c.record = {{"seed", 7}};
  write_config(path, c);
  const Config r = read_config(path);
  EXPECT_EQ(r.n_inner, 100);
  EXPECT_EQ(r.activation, Activation::kGeluErf);
  EXPECT_EQ(r.norm_epsilon, 1e-6);
  EXPECT_FALSE(r.tie_word_embeddings);
  EXPECT_EQ(r.positions, Positions::kRotary);
  EXPECT_EQ(r.rotary_dims, 8);
  EXPECT_EQ(r.rotary_base, 64);
  EXPECT_EQ(r.attention.kind, AttentionKind::kLinear);
  EXPECT_EQ(r.attention.window, 17);
  EXPECT_EQ(r.attention.tile, 16);
  EXPECT_EQ(r.attention.q_levels, 4);
  EXPECT_EQ(r.attention.kv_levels, 5);
  EXPECT_EQ(r.attention.output_levels, 6);
  EXPECT_EQ(r.attention.v_max, 1.2);
  EXPECT_EQ(r.attention.v_zero, 0.6);
  EXPECT_EQ(r.attention.slope_a_per_v, 1e-6);
  EXPECT_EQ(r.attention.s_sat_first_a, 2e-6);
  EXPECT_EQ(r.attention.s_sat_second_a, 3e-6);
  EXPECT_EQ(r.attention.decay_per_token, 0);
  EXPECT_EQ(r.record.at("seed"), 7);
}

TEST_F(ConfigFile, NamesTheKeyThatIsWrong) {
  auto with = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json object = plain;
    object[nlohmann::json::json_pointer(pointer)] = value;
    return object;
  };
  nlohmann::json without = plain;
  without.erase("n_layer");
  EXPECT_THAT(complaint(without), HasSubstr("n_layer: is missing"));
  EXPECT_THAT(complaint(with("/n_head", 5)),
              HasSubstr("n_embd = 64: must be a multiple of n_head = 5"));
  EXPECT_THAT(complaint(with("/n_layer", 0)),
              HasSubstr("n_layer = 0: must be an integer of at least 1"));
  EXPECT_THAT(complaint(with("/vocab_size", "ten")), HasSubstr("vocab_size"));
  EXPECT_THAT(complaint(with("/activation_function", "relu")),
              HasSubstr("activation_function = \"relu\""));
  EXPECT_THAT(complaint(with("/model_type", "bloom")), HasSubstr("GPT-2"));
  EXPECT_THAT(complaint(with("/scale_attn_by_inverse_layer_idx", 1)), HasSubstr("true or false"));
  auto ours = [&](const nlohmann::json& block) {
    nlohmann::json object = plain;
    object["gaincell"] = block;
    return object;
  };
  EXPECT_THAT(complaint(ours({{"format", 2}})), HasSubstr("gaincell.format = 2"));
  EXPECT_THAT(complaint(ours({{"format", 1}, {"postions", "rotary"}})),
              HasSubstr("gaincell.postions"));
  EXPECT_THAT(complaint(ours({{"format", 1}, {"positions", "rotary"}, {"rotary_dims", 18}})),
              HasSubstr("at most the head dimension, 16"));
  EXPECT_THAT(complaint(ours({{"format", 1}, {"attention", {{"window", 0}}}})),
              HasSubstr("gaincell.attention.window = 0"));
  EXPECT_THAT(complaint(ours({{"format", 1}, {"attention", {{"kind", "magic"}}}})),
              HasSubstr("softmax, linear or analog"));
  write_file(path, "{");
  EXPECT_THROW(read_config(path), Error);
}

TEST_F(ConfigFile, RefusesSettingsThatWouldMakeItAnotherModel) {
  for (const char* setting :
       {R"("add_cross_attention": true)", R"("quantization_config": {"bits": 4})",
        R"("rope_theta": 10000.0)", R"("sliding_window": 128)", R"("alibi": true)",
        R"("position_embedding_type": "relative_key")", R"("pruned_heads": {"0": [1]})",
        R"("num_key_value_heads": 1)", R"("use_parallel_residual": true)",
        R"("scale_attn_weights": false)"}) {
    std::string text = plain.dump();
    text.insert(1, std::string(setting) + ",");
    write_file(path, text);
    EXPECT_THROW(read_config(path), Error) << setting;
  }
  // As published configs have them: without effect.
  for (const char* setting :
       {R"("add_cross_attention": false)", R"("pruned_heads": {})", R"("attn_pdrop": 0.1)",
        R"("position_embedding_type": "absolute")", R"("reorder_and_upcast_attn": false)",
        R"("sliding_window": null)", R"("task_specific_params": {"t": {"max_length": 50}})"}) {
    std::string text = plain.dump();
    text.insert(1, std::string(setting) + ",");
    write_file(path, text);
    EXPECT_NO_THROW(read_config(path)) << setting;
  }
}

TEST_F(ConfigFile, BoundsNumbersSoThatNoProductOverflows) {
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_inner", "n_positions", "vocab_size"})
    for (const char* value : {"2147483647", "2147483648", "1e400", "-1", "0", "1.5", "true",
                              "\"4\"", "[4]", "18446744073709551615"}) {
      nlohmann::json object = plain;
      object.erase(key);
      std::string text = object.dump();
      text.insert(1, std::string("\"") + key + "\": " + value + ",");
      write_file(path, text);
      EXPECT_THROW(read_config(path), Error) << key << " " << value;
    }
  std::string text = plain.dump();
  text.insert(1, "\"layer_norm_epsilon\": 1e300,");
  write_file(path, text);
  EXPECT_THROW(read_config(path), Error);
}

TEST_F(ConfigFile, TakesTheOtherNamesOfGpt2sSizes) {
  nlohmann::json object = plain;
  object["num_hidden_layers"] = object["n_layer"];
  object.erase("n_layer");
  EXPECT_EQ(read(object).n_layer, read(plain).n_layer);
  object["n_layer"] = 77;
  EXPECT_THAT(complaint(object), HasSubstr("n_layer = 77: num_hidden_layers says"));
}

TEST_F(ConfigFile, KeepsScalingByLayer) {
  nlohmann::json object = plain;
  object["scale_attn_by_inverse_layer_idx"] = true;
  const Config config = read(object);
  EXPECT_TRUE(config.scale_by_layer);
  write_config(path, config);
  EXPECT_TRUE(read_config(path).scale_by_layer);
}

}  // namespace
}  // namespace gaincell::model
