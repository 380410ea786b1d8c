#include "model/convert.h"

#include <utility>

#include "model/attention_choice.h"
#include "model/transformer.h"

namespace gaincell::model {
namespace {

using attention::Attention;
using attention::Moments;
using attention::Scalers;

// Where a scaler puts what comes to it.
struct Placed {
  double mean, deviation;
};

// y over x, of one head.
struct Pairs {
  double count = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;

  void add(double a, double b) {
    ++count;
    x += a;
    y += b;
    xx += a * a;
    xy += a * b;
    yy += b * b;
  }
  double covariance() const { return xy / count - x / count * (y / count); }
  double variance_x() const { return xx / count - x / count * (x / count); }
  double variance_y() const { return yy / count - y / count * (y / count); }
  double slope() const { return variance_x() > 0 ? covariance() / variance_x() : 0; }
  double offset() const { return y / count - slope() * x / count; }
  double explained() const {
    const double both = variance_x() * variance_y();
    return both > 0 ? covariance() * covariance() / both : 0;
  }
};

// Softmax attention that also runs linear hardware on what it is given, and compares.
class Beside final : public Attention {
 public:
  Beside(std::unique_ptr<Attention> softmax, std::unique_ptr<Attention> linear)
      : Attention(softmax->shape(), softmax->scalers()),
        pairs(static_cast<std::size_t>(softmax->shape().heads)),
        softmax_(std::move(softmax)),
        linear_(std::move(linear)) {}

  energy::Activity activity() const override { return softmax_->activity(); }

  std::vector<Pairs> pairs;  // by head: the hardware's sum, and the softmax's output

 private:
  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const std::size_t width = static_cast<std::size_t>(shape().heads) * shape().dim;
    sums_.resize(tokens * width);
    softmax_->run(tokens, q, k, v, out);
    linear_->run(tokens, q, k, v, sums_.data());
    for (std::size_t i = 0; i < sums_.size(); ++i)
      pairs[i % width / shape().dim].add(sums_[i], out[i]);
  }
  void reset_ring() override {
    softmax_->reset();
    linear_->reset();
  }

  std::unique_ptr<Attention> softmax_, linear_;
  std::vector<float> sums_;
};

void place(const std::vector<Moments>& moments, const std::vector<float>& shift, Placed wanted,
           std::vector<float>& a, std::vector<float>& b) {
  for (std::size_t h = 0; h < moments.size(); ++h) {
    const double deviation = moments[h].standard_deviation();
    const double gain = deviation > 0 ? wanted.deviation / deviation : 0;
    a[h] = static_cast<float>(gain);
    b[h] = static_cast<float>(wanted.mean - gain * (moments[h].mean() - shift[h]));
  }
}

// By layer, of what the softmax model's queries, keys and values are on the batch.
std::vector<Scalers> placed_scalers(Transformer& softmax, const Batch& batch, double& nats) {
  const Config& config = softmax.weights().config;
  const Collecting collect(softmax);
  const BatchReport found = run_batch(softmax, batch);
  nats = found.nats_per_token;
  const double range = config.attention.v_max;
  const Placed pulse{0.3, 0.25}, level{config.attention.v_zero, 0.2 / 0.9 * range};
  std::vector<Scalers> scalers;
  for (int l = 0; l < config.n_layer; ++l) {
    // What softmax attention counts through: a = 1, and the b of these.
    const Scalers& through = softmax.attention(l).scalers();
    Scalers next = Scalers::identity(config.n_head, config.group());
    place(found.layers[l].q, through.b_q, pulse, next.a_q, next.b_q);
    place(found.layers[l].k, through.b_k, level, next.a_k, next.b_k);
    place(found.layers[l].v, through.b_v, level, next.a_v, next.b_v);
    scalers.push_back(std::move(next));
  }
  return scalers;
}

}  // namespace

ConvertReport convert(const std::shared_ptr<const Weights>& weights, int window, const Batch& batch,
                      int threads) {
  const int layers = weights->config.n_layer;
  const auto attention = [&](AttentionKind kind) {
    return make_attention(*weights, {kind, window, nullptr, {}});
  };
  ConvertReport report;
  {
    Transformer softmax(weights, attention(AttentionKind::kSoftmax), threads);
    report.scalers = placed_scalers(softmax, batch, report.nats_softmax);
  }
  std::vector<std::unique_ptr<Attention>> both;
  std::vector<Beside*> beside;
  auto softmax = attention(AttentionKind::kSoftmax), linear = attention(AttentionKind::kLinear);
  for (int l = 0; l < layers; ++l) {
    linear[l]->set_scalers(report.scalers[l]);
    auto pair = std::make_unique<Beside>(std::move(softmax[l]), std::move(linear[l]));
    beside.push_back(pair.get());
    both.push_back(std::move(pair));
  }
  Transformer compared(weights, std::move(both), threads);
  run_batch(compared, batch);
  for (int l = 0; l < layers; ++l) {
    double explained = 0;
    for (std::size_t h = 0; h < beside[l]->pairs.size(); ++h) {
      const Pairs& pairs = beside[l]->pairs[h];
      report.scalers[l].a_o[h] = static_cast<float>(pairs.slope());
      report.scalers[l].b_o[h] = static_cast<float>(pairs.offset());
      explained += pairs.explained();
    }
    report.explained.push_back(explained / static_cast<double>(beside[l]->pairs.size()));
  }
  Transformer converted(weights, attention(AttentionKind::kLinear), threads);
  for (int l = 0; l < layers; ++l) converted.attention(l).set_scalers(report.scalers[l]);
  report.nats_linear = run_batch(converted, batch).nats_per_token;
  for (int l = 0; l < layers; ++l) report.clipped.push_back(converted.attention(l).ranges());
  return report;
}

}  // namespace gaincell::model
