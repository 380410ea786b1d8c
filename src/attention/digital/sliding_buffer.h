#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gaincell::attention {

// The last rows of an endless matrix, contiguous in memory: rows first() .. end()-1 by their
// absolute number. Holds `keep` rows before the newest block and moves them to the front when it
// runs full, so appending costs O(1) moves a row.
class SlidingBuffer {
 public:
  SlidingBuffer(int row_size, int keep, int block)
      : row_size_(row_size),
        keep_(keep),
        capacity_(2 * static_cast<std::size_t>(keep) + 2 * static_cast<std::size_t>(block)),
        data_(capacity_ * row_size) {}

  void clear() { first_ = end_ = 0; }
  std::int64_t first() const { return first_; }
  std::int64_t end() const { return end_; }
  const float* row(std::int64_t i) const { return data_.data() + (i - first_) * row_size_; }

  // Room for `rows` more rows; rows older than end() - keep may be gone afterwards.
  float* append(int rows) {
    if (static_cast<std::size_t>(end_ - first_ + rows) > capacity_) {
      const std::int64_t from = std::max(first_, end_ - keep_);
      std::copy(row(from), row(end_), data_.data());
      first_ = from;
    }
    float* room = data_.data() + (end_ - first_) * row_size_;
    end_ += rows;
    return room;
  }

 private:
  int row_size_, keep_;
  std::size_t capacity_;
  std::vector<float> data_;
  std::int64_t first_ = 0, end_ = 0;
};

}  // namespace gaincell::attention
