#include "model/layer_agreement.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace gaincell::model {
namespace {

using Values = Eigen::Map<const Eigen::ArrayXf>;

double squares(const float* x, std::size_t n) {
  return Values(x, static_cast<Eigen::Index>(n)).cast<double>().square().sum();
}

double ratio(double part, double all) { return all > 0 ? std::sqrt(part / all) : 0.0; }

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Square = Eigen::MatrixXf;

// So that d W W^T d^T is what a difference d of one head comes to behind the matrix, squared.
std::vector<Square> output_squares(const Matrix& matrix, int heads, int dim) {
  std::vector<Square> all;
  for (int head = 0; head < heads; ++head) {
    Rows one = Rows::Zero(dim, matrix.inputs()), rows(dim, matrix.outputs());
    for (int d = 0; d < dim; ++d) one(d, head * dim + d) = 1;
    matrix.multiply(dim, one.data(), rows.data());
    all.emplace_back(rows * rows.transpose());
  }
  return all;
}

}  // namespace

struct LayerComparison::Layer {
  // Of two results, summed over tokens.
  struct Sums {
    double reference = 0, own = 0, product = 0, difference = 0;

    void add(const float* of_reference, const float* of_own, std::size_t n) {
      const auto a = Values(of_reference, static_cast<Eigen::Index>(n)).cast<double>(),
                 b = Values(of_own, static_cast<Eigen::Index>(n)).cast<double>();
      reference += a.square().sum();
      own += b.square().sum();
      product += (a * b).sum();
      difference += (a - b).square().sum();
    }
    Sums& operator+=(const Sums& other) {
      reference += other.reference;
      own += other.own;
      product += other.product;
      difference += other.difference;
      return *this;
    }
    double relative_rms() const { return ratio(difference, reference); }
    double cosine() const {
      return reference > 0 && own > 0 ? product / std::sqrt(reference * own) : 0.0;
    }
  };

  std::unique_ptr<attention::Attention> beside;
  std::vector<float> reference_stream;  // of the block
  std::vector<float> attended, difference, put;
  std::vector<Sums> heads;
  std::vector<Square> output;        // by head: W W^T of its rows of the output matrix
  std::vector<double> head_squares;  // of what a head's own loss puts on the stream
  Sums stream;
  double put_squares = 0;  // of what its own loss puts on the stream
};

LayerComparison::LayerComparison(Transformer& own, Transformer& reference,
                                 std::vector<std::unique_ptr<attention::Attention>> beside)
    : own_(own), reference_(reference) {
  const Config& config = own.weights().config;
  const auto heads = static_cast<std::size_t>(config.n_head);
  for (auto& one : beside) {
    const Matrix& output = own.weights().layers[layers_.size()].attention_out.weight;
    layers_.push_back({.beside = std::move(one),
                       .reference_stream = {},
                       .attended = {},
                       .difference = {},
                       .put = {},
                       .heads = std::vector<Layer::Sums>(heads),
                       .output = output_squares(output, config.n_head, config.head_dim()),
                       .head_squares = std::vector<double>(heads),
                       .stream = {}});
  }
  own_.see_layers([this](const Transformer::LayerView& view) { compare(view); });
  reference_.see_layers([this](const Transformer::LayerView& view) { keep(view); });
}

LayerComparison::~LayerComparison() {
  own_.see_layers({});
  reference_.see_layers({});
}

void LayerComparison::begin_block(std::size_t tokens) {
  begin_ = own_.position();
  const auto width = static_cast<std::size_t>(own_.weights().config.n_embd);
  for (Layer& layer : layers_) layer.reference_stream.resize(tokens * width);
}

void LayerComparison::reset() {
  for (Layer& layer : layers_) layer.beside->reset();
}

void LayerComparison::keep(const Transformer::LayerView& view) {
  const auto width = static_cast<std::size_t>(own_.weights().config.n_embd);
  std::copy_n(
      view.stream, static_cast<std::size_t>(view.tokens) * width,
      layers_[static_cast<std::size_t>(view.layer)].reference_stream.begin() +
          static_cast<std::ptrdiff_t>((view.position - begin_) * static_cast<std::int64_t>(width)));
}

void LayerComparison::compare(const Transformer::LayerView& view) {
  const Config& config = own_.weights().config;
  Layer& layer = layers_[static_cast<std::size_t>(view.layer)];
  const auto tokens = static_cast<std::size_t>(view.tokens),
             dim = static_cast<std::size_t>(config.head_dim()),
             width = static_cast<std::size_t>(config.n_embd),
             all = tokens * static_cast<std::size_t>(config.q_width());
  layer.attended.resize(all);
  layer.beside->run(view.tokens, view.q, view.k, view.v, layer.attended.data());
  for (std::size_t at = 0, k = 0; at < all; at += dim, ++k)
    layer.heads[k % layer.heads.size()].add(layer.attended.data() + at, view.attended + at, dim);
  layer.difference.resize(all);
  std::transform(view.attended, view.attended + all, layer.attended.begin(),
                 layer.difference.begin(), std::minus<>());
  for (std::size_t head = 0; head < layer.heads.size(); ++head) {
    const Eigen::Map<const Rows, 0, Eigen::OuterStride<>> lost(
        layer.difference.data() + head * dim, view.tokens, static_cast<Eigen::Index>(dim),
        Eigen::OuterStride<>(config.q_width()));
    layer.head_squares[head] += (lost * layer.output[head]).cwiseProduct(lost).cast<double>().sum();
  }
  layer.put.resize(tokens * width);
  own_.weights().layers[static_cast<std::size_t>(view.layer)].attention_out.weight.multiply(
      view.tokens, layer.difference.data(), layer.put.data());
  layer.put_squares += squares(layer.put.data(), layer.put.size());
  layer.stream.add(
      layer.reference_stream.data() + static_cast<std::size_t>(view.position - begin_) * width,
      view.stream, tokens * width);
}

std::vector<LayerAgreement> LayerComparison::found() const {
  std::vector<LayerAgreement> all;
  for (const Layer& layer : layers_) {
    Layer::Sums sum;
    for (const Layer::Sums& head : layer.heads) sum += head;
    LayerAgreement one{.loss = {.of_stream = ratio(layer.put_squares, layer.stream.own),
                                .relative_rms = sum.relative_rms(),
                                .cosine = sum.cosine()},
                       .stream_relative_rms = layer.stream.relative_rms(),
                       .heads = {}};
    for (std::size_t head = 0; head < layer.heads.size(); ++head)
      one.heads.push_back({.of_stream = ratio(layer.head_squares[head], layer.stream.own),
                           .relative_rms = layer.heads[head].relative_rms(),
                           .cosine = layer.heads[head].cosine()});
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace gaincell::model
