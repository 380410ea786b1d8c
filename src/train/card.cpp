#include "train/card.h"

#include <fmt/format.h>
#include <torch/version.h>

#include <cmath>

#include "base/files.h"
#include "base/json.h"
#include "base/version.h"

namespace gaincell::train {
namespace {

std::string command(const TrainOptions& o) {
  std::string text = fmt::format("gaincell train --text {}", o.text.string());
  if (!o.held_out.empty()) text += fmt::format(" --held-out {}", o.held_out.string());
  if (!o.encoding.empty()) text += fmt::format(" --encoding {}", o.encoding);
  text += fmt::format(
      " --attention {} --out {} --layers {} --heads {} --head-dim {} --context {} --window {} "
      "--rotary-dims {} --rotary-base {} --steps {} --batch {} --lr {} --warmup {} --cooldown {} "
      "--weight-decay {} --dropout {} --clip {} --seed {} --threads {} --precision {} --eval-every "
      "{}",
      model::to_string(o.attention), o.out.filename().string(), o.layers, o.heads, o.head_dim,
      o.context, o.window, o.rotary_dims, o.rotary_base, o.steps, o.batch, o.lr, o.warmup,
      o.cooldown, o.weight_decay, o.dropout, o.clip, o.seed, o.threads,
      o.precision == Precision::kBf16 ? "bf16" : "f32", o.eval_every);
  return text;
}

}  // namespace

nlohmann::json recipe(const TrainOptions& o) {
  return {{"attention", model::to_string(o.attention)},
          {"layers", o.layers},
          {"heads", o.heads},
          {"head_dim", o.head_dim},
          {"context", o.context},
          {"window", o.window},
          {"rotary_dims", o.rotary_dims},
          {"rotary_base", o.rotary_base},
          {"steps", o.steps},
          {"batch", o.batch},
          {"lr", o.lr},
          {"warmup", o.warmup},
          {"cooldown", o.cooldown},
          {"weight_decay", o.weight_decay},
          {"dropout", o.dropout},
          {"clip", o.clip},
          {"seed", o.seed},
          {"threads", o.threads},
          {"eval_every", o.eval_every},
          {"precision", o.precision == Precision::kBf16 ? "bf16" : "f32"}};
}

void write_card(const TrainOptions& o, const Corpus& corpus, const Network& network,
                const TrainReport& report) {
  nlohmann::ordered_json losses = nlohmann::ordered_json::array();
  for (const LossAt& at : report.losses)
    losses.push_back({{"step", at.step}, {"training", at.training}, {"held_out", at.held_out}});
  const nlohmann::ordered_json record = {
      {"program", std::string("gaincell ") + kVersion},
      {"libtorch", TORCH_VERSION},
      {"command", command(o)},
      {"text",
       {{"training_characters", corpus.training.size()},
        {"held_out_characters", corpus.held_out.size()},
        {"distinct_characters", corpus.vocabulary.size()},
        {"sha256_of_training_then_held_out_file", corpus.sha256}}},
      {"recipe", recipe(o)},
      {"parameters", network.parameter_count()},
      {"best_step", report.best_step},
      {"held_out_nats_per_character", report.held_out},
      {"held_out_nats_per_character_before_rounding_to_f16", report.held_out_f32},
      {"wall_time_s", report.wall_time_s},
      {"losses", losses}};
  write_file(o.out / "training.json", json_text(record, 1) + "\n");

  const model::Config& c = network.config();
  const model::AttentionConfig& a = c.attention;
  const bool hardware = a.kind != model::AttentionKind::kSoftmax;
  std::string card = fmt::format("# {}\n\n", o.out.filename().string());
  card += fmt::format(
      "A character model of GPT-2's architecture: {} layers, {} heads of {}, {} parameters, {} "
      "characters,\nwindow of {} tokens, rotary positions (first {} dimensions of a head, base {}) "
      "that slide without end.\n",
      c.n_layer, c.n_head, c.head_dim(), network.parameter_count(), c.vocab_size, a.window,
      c.rotary_dims, c.rotary_base);
  card +=
      hardware
          ? fmt::format(
                "Trained with the linear hardware model of gain-cell attention (Leroux et al. "
                "2025, arXiv 2409.19315)\nin the loss: q in {} levels, k and v in {} levels of 0 "
                ".. {} V, output in {} levels, decay {} a token,\nhard-sigmoid weights in place of "
                "softmax, scalers per head trained with the rest.\n",
                a.q_levels, a.kv_levels, a.v_max, a.output_levels, a.decay_per_token)
          : std::string("Trained with exact softmax attention over the window.\n");
  card += fmt::format(
      "\n| | |\n|---|---|\n"
      "| loss on the held-out text | **{:.4f} nats per character** (perplexity {:.3f}) |\n"
      "| before rounding the weights to F16 | {:.4f} |\n"
      "| how measured | one sliding pass, {} characters, position counted from the text's start |\n"
      "| text | {} training characters; SHA-256 with the held-out text {} |\n"
      "| seed | {} |\n"
      "| steps | {} of {} x {} tokens; weights of step {} (lowest held-out loss) |\n"
      "| optimiser | AdamW 0.9, 0.99, weight decay {} on matrices, clip {}, dropout {}, {} matrix "
      "products |\n"
      "| learning rate | peak {}, {} warm-up steps, {} |\n"
      "| time | {:.0f} minutes of wall time, {} thread{} |\n"
      "| made by | gaincell {}, libtorch {} |\n\n",
      report.held_out, std::exp(report.held_out), report.held_out_f32, corpus.held_out.size(),
      corpus.training.size(), corpus.sha256, o.seed, o.steps, o.batch, o.context, report.best_step,
      o.weight_decay, o.clip, o.dropout, o.precision == Precision::kBf16 ? "bfloat16" : "float",
      o.lr, o.warmup,
      o.cooldown > 0 ? fmt::format("held, then linear to 5 % over the last {} steps", o.cooldown)
                     : std::string("then cosine to 5 %"),
      report.wall_time_s / 60, o.threads, o.threads == 1 ? "" : "s", kVersion, TORCH_VERSION);
  card += "| step | training loss | held-out loss |\n|---|---|---|\n";
  for (const LossAt& at : report.losses)
    card += fmt::format("| {} | {:.4f} | {:.4f} |\n", at.step, at.training, at.held_out);
  card += fmt::format(
      "\nTraining loss: mean since the line above, with dropout, context of {}. Made by\n\n"
      "    {}\n",
      o.context, command(o));
  write_file(o.out / "README.md", card);
}

}  // namespace gaincell::train
