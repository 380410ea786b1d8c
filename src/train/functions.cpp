#include "train/functions.h"

#include <ATen/Parallel.h>
#include <cblas.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "train/kernels.h"

namespace gaincell::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int kChunk = 64;  // queries that share a block of keys; also the sub-tile of the ring

Tensor rounded(const Tensor& x, Precision precision) {
  return precision == Precision::kBf16 ? x.to(torch::kBFloat16) : x;
}

struct Linear : torch::autograd::Function<Linear> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, bool bf16) {
    const Precision precision = bf16 ? Precision::kBf16 : Precision::kF32;
    const Tensor xr = rounded(x, precision), wr = rounded(weight, precision);
    context->save_for_backward({xr, wr});
    if (!bf16) return torch::addmm(bias, xr, wr);
    return torch::mm(xr, wr).to(torch::kFloat).add_(bias);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor& dy = gradients[0];
    const Tensor dyr = dy.to(saved[0].scalar_type());
    return {torch::mm(dyr, saved[1].t()).to(torch::kFloat),
            torch::mm(saved[0].t(), dyr).to(torch::kFloat), dy.sum(0), Tensor()};
  }
};

struct Gelu : torch::autograd::Function<Gelu> {
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    context->save_for_backward({x});
    Tensor y = torch::empty_like(x);
    train::gelu(x.data_ptr<float>(), y.data_ptr<float>(), x.numel());
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor x = context->get_saved_variables()[0];
    const Tensor dy = gradients[0].contiguous();
    Tensor dx = torch::empty_like(x);
    gelu_gradient(x.data_ptr<float>(), dy.data_ptr<float>(), dx.data_ptr<float>(), x.numel());
    return {dx};
  }
};

struct Dropout : torch::autograd::Function<Dropout> {
  static Tensor forward(AutogradContext* context, const Tensor& x, double rate, std::int64_t key) {
    context->saved_data["rate"] = rate;
    context->saved_data["key"] = key;
    return masked(x, rate, key);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {masked(gradients[0].contiguous(), context->saved_data["rate"].toDouble(),
                   context->saved_data["key"].toInt()),
            Tensor(), Tensor()};
  }
  static Tensor masked(const Tensor& x, double rate, std::int64_t key) {
    Tensor y = torch::empty_like(x);
    train::dropout(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), static_cast<float>(rate),
                   static_cast<std::uint32_t>(key));
    return y;
  }
};

// Rotates `dims` leading values of one row from `from` to `to` by the angles (cosine, sign * sine)
// and copies the rest.
void rotate(const float* from, float* to, const float* cosine, const float* sine, float sign,
            int dims, int dim) {
  const int half = dims / 2;
  for (int i = 0; i < half; ++i) {
    const float c = cosine[i], s = sign * sine[i], x = from[i], y = from[i + half];
    to[i] = x * c - y * s;
    to[i + half] = y * c + x * s;
  }
  for (int i = dims; i < dim; ++i) to[i] = from[i];
}

struct SplitHeads : torch::autograd::Function<SplitHeads> {
  static variable_list forward(AutogradContext* context, const Tensor& qkv, const Tensor& cosine,
                               const Tensor& sine, std::int64_t heads) {
    context->save_for_backward({cosine, sine});
    const auto sequences = qkv.size(0), tokens = qkv.size(1), dim = qkv.size(2) / (3 * heads);
    variable_list parts;
    for (int part = 0; part < 3; ++part)
      parts.push_back(torch::empty({sequences, heads, tokens, dim}, qkv.options()));
    move(qkv.data_ptr<float>(), parts, cosine, sine, static_cast<int>(heads));
    return parts;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    for (Tensor& gradient : gradients) gradient = gradient.contiguous();
    const auto& q = gradients[0];
    Tensor d_qkv = torch::empty({q.size(0), q.size(2), 3 * q.size(1) * q.size(3)}, q.options());
    move_back(d_qkv.data_ptr<float>(), gradients, saved[0], saved[1]);
    return {d_qkv, Tensor(), Tensor(), Tensor()};
  }

 private:
  template <class Visit>
  static void each_row(const Tensor& shape, const Visit& visit) {
    const auto heads = shape.size(1), tokens = shape.size(2), dim = shape.size(3);
    at::parallel_for(0, shape.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b)
        for (std::int64_t t = 0; t < tokens; ++t)
          for (std::int64_t h = 0; h < heads; ++h)
            for (int part = 0; part < 3; ++part)
              visit(part, b * tokens + t, ((b * tokens + t) * 3 + part) * heads * dim + h * dim,
                    ((b * heads + h) * tokens + t) * dim);
    });
  }
  static void move(const float* qkv, variable_list& parts, const Tensor& cosine, const Tensor& sine,
                   int) {
    const int dims = static_cast<int>(2 * cosine.size(2)), dim = static_cast<int>(parts[0].size(3));
    const float *c = cosine.data_ptr<float>(), *s = sine.data_ptr<float>();
    float* to[3] = {parts[0].data_ptr<float>(), parts[1].data_ptr<float>(),
                    parts[2].data_ptr<float>()};
    each_row(parts[0], [&](int part, std::int64_t row, std::int64_t joint, std::int64_t split) {
      rotate(qkv + joint, to[part] + split, c + row * dims / 2, s + row * dims / 2, 1.0f,
             part < 2 ? dims : 0, dim);
    });
  }
  static void move_back(float* qkv, const variable_list& parts, const Tensor& cosine,
                        const Tensor& sine) {
    const int dims = static_cast<int>(2 * cosine.size(2)), dim = static_cast<int>(parts[0].size(3));
    const float *c = cosine.data_ptr<float>(), *s = sine.data_ptr<float>();
    const float* from[3] = {parts[0].data_ptr<float>(), parts[1].data_ptr<float>(),
                            parts[2].data_ptr<float>()};
    each_row(parts[0], [&](int part, std::int64_t row, std::int64_t joint, std::int64_t split) {
      rotate(from[part] + split, qkv + joint, c + row * dims / 2, s + row * dims / 2, -1.0f,
             part < 2 ? dims : 0, dim);
    });
  }
};

struct ScaleAndQuantise : torch::autograd::Function<ScaleAndQuantise> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& a, const Tensor& b,
                        double low, double high, double step, double zero) {
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    const std::vector<std::int64_t> per_head{1, -1, 1, 1};
    const Tensor scaled = x.mul(a.view(per_head)).add_(b.view(per_head));
    context->save_for_backward({x, a, scaled});
    Tensor y = torch::empty_like(scaled);
    quantise(scaled.data_ptr<float>(), y.data_ptr<float>(), static_cast<float>(low),
             static_cast<float>(high), static_cast<float>(step), y.numel());
    if (zero != 0) y.sub_(zero);
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor dy = gradients[0].contiguous();
    Tensor inside = torch::empty_like(dy);
    pass_inside(saved[2].data_ptr<float>(), dy.data_ptr<float>(), inside.data_ptr<float>(),
                static_cast<float>(context->saved_data["low"].toDouble()),
                static_cast<float>(context->saved_data["high"].toDouble()), 1.0f, dy.numel());
    const Tensor da = inside.mul(saved[0]).sum({0, 2, 3});
    const Tensor db = inside.sum({0, 2, 3});
    return {
        inside.mul_(saved[1].view({1, -1, 1, 1})), da, db, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

// C (+)= A B in row-major blocks with leading dimensions.
void product(bool a_transposed, bool b_transposed, int m, int n, int k, const float* a, int lda,
             const float* b, int ldb, bool accumulate, float* c, int ldc) {
  cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
              b_transposed ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a, lda, b, ldb,
              accumulate ? 1.0f : 0.0f, c, ldc);
}

// Keys that a chunk of 64 queries can see: chunks first .. c, `keys` of them in tokens.
struct Band {
  int first_chunk, keys;
};
Band band_of(int chunk, int window) {
  const int first = std::max(0, chunk - window / kChunk);
  return {first, (chunk - first + 1) * kChunk};
}

struct Extents {
  std::int64_t rows;  // sequences x heads
  int tokens, dim, chunks, width;
  Extents(const Tensor& q, int window)
      : rows(q.size(0) * q.size(1)),
        tokens(static_cast<int>(q.size(2))),
        dim(static_cast<int>(q.size(3))),
        chunks(tokens / kChunk),
        width(window + kChunk) {
    TORCH_CHECK(tokens % kChunk == 0 && window % kChunk == 0, "tokens and window: multiples of 64");
  }
};

struct SoftmaxAttention : torch::autograd::Function<SoftmaxAttention> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        std::int64_t window) {
    const Extents e(q, static_cast<int>(window));
    Tensor p = torch::empty({e.rows, e.tokens, e.width}, q.options());
    Tensor out = torch::empty_like(q);
    const float scale = 1.0f / std::sqrt(static_cast<float>(e.dim));
    const float *qp = q.data_ptr<float>(), *kp = k.data_ptr<float>(), *vp = v.data_ptr<float>();
    float *pp = p.data_ptr<float>(), *op = out.data_ptr<float>();
    at::parallel_for(0, e.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        for (int c = 0; c < e.chunks; ++c) {
          const Band band = band_of(c, static_cast<int>(window));
          const std::int64_t row = (r * e.tokens + c * kChunk);
          const std::int64_t key = (r * e.tokens + band.first_chunk * kChunk) * e.dim;
          float* weights = pp + row * e.width;
          product(false, true, kChunk, band.keys, e.dim, qp + row * e.dim, e.dim, kp + key, e.dim,
                  false, weights, e.width);
          for (int i = 0; i < kChunk; ++i) {
            const int here = (c - band.first_chunk) * kChunk + i;
            softmax_row(weights + i * e.width, scale,
                        std::max(0, here - static_cast<int>(window) + 1), here + 1, band.keys);
          }
          product(false, false, kChunk, e.dim, band.keys, weights, e.width, vp + key, e.dim, false,
                  op + row * e.dim, e.dim);
        }
    });
    context->saved_data["window"] = window;
    context->save_for_backward({q, k, v, p, out});
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const int window = static_cast<int>(context->saved_data["window"].toInt());
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &p = saved[3], &out = saved[4];
    const Tensor g = gradients[0].contiguous();
    const Extents e(q, window);
    Tensor dq = torch::empty_like(q), dk = torch::zeros_like(k), dv = torch::zeros_like(v);
    const Tensor dots = g.mul(out).sum(-1);
    const float scale = 1.0f / std::sqrt(static_cast<float>(e.dim));
    const float *qp = q.data_ptr<float>(), *kp = k.data_ptr<float>(), *vp = v.data_ptr<float>(),
                *pp = p.data_ptr<float>(), *gp = g.data_ptr<float>(),
                *dots_p = dots.data_ptr<float>();
    float *dqp = dq.data_ptr<float>(), *dkp = dk.data_ptr<float>(), *dvp = dv.data_ptr<float>();
    at::parallel_for(0, e.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> scratch(static_cast<std::size_t>(kChunk) * e.width);
      for (std::int64_t r = begin; r < end; ++r)
        for (int c = 0; c < e.chunks; ++c) {
          const Band band = band_of(c, window);
          const std::int64_t row = (r * e.tokens + c * kChunk);
          const std::int64_t key = (r * e.tokens + band.first_chunk * kChunk) * e.dim;
          const float* weights = pp + row * e.width;
          float* d = scratch.data();
          product(true, false, band.keys, e.dim, kChunk, weights, e.width, gp + row * e.dim, e.dim,
                  true, dvp + key, e.dim);
          product(false, true, kChunk, band.keys, e.dim, gp + row * e.dim, e.dim, vp + key, e.dim,
                  false, d, e.width);
          for (int i = 0; i < kChunk; ++i)
            softmax_gradient_row(weights + i * e.width, d + i * e.width, dots_p[row + i], scale,
                                 band.keys);
          product(false, false, kChunk, e.dim, band.keys, d, e.width, kp + key, e.dim, false,
                  dqp + row * e.dim, e.dim);
          product(true, false, band.keys, e.dim, kChunk, d, e.width, qp + row * e.dim, e.dim, true,
                  dkp + key, e.dim);
        }
    });
    return {dq, dk, dv, Tensor()};
  }
};

// Decay by age laid out so that the row of query i (of its chunk) over the keys of a band, oldest
// first, is contiguous: entry [window + kChunk - 1 - age]... with 0 for ages outside 0 .. window-1.
class DecayRows {
 public:
  DecayRows(int window, double decay_per_token) : newest_(window + kChunk) {
    values_.assign(2 * static_cast<std::size_t>(window + kChunk) + 1, 0.0f);
    for (int age = 0; age < window; ++age)
      values_[newest_ - age] = static_cast<float>(std::exp(-decay_per_token * age));
  }
  // Keys 0 .. of the band for a query that is key number `here`.
  const float* row(int here) const { return values_.data() + newest_ - here; }

 private:
  int newest_;
  std::vector<float> values_;
};

struct LinearAttention : torch::autograd::Function<LinearAttention> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        std::int64_t window, double gain1, double gain2, double decay,
                        std::int64_t levels) {
    const Extents e(q, static_cast<int>(window));
    const int tiles = static_cast<int>(window) / kChunk;
    Tensor z = torch::empty({e.rows, e.tokens, e.width}, q.options());
    // Charge of every sub-tile before its clamp.
    Tensor charge = torch::empty({e.rows, e.chunks, tiles, kChunk, e.dim}, q.options());
    Tensor out = torch::zeros_like(q);
    const DecayRows decays(static_cast<int>(window), decay);
    const float step = 2.0f / static_cast<float>(levels - 1);
    const float *qp = q.data_ptr<float>(), *kp = k.data_ptr<float>(), *vp = v.data_ptr<float>();
    float *zp = z.data_ptr<float>(), *cp = charge.data_ptr<float>(), *op = out.data_ptr<float>();
    at::parallel_for(0, e.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> scratch(static_cast<std::size_t>(kChunk) * e.width);
      const int tile_size = kChunk * e.dim;
      for (std::int64_t r = begin; r < end; ++r)
        for (int c = 0; c < e.chunks; ++c) {
          const Band band = band_of(c, static_cast<int>(window));
          const std::int64_t row = (r * e.tokens + c * kChunk);
          const std::int64_t key = (r * e.tokens + band.first_chunk * kChunk) * e.dim;
          float* scores = zp + row * e.width;
          float* weights = scratch.data();
          product(false, true, kChunk, band.keys, e.dim, qp + row * e.dim, e.dim, kp + key, e.dim,
                  false, scores, e.width);
          for (int i = 0; i < kChunk; ++i)
            hard_sigmoid_row(scores + i * e.width, weights + i * e.width,
                             decays.row((c - band.first_chunk) * kChunk + i),
                             static_cast<float>(gain1), band.keys);
          float* sums = cp + (r * e.chunks + c) * tiles * tile_size;
          std::fill(sums, sums + tiles * tile_size, 0.0f);
          for (int other = band.first_chunk; other <= c; ++other)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kChunk, e.dim, kChunk,
                        static_cast<float>(gain2), weights + (other - band.first_chunk) * kChunk,
                        e.width, vp + (r * e.tokens + other * kChunk) * e.dim, e.dim, 1.0f,
                        sums + other % tiles * tile_size, e.dim);
          for (int tile = 0; tile < tiles; ++tile)
            quantise_add(sums + tile * tile_size, op + row * e.dim, -1.0f, 1.0f, step, tile_size);
        }
    });
    context->saved_data["window"] = window;
    context->saved_data["gain1"] = gain1;
    context->saved_data["gain2"] = gain2;
    context->saved_data["decay"] = decay;
    context->save_for_backward({q, k, v, z, charge});
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const int window = static_cast<int>(context->saved_data["window"].toInt());
    const auto gain1 = static_cast<float>(context->saved_data["gain1"].toDouble());
    const auto gain2 = static_cast<float>(context->saved_data["gain2"].toDouble());
    const DecayRows decays(window, context->saved_data["decay"].toDouble());
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &z = saved[3], &charge = saved[4];
    const Tensor g = gradients[0].contiguous();
    const Extents e(q, window);
    const int tiles = window / kChunk;
    Tensor dq = torch::empty_like(q), dk = torch::zeros_like(k), dv = torch::zeros_like(v);
    const float *qp = q.data_ptr<float>(), *kp = k.data_ptr<float>(), *vp = v.data_ptr<float>(),
                *zp = z.data_ptr<float>(), *cp = charge.data_ptr<float>(),
                *gp = g.data_ptr<float>();
    float *dqp = dq.data_ptr<float>(), *dkp = dk.data_ptr<float>(), *dvp = dv.data_ptr<float>();
    at::parallel_for(0, e.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      const int tile_size = kChunk * e.dim;
      std::vector<float> weight_scratch(static_cast<std::size_t>(kChunk) * e.width);
      std::vector<float> score_scratch(weight_scratch.size());
      std::vector<float> charge_scratch(static_cast<std::size_t>(tiles) * tile_size);
      float *weights = weight_scratch.data(), *d = score_scratch.data(),
            *d_charge = charge_scratch.data();
      for (std::int64_t r = begin; r < end; ++r)
        for (int c = 0; c < e.chunks; ++c) {
          const Band band = band_of(c, window);
          const std::int64_t row = (r * e.tokens + c * kChunk);
          const std::int64_t key = (r * e.tokens + band.first_chunk * kChunk) * e.dim;
          const float* scores = zp + row * e.width;
          for (int i = 0; i < kChunk; ++i)
            hard_sigmoid_weight_row(scores + i * e.width, weights + i * e.width,
                                    decays.row((c - band.first_chunk) * kChunk + i), band.keys);
          for (int tile = 0; tile < tiles; ++tile)
            pass_inside(cp + ((r * e.chunks + c) * tiles + tile) * tile_size, gp + row * e.dim,
                        d_charge + tile * tile_size, -1.0f, 1.0f, gain2, tile_size);
          for (int other = band.first_chunk; other <= c; ++other) {
            const int column = (other - band.first_chunk) * kChunk;
            const std::int64_t value = (r * e.tokens + other * kChunk) * e.dim;
            const float* from = d_charge + other % tiles * tile_size;
            product(true, false, kChunk, e.dim, kChunk, weights + column, e.width, from, e.dim,
                    true, dvp + value, e.dim);
            product(false, true, kChunk, kChunk, e.dim, from, e.dim, vp + value, e.dim, false,
                    d + column, e.width);
          }
          for (int i = 0; i < kChunk; ++i)
            hard_sigmoid_gradient_row(scores + i * e.width, d + i * e.width,
                                      decays.row((c - band.first_chunk) * kChunk + i), gain1,
                                      band.keys);
          product(false, false, kChunk, e.dim, band.keys, d, e.width, kp + key, e.dim, false,
                  dqp + row * e.dim, e.dim);
          product(true, false, band.keys, e.dim, kChunk, d, e.width, qp + row * e.dim, e.dim, true,
                  dkp + key, e.dim);
        }
    });
    return {dq, dk, dv, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Precision precision) {
  return Linear::apply(x, weight, bias, precision == Precision::kBf16);
}

Tensor gelu(const Tensor& x) { return Gelu::apply(x); }

Tensor dropout(const Tensor& x, double rate, std::uint32_t key) {
  return rate > 0 ? Dropout::apply(x, rate, static_cast<std::int64_t>(key)) : x;
}

Rotation make_rotation(const std::vector<std::int64_t>& first, int tokens, int dims, double base) {
  const int half = dims / 2;
  const auto sequences = static_cast<std::int64_t>(first.size());
  Rotation rotation{torch::empty({sequences, tokens, half}),
                    torch::empty({sequences, tokens, half})};
  float *c = rotation.cosine.data_ptr<float>(), *s = rotation.sine.data_ptr<float>();
  for (const std::int64_t start : first)
    for (int t = 0; t < tokens; ++t)
      for (int i = 0; i < half; ++i) {
        const double angle = static_cast<double>(start + t) * std::pow(base, -2.0 * i / dims);
        *c++ = static_cast<float>(std::cos(angle));
        *s++ = static_cast<float>(std::sin(angle));
      }
  return rotation;
}

std::vector<Tensor> split_heads(const Tensor& qkv, const Rotation& rotation, int heads) {
  return SplitHeads::apply(qkv, rotation.cosine, rotation.sine, static_cast<std::int64_t>(heads));
}

Tensor scale_and_quantise(const Tensor& x, const Tensor& a, const Tensor& b, const Levels& levels,
                          double zero) {
  return ScaleAndQuantise::apply(x, a, b, levels.low, levels.high, levels.step(), zero);
}

Tensor softmax_attention(const Tensor& q, const Tensor& k, const Tensor& v, int window) {
  return SoftmaxAttention::apply(q, k, v, static_cast<std::int64_t>(window));
}

Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                        const model::AttentionConfig& hardware) {
  return LinearAttention::apply(q, k, v, static_cast<std::int64_t>(hardware.window),
                                hardware.slope_a_per_v / hardware.s_sat_first_a,
                                hardware.slope_a_per_v / hardware.s_sat_second_a,
                                hardware.decay_per_token,
                                static_cast<std::int64_t>(hardware.output_levels));
}

}  // namespace gaincell::train
