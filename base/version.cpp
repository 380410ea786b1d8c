#include "base/version.h"

namespace gaincell {

const char* const kVersion = GAINCELL_VERSION;

}  // namespace gaincell
