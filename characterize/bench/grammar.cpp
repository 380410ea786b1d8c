#include "characterize/bench/grammar.h"

namespace gaincell::characterize {

const Block& bench_block() {
  using namespace form;
  static const Form files = either({text(), list(either({text(), block(section_block())}))});
  static const Block table{
      "The bench file",
      "",
      {{"gaincell_bench", integer(1), kRequired, "version of this format: 1"},
       {"name", name(), kRequired, "the bench's group in the samples file"},
       {"description", prose(), kOptional, "one sentence"},
       {"circuit", block(circuit_block()), kOptional,
        "what is exercised; may be left out where `elements` are all"},
       {"models", list(either({text(), block(section_block())})), kOptional,
        "device cards, put ahead of the netlist; relative to the bench"},
       {"corners", map(files), kOptional,
        "name: model files of that corner, read behind `models`. They are swept as the condition "
        "`corner`; a condition of that name chooses among them"},
       {"library_parameters", map(quantity("")), kOptional,
        "global `.param`s of the models, set behind them"},
       {"ignored_parameters", list(name()), kOptional,
        "model parameters that this simulator does not know and may leave out; without this they "
        "are an error"},
       {"model_folders", list(text()), kOptional, "further folders that includes may lead to"},
       {"ngbehavior",
        word({"all", "hs", "hsa", "ki", "kia", "lt", "lta", "ltps", "ltpsa", "ps", "psa", "s3",
              "spe", "spea"}),
        kOptional,
        "ngspice's compatibility mode; default its own dialect; `ps`, `lt`, `ltps` are set as "
        "`psa`, "
        "`lta`, `ltpsa`"},
       {"parameters", map(either({quantity(""), block(parameter_block())})), kOptional,
        "numbers and expressions; later ones may use earlier ones and conditions"},
       {"conditions", map(block(condition_block())), kOptional, "what a point is made of"},
       {"rows", either({list(map(text())), block(rows_file_block())}), kOptional,
        "conditions that change together, as a table: each row gives a value to each of them, and "
        "makes points with the grid of the others (the row is slowest). They stand under "
        "`conditions` with a unit and no value. There is no table and no hold-out over rows"},
       {"draws", block(draws_block()), kOptional, "how often vectors and mismatch are drawn"},
       {"mismatch", block(mismatch_block()), kOptional, "differences between equal devices"},
       {"sources", map(block(source_block())), kOptional, "what drives the circuit"},
       {"elements", list(either({text(), block(element_block())})), kOptional,
        "further circuit lines"},
       {"initial_conditions", nets(either({quantity("V"), block(net_voltage_block())})), kOptional,
        "net: voltage at the begin of `tran`; with `count` under a name of its own"},
       {"starting_guesses", nets(either({quantity("V"), block(net_voltage_block())})), kOptional,
        "net: voltage from which the search for an operating point starts; the same forms"},
       {"analysis", block(analysis_block()), kOptional, "what the simulator does"},
       {"analyses", map(block(analysis_block())), kOptional,
        "several of them, by name; each is a simulation of its own"},
       {"measurements", map(block(measurement_block())), kRequired, "what is read off"},
       {"search", block(search_block()), kOptional, "a value that is found at every point"},
       {"tables", map(block(table_block())), kOptional, "what is made of the points"},
       {"constants", map(block(constant_block())), kOptional,
        "numbers that go into the device file"},
       {"spreads", map(block(spread_block())), kOptional,
        "standard deviations that go into the device file"},
       {"holdout", block(holdout_block()), kOptional, "points for the measured error"},
       {"waveforms", map(either({text(), block(waveform_block())})), kOptional,
        "signals that are kept whole in the samples file"},
       {"timeout", constant("s"), kOptional, "wall-clock limit of one simulation; default 60"},
       {"memory", constant("B"), kOptional,
        "limit of the simulator that runs it, `2G`, at least 32M; default that of the program"},
       {"retry", block(retry_block()), kOptional, "what is tried when a simulation fails"}},
      {"analysis", "analyses"},
      true};
  return table;
}

}  // namespace gaincell::characterize
