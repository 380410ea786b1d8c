#pragma once

namespace gaincell::attention {

// Which of a layer's two arrays: keys with their ReLU converters, values with their signed ones.
enum class ArrayStage { kFirst, kSecond };

}  // namespace gaincell::attention
