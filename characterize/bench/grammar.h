#pragma once

#include "characterize/schema/form.h"

namespace gaincell::characterize {

// The bench file: the root of the table.
const Block& bench_block();

// Its parts, each beside the code that reads it: read_conditions.cpp ..
const Block& condition_block();
const Block& draws_block();
const Block& parameter_block();
const Block& holdout_block();
// .. read_rows.cpp ..
const Block& rows_file_block();
const Block& wave_file_block();
// .. read_circuit.cpp ..
const Block& section_block();
const Block& circuit_block();
const Block& mismatch_block();
// .. read_sources.cpp ..
const Block& source_block();
const Block& element_block();
const Block& net_voltage_block();
// .. read_analyses.cpp ..
const Block& analysis_block();
const Block& retry_block();
// .. read_measurements.cpp ..
const Block& measurement_block();
const Block& search_block();
Form spec_form();
// .. and read_results.cpp.
const Block& waveform_block();
const Block& table_block();
const Block& constant_block();
const Block& spread_block();

}  // namespace gaincell::characterize
