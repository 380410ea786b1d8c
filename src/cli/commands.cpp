#include "cli/commands.h"

#include <vector>

namespace gaincell::cli {

std::span<const Command> commands() {
  static const std::vector<Command> table{
      // {name, one line of help, function}
  };
  return table;
}

}  // namespace gaincell::cli
