#pragma once

// Instruction sets that vector code is compiled for; before any of Highway's headers.
//
// Portable code serves what has neither AVX2 nor NEON; SSE would only add compile time. Highway
// falls back to one lane instead where gcc is older than 12.3 (its bug 106322, in the high half of
// 16-bit products, which are not used here).
#define HWY_WANT_AVX3_DL
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#define HWY_BROKEN_EMU128 0
