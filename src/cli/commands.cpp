#include "cli/commands.h"

#include <vector>

namespace gaincell::cli {

std::span<const Command> commands() {
  static const std::vector<Command> table{
      // {name, one line of help, function}, in the order of the pipeline
      {"new", "begins a circuit: a folder with netlist, cards and benches", cmd_new},
      {"check", "says what benches would run, how long it takes, and what looks wrong", cmd_check},
      {"doc", "prints a reference page", cmd_doc},
      {"characterize", "runs benches in ngspice and writes their samples", cmd_characterize},
      {"merge", "joins the shards of a campaign or study into its file", cmd_merge},
      {"replay", "simulates one point of a samples file again and writes its deck and waveforms",
       cmd_replay},
      {"datasheet", "prints the range of every measurement, and whether its limits hold",
       cmd_datasheet},
      {"compile", "makes a device file of tables from samples, with their measured errors",
       cmd_compile},
      {"device", "makes a device file of circuits in one command, at any corner and supply",
       cmd_device},
      {"liberty", "makes a Liberty file of standard cells, with the errors of its tables",
       cmd_liberty},
      {"show", "prints what a device, samples or study file holds", cmd_show},
      {"plot", "draws a table, a measurement, energies or a study, as SVG", cmd_plot},
      {"get", "looks a value up in a device's table, with its gradient and stated error", cmd_get},
      {"diff", "says what differs between two device or samples files, and by how much", cmd_diff},
      {"export", "writes a device, samples or study file in the format of another tool",
       cmd_export},
      {"verify", "simulates fresh conditions of a device's tables: are its stated errors true?",
       cmd_verify},
      {"seal", "takes a device file that was changed by hand: errors anew, and a checksum",
       cmd_seal},
      {"import", "makes a device file from a table of currents, or the published equations",
       cmd_import},
      {"attend", "runs the engine on q, k and v from a file", cmd_attend},
      {"columns", "compares columns of transistors with the engine", cmd_columns},
      {"train", "trains a model whose loss knows the hardware (needs libtorch)", cmd_train},
      {"convert", "gives a published softmax model first scalers for the hardware", cmd_convert},
      {"adapt", "moves a model onto a device: forward passes only", cmd_adapt},
      {"infer", "perplexity of a text, energy and latency per token", cmd_infer},
      {"eval", "scores a task as the field computes it, or answers requests", cmd_eval},
      {"sweep", "runs a study of a design space: scores, energy and latency at each of its points",
       cmd_sweep},
      {"generate", "continues a prompt", cmd_generate},
      {"audit", "replays columns of an inference transistor by transistor", cmd_audit},
      {"report", "sets inference runs side by side with the published figures", cmd_report},
  };
  return table;
}

}  // namespace gaincell::cli
