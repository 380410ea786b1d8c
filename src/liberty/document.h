#pragma once

#include <span>
#include <string>

#include "liberty/netlists.h"
#include "liberty/tables.h"

namespace gaincell::liberty {

// Who has measured what, for the head of the file.
struct Provenance {
  std::string program_version, ngspice_version;
  std::string netlist_sha256;  // wires included
  std::size_t simulations = 0;
};

// The Liberty file. Times are in ps, capacitances in fF, energies in fJ, leakage in nW.
std::string liberty_text(const CellLibrary& library, const Netlists& netlists,
                         std::span<const CellTables> tables, const TableErrors& errors,
                         const Provenance& provenance);

}  // namespace gaincell::liberty
