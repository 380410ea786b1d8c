// A LLaMA folder from conversion to the device: a group's queries read one array, whose writes and
// cells count once. GPT-2's published widths and heads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "base/files.h"
#include "base/random.h"
#include "model/safetensors.h"
#include "tests/lut/example_device.h"
#include "tests/support/program.h"

namespace gaincell::model {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Tensors = std::map<std::string, Tensor>;

Tensor drawn(const std::string& name, std::vector<std::int64_t> shape, double mean, double spread) {
  Random random(1, name);
  Tensor tensor{shape, {}, Dtype::kF32};
  for (std::int64_t i = 0; i < element_count(shape); ++i)
    tensor.values.push_back(static_cast<float>(mean + spread * random.normal()));
  return tensor;
}

class Folders : public ::testing::Test {
 protected:
  gaincell::testing::ScratchFolder folder;

  gaincell::testing::Outcome run(const std::string& arguments) {
    std::istringstream stream(arguments);
    return gaincell::testing::run("gaincell", {std::istream_iterator<std::string>(stream), {}},
                                  folder.path());
  }
  std::string done(const std::string& arguments) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.err;
    return outcome.out;
  }
  std::string refused(const std::string& arguments) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    return outcome.err;
  }
  void write_letters(int count) {
    Random random(4);
    std::string text;
    for (int i = 0; i < count; ++i) text += "abcdef\n"[random.below(7)];
    write_file(folder / "text.txt", text);
  }
  void write_folder(const std::string& name, const json& config, const Tensors& tensors) {
    std::filesystem::create_directories(folder / name);
    write_file(folder / name / "config.json", config.dump());
    write_safetensors(folder / name / "model.safetensors", tensors);
    write_file(folder / name / "vocab.json", R"({"a":0,"b":1,"c":2,"d":3,"e":4,"f":5,"\n":6})");
  }
};

// 2 layers of 4 heads of 8 in groups of 2.
class Llama : public Folders {
 protected:
  static constexpr int kLayers = 2, kHeads = 4, kArrays = 2, kDim = 8, kWidth = 32, kInner = 48;

  void SetUp() override {
    write_letters(400);
    lut::example_device().write(folder / "device.h5");
    Tensors tensors;
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double mean = 0,
                         double spread = 0.3) {
      tensors[name] = drawn(name, std::move(shape), mean, spread);
    };
    add("model.embed_tokens.weight", {7, kWidth}, 0, 0.5);
    for (int i = 0; i < kLayers; ++i) {
      const std::string l = "model.layers." + std::to_string(i) + ".";
      add(l + "input_layernorm.weight", {kWidth}, 1, 0.1);
      add(l + "post_attention_layernorm.weight", {kWidth}, 1, 0.1);
      add(l + "self_attn.q_proj.weight", {kWidth, kWidth});
      add(l + "self_attn.k_proj.weight", {kArrays * kDim, kWidth});
      add(l + "self_attn.v_proj.weight", {kArrays * kDim, kWidth});
      add(l + "self_attn.o_proj.weight", {kWidth, kWidth});
      add(l + "mlp.gate_proj.weight", {kInner, kWidth});
      add(l + "mlp.up_proj.weight", {kInner, kWidth});
      add(l + "mlp.down_proj.weight", {kWidth, kInner});
    }
    add("model.norm.weight", {kWidth}, 1, 0.1);
    write_folder("llama", config(kArrays), tensors);
  }
  static json config(int arrays) {
    return {{"architectures", {"LlamaForCausalLM"}},
            {"model_type", "llama"},
            {"hidden_size", kWidth},
            {"intermediate_size", kInner},
            {"num_hidden_layers", kLayers},
            {"num_attention_heads", kHeads},
            {"num_key_value_heads", arrays},
            {"vocab_size", 7},
            {"max_position_embeddings", 64},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 10000.0},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", true}};
  }
  // The same model with an array for each query head.
  void write_ungrouped(const std::string& from, const std::string& to) {
    const SafetensorsReader reader(folder / from / "model.safetensors");
    Tensors tensors;
    for (const auto& [name, entry] : reader.entries()) {
      Tensor tensor = reader.read(name);
      const auto has = [&name = name](const char* part) {
        return name.find(part) != std::string::npos;
      };
      if (has("k_proj") || has("v_proj") || has("scaler.k.") || has("scaler.v."))
        tensor = doubled(tensor);
      tensors[name] = std::move(tensor);
    }
    json own = json::parse(read_file(folder / from / "config.json"));
    own["num_key_value_heads"] = kHeads;
    write_folder(to, own, tensors);
  }
  static Tensor doubled(const Tensor& tensor) {
    Tensor twice{tensor.shape, {}, tensor.dtype};
    twice.shape[0] *= 2;
    const std::size_t block = tensor.values.size() / kArrays;
    for (int array = 0; array < kArrays; ++array)
      for (int copy = 0; copy < 2; ++copy)
        twice.values.insert(twice.values.end(), tensor.values.begin() + array * block,
                            tensor.values.begin() + (array + 1) * block);
    return twice;
  }
  json on_device(const std::string& model) {
    return json::parse(
        done("infer --attention analog --device device.h5 --token-period 10e-6 --window 16 --text "
             "text.txt --tokens 200 --json --model " +
             model));
  }
};

TEST_F(Llama, ConvertedAndAdaptedItRunsOnTheDeviceWithCellsCountedOnceAGroup) {
  done("convert --model llama --text text.txt --out converted --batch 2 --length 60 --window 16");
  done(
      "adapt --model converted --device device.h5 --text text.txt --out adapted --batch 2 --length "
      "60 --steps 3");
  write_ungrouped("adapted", "apart");
  const json grouped = on_device("adapted"), apart = on_device("apart");
  EXPECT_EQ(grouped["settings"]["kv_heads"], kArrays);
  EXPECT_NEAR(grouped["nats_per_token"].get<double>(), apart["nats_per_token"].get<double>(), 1e-9);
  const auto ratio = [&](const char* part) {
    return apart["energy_j_per_token"][part].get<double>() /
           grouped["energy_j_per_token"][part].get<double>();
  };
  EXPECT_NEAR(ratio("write_cells"), 2, 1e-9);
  EXPECT_NEAR(ratio("write_dac"), 2, 1e-9);
  // Each query reads.
  EXPECT_NEAR(ratio("first_array"), 1, 1e-9);
  EXPECT_NEAR(ratio("second_array"), 1, 1e-9);
  // One after the other.
  EXPECT_NEAR(grouped["attention_latency_s_per_token"].get<double>(),
              2 * apart["attention_latency_s_per_token"].get<double>(), 1e-15);
}

struct Shape {
  const char* name;
  int width, heads;
};

class Gpt2Shapes : public Folders, public ::testing::WithParamInterface<Shape> {
 protected:
  // One of its layers, at random.
  void write_model() {
    const auto [name, width, heads] = GetParam();
    Tensors tensors;
    const auto add = [&](const std::string& key, std::vector<std::int64_t> shape, double mean = 0) {
      Tensor tensor = drawn(key, std::move(shape), mean, 0.02);
      tensor.dtype = Dtype::kF16;
      tensors["transformer." + key] = std::move(tensor);
    };
    add("wte.weight", {7, width});
    add("wpe.weight", {1024, width});
    for (const char* norm : {"h.0.ln_1", "h.0.ln_2", "ln_f"}) {
      add(std::string(norm) + ".weight", {width}, 1);
      add(std::string(norm) + ".bias", {width});
    }
    for (const auto& [part, inputs, outputs] : {std::tuple{"attn.c_attn", 1, 3},
                                                {"attn.c_proj", 1, 1},
                                                {"mlp.c_fc", 1, 4},
                                                {"mlp.c_proj", 4, 1}}) {
      add(std::string("h.0.") + part + ".weight", {inputs * width, outputs * width});
      add(std::string("h.0.") + part + ".bias", {outputs * width});
    }
    write_folder("model", config(), tensors);
  }
  static json config() {
    return {{"model_type", "gpt2"},
            {"n_layer", 1},
            {"n_head", GetParam().heads},
            {"n_embd", GetParam().width},
            {"n_positions", 1024},
            {"vocab_size", 7},
            {"activation_function", "gelu_new"},
            {"layer_norm_epsilon", 1e-5}};
  }
  std::string with(const char* key, const json& value) {
    json other = config();
    other[key] = value;
    write_file(folder / "model" / "config.json", other.dump());
    return refused("infer --model model --text text.txt");
  }
};

TEST_P(Gpt2Shapes, LoadRunAndConvert) {
  write_model();
  write_letters(1100);
  const json softmax = json::parse(done("infer --model model --text text.txt --tokens 40 --json"));
  EXPECT_EQ(softmax["settings"]["heads"], GetParam().heads);
  EXPECT_EQ(softmax["settings"]["head_dim"], 64);
  EXPECT_TRUE(std::isfinite(softmax["nats_per_token"].get<double>()));
  done("convert --model model --text text.txt --out converted --batch 1 --length 40 --window 32");
  const json linear =
      json::parse(done("infer --model converted --text text.txt --tokens 40 --json"));
  EXPECT_EQ(linear["settings"]["scalers"], "checkpoint");
  // What doesn't fit says which tensor, and what was asked for.
  EXPECT_THAT(with("n_layer", 2), AllOf(HasSubstr("h.1."), HasSubstr("missing")));
  EXPECT_THAT(with("n_head", 7), AllOf(HasSubstr("n_head"), HasSubstr("7")));
  EXPECT_THAT(with("n_positions", 2048), AllOf(HasSubstr("wpe.weight"), HasSubstr("2048")));
  EXPECT_THAT(with("n_embd", 64 * GetParam().heads + 64 * 7 * GetParam().heads),
              HasSubstr("shape"));
}

INSTANTIATE_TEST_SUITE_P(Published, Gpt2Shapes,
                         ::testing::Values(Shape{"medium", 1024, 16}, Shape{"large", 1280, 20},
                                           Shape{"xl", 1600, 25}),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace gaincell::model
