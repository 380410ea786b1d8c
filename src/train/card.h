#pragma once

#include <nlohmann/json.hpp>

#include "train/text.h"
#include "train/trainer.h"

namespace gaincell::train {

// Everything that decides the weights, save the text itself.
nlohmann::json recipe(const TrainOptions& options);

// Writes training.json (for programs) and README.md (the card, for people) into options.out.
void write_card(const TrainOptions& options, const Corpus& corpus, const Network& network,
                const TrainReport& report);

}  // namespace gaincell::train
