#include "characterize/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/job/protocol.h"
#include "characterize/plan/deck.h"

namespace gaincell::characterize {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The draw of one vector at one draw number does not depend on the other conditions.
std::vector<double> drawn(const Bench& bench, const Condition& condition, std::size_t number) {
  std::vector<double> values(condition.count);
  Random random(bench.draw_seed, condition.name, number);
  const auto& numbers = condition.draw.numbers;
  for (std::size_t k = 0; k < values.size(); ++k) {
    switch (condition.draw.kind) {
      case Draw::Kind::kEnumerate:
        values[k] = numbers[random.below(numbers.size())];
        break;
      case Draw::Kind::kUniform:
        values[k] = random.uniform(numbers[0], numbers[1]);
        break;
      case Draw::Kind::kNormal:
        values[k] = numbers[0] + numbers[1] * random.normal();
        break;
      case Draw::Kind::kValues:
        values[k] = numbers[k];
        break;
    }
  }
  return values;
}

// Numbers in [0, 1) that say where a point lies.
struct Place {
  double interval;  // which of several
  double within;    // where in it, or in the range
};

double drawn_value(const Bench& bench, const Condition& c, DrawnIn where, const Place& place) {
  if (!c.swept) return c.values.front();
  const auto one_of = [&](std::size_t count) {
    return std::min(static_cast<std::size_t>(place.interval * static_cast<double>(count)),
                    count - 1);
  };
  if (!c.words.empty()) return c.values[one_of(c.values.size())];
  const std::vector<double>& values = c.text_values.empty() ? c.values : c.text_values;
  double low = values.front(), high = values.back();
  const auto working = bench.working.find(c.name);
  if (where == DrawnIn::kWorking && working != bench.working.end())
    std::tie(low, high) = working->second;
  if (where == DrawnIn::kIntervals) {
    const std::size_t interval = one_of(values.size() - 1);
    low = values[interval];
    high = values[interval + 1];
  }
  if (!c.logarithmic) return low + (high - low) * place.within;
  return std::exp(std::log(low) + (std::log(high) - std::log(low)) * place.within);
}

// Places that fill the unit cube evenly, however many are taken: x_n = n a modulo 1, a_k = g^-k
// with g^(d + 1) = g + 1 (Roberts' generalization of the golden ratio). Random ones would leave one
// of the intervals in seven without a point where there are two points to each.
class EvenPlaces {
 public:
  explicit EvenPlaces(std::size_t dimensions) {
    double g = 2;
    for (int step = 0; step < 64; ++step)
      g = std::pow(1 + g, 1 / static_cast<double>(dimensions + 1));
    double power = 1;
    for (std::size_t k = 0; k < dimensions; ++k) steps_.push_back(power /= g);
  }
  double at(std::size_t number, std::size_t dimension, double start) const {
    const double x = start + static_cast<double>(number) * steps_[dimension];
    return x - std::floor(x);
  }

 private:
  std::vector<double> steps_;
};

// How many hold-out points one simulation serves at most where a condition changes no simulation,
// as the age of a stored voltage that one transient measures at any.
constexpr std::size_t kPointsARun = 8;

// By condition, whether one simulation is measured at many values of it.
std::vector<bool> measured_alone(const Bench& bench) {
  std::vector<bool> alone;
  for (const Condition& c : bench.conditions)
    alone.push_back(c.swept && c.words.empty() && !c.simulated && !bench.search);
  return alone;
}

// Where hold-out points lie: by condition, in each of the ways, evenly.
class HoldOutPlaces {
 public:
  explicit HoldOutPlaces(const Bench& bench)
      : bench_(bench),
        draws_(draws_of(bench)),
        alone_(measured_alone(bench)),
        places_(2 * std::max<std::size_t>(bench.conditions.size(), 1)) {}

  // Of so many simulations; at most so many points as the grid has, or one a simulation.
  std::vector<Point> points(std::size_t count, std::size_t grid) const {
    const bool any = std::find(alone_.begin(), alone_.end(), true) != alone_.end();
    const std::size_t each = any ? std::clamp<std::size_t>(grid / count, 1, kPointsARun) : 1;
    std::vector<Point> points;
    for (std::size_t run = 0; run < count; ++run)
      for (std::size_t of_run = 0; of_run < each; ++of_run)
        points.push_back(point(run, run * each + of_run));
    return points;
  }

 private:
  Point point(std::size_t run, std::size_t number) const {
    const DrawnIn where = draws_[run % draws_.size()];
    Point point;
    point.holdout = true;
    for (std::size_t k = 0; k < bench_.conditions.size(); ++k) {
      const Condition& c = bench_.conditions[k];
      point.vectors.push_back(c.count > 0 ? drawn(bench_, c, 0) : std::vector<double>{});
      point.values.push_back(
          c.count > 0 ? 0
                      : drawn_value(bench_, c, where, place(k, alone_[k] ? number : run, where)));
    }
    return point;
  }

  // Over the whole range and the working range points lie by chance: even steps might keep pace
  // with an axis that is even too.
  Place place(std::size_t condition, std::size_t number, DrawnIn where) const {
    const std::string& name = bench_.conditions[condition].name;
    if (where != DrawnIn::kIntervals) {
      Random random(bench_.holdout_seed, "holdout " + name, number);
      return {random.uniform(), random.uniform()};
    }
    Random random(bench_.holdout_seed, "holdout " + name);
    const double start = random.uniform();
    return {places_.at(number, 2 * condition, start),
            places_.at(number, 2 * condition + 1, random.uniform())};
  }

  const Bench& bench_;
  std::vector<DrawnIn> draws_;
  std::vector<bool> alone_;
  EvenPlaces places_;
};

// Among the swept values; their number where it is none of them.
std::size_t place_of(const Bench& bench, const Sweep& sweep, const Point& point) {
  const auto& values = bench.conditions[*sweep.condition].values;
  const double value = point.values[*sweep.condition];
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  return at == values.end() || *at != value ? values.size()
                                            : static_cast<std::size_t>(at - values.begin());
}

// Where a run that sweeps conditions passes through a point.
bool nests(const Bench& bench, const Analysis& analysis, const Point& point) {
  bool any = false;
  for (const Sweep& sweep : analysis.sweeps) {
    if (!sweep.condition) continue;
    any = true;
    if (point.holdout ||
        place_of(bench, sweep, point) == bench.conditions[*sweep.condition].values.size())
      return false;
  }
  return any;
}

// Where in its run a measurement of a point lies: in which pass of the innermost sweep, and as a
// value of the point's own at which of its points.
void set_place(const Bench& bench, const Measurement& m, bool nested, const Point& point,
               MeasureCall& call) {
  const Analysis& analysis = bench.analyses[m.analysis];
  const bool own = !call.numbers.contains("at") && !call.derived.contains("at");
  const bool pointwise = m.kind->name == "value" && own && analysis.kind->scale_unit.empty();
  if (pointwise) call.numbers["index"] = 0;
  if (!nested) return;
  const auto& sweeps = analysis.sweeps;
  if (pointwise)
    call.numbers["index"] = static_cast<double>(place_of(bench, sweeps.front(), point));
  if (sweeps.size() > 1)
    call.numbers["pass"] = static_cast<double>(place_of(bench, sweeps.back(), point));
}

constexpr const char* kDrawName = "draw";

std::string value_text(const Condition& c, double value) {
  return c.words.empty() ? format_exact(value) : c.words[static_cast<std::size_t>(value)];
}

bool means(double wanted, double value) {
  constexpr double kDigits = 1e-6;
  return std::abs(wanted - value) <= kDigits * std::max(std::abs(wanted), std::abs(value));
}

// What a condition, or the draw, is at a point; nothing where it has none there.
struct Coordinate {
  std::string name;
  std::function<std::string(const Point&)> text;
  std::function<bool(const Point&, const std::string&)> is;
};

std::vector<Coordinate> coordinates_of(const Bench& bench) {
  std::vector<Coordinate> all;
  for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
    const Condition& c = bench.conditions[k];
    if (!c.swept && !c.by_row) continue;
    all.push_back({c.name, [&c, k](const Point& point) { return value_text(c, point.values[k]); },
                   [&c, k](const Point& point, const std::string& text) {
                     if (!c.words.empty()) return value_text(c, point.values[k]) == text;
                     const auto number = parse_quantity(text, c.unit);
                     return number && means(*number, point.values[k]);
                   }});
  }
  if (bench.draw_points > 1)
    all.push_back({kDrawName, [](const Point& point) { return std::to_string(point.draw); },
                   [](const Point& point, const std::string& text) {
                     return !point.holdout && std::to_string(point.draw) == text;
                   }});
  return all;
}

// Of the points `kept`, those where it is as "name=value" says.
void keep_points(const Bench& bench, std::span<const Point> points, const std::string& word,
                 std::vector<std::size_t>& kept) {
  const std::size_t equal = std::min(word.find('='), word.size());
  const std::string name = word.substr(0, equal);
  const std::string value = word.substr(std::min(equal + 1, word.size()));
  const std::vector<Coordinate> coordinates = coordinates_of(bench);
  const auto coordinate = std::find_if(coordinates.begin(), coordinates.end(),
                                       [&](const Coordinate& one) { return one.name == name; });
  if (coordinate == coordinates.end()) {
    std::vector<std::string> names;
    for (const Coordinate& one : coordinates) names.push_back(one.name);
    throw Error({.place = "--at",
                 .value = word,
                 .rule = fmt::format("`{}` has no swept condition of this name", bench.name),
                 .remedy = names.empty() ? "it has but one point" : suggest_remedy(name, names)});
  }
  std::vector<std::size_t> matching;
  for (const std::size_t number : kept) {
    if (coordinate->is(points[number], value)) matching.push_back(number);
  }
  if (matching.empty()) {
    std::vector<std::string> there;
    for (const std::size_t number : kept) {
      if (points[number].holdout) continue;
      const std::string text = coordinate->text(points[number]);
      if (std::find(there.begin(), there.end(), text) == there.end()) there.push_back(text);
    }
    throw Error({.place = "--at",
                 .key = name,
                 .value = value,
                 .rule = "no such point has this value",
                 .remedy = fmt::format("there are {}", fmt::join(there, ", "))});
  }
  kept = std::move(matching);
}

class Planner {
 public:
  Planner(const Bench& bench, Plan& plan, std::size_t max_bytes)
      : bench_(bench),
        plan_(plan),
        max_bytes_(max_bytes),
        aids_(std::make_shared<std::string>(option_line(bench.retry))),
        title_(fmt::format("* {}", bench.name)),
        last_(bench.analyses.size()) {
    for (const Corner& corner : bench.corners)
      heads_.push_back(std::make_shared<DeckHead>(deck_head(corner)));
  }

  void add(const Point& point) {
    const Evaluation at(bench_, point);
    PointSource source;
    std::vector<bool> nested;
    for (std::size_t a = 0; a < bench_.analyses.size(); ++a) {
      nested.push_back(nests(bench_, bench_.analyses[a], point));
      source.jobs.push_back(nested[a] ? nested_job(a, point, at) : job_of(a, false, at));
    }
    for (const Measurement& m : bench_.measurements) {
      if (m.formula || m.searched) {
        source.calls.push_back(kNoCall);
        continue;
      }
      const std::uint32_t job = source.jobs[m.analysis];
      MeasureCall call{m.kind->signal_of ? "integral" : m.kind->name, m.signals, {}, m.words, {}};
      for (const auto& [name, value] : m.numbers)
        set_number(call, m, name, value, {at, source, job});
      set_place(bench_, m, nested[m.analysis], point, call);
      source.calls.push_back(call_number(job, std::move(call)));
    }
    hold(100 + 8 * (source.jobs.size() + source.calls.size()));
    plan_.sources.push_back(std::move(source));
  }

 private:
  // What a call is made for: the point, its calls until now, and the job.
  struct CallOf {
    const Evaluation& at;
    const PointSource& source;
    std::uint32_t job;
  };

  void set_number(MeasureCall& call, const Measurement& m, const std::string& name,
                  const Quantity& value, const CallOf& of) {
    if (m.uses.empty() || value.expression() == nullptr || !uses_results(*value.expression())) {
      call.numbers[name] = value.value(of.at.values());
    } else {
      call.derived[name] = derived(*value.expression(), of);
    }
  }

  bool uses_results(const Expression& expression) const {
    return std::any_of(bench_.measurements.begin(), bench_.measurements.end(),
                       [&](const Measurement& m) { return expression.names().contains(m.name); });
  }

  // A number that the worker works out, from the calls of the measurements that it names.
  Derived derived(const Expression& expression, const CallOf& of) {
    Expression::Bound bound = expression.bound(of.at.values());
    Derived result{std::move(bound.text), std::move(bound.values), {}};
    for (std::size_t k = 0; k < bench_.measurements.size(); ++k) {
      const Measurement& m = bench_.measurements[k];
      if (m.searched || result.known.erase(m.name) == 0) continue;
      result.results[m.name] = m.formula ? formula_call(m, of) : of.source.calls[k];
    }
    return result;
  }

  // A formula that an argument names is worked out in the worker too.
  std::uint32_t formula_call(const Measurement& m, const CallOf& of) {
    MeasureCall call{m.kind->name, {}, {}, {}, {}};
    call.derived["formula"] = derived(*m.formula, of);
    for (const auto& [name, value] : m.numbers) set_number(call, m, name, value, of);
    return call_number(of.job, std::move(call));
  }

  // Deck texts of one nested run are equal, so the last one mostly serves.
  struct Last {
    Point outer;
    std::uint32_t job = 0;
    bool known = false;
  };

  std::uint32_t nested_job(std::size_t analysis, const Point& point, const Evaluation& at) {
    Point outer = point;
    for (const Sweep& sweep : bench_.analyses[analysis].sweeps) {
      if (sweep.condition) outer.values[*sweep.condition] = 0;
    }
    Last& last = last_[analysis];
    if (last.known && outer.values == last.outer.values && outer.vectors == last.outer.vectors &&
        outer.draw == last.outer.draw)
      return last.job;
    const std::uint32_t job = job_of(analysis, true, at.within(bench_.analyses[analysis]));
    last = {std::move(outer), job, true};
    return job;
  }

  std::uint32_t job_of(std::size_t analysis, bool nested, const Evaluation& at) {
    bool made = false;
    const auto circuit = circuits_.of(at, made);
    if (made) hold(circuit->text.size());
    DeckBody body = deck_body(at, {bench_.analyses[analysis], nested});
    const std::size_t corner = at.corner();
    const std::hash<std::string> hash_of;
    const std::size_t hash = hash_of(body.text) ^ (hash_of(circuit->sha256) * 0x9e3779b97f4a7c15u);
    const auto [begin, end] = jobs_.equal_range(hash);
    for (auto one = begin; one != end; ++one) {
      const Job& known = plan_.jobs[one->second];
      if (known.head == heads_[corner] && known.circuit->sha256 == circuit->sha256 &&
          known.body == body.text)
        return one->second;
    }
    Job job;
    job.id = plan_.jobs.size();
    job.head = heads_[corner];
    job.title = title_;
    job.circuit = circuit;
    job.body = std::move(body.text);
    job.aids = aids_;
    job.proof = body.proof;
    for (const WaveformRequest& waveform : bench_.waveforms) {
      if (waveform.analysis == analysis) job.waveforms.push_back(waveform.signal);
    }
    job.behaviour = bench_.behaviour;
    job.code_models = bench_.code_models;
    job.timeout_s = bench_.timeout_s;
    job.memory_bytes = static_cast<std::size_t>(bench_.memory_bytes);
    // Beside the job its key and its result.
    hold(job.body.size() + 700);
    const auto number = static_cast<std::uint32_t>(job.id);
    jobs_.emplace(hash, number);
    plan_.jobs.push_back(std::move(job));
    plan_.users.push_back(static_cast<std::uint32_t>(plan_.sources.size()));
    return number;
  }

  std::uint32_t call_number(std::uint32_t job, MeasureCall call) {
    const std::size_t hash =
        std::hash<std::string>()(encode(Proof{}, {call})) ^ (job * 0x9e3779b97f4a7c15u);
    auto& calls = plan_.jobs[job].calls;
    const auto [begin, end] = calls_.equal_range(hash);
    for (auto at = begin; at != end; ++at) {
      const auto [of, number] = at->second;
      if (of == job && calls[number] == call) return number;
    }
    const auto number = static_cast<std::uint32_t>(calls.size());
    hold(200 + 80 * (call.numbers.size() + call.words.size() + call.signals.size() +
                     4 * call.derived.size()));
    calls_.emplace(hash, std::pair(job, number));
    calls.push_back(std::move(call));
    return number;
  }

  // A campaign is planned in memory, and a short text may ask for much.
  void hold(std::size_t bytes) {
    held_bytes_ += bytes;
    if (held_bytes_ > max_bytes_)
      throw Error(
          {.place = bench_.path,
           .rule = fmt::format("its plan takes more than {} MB: {} points in {} simulations, "
                               "and more to come",
                               max_bytes_ >> 20, plan_.sources.size(), plan_.jobs.size()),
           .remedy = "take fewer points, or some of them with --filter"});
  }

  const Bench& bench_;
  Plan& plan_;
  const std::size_t max_bytes_;
  std::vector<std::shared_ptr<const DeckHead>> heads_;  // one a corner
  CircuitTexts circuits_;
  std::shared_ptr<const std::string> aids_;
  std::string title_;
  std::size_t held_bytes_ = 0;
  // By hash; what is equal is found in the plan itself.
  std::unordered_multimap<std::size_t, std::uint32_t> jobs_;
  std::unordered_multimap<std::size_t, std::pair<std::uint32_t, std::uint32_t>>
      calls_;               // job, call
  std::vector<Last> last_;  // one an analysis
};

}  // namespace

namespace {

// The grid of the conditions that change by themselves, times the draws, at one row of the others.
void add_grid(const Bench& bench, std::size_t row, std::vector<Point>& points) {
  std::vector<std::size_t> at(bench.conditions.size(), 0);
  const std::size_t draws = std::max<std::size_t>(bench.draw_points, 1);
  for (bool more = true; more;) {
    for (std::size_t draw = 0; draw < draws; ++draw) {
      Point point;
      point.draw = draw;
      for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
        const Condition& c = bench.conditions[k];
        point.values.push_back(c.count > 0 ? 0 : c.values[c.by_row ? row : at[k]]);
        point.vectors.push_back(c.count > 0 ? drawn(bench, c, draw) : std::vector<double>{});
      }
      points.push_back(std::move(point));
    }
    more = false;
    for (std::size_t k = bench.conditions.size(); k-- > 0;) {
      const Condition& c = bench.conditions[k];
      if (c.swept && ++at[k] < c.values.size()) {
        more = true;
        break;
      }
      at[k] = 0;
    }
  }
}

}  // namespace

std::vector<DrawnIn> draws_of(const Bench& bench) {
  if (bench.working.empty()) return {DrawnIn::kRange, DrawnIn::kIntervals};
  return {DrawnIn::kRange, DrawnIn::kIntervals, DrawnIn::kWorking, DrawnIn::kIntervals};
}

Point drawn_point(const Bench& bench, DrawnIn where, Random& random) {
  Point point;
  point.holdout = true;
  for (const Condition& c : bench.conditions) {
    point.vectors.push_back(c.count > 0 ? drawn(bench, c, 0) : std::vector<double>{});
    const double interval = random.uniform();
    point.values.push_back(
        c.count > 0 ? 0 : drawn_value(bench, c, where, {interval, random.uniform()}));
  }
  return point;
}

bool is_working(const Bench& bench, const Point& point) {
  for (const auto& [name, range] : bench.working) {
    const double value = point.values[bench.condition(name)];
    if (value < range.first || value > range.second) return false;
  }
  return !bench.working.empty();
}

std::vector<Point> bench_points(const Bench& bench) {
  std::vector<Point> points;
  for (std::size_t row = 0; row < bench.rows; ++row) add_grid(bench, row, points);
  std::size_t holdout = bench.holdout_points;
  if (bench.holdout_share > 0)
    holdout = static_cast<std::size_t>(
        std::ceil(bench.holdout_share * static_cast<double>(points.size())));
  if (holdout == 0) return points;
  std::vector<Point> unseen = HoldOutPlaces(bench).points(holdout, points.size());
  points.insert(points.end(), std::make_move_iterator(unseen.begin()),
                std::make_move_iterator(unseen.end()));
  return points;
}

Plan make_plan(const Bench& bench, std::vector<Point> points, std::size_t max_bytes) {
  Plan plan;
  Planner planner(bench, plan, max_bytes);
  if (bench.search &&
      std::any_of(points.begin(), points.end(), [](const Point& point) { return !point.searched; }))
    throw Error({.place = bench.path,
                 .key = "search",
                 .rule = "each of its simulations follows from those before",
                 .remedy = "a bench with `search` is run by `gaincell characterize`"});
  for (const Point& point : points) {
    if (point.values.size() != bench.conditions.size() ||
        point.vectors.size() != bench.conditions.size())
      throw Error({.place = bench.path, .rule = "a point must give every condition of the bench"});
    try {
      planner.add(point);
    } catch (const Error& error) {
      Complaint complaint = error.complaint();
      std::string where = label_of(bench, point);
      if (bench.search) where += (where.empty() ? "" : ", ") + searched_value(bench, point);
      if (!where.empty()) complaint.rule += fmt::format(" (at {})", where);
      throw Error(complaint);
    }
  }
  plan.points = std::move(points);
  return plan;
}

std::string label_of(const Bench& bench, const Point& point) {
  std::string text;
  const auto add = [&text](const std::string& name, const std::string& value) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  };
  for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
    const Condition& c = bench.conditions[k];
    if (c.swept || c.by_row) add(c.name, value_text(c, point.values[k]));
  }
  if (bench.draw_points > 1 && !point.holdout) add(kDrawName, std::to_string(point.draw));
  return text;
}

std::string full_name(const Bench& bench, const Point& point, std::size_t number) {
  const std::string label = label_of(bench, point);
  return fmt::format("{} {}{}", point.holdout ? "hold-out point" : "point", number,
                     label.empty() ? "" : fmt::format(" ({})", label));
}

std::vector<std::size_t> points_at(const Bench& bench, std::span<const Point> points,
                                   std::span<const std::string> words) {
  std::vector<std::size_t> found(points.size());
  std::iota(found.begin(), found.end(), std::size_t{0});
  for (const std::string& word : words) {
    for (std::size_t begin = 0; begin <= word.size();) {
      const std::size_t end = std::min(word.find(',', begin), word.size());
      keep_points(bench, points, word.substr(begin, end - begin), found);
      begin = end + 1;
    }
  }
  return found;
}

namespace {

// The formula's result, or why it has none. A comparison would make a number of one that is
// missing.
Measured formula_result(const Evaluation& at, const Measurement& m,
                        std::span<const double> values) {
  for (const std::size_t used : m.uses) {
    if (std::isnan(values[used])) return {kNaN, reason_without(at.bench().measurements[used].name)};
  }
  double value = m.formula->unchecked(at.values());
  if (const auto scale = m.numbers.find("scale"); scale != m.numbers.end())
    value *= scale->second.unchecked(at.values());
  if (std::isfinite(value)) return {value, ""};
  return {kNaN, "the formula has no finite result"};
}

}  // namespace

std::string searched_value(const Bench& bench, const Point& point) {
  return fmt::format("{} = {} {}", bench.search->over, format_exact(point.searched.value()),
                     bench.search->unit);
}

std::vector<PointResult> collect(const Bench& bench, const Plan& plan,
                                 std::span<const JobResult> results) {
  std::vector<PointResult> all;
  all.reserve(plan.points.size());
  for (std::size_t p = 0; p < plan.points.size(); ++p) {
    const PointSource& source = plan.sources[p];
    PointResult result;
    result.values.assign(bench.measurements.size(), kNaN);
    for (const std::uint32_t id : source.jobs) {
      const JobResult& job = results[id];
      result.aided = result.aided || (job.ok && job.aided);
      if (job.ok || !result.reason.empty()) continue;
      result.reason = fmt::format("{}: {}", name_of(job.failure.why), job.failure.reason);
      if (bench.search)
        result.reason =
            fmt::format("at {}: {}", searched_value(bench, plan.points[p]), result.reason);
      result.log_tail = job.failure.log_tail;
    }
    if (result.reason.empty()) result.reason = source.unfound;
    result.ok = result.reason.empty();
    if (!result.ok) {
      all.push_back(std::move(result));
      continue;
    }
    Evaluation at(bench, plan.points[p]);
    for (std::size_t k = 0; k < bench.measurements.size(); ++k) {
      const Measurement& m = bench.measurements[k];
      std::string reason;
      if (m.searched) {
        result.values[k] = plan.points[p].searched.value();
      } else if (m.formula) {
        Measured measured = formula_result(at, m, result.values);
        result.values[k] = measured.value;
        reason = std::move(measured.reason);
      } else {
        const JobResult& job = results[source.jobs[m.analysis]];
        const std::uint32_t call = source.calls[k];
        if (job.reasons[call].empty()) {
          result.values[k] = job.values[call];
        } else {
          reason = job.reasons[call];
        }
      }
      if (!reason.empty()) {
        result.values[k] = kNaN;
        result.ok = false;
        result.reason += fmt::format("{}{}: {}", result.reason.empty() ? "" : "; ", m.name, reason);
      }
      at.know(m, result.values[k]);
    }
    all.push_back(std::move(result));
  }
  return all;
}

}  // namespace gaincell::characterize
