// The public files of the field's tasks, in their own forms, and what answers come to.
#include "scores/tasks.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/model/temporary_folder.h"

namespace gaincell::scores {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Tasks : ::testing::Test {
  TemporaryFolder folder;

  Task read(const std::string& name, const std::string& lines, int limit = 0) {
    const auto path = folder.path() / "task.jsonl";
    write_file(path, lines);
    return read_task(name, path.string(), "", limit);
  }
  std::string complaint(const std::string& name, const std::string& lines) {
    try {
      (void)read(name, lines);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(Tasks, LambadaIsCutAtItsLastBlank) {
  const Task task = read("lambada", "{\"text\": \"a b, c d\"}\n\n{\"text\": \"e f\"}\n");
  ASSERT_EQ(task.items.size(), 2u);
  EXPECT_EQ(task.items[0].choices[0].context, "a b, c");
  EXPECT_EQ(task.items[0].choices[0].continuation, " d");
  EXPECT_EQ(read("lambada", "{\"text\": \"a b\"}\n{\"text\": \"e f\"}\n", 1).items.size(), 1u);
  EXPECT_THAT(complaint("lambada", "{\"text\": \"alone\"}"),
              HasSubstr("task.jsonl:1: text = \"alone\": needs a blank"));
}

TEST_F(Tasks, PiqaHasItsLabelsBesideIt) {
  write_file(folder.path() / "task-labels.lst", "1\n0\n");
  const std::string two =
      "{\"goal\": \"g\", \"sol1\": \"one\", \"sol2\": \"three\"}\n{\"goal\": \"h\", \"sol1\": "
      "\"a\", \"sol2\": \"b\"}\n";
  const Task task = read("piqa", two);
  EXPECT_EQ(task.items[0].choices[1].context, "Question: g\nAnswer:");
  EXPECT_EQ(task.items[0].choices[1].continuation, " three");
  EXPECT_THAT(task.items[0].lengths, ElementsAre(3, 5));
  EXPECT_EQ(task.items[0].right, 1);
  EXPECT_EQ(task.items[1].right, 0);
  EXPECT_EQ(read("piqa", two, 1).items.size(), 1u);
  write_file(folder.path() / "task-labels.lst", "1\n");
  EXPECT_THAT(complaint("piqa", two), HasSubstr("1 labels: the task has 2 items"));
  write_file(folder.path() / "task-labels.lst", "1\n2\n");
  EXPECT_THAT(complaint("piqa", two),
              HasSubstr("task-labels.lst:2: 2: must name one of 2 choices"));
}

TEST_F(Tasks, PiqaMayHaveItsLabelsInItsLines) {
  const std::string line = "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": ";
  EXPECT_EQ(read("piqa", line + "1}\n").items[0].right, 1);
  EXPECT_THAT(complaint("piqa", line + "1}\n{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}\n"),
              HasSubstr("task.jsonl:2: label: is missing"));
  EXPECT_THAT(complaint("piqa", line + "2}\n"),
              HasSubstr("task.jsonl:1: label = 2: must be 0 to 1, one of 2 choices"));
}

TEST_F(Tasks, HellaswagIsCleanedUpAsItsHarnessDoes) {
  const Task task = read("hellaswag",
                         "{\"activity_label\": \"Roof\", \"ctx_a\": \"A man sits. [header] How\", "
                         "\"ctx_b\": \"he STARTS\", "
                         "\"endings\": [\"to go [title] Up\", \"down\"], \"label\": 1}\n");
  EXPECT_EQ(task.items[0].choices[0].context, "Roof: A man sits. How He starts");
  EXPECT_EQ(task.items[0].choices[0].continuation, " to go. Up");
  EXPECT_EQ(task.items[0].right, 1);
}

TEST_F(Tasks, ArcNamesItsAnswerByLabel) {
  const Task task = read(
      "arc_easy",
      "{\"question\": {\"stem\": \"Why?\", \"choices\": [{\"text\": \"so\", \"label\": \"1\"}, "
      "{\"text\": \"else\", \"label\": \"2\"}]}, \"answerKey\": \"2\"}\n");
  EXPECT_EQ(task.items[0].choices[0].context, "Question: Why?\nAnswer:");
  EXPECT_EQ(task.items[0].right, 1);
  const Task copy = read("arc_challenge",
                         "{\"question\": \"Why?\", \"choices\": {\"text\": [\"so\", \"else\"], "
                         "\"label\": [\"A\", \"B\"]}, \"answerKey\": \"B\"}\n");
  EXPECT_EQ(copy.items[0].choices[1].context, "Question: Why?\nAnswer:");
  EXPECT_EQ(copy.items[0].choices[1].continuation, " else");
  EXPECT_EQ(copy.items[0].right, 1);
  EXPECT_THAT(complaint("arc_easy",
                        "{\"question\": \"Why?\", \"choices\": {\"text\": [\"so\", 3], "
                        "\"label\": [\"A\", \"B\"]}, \"answerKey\": \"B\"}"),
              HasSubstr("choices.text = [\"so\",3]: must be a list of texts"));
  EXPECT_THAT(complaint("arc_easy",
                        "{\"question\": {\"stem\": \"Why?\", \"choices\": [{\"text\": \"so\", "
                        "\"label\": \"A\"}]}, "
                        "\"answerKey\": \"B\"}"),
              HasSubstr("answerKey = \"B\": is the label of no choice"));
  EXPECT_THAT(complaint("arc_easy", "{\"question\": 3}"), HasSubstr("question"));
}

TEST_F(Tasks, WinograndeIsScoredBehindItsGap) {
  const Task task = read("winogrande",
                         "{\"sentence\": \"Ann beat Bea since _ was fast.\", \"option1\": \"Ann\", "
                         "\"option2\": \"Bea\", \"answer\": \"1\"}\n");
  EXPECT_EQ(task.items[0].choices[1].context, "Ann beat Bea since Bea");
  EXPECT_EQ(task.items[0].choices[1].continuation, " was fast.");
  EXPECT_EQ(task.items[0].right, 0);
}

TEST_F(Tasks, WrongFilesAreRefusedWithLineAndKey) {
  EXPECT_THAT(complaint("lambada", ""), HasSubstr("holds no JSON object"));
  EXPECT_THAT(complaint("lambada", "{\"text\": \"a b\"}\n{\"txt\": \"a b\"}"),
              AllOf(HasSubstr("task.jsonl:2: text: is missing"), HasSubstr("as it comes")));
  EXPECT_THAT(complaint("lambada", "{\"text\": 3}"), HasSubstr("text = 3: must be a text"));
  EXPECT_THAT(complaint("lambada", "[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(complaint("lambada", "{"), HasSubstr("task.jsonl:1"));
  EXPECT_THAT(complaint("lamabda", "{}"), HasSubstr("did you mean `lambada`?"));
}

TEST_F(Tasks, ScoresAreSharesOfTheItems) {
  write_file(folder.path() / "task-labels.lst", "0\n0\n0\n1\n");
  const std::string line = "{\"goal\": \"g\", \"sol1\": \"0123456789\", \"sol2\": \"01\"}\n";
  const Task task = read("piqa", line + line + line + line);
  const auto of = [](double likelihood) { return Answer{.log_likelihood = likelihood}; };
  // By sum: right, right, wrong, right. By byte: the second choice has a fifth of the bytes.
  const std::vector<Answer> answers{of(-1), of(-2), of(-1), of(-1.5),
                                    of(-8), of(-1), of(-3), of(-2)};
  const TaskScore total = score(task, answers);
  EXPECT_EQ(total.accuracy.value(), 0.75);
  EXPECT_EQ(total.accuracy_norm.value(), 0.5);
  std::vector<bool> right;
  for (const ItemScore& item : total.items) right.push_back(item.right);
  EXPECT_THAT(right, ElementsAre(true, true, false, true));
}

TEST_F(Tasks, ContinuationsAreRightWhereTheyAreGreedy) {
  const Task task = read("lambada", "{\"text\": \"a b\"}\n{\"text\": \"e f\"}\n");
  const std::vector<Answer> answers{{.log_likelihood = -2, .greedy = true}, {.log_likelihood = -4}};
  const TaskScore total = score(task, answers);
  EXPECT_EQ(total.accuracy.value(), 0.5);
  EXPECT_EQ(total.nats.value, 3);
  EXPECT_EQ(total.nats.standard_error, 1);
}

}  // namespace
}  // namespace gaincell::scores
