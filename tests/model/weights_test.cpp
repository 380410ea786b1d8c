#include "model/weights.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "temporary_folder.h"
#include "tiny_model.h"

namespace gaincell::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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
  EXPECT_EQ(prefixed.layers[1].mlp_in.weight, tensors.at("transformer.h.1.mlp.c_fc.weight").values);
  EXPECT_TRUE(prefixed.head.empty());
  EXPECT_FALSE(prefixed.has_scalers);
  std::map<std::string, Tensor> plain;
  for (const auto& [name, tensor] : tensors)
    plain[name.substr(std::string("transformer.").size())] = tensor;
  tensors = plain;
  EXPECT_EQ(read().layers[1].mlp_in.weight, prefixed.layers[1].mlp_in.weight);
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
  EXPECT_EQ(read().head, tensors.at("lm_head.weight").values);
  config.tie_word_embeddings = true;
  EXPECT_THAT(complaint(), HasSubstr("differs from wte.weight"));
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
