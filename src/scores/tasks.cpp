#include "scores/tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "scores/json_lines.h"

namespace gaincell::scores {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\v\f";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

// The right one among the choices, counted from 0, where the file counts from `first`.
int right_of(const JsonLine& line, const std::string& key, int first, std::size_t choices) {
  const int value = line.number(key), last = first + static_cast<int>(choices) - 1;
  if (value >= first && value <= last) return value - first;
  throw Error({.place = line.place,
               .key = key,
               .value = std::to_string(value),
               .rule = fmt::format("must be {} to {}, one of {} choices", first, last, choices)});
}

// Choices that all continue one context.
Item choice_of(const std::string& context, const std::vector<std::string>& texts,
               const std::string& place) {
  Item item;
  for (const std::string& text : texts) {
    item.choices.push_back({context, " " + text, place});
    item.lengths.push_back(static_cast<double>(text.size()));
  }
  return item;
}

Item read_lambada(const JsonLine& line) {
  const std::string text = trimmed(line.text("text"));
  const std::size_t blank = text.rfind(' ');
  if (blank == std::string::npos)
    throw Error({.place = line.place,
                 .key = "text",
                 .value = "\"" + text.substr(0, 60) + "\"",
                 .rule = "needs a blank before its last word"});
  return {.choices = {{text.substr(0, blank), text.substr(blank), line.place}},
          .right = 0,
          .lengths = {}};
}

Item read_piqa(const JsonLine& line) {
  return choice_of("Question: " + line.text("goal") + "\nAnswer:",
                   {line.text("sol1"), line.text("sol2")}, line.place);
}

// The harness's own clean-up of what was taken from WikiHow.
std::string hellaswag_text(const std::string& raw) {
  std::string text = trimmed(raw);
  replace_all(text, " [title]", ". ");
  for (std::size_t open = 0; (open = text.find('[', open)) != std::string::npos;) {
    const std::size_t close = text.find(']', open);
    if (close == std::string::npos) break;
    if (text.find('\n', open) < close)
      ++open;  // marks lie in one line
    else
      text.erase(open, close - open + 1);
  }
  replace_all(text, "  ", " ");
  return text;
}

std::string capitalised(std::string text) {
  const auto change = [](char c, char from, char to, int by) {
    return c >= from && c <= to ? static_cast<char>(c + by) : c;
  };
  for (char& c : text) c = change(c, 'A', 'Z', 'a' - 'A');
  if (!text.empty()) text[0] = change(text[0], 'a', 'z', 'A' - 'a');
  return text;
}

Item read_hellaswag(const JsonLine& line) {
  const std::string context = line.text("ctx_a") + " " + capitalised(line.text("ctx_b"));
  std::vector<std::string> endings = line.texts_at(line.object, "endings", "endings");
  for (std::string& ending : endings) ending = hellaswag_text(ending);
  Item item =
      choice_of(hellaswag_text(line.text("activity_label") + ": " + context), endings, line.place);
  item.right = right_of(line, "label", 0, endings.size());
  return item;
}

// A question and its labelled choices, in the authors' form ({"question": {"stem", "choices":
// [{"text", "label"}]}}) or in that of the data set's copies ({"question", "choices": {"text": [],
// "label": []}}).
struct ArcQuestion {
  std::string stem;
  std::vector<std::string> texts, labels;
};
ArcQuestion read_question(const JsonLine& line) {
  ArcQuestion found;
  const auto question = line.object.find("question");
  if (question != line.object.end() && question->is_string()) {
    found.stem = line.text("question");
    const nlohmann::json& choices = line.inside("choices");
    found.texts = line.texts_at(choices, "text", "choices.text");
    found.labels = line.texts_at(choices, "label", "choices.label");
    return found;
  }
  const nlohmann::json& whole = line.inside("question");
  found.stem = line.text_at(whole, "stem", "question.stem");
  for (const auto& choice : line.list(whole, "choices", "question.choices")) {
    found.texts.push_back(line.text_at(choice, "text", "question.choices.text"));
    found.labels.push_back(line.text_at(choice, "label", "question.choices.label"));
  }
  return found;
}

Item read_arc(const JsonLine& line) {
  const ArcQuestion question = read_question(line);
  Item item = choice_of("Question: " + question.stem + "\nAnswer:", question.texts, line.place);
  const std::string answer = line.text("answerKey");
  const auto right = std::find(question.labels.begin(), question.labels.end(), answer);
  if (right - question.labels.begin() >= static_cast<std::ptrdiff_t>(question.texts.size()))
    throw Error({.place = line.place,
                 .key = "answerKey",
                 .value = "\"" + answer + "\"",
                 .rule = "is the label of no choice"});
  item.right = static_cast<int>(right - question.labels.begin());
  return item;
}

// What comes after the gap, after either word in it: partial scoring (Trinh and Le 2018).
Item read_winogrande(const JsonLine& line) {
  const std::string sentence = line.text("sentence");
  const std::size_t gap = sentence.find('_');
  if (gap == std::string::npos)
    throw Error({.place = line.place,
                 .key = "sentence",
                 .value = "\"" + sentence + "\"",
                 .rule = "needs a gap, written _"});
  Item item;
  for (const char* key : {"option1", "option2"})
    item.choices.push_back({sentence.substr(0, gap) + line.text(key),
                            " " + trimmed(sentence.substr(gap + 1)), line.place});
  item.right = right_of(line, "answer", 1, 2);
  return item;
}

struct Reader {
  const char* name;
  TaskKind kind;
  bool has_normalised;
  bool has_labels;   // in a file of their own
  const char* mark;  // a key that no other task's lines have
  Item (*read)(const JsonLine&);
};
constexpr std::array<Reader, 6> kReaders{
    {{"lambada", TaskKind::kContinuation, false, false, "text", read_lambada},
     {"piqa", TaskKind::kChoice, true, true, "sol1", read_piqa},
     {"hellaswag", TaskKind::kChoice, true, false, "endings", read_hellaswag},
     {"arc_easy", TaskKind::kChoice, true, false, "answerKey", read_arc},
     {"arc_challenge", TaskKind::kChoice, true, false, "answerKey", read_arc},
     {"winogrande", TaskKind::kChoice, false, false, "option1", read_winogrande}}};

// What a file of such lines would be read by; empty where nothing reads it.
std::string option_for(const nlohmann::json& line) {
  for (const Reader& reader : kReaders)
    if (line.contains(reader.mark)) return std::string("--task ") + reader.name;
  return line.contains("continuation") ? "--requests" : "";
}

void require_own_file(const Reader& reader, const JsonLine& first) {
  const std::string option = option_for(first.object);
  if (!first.object.contains(reader.mark) && !option.empty())
    throw Error(
        {.place = first.place,
         .rule = fmt::format("is a line for {}, none of {}'s public file", option, reader.name),
         .remedy = fmt::format("give {}'s own file, or {}", reader.name, option)});
}

std::string labels_beside(const std::string& path) {
  constexpr std::string_view kEnd = ".jsonl";
  const std::string stem = path.ends_with(kEnd) ? path.substr(0, path.size() - kEnd.size()) : path;
  return stem + "-labels.lst";
}

// One whole number a line.
void read_labels(const std::string& path, std::vector<Item>& items, std::size_t lines_of_task) {
  if (!std::filesystem::exists(path))
    throw Error({.place = path,
                 .rule = "is not there: the task has its answers in a file of their own",
                 .remedy = "put it there, or give --labels FILE"});
  const std::string bytes = read_file(path);
  std::vector<int> labels;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::string word = trimmed(std::string_view(bytes).substr(at, end - at));
    at = end + 1;
    if (word.empty()) continue;
    const int label = word.size() == 1 && word[0] >= '0' && word[0] <= '9' ? word[0] - '0' : -1;
    const std::size_t choices =
        labels.size() < items.size() ? items[labels.size()].choices.size() : 10;
    if (label < 0 || label >= static_cast<int>(choices))
      throw Error({.place = fmt::format("{}:{}", path, labels.size() + 1),
                   .value = word,
                   .rule = fmt::format("must name one of {} choices, from 0", choices)});
    labels.push_back(label);
  }
  if (labels.size() != lines_of_task)
    throw Error({.place = path,
                 .value = fmt::format("{} labels", labels.size()),
                 .rule = fmt::format("the task has {} items", lines_of_task),
                 .remedy = "give both files of one split"});
  for (std::size_t k = 0; k < items.size(); ++k) items[k].right = labels[k];
}

// Copies of the data set have a label in each line, the authors' file has none.
void read_answers(const std::string& path, const std::string& labels,
                  std::span<const JsonLine> lines, Task& task) {
  const char* const key = "label";
  const bool in_lines = lines.front().object.contains(key);
  if (in_lines && !labels.empty())
    throw Error({.key = "--labels",
                 .value = labels,
                 .rule = fmt::format("has no effect: {} has a label in each line", path),
                 .remedy = "leave it out"});
  if (in_lines) {
    for (std::size_t k = 0; k < task.items.size(); ++k)
      task.items[k].right = right_of(lines[k], key, 0, task.items[k].choices.size());
    return;
  }
  task.labels = labels.empty() ? labels_beside(path) : labels;
  read_labels(task.labels, task.items, lines.size());
}

ItemScore score_choice(const Item& item, std::span<const Answer> given) {
  const auto likeliest = [&](const auto& worth) {
    std::size_t best = 0;  // the first among equals
    for (std::size_t k = 1; k < given.size(); ++k)
      if (worth(k) > worth(best)) best = k;
    return static_cast<int>(best);
  };
  const auto sum = [&](std::size_t k) { return given[k].log_likelihood; };
  const auto norm = [&](std::size_t k) { return sum(k) / std::max(1.0, item.lengths[k]); };
  ItemScore scored{.right = likeliest(sum) == item.right};
  if (!item.lengths.empty()) scored.right_norm = likeliest(norm) == item.right;
  return scored;
}

}  // namespace

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const Reader& reader : kReaders) names.emplace_back(reader.name);
  return names;
}

void require_text(const std::string& text, const std::string& path) {
  const std::string line = trimmed(std::string_view(text).substr(0, text.find('\n')));
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) return;
  const std::string option = option_for(object);
  throw Error({.place = path,
               .rule = "holds JSON objects, and wikitext2 is a text",
               .remedy = "give its raw file" + (option.empty() ? "" : ", or " + option)});
}

void require_requests(const JsonLine& first) {
  const std::string option = option_for(first.object);
  if (option.starts_with("--task"))
    throw Error({.place = first.place,
                 .rule = fmt::format("is a line for {}, no request", option),
                 .remedy = "give " + option + " --data FILE"});
}

Task read_task(const std::string& name, const std::string& path, const std::string& labels,
               int limit) {
  const auto reader = std::find_if(kReaders.begin(), kReaders.end(),
                                   [&](const Reader& one) { return one.name == name; });
  if (reader == kReaders.end())
    throw Error({.key = "--task",
                 .value = name,
                 .rule = "is no task that is read here",
                 .remedy = suggest_remedy(name, task_names())});
  if (!reader->has_labels && !labels.empty())
    throw Error({.key = "--labels",
                 .value = labels,
                 .rule = fmt::format("has no effect: {}'s file has its answers", name),
                 .remedy = "leave it out"});
  Task task{
      .name = name, .kind = reader->kind, .has_normalised = reader->has_normalised, .items = {}};
  const std::vector<JsonLine> lines = read_json_lines(path);
  const std::size_t count =
      limit > 0 ? std::min(lines.size(), static_cast<std::size_t>(limit)) : lines.size();
  require_own_file(*reader, lines.front());
  for (std::size_t k = 0; k < count; ++k) task.items.push_back(reader->read(lines[k]));
  if (reader->has_labels) read_answers(path, labels, lines, task);
  return task;
}

std::vector<Request> requests_of(const Task& task) {
  std::vector<Request> requests;
  for (const Item& item : task.items)
    requests.insert(requests.end(), item.choices.begin(), item.choices.end());
  return requests;
}

TaskScore score(const Task& task, std::span<const Answer> answers) {
  TaskScore total{.accuracy = {.items = task.items.size()},
                  .accuracy_norm = {.items = task.items.size()}};
  std::vector<double> nats;
  for (const Item& item : task.items) {
    const std::span<const Answer> given = answers.first(item.choices.size());
    answers = answers.subspan(given.size());
    total.items.push_back(
        task.kind == TaskKind::kChoice
            ? score_choice(item, given)
            : ItemScore{.right = given[0].greedy, .nats = -given[0].log_likelihood});
    const ItemScore& scored = total.items.back();
    nats.push_back(scored.nats);
    total.accuracy.right += scored.right ? 1 : 0;
    total.accuracy_norm.right += scored.right_norm ? 1 : 0;
  }
  total.nats = mean_of(nats);
  return total;
}

}  // namespace gaincell::scores
