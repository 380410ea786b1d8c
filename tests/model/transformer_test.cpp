#include "model/transformer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "base/error.h"
#include "base/random.h"
#include "model/evaluate.h"
#include "model/generate.h"
#include "temporary_folder.h"
#include "tiny_model.h"

namespace gaincell::model {
namespace {

using ::testing::HasSubstr;

using Rows = std::vector<std::vector<double>>;

// GPT-2 in double and plain loops, straight from the tensors: logits after every token, where token
// t attends to t - window + 1 .. t. The truth for all tests here.
struct Reference {
  const Config& c;
  const std::map<std::string, Tensor>& tensors;

  const std::vector<float>& tensor(const std::string& name) const {
    return tensors.at(tensors.count(name) != 0 ? name : "transformer." + name).values;
  }
  std::vector<double> norm(const std::string& name, const std::vector<double>& x) const {
    const auto& weight = tensor(name + ".weight");
    const auto& bias = tensor(name + ".bias");
    const auto count = static_cast<double>(x.size());
    double mean = 0, variance = 0;
    for (double v : x) mean += v / count;
    for (double v : x) variance += (v - mean) * (v - mean) / count;
    std::vector<double> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      y[i] = (x[i] - mean) / std::sqrt(variance + c.norm_epsilon) * weight[i] + bias[i];
    return y;
  }
  std::vector<double> dense(const std::string& name, const std::vector<double>& x,
                            int outputs) const {
    const auto& weight = tensor(name + ".weight");
    const auto& bias = tensor(name + ".bias");
    std::vector<double> y(bias.begin(), bias.end());
    for (std::size_t i = 0; i < x.size(); ++i)
      for (int j = 0; j < outputs; ++j) y[j] += x[i] * weight[i * outputs + j];
    return y;
  }
  double gelu(double x) const {
    if (c.activation == Activation::kGeluErf)
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  }
  void rotate(std::vector<double>& x, int position) const {
    for (int h = 0; h < c.n_head; ++h)
      for (int i = 0; i < c.rotary_dims / 2; ++i) {
        const double angle = position * std::pow(c.rotary_base, -2.0 * i / c.rotary_dims);
        double& low = x[h * c.head_dim() + i];
        double& high = x[h * c.head_dim() + i + c.rotary_dims / 2];
        const double a = low, b = high;
        low = a * std::cos(angle) - b * std::sin(angle);
        high = a * std::sin(angle) + b * std::cos(angle);
      }
  }
  Rows logits(const std::vector<int>& tokens, int window) const {
    const int n = static_cast<int>(tokens.size()), width = c.n_embd, dim = c.head_dim();
    Rows x(n, std::vector<double>(width));
    for (int t = 0; t < n; ++t)
      for (int i = 0; i < width; ++i) {
        x[t][i] = tensor("wte.weight")[static_cast<std::size_t>(tokens[t]) * width + i];
        if (c.positions == Positions::kLearned)
          x[t][i] += tensor("wpe.weight")[static_cast<std::size_t>(t) * width + i];
      }
    for (int layer = 0; layer < c.n_layer; ++layer) {
      const std::string h = "h." + std::to_string(layer) + ".";
      Rows q(n), k(n), v(n);
      for (int t = 0; t < n; ++t) {
        const auto qkv = dense(h + "attn.c_attn", norm(h + "ln_1", x[t]), 3 * width);
        q[t].assign(qkv.begin(), qkv.begin() + width);
        k[t].assign(qkv.begin() + width, qkv.begin() + 2 * width);
        v[t].assign(qkv.begin() + 2 * width, qkv.end());
        if (c.positions == Positions::kRotary) rotate(q[t], t), rotate(k[t], t);
      }
      for (int t = 0; t < n; ++t) {
        std::vector<double> attended(width);
        for (int head = 0; head < c.n_head; ++head) {
          std::vector<double> weight;
          double sum = 0;
          const int first = std::max(0, t - window + 1);
          for (int s = first; s <= t; ++s) {
            double dot = 0;
            for (int d = 0; d < dim; ++d) dot += q[t][head * dim + d] * k[s][head * dim + d];
            weight.push_back(std::exp(dot / std::sqrt(dim)));
            sum += weight.back();
          }
          for (int s = first; s <= t; ++s)
            for (int d = 0; d < dim; ++d)
              attended[head * dim + d] += weight[s - first] / sum * v[s][head * dim + d];
        }
        const auto projected = dense(h + "attn.c_proj", attended, width);
        for (int i = 0; i < width; ++i) x[t][i] += projected[i];
        auto inner = dense(h + "mlp.c_fc", norm(h + "ln_2", x[t]), c.n_inner);
        for (double& value : inner) value = gelu(value);
        const auto out = dense(h + "mlp.c_proj", inner, width);
        for (int i = 0; i < width; ++i) x[t][i] += out[i];
      }
    }
    const auto& head =
        tensor(tensors.count("lm_head.weight") != 0 ? "lm_head.weight" : "wte.weight");
    Rows result(n, std::vector<double>(c.vocab_size));
    for (int t = 0; t < n; ++t) {
      const auto y = norm("ln_f", x[t]);
      for (int token = 0; token < c.vocab_size; ++token)
        for (int i = 0; i < width; ++i)
          result[t][token] += y[i] * head[static_cast<std::size_t>(token) * width + i];
    }
    return result;
  }
  static double nats(const std::vector<double>& logits, int target) {
    double sum = 0;
    for (double l : logits) sum += std::exp(l - logits[target]);
    return std::log(sum);
  }
};

struct Tiny : ::testing::Test {
  TemporaryFolder folder;
  Config config = tiny_config();
  std::map<std::string, Tensor> tensors;

  Transformer make(int window, int threads = 1) {
    tensors = tiny_tensors(config);
    write_safetensors(folder.path() / "model.safetensors", tensors);
    auto weights = std::make_shared<Weights>(
        read_weights(SafetensorsReader(folder.path() / "model.safetensors"), config));
    std::vector<std::unique_ptr<attention::Attention>> layers;
    for (int i = 0; i < config.n_layer; ++i)
      layers.push_back(attention::make_softmax({config.n_head, config.head_dim(), window}));
    return Transformer(weights, std::move(layers), threads);
  }
  std::vector<int> text(int length, std::uint64_t seed = 5) const {
    Random random(seed);
    std::vector<int> tokens(length);
    for (int& token : tokens) token = static_cast<int>(random.below(config.vocab_size));
    return tokens;
  }
  void expect_logits_of_reference(int window, int length) {
    Transformer transformer = make(window);
    const auto tokens = text(length);
    const Rows expected = Reference{config, tensors}.logits(tokens, window);
    for (int t = 0; t < length; ++t) {  // token by token
      const auto logits = transformer.logits(std::span(tokens).subspan(t, 1));
      for (int i = 0; i < config.vocab_size; ++i) ASSERT_NEAR(logits[i], expected[t][i], 2e-4) << t;
    }
    transformer.reset();  // and in one go
    std::vector<double> nats(length - 1);
    transformer.score(std::span(tokens).first(length - 1), std::span(tokens).subspan(1), nats);
    for (int t = 0; t + 1 < length; ++t)
      ASSERT_NEAR(nats[t], Reference::nats(expected[t], tokens[t + 1]), 2e-4) << t;
  }
};

TEST_F(Tiny, IsGpt2) { expect_logits_of_reference(24, 24); }

TEST_F(Tiny, HasAnUntiedHeadAndExactGeluIfToldSo) {
  config.tie_word_embeddings = false;
  config.activation = Activation::kGeluErf;
  config.n_inner = 50;
  config.norm_epsilon = 1e-3;
  expect_logits_of_reference(24, 24);
}

TEST_F(Tiny, SlidesWithRotaryPositionsPastAnyLength) {
  config.positions = Positions::kRotary;
  config.rotary_dims = 8;
  config.rotary_base = 64;
  expect_logits_of_reference(9, 200);
}

TEST_F(Tiny, GivesTheSameBitsWithAnyNumberOfThreads) {
  config.positions = Positions::kRotary;
  config.rotary_dims = 16;
  config.rotary_base = 64;
  const auto tokens = text(5000);
  std::vector<double> one(4999), three(4999);
  make(20, 1).score(std::span(tokens).first(4999), std::span(tokens).subspan(1), one);
  make(20, 3).score(std::span(tokens).first(4999), std::span(tokens).subspan(1), three);
  EXPECT_TRUE(one == three);
}

TEST_F(Tiny, RefusesToRunOutOfLearnedPositions) {
  Transformer transformer = make(24);
  transformer.run(text(20));
  try {
    transformer.run(text(5));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("24 learned positions"));
  }
}

TEST_F(Tiny, AFailureInALayerReachesTheCaller) {
  config.positions = Positions::kRotary;
  config.rotary_dims = 8;
  Transformer transformer = make(8, 2);
  auto broken = std::make_shared<Weights>(transformer.weights());
  broken->layers[1].attention_in.bias[3] = std::numeric_limits<float>::infinity();
  std::vector<std::unique_ptr<attention::Attention>> layers;
  for (int i = 0; i < 2; ++i) layers.push_back(attention::make_softmax({2, 16, 8}));
  try {
    Transformer(broken, std::move(layers), 2).run(text(300));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("layer 1"));
  }
}

TEST_F(Tiny, EvaluatesLongTextByStride) {
  Transformer transformer = make(24);
  const auto tokens = text(61);
  const Reference reference{config, tensors};
  for (const int stride : {12, 24, 5}) {
    // Every window starts afresh at position 0 and scores what the one before did not reach.
    double sum = 0;
    int done = 0;
    for (int begin = 0; done < 60; begin += stride) {
      const int end = std::min(begin + 24, 60);
      const auto logits = reference.logits({tokens.begin() + begin, tokens.begin() + end}, 24);
      for (int t = done; t < end; ++t) sum += Reference::nats(logits[t - begin], tokens[t + 1]);
      done = end;
    }
    const EvaluationReport report = evaluate(transformer, tokens, {.stride = stride});
    EXPECT_EQ(report.tokens, 60);
    EXPECT_EQ(report.stride, stride);
    EXPECT_NEAR(report.nats_per_token, sum / 60, 1e-4);
    EXPECT_EQ(report.activity[1].tokens, static_cast<double>(report.tokens_run));
  }
  EXPECT_EQ(evaluate(transformer, tokens).stride, 12);
  EXPECT_THROW(evaluate(transformer, tokens, {.stride = 25}), Error);
  EXPECT_THROW(evaluate(transformer, std::span(tokens).first(1)), Error);
}

TEST_F(Tiny, EvaluatesRotaryTextInOnePass) {
  config.positions = Positions::kRotary;
  config.rotary_dims = 8;
  Transformer transformer = make(10);
  const auto tokens = text(2500);
  const auto logits = Reference{config, tensors}.logits(tokens, 10);
  double sum = 0;
  for (int t = 0; t + 1 < 2500; ++t) sum += Reference::nats(logits[t], tokens[t + 1]);
  const EvaluationReport report = evaluate(transformer, tokens);
  EXPECT_EQ(report.tokens_run, 2499);
  EXPECT_EQ(report.stride, 0);
  EXPECT_NEAR(report.nats_per_token, sum / 2499, 1e-4);
}

TEST_F(Tiny, PassagesAreEachFromAnEmptyMemory) {
  config.positions = Positions::kRotary;
  config.rotary_dims = 8;
  Transformer transformer = make(9, 2);
  transformer.run(text(30));  // what was before is forgotten
  struct Case {
    std::vector<int> tokens;
    std::size_t scored_from;
    std::vector<double> nats = {};
    std::vector<int> likeliest = {};
  };
  // Ends of chunks (64 tokens) and slices (4,096) at and around the passages' own.
  std::vector<Case> cases{{text(2, 1), 1},    {text(65, 2), 64}, {text(66, 3), 65},
                          {text(200, 4), 70}, {text(3, 5), 1},   {text(4300, 6), 4090},
                          {text(129, 7), 1}};
  std::vector<Transformer::Passage> passages;
  for (Case& one : cases) {
    one.nats.resize(one.tokens.size() - one.scored_from);
    one.likeliest.resize(one.nats.size());
    passages.push_back({one.tokens, one.scored_from, one.nats, one.likeliest});
  }
  std::vector<energy::Activity> activity(2);
  transformer.score_each(passages, activity);
  double run = 0;
  for (const Case& one : cases) {
    const auto logits = Reference{config, tensors}.logits(one.tokens, 9);
    for (std::size_t i = 0; i < one.nats.size(); ++i) {
      const auto& before = logits[one.scored_from + i - 1];
      ASSERT_NEAR(one.nats[i], Reference::nats(before, one.tokens[one.scored_from + i]), 2e-4);
      const double most = *std::max_element(before.begin(), before.end());
      ASSERT_NEAR(before[one.likeliest[i]], most, 2e-4);
    }
    run += static_cast<double>(one.tokens.size()) - 1;
  }
  EXPECT_EQ(activity[1].tokens, run);
}

TEST_F(Tiny, AgreementIsThatOfTheTwoDistributions) {
  Transformer own = make(24), reference = make(2);
  const auto tokens = text(61);
  const EvaluationReport report = evaluate(own, tokens, {.stride = 12, .reference = &reference});
  EXPECT_EQ(report.nats, evaluate(own, tokens, {.stride = 12}).nats);
  EXPECT_EQ(report.agreement->reference_nats, evaluate(reference, tokens, {.stride = 12}).nats);
  const auto share = [](const std::vector<double>& logits, int token) {
    return std::exp(-Reference::nats(logits, token));
  };
  const auto top = [](const std::vector<double>& logits) {
    return std::max_element(logits.begin(), logits.end()) - logits.begin();
  };
  int done = 0, alike = 0;
  for (int begin = 0; done < 60; begin += 12) {
    const int end = std::min(begin + 24, 60);
    const std::vector<int> window(tokens.begin() + begin, tokens.begin() + end);
    const auto of_own = Reference{config, tensors}.logits(window, 24),
               of_reference = Reference{config, tensors}.logits(window, 2);
    for (; done < end; ++done) {
      const auto &p = of_reference[done - begin], &q = of_own[done - begin];
      double kl = 0;
      for (int token = 0; token < config.vocab_size; ++token)
        kl += share(p, token) * std::log(share(p, token) / share(q, token));
      ASSERT_NEAR(report.agreement->kl_nats[done], kl, 1e-4);
      ASSERT_EQ(report.agreement->same_top[done], top(p) == top(q) ? 1 : 0);
      alike += top(p) == top(q) ? 1 : 0;
    }
  }
  EXPECT_GT(alike, 0);
  EXPECT_LT(alike, 60);
}

// Softmax attention, with one head's output times a factor.
class Louder : public attention::Attention {
 public:
  Louder(attention::Shape shape, int head, float factor)
      : Attention(shape, attention::Scalers::identity(shape.heads)),
        inner_(attention::make_softmax(shape)),
        head_(head),
        factor_(factor) {}
  energy::Activity activity() const override { return inner_->activity(); }

 protected:
  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    inner_->run(tokens, q, k, v, out);
    for (int t = 0; t < tokens; ++t)
      for (int d = 0; d < shape().dim; ++d)
        out[(t * shape().heads + head_) * shape().dim + d] *= factor_;
  }
  void reset_ring() override { inner_->reset(); }

 private:
  std::unique_ptr<attention::Attention> inner_;
  int head_;
  float factor_;
};

struct TinyByLayer : Tiny {
  attention::Shape shape{config.n_head, config.head_dim(), 24};

  std::vector<std::unique_ptr<attention::Attention>> softmax() const {
    std::vector<std::unique_ptr<attention::Attention>> layers;
    for (int i = 0; i < config.n_layer; ++i) layers.push_back(attention::make_softmax(shape));
    return layers;
  }
  // Head 1 of this layer is a tenth too loud; -1: none.
  std::vector<LayerAgreement> agreement_where(int layer, int threads = 1) {
    Transformer reference = make(24);
    auto layers = softmax();
    if (layer >= 0) layers[layer] = std::make_unique<Louder>(shape, 1, 1.1F);
    Transformer own(reference.weights_in_common(), std::move(layers), threads);
    return evaluate(own, text(61), {.stride = 12, .reference = &reference, .beside = softmax()})
        .agreement->layers;
  }
};

TEST_F(TinyByLayer, NothingIsLostWhereBothAreAlike) {
  for (const LayerAgreement& layer : agreement_where(-1)) {
    EXPECT_EQ(layer.loss.relative_rms, 0);
    EXPECT_EQ(layer.loss.of_stream, 0);
    EXPECT_EQ(layer.stream_relative_rms, 0);
    EXPECT_NEAR(layer.loss.cosine, 1, 1e-12);
  }
}

TEST_F(TinyByLayer, ALossStandsWhereItArisesAndNotWhereItIsInherited) {
  for (const int at : {0, 1}) {
    const auto layers = agreement_where(at);
    ASSERT_EQ(layers.size(), 2U);
    for (const int layer : {0, 1}) {
      SCOPED_TRACE(at * 10 + layer);
      const LayerAgreement& one = layers[layer];
      EXPECT_NEAR(one.heads[1].relative_rms, layer == at ? 0.1 : 0, 1e-6);
      EXPECT_EQ(one.heads[0].relative_rms, 0);
      EXPECT_NEAR(one.heads[1].cosine, 1, 1e-6);
      EXPECT_EQ(one.stream_relative_rms > 0, layer >= at);
      EXPECT_EQ(one.loss.of_stream > 0, layer == at);
      // One head loses: the layer loses as much.
      EXPECT_NEAR(one.heads[1].of_stream, one.loss.of_stream, 1e-5 * one.loss.of_stream);
    }
  }
  EXPECT_EQ(agreement_where(0)[0].loss.of_stream, agreement_where(0, 2)[0].loss.of_stream);
}

TEST_F(TinyByLayer, OfStreamIsWhatTheOutputMatrixMakesOfTheLoss) {
  const double found = agreement_where(1)[1].loss.of_stream;
  auto layers = softmax();
  layers[1] = std::make_unique<Louder>(shape, 1, 1.1F);
  Transformer own(make(24).weights_in_common(), std::move(layers));
  double lost = 0, stream = 0;
  own.see_layers([&](const Transformer::LayerView& view) {
    if (view.layer != 1) return;
    const auto& weight = tensors.at("transformer.h.1.attn.c_proj.weight").values;
    for (int t = 0; t < view.tokens; ++t)
      for (int j = 0; j < 32; ++j) {
        double put = 0;
        for (int i = 16; i < 32; ++i)
          put += view.attended[t * 32 + i] * (0.1 / 1.1) * weight[i * 32 + j];
        lost += put * put;
        stream += std::pow(view.stream[t * 32 + j], 2);
      }
  });
  (void)evaluate(own, text(61), {.stride = 12, .block = 23});
  EXPECT_NEAR(found, std::sqrt(lost / stream), 1e-5 * found);
}

TEST_F(Tiny, GeneratesGreedilyWhatTheReferenceWould) {
  config.positions = Positions::kRotary;
  config.rotary_dims = 8;
  Transformer transformer = make(10);
  std::vector<int> text = {1, 2, 3};
  Random random(1);
  const auto generated = generate(transformer, text, 60, {.greedy = true}, random);
  ASSERT_EQ(generated.size(), 60u);
  const Reference reference{config, tensors};
  for (const int token : generated) {
    const auto logits = reference.logits(text, 10).back();
    EXPECT_NEAR(logits[token], *std::max_element(logits.begin(), logits.end()), 1e-3);
    text.push_back(token);
  }
}

TEST_F(Tiny, GeneratesPastItsLearnedPositions) {
  Transformer transformer = make(24);
  Random random(1);
  const std::vector<int> prompt = text(40);
  const auto generated = generate(transformer, prompt, 30, {.greedy = true}, random);
  EXPECT_EQ(generated.size(), 30u);
  // The first token comes from the newest half of the positions, since 40 tokens have no room.
  const auto logits =
      Reference{config, tensors}.logits({prompt.end() - 24, prompt.end()}, 24).back();
  EXPECT_NEAR(logits[generated[0]], *std::max_element(logits.begin(), logits.end()), 1e-3);
}

TEST(Sampling, FollowsTheDistribution) {
  const std::vector<float> logits = {0, 1, 2, -100};
  Random random(9);
  std::vector<double> count(4);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) ++count[sample(logits, {.temperature = 2}, random)];
  const double sum = 1 + std::exp(0.5) + std::exp(1);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(count[i] / kDraws, std::exp(i / 2.0) / sum, 0.015);
  count.assign(4, 0);
  for (int i = 0; i < 1000; ++i) ++count[sample(logits, {.top_k = 2}, random)];
  EXPECT_EQ(count[0], 0);
  EXPECT_GT(count[1], 150);
  EXPECT_EQ(sample(logits, {.greedy = true}, random), 2);
}

}  // namespace
}  // namespace gaincell::model
