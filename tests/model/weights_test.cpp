#include "model/weights.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "temporary_folder.h"
#include "tiny_model.h"

namespace gaincell::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What a matrix makes of the unit vectors: [inputs][outputs].
std::vector<float> values_of(const Matrix& matrix) {
  const auto inputs = static_cast<std::size_t>(matrix.inputs());
  std::vector<float> units(inputs * inputs), values(inputs * matrix.outputs());
  for (std::size_t i = 0; i < inputs; ++i) units[i * inputs + i] = 1;
  matrix.multiply(matrix.inputs(), units.data(), values.data());
  return values;
}

std::vector<float> turned(const Tensor& tensor) {
  const auto rows = static_cast<std::size_t>(tensor.shape[0]),
             columns = static_cast<std::size_t>(tensor.shape[1]);
  std::vector<float> values(tensor.values.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) values[c * rows + r] = tensor.values[r * columns + c];
  return values;
}

struct Checkpoint : ::testing::Test {
  TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "model.safetensors";
  Config config = tiny_config();
  std::map<std::string, Tensor> tensors = tiny_tensors(config);

  Weights read() {
    write_safetensors(path, tensors);
    return read_weights(SafetensorsReader(path), config);
  }
  std::string complaint() {
    try {
      read();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
};

TEST_F(Checkpoint, IsReadWithAndWithoutPrefix) {
  const Weights prefixed = read();
  EXPECT_EQ(values_of(prefixed.layers[1].mlp.in.weight),
            tensors.at("transformer.h.1.mlp.c_fc.weight").values);
  EXPECT_FALSE(prefixed.has_scalers);
  std::map<std::string, Tensor> plain;
  for (const auto& [name, tensor] : tensors)
    plain[name.substr(std::string("transformer.").size())] = tensor;
  tensors = plain;
  EXPECT_EQ(values_of(read().layers[1].mlp.in.weight), values_of(prefixed.layers[1].mlp.in.weight));
}

TEST_F(Checkpoint, MayHoldTheCausalMasksOfOldExports) {
  tensors["transformer.h.0.attn.bias"] = {{1, 1, 2, 2}, {1, 0, 1, 1}, Dtype::kF32};
  EXPECT_EQ(read().layers.size(), 2u);
}

TEST_F(Checkpoint, NamesAMissingTensor) {
  tensors.erase("transformer.h.1.attn.c_proj.bias");
  EXPECT_THAT(complaint(), AllOf(HasSubstr("transformer.h.1.attn.c_proj.bias"),
                                 HasSubstr("is missing"), HasSubstr("[32]"), HasSubstr("; use")));
}

TEST_F(Checkpoint, NamesAMisshapenTensor) {
  tensors["transformer.h.0.mlp.c_fc.weight"] = {{128, 32}, std::vector<float>(4096), Dtype::kF32};
  EXPECT_THAT(complaint(), AllOf(HasSubstr("transformer.h.0.mlp.c_fc.weight = [128, 32]"),
                                 HasSubstr("asks for shape [32, 128]")));
}

TEST_F(Checkpoint, NamesATensorThatHasNoPlace) {
  config.n_layer = 1;
  EXPECT_THAT(complaint(), AllOf(HasSubstr("transformer.h.1."), HasSubstr("no place")));
}

TEST_F(Checkpoint, NeedsAHeadWhereItIsNotTied) {
  config.tie_word_embeddings = false;
  EXPECT_THAT(complaint(), HasSubstr("lm_head.weight: the tensor is missing"));
  tensors = tiny_tensors(config);
  EXPECT_EQ(values_of(read().head), turned(tensors.at("lm_head.weight")));
  config.tie_word_embeddings = true;
  EXPECT_THAT(complaint(), HasSubstr("differs from wte.weight"));
}

// A checkpoint stored in other ways is the same weights.
TEST_F(Checkpoint, MayStoreTheTiedMatrixUnderTheHeadsName) {
  const Weights plain = read();
  auto tied = tensors.extract("transformer.wte.weight");
  tied.key() = "lm_head.weight";
  tensors.insert(std::move(tied));
  const Weights weights = read();
  EXPECT_EQ(weights.wte, plain.wte);
  EXPECT_EQ(weights.head.outputs(), config.vocab_size);
  EXPECT_THAT(weights.remarks, ::testing::ElementsAre("tied matrix stored as lm_head.weight"));
  config.tie_word_embeddings = false;
  EXPECT_THAT(complaint(), HasSubstr("transformer.wte.weight: the tensor is missing"));
}

TEST_F(Checkpoint, MayHaveMatricesTheOtherWayRound) {
  const Weights plain = read();
  for (auto& [name, tensor] : tensors) {
    if (tensor.shape.size() != 2 || name.find("c_") == std::string::npos) continue;
    const Tensor stored = tensor;
    std::swap(tensor.shape[0], tensor.shape[1]);
    for (std::int64_t r = 0; r < stored.shape[0]; ++r)
      for (std::int64_t c = 0; c < stored.shape[1]; ++c)
        tensor.values[c * stored.shape[0] + r] = stored.values[r * stored.shape[1] + c];
  }
  const Weights weights = read();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(values_of(weights.layers[i].attention_in.weight),
              values_of(plain.layers[i].attention_in.weight));
    EXPECT_EQ(values_of(weights.layers[i].attention_out.weight),
              values_of(plain.layers[i].attention_out.weight));
    EXPECT_EQ(values_of(weights.layers[i].mlp.in.weight), values_of(plain.layers[i].mlp.in.weight));
    EXPECT_EQ(values_of(weights.layers[i].mlp.out.weight),
              values_of(plain.layers[i].mlp.out.weight));
  }
  // One that is not as the others is told.
  std::swap(tensors.at("transformer.h.1.mlp.c_fc.weight").shape[0],
            tensors.at("transformer.h.1.mlp.c_fc.weight").shape[1]);
  EXPECT_THAT(complaint(), AllOf(HasSubstr("transformer.h.1.mlp.c_fc.weight = [32, 128]"),
                                 HasSubstr("it is the other way round")));
}

TEST_F(Checkpoint, ScalesQueriesByLayerWhereTheConfigSaysSo) {
  const Weights plain = read();
  config.scale_by_layer = true;
  const Weights weights = read();
  for (int i = 0; i < 2; ++i) {
    const Dense &scaled = weights.layers[i].attention_in, &whole = plain.layers[i].attention_in;
    const auto scaled_values = values_of(scaled.weight), values = values_of(whole.weight);
    for (std::size_t c = 0; c < 96; ++c) {
      const float factor = c < 32 ? 1.0f / static_cast<float>(i + 1) : 1.0f;
      EXPECT_EQ(scaled.bias[c], whole.bias[c] * factor);
      EXPECT_EQ(scaled_values[31 * 96 + c], values[31 * 96 + c] * factor);
    }
  }
}

struct Shards : Checkpoint {
  void SetUp() override {
    std::map<std::string, Tensor> first, second;
    for (const auto& [name, tensor] : tensors)
      (name < "transformer.h.1" ? first : second)[name] = tensor;
    write_safetensors(folder.path() / "a.safetensors", first);
    write_safetensors(folder.path() / "b.safetensors", second);
    for (const auto& [name, tensor] : first) index["weight_map"][name] = "a.safetensors";
    for (const auto& [name, tensor] : second) index["weight_map"][name] = "b.safetensors";
  }
  CheckpointFiles files() {
    write_file(folder.path() / "model.safetensors.index.json", index.dump());
    return CheckpointFiles::in_folder(folder.path());
  }
  std::string refusal() {
    try {
      files();
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
  nlohmann::json index;
};

TEST_F(Shards, AreOneCheckpoint) {
  const Weights weights = read_weights(files(), config);
  EXPECT_EQ(values_of(weights.layers[0].mlp.in.weight),
            tensors.at("transformer.h.0.mlp.c_fc.weight").values);
  EXPECT_EQ(values_of(weights.layers[1].mlp.in.weight),
            tensors.at("transformer.h.1.mlp.c_fc.weight").values);
  EXPECT_EQ(files().sha256(), files().sha256());
}

TEST_F(Shards, MustAgreeWithTheirIndex) {
  const nlohmann::json right = index;
  index["weight_map"]["transformer.wte.weight"] = "a.safetensors";
  EXPECT_THAT(refusal(), HasSubstr("transformer.wte.weight = a.safetensors: this shard does not"));
  index = right;
  index["weight_map"].erase("transformer.wte.weight");
  EXPECT_THAT(refusal(), HasSubstr("transformer.wte.weight: the index does not list"));
  index = right;
  index["weight_map"]["transformer.wte.weight"] = "../b.safetensors";
  EXPECT_THAT(refusal(), HasSubstr("must be the name of a file beside the index"));
  index = right;
  std::filesystem::remove(folder.path() / "b.safetensors");
  EXPECT_THAT(refusal(), HasSubstr("b.safetensors: this shard of 2 is missing"));
  std::filesystem::remove(folder.path() / "model.safetensors.index.json");
  try {
    CheckpointFiles::in_folder(folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("model.safetensors: is missing; the folder has a.safeten"));
  }
}

TEST_F(Checkpoint, HasScalersForAllLayersOrForNone) {
  config.attention.kind = AttentionKind::kLinear;
  EXPECT_EQ(read().layers[0].scalers.b_k, (std::vector<float>{0.45f, 0.45f}));
  tensors = tiny_tensors(config);
  const Weights weights = read();
  EXPECT_TRUE(weights.has_scalers);
  EXPECT_EQ(weights.layers[1].scalers.a_o, tensors.at("transformer.h.1.attn.scaler.o.a").values);
  tensors.erase("transformer.h.1.attn.scaler.k.b");
  EXPECT_THAT(complaint(), HasSubstr("transformer.h.1.attn.scaler.k.b: the tensor is missing"));
}

}  // namespace
}  // namespace gaincell::model
