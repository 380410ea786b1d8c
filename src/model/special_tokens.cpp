#include "model/special_tokens.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gaincell::model {
namespace {

class SpecialTokens final : public Tokenizer {
 public:
  SpecialTokens(std::unique_ptr<Tokenizer> plain, const Vocabulary& special, int beginning)
      : plain_(std::move(plain)), beginning_(beginning) {
    for (const auto& [text, id] : special) texts_[id] = text;
    for (const auto& entry : special) longest_first_.emplace_back(entry);
    std::sort(longest_first_.begin(), longest_first_.end(), [](const auto& a, const auto& b) {
      return a.first.size() != b.first.size() ? a.first.size() > b.first.size() : a < b;
    });
  }

  std::vector<int> encode(std::string_view text, const std::string& place) override {
    std::vector<int> ids;
    if (beginning_ >= 0) ids.push_back(beginning_);
    const auto append = [&](const std::vector<int>& more) {
      ids.insert(ids.end(), more.begin(), more.end());
    };
    if (!in_text_) {
      append(plain_->encode(text, place));
      return ids;
    }
    // Where each comes next; those that come no more are dropped.
    std::vector<Next> ahead;
    for (const Entry& token : longest_first_) ahead.push_back({text.find(token.first), &token});
    for (std::size_t from = 0; from < text.size();) {
      for (Next& next : ahead)
        if (next.at < from) next.at = text.find(next.token->first, from);
      std::erase_if(ahead, [](const Next& next) { return next.at == std::string_view::npos; });
      // The first of the nearest: the longest of those that begin there.
      const auto nearest = std::min_element(
          ahead.begin(), ahead.end(), [](const Next& a, const Next& b) { return a.at < b.at; });
      const std::size_t at = nearest == ahead.end() ? text.size() : nearest->at;
      const std::string_view part = text.substr(from, at - from);
      if (!part.empty())
        append(from == 0 ? plain_->encode(part, place) : plain_->encode_after(part, place));
      if (nearest == ahead.end()) break;
      // One that is written at the very beginning is the one that would be put there.
      const auto& [written, id] = *nearest->token;
      if (!(at == 0 && id == beginning_)) ids.push_back(id);
      from = at + written.size();
    }
    return ids;
  }

  std::string decode(std::span<const int> ids) const override {
    std::string text;
    for (std::size_t at = 0; at < ids.size(); ++at) {
      const auto found = texts_.find(ids[at]);
      text += found == texts_.end() ? plain_->decode(ids.subspan(at, 1)) : found->second;
    }
    return text;
  }

  std::string kind() const override { return plain_->kind(); }
  std::size_t unknown_bytes() const override { return plain_->unknown_bytes(); }
  void take_special_tokens() override { in_text_ = true; }

 private:
  using Entry = std::pair<std::string, int>;
  struct Next {
    std::size_t at;
    const Entry* token;
  };

  std::unique_ptr<Tokenizer> plain_;
  int beginning_;
  bool in_text_ = false;
  std::vector<Entry> longest_first_;
  std::unordered_map<int, std::string> texts_;
};

}  // namespace

std::unique_ptr<Tokenizer> with_special_tokens(std::unique_ptr<Tokenizer> plain, Vocabulary special,
                                               int beginning) {
  std::erase_if(special, [](const auto& entry) { return entry.first.empty(); });
  if (special.empty() && beginning < 0) return plain;
  return std::make_unique<SpecialTokens>(std::move(plain), special, beginning);
}

}  // namespace gaincell::model
