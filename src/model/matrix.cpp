#include "model/matrix.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

#include "attention/elementwise.h"
#include "base/error.h"

// Of the OpenMP that oneDNN is built with. Its header lies with the compiler, not every compiler's.
extern "C" {
int omp_get_max_threads();
void omp_set_num_threads(int threads);
}

namespace gaincell::model {
namespace {

using Type = dnnl::memory::data_type;
using Format = dnnl::memory::format_tag;

// A product is computed by the thread that asks for it; the caller's own products, of PyTorch for
// example, keep their threads.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

const dnnl::engine& engine() {
  static const dnnl::engine one(dnnl::engine::kind::cpu, 0);
  return one;
}

dnnl::stream& stream() {
  thread_local dnnl::stream one(engine());
  return one;
}

// What oneDNN has fast code for. Elsewhere OpenBLAS is faster than it, in F32.
bool has_instructions(Arithmetic arithmetic) {
  // The values are bits, the larger instruction sets' among them those of the smaller.
  const auto has = [](dnnl::cpu_isa wanted) {
    const auto bits = static_cast<unsigned>(wanted);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
  };
  switch (arithmetic) {
    case Arithmetic::kF32:
      return has(dnnl::cpu_isa::avx512_core);
    case Arithmetic::kBf16:
      return has(dnnl::cpu_isa::avx512_core_bf16);
    case Arithmetic::kInt8:
      return has(dnnl::cpu_isa::avx512_core_vnni);
  }
  return false;
}

// Room that a thread's products share.
template <typename T>
T* room(std::vector<T>& values, std::size_t n) {
  if (values.size() < n) values.resize(n);
  return values.data();
}

std::size_t product_of(int a, int b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

}  // namespace

std::string to_string(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kF32:
      return "f32";
    case Arithmetic::kBf16:
      return "bf16";
    case Arithmetic::kInt8:
      return "int8";
  }
  return {};
}

Arithmetic parse_arithmetic(const std::string& name, const std::string& key) {
  for (const Arithmetic one : {Arithmetic::kF32, Arithmetic::kBf16, Arithmetic::kInt8}) {
    if (name != to_string(one)) continue;
    if (one == Arithmetic::kF32 || has_instructions(one)) return one;
    throw Error({.key = key,
                 .value = name,
                 .rule = fmt::format("this processor has no instructions for it ({})",
                                     one == Arithmetic::kBf16 ? "AVX-512 BF16" : "AVX-512 VNNI"),
                 .remedy = "leave it out: f32"});
  }
  throw Error({.key = key,
               .value = name,
               .rule = "must be f32, bf16 or int8",
               .remedy = "leave it out: f32"});
}

class Matrix::Packed {
 public:
  Packed(int inputs, int outputs, std::span<const float> values, Layout layout,
         Arithmetic arithmetic)
      : inputs_(inputs), outputs_(outputs), arithmetic_(arithmetic) {
    if (!has_instructions(arithmetic))
      plain_ = by_input(values, layout);
    else if (arithmetic == Arithmetic::kInt8)
      pack_bytes(by_input(values, layout));
    else
      pack(Type::f32, const_cast<float*>(values.data()),
           layout == Layout::kByInput ? Format::ab : Format::ba);
  }

  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }

  void multiply(int rows, const float* x, float* y, bool adds) const {
    if (rows == 0) return;
    if (!plain_.empty()) return multiply_plain(rows, x, y, adds ? 1.0f : 0.0f);
    const OneThread one_thread;
    switch (arithmetic_) {
      case Arithmetic::kF32:
        return execute(rows, const_cast<float*>(x), y, adds);
      case Arithmetic::kBf16:
        return multiply_bf16(rows, x, y, adds);
      case Arithmetic::kInt8:
        return multiply_bytes(rows, x, y, adds);
    }
  }

 private:
  // A product of so many rows.
  struct Product {
    dnnl::matmul::primitive_desc of;
    dnnl::matmul run;
  };
  // Of the rows whose product decides how weights are laid out.
  static constexpr int kUsualRows = 64;

  Type activation_type() const {
    return arithmetic_ == Arithmetic::kF32    ? Type::f32
           : arithmetic_ == Arithmetic::kBf16 ? Type::bf16
                                              : Type::u8;
  }
  Type weight_type() const {
    return arithmetic_ == Arithmetic::kInt8 ? Type::s8 : activation_type();
  }

  std::vector<float> by_input(std::span<const float> values, Layout layout) const {
    std::vector<float> turned(values.begin(), values.end());
    if (layout == Layout::kByOutput)
      for (int in = 0; in < inputs_; ++in)
        for (int out = 0; out < outputs_; ++out)
          turned[product_of(in, outputs_) + static_cast<std::size_t>(out)] =
              values[product_of(out, inputs_) + static_cast<std::size_t>(in)];
    return turned;
  }

  dnnl::matmul::primitive_desc describe(int rows, const dnnl::memory::desc& weights,
                                        bool adds) const {
    const dnnl::memory::desc x({rows, inputs_}, activation_type(), Format::ab),
        y({rows, outputs_}, Type::f32, Format::ab);
    dnnl::primitive_attr attributes;
    // Else the room would be one a process, and products one at a time.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (arithmetic_ == Arithmetic::kInt8) attributes.set_output_scales(1 << 1, scale_);
    if (adds) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    return {dnnl::matmul::desc(x, weights, y), attributes, engine()};
  }

  void pack(Type from, void* values, Format format) {
    const OneThread one_thread;
    const dnnl::memory::desc any({inputs_, outputs_}, weight_type(), Format::any);
    weights_ = dnnl::memory(describe(kUsualRows, any, false).weights_desc(), engine());
    dnnl::memory stored({{inputs_, outputs_}, from, format}, engine(), values);
    dnnl::reorder(stored, weights_).execute(stream(), stored, weights_);
    stream().wait();
  }

  // Steps of each output's own; `offset_` is what a byte of every activation would come to.
  void pack_bytes(const std::vector<float>& values) {
    scale_.assign(static_cast<std::size_t>(outputs_), 0.0f);
    offset_ = scale_;
    const std::size_t outputs = scale_.size();
    for (std::size_t i = 0; i < values.size(); ++i)
      scale_[i % outputs] = std::max(scale_[i % outputs], std::abs(values[i]) / 127);
    std::vector<std::int8_t> bytes(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float scale = scale_[i % outputs];
      if (scale > 0) bytes[i] = static_cast<std::int8_t>(std::lround(values[i] / scale));
      offset_[i % outputs] += static_cast<float>(bytes[i]);
    }
    for (std::size_t out = 0; out < outputs; ++out) offset_[out] *= scale_[out];
    pack(Type::s8, bytes.data(), Format::ab);
  }

  const Product& product(int rows, bool adds) const {
    const std::lock_guard lock(mutex_);
    auto& found = products_[{rows, adds}];
    if (!found) {
      auto of = describe(rows, weights_.get_desc(), adds);
      found = std::make_unique<Product>(Product{of, dnnl::matmul(of)});
    }
    return *found;
  }

  void execute(int rows, void* x, float* y, bool adds) const {
    thread_local std::vector<std::uint8_t> scratch;
    const Product& product = this->product(rows, adds);
    const auto scratch_desc = product.of.scratchpad_desc();
    product.run.execute(
        stream(), {{DNNL_ARG_SRC, dnnl::memory(product.of.src_desc(), engine(), x)},
                   {DNNL_ARG_WEIGHTS, weights_},
                   {DNNL_ARG_DST, dnnl::memory(product.of.dst_desc(), engine(), y)},
                   {DNNL_ARG_SCRATCHPAD,
                    dnnl::memory(scratch_desc, engine(), room(scratch, scratch_desc.get_size()))}});
    stream().wait();
  }

  void multiply_bf16(int rows, const float* x, float* y, bool adds) const {
    thread_local std::vector<std::uint16_t> rounded;
    std::uint16_t* narrow = room(rounded, product_of(rows, inputs_));
    dnnl::memory from({{rows, inputs_}, Type::f32, Format::ab}, engine(), const_cast<float*>(x)),
        to({{rows, inputs_}, Type::bf16, Format::ab}, engine(), narrow);
    dnnl::reorder(from, to).execute(stream(), from, to);
    execute(rows, narrow, y, adds);
  }

  void multiply_bytes(int rows, const float* x, float* y, bool adds) const {
    thread_local std::vector<std::uint8_t> bytes;
    thread_local std::vector<float> products;
    thread_local std::vector<attention::ByteScale> scales;
    const auto inputs = static_cast<std::size_t>(inputs_), outputs = scale_.size();
    std::uint8_t* narrow = room(bytes, product_of(rows, inputs_));
    attention::ByteScale* scale = room(scales, static_cast<std::size_t>(rows));
    for (int r = 0; r < rows; ++r)
      scale[r] = attention::to_bytes(inputs, x + r * inputs, narrow + r * inputs);
    float* own = adds ? room(products, product_of(rows, outputs_)) : y;
    execute(rows, narrow, own, false);
    for (int r = 0; r < rows; ++r) {
      const auto [step, zero] = scale[r];
      if (adds)
        attention::add_scaled_back(outputs, step, zero, offset_.data(), own + r * outputs,
                                   y + r * outputs);
      else
        attention::scale_back(outputs, step, zero, offset_.data(), y + r * outputs);
    }
  }

  void multiply_plain(int rows, const float* x, float* y, float kept) const {
    if (rows == 1)
      cblas_sgemv(CblasRowMajor, CblasTrans, inputs_, outputs_, 1.0f, plain_.data(), outputs_, x, 1,
                  kept, y, 1);
    else
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, outputs_, inputs_, 1.0f, x,
                  inputs_, plain_.data(), outputs_, kept, y, outputs_);
  }

  int inputs_, outputs_;
  Arithmetic arithmetic_;
  std::vector<float> plain_;           // [inputs][outputs], where OpenBLAS multiplies
  dnnl::memory weights_;               // else, in a layout of oneDNN's
  std::vector<float> scale_, offset_;  // of bytes, by output

  mutable std::mutex mutex_;
  mutable std::map<std::pair<int, bool>, std::unique_ptr<const Product>> products_;  // rows, adds
};

Matrix::Matrix(int inputs, int outputs, std::span<const float> values, Layout layout,
               Arithmetic arithmetic)
    : packed_(std::make_shared<Packed>(inputs, outputs, values, layout, arithmetic)) {}

int Matrix::inputs() const { return packed_->inputs(); }
int Matrix::outputs() const { return packed_->outputs(); }

void Matrix::multiply(int rows, const float* x, float* y) const {
  packed_->multiply(rows, x, y, false);
}

void Matrix::multiply_add(int rows, const float* x, float* y) const {
  packed_->multiply(rows, x, y, true);
}

}  // namespace gaincell::model
