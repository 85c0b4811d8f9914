#include "common/rpc/pipeline.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "common/rpc/answers.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/server.h"
#include "gischat/moderation/v1/moderation.grpc.pb.h"
#include "tests/support/wait_until.h"

namespace gischat::rpc {
namespace {

using moderation::v1::Moderation;
using moderation::v1::ReviewBatch;
using moderation::v1::ReviewBatchAnswer;
using tests::WaitUntil;

using BatchAnswers = Answers<ReviewBatch, ReviewBatchAnswer>;
using BatchPipeline = Pipeline<ReviewBatch, ReviewBatchAnswer>;

constexpr absl::Duration kLong = absl::Seconds(60);

// A batch that bears a name, in the id of its message.
std::shared_ptr<const ReviewBatch> Named(const std::string& name) {
  auto batch = std::make_shared<ReviewBatch>();
  batch->add_requests()->mutable_message()->set_id(name);
  return batch;
}

// Answers each batch with its name, when the test says so. Thread-safe.
class Judges : public Moderation::CallbackService {
 public:
  grpc::ServerBidiReactor<ReviewBatch, ReviewBatchAnswer>* ReviewAll(
      grpc::CallbackServerContext* /*context*/) override {
    ++streams;
    return answers_.Open();
  }

  void EndAll() { answers_.EndAll(); }

  // From now on batches are answered as they come.
  void AnswerAtOnce() { at_once_ = true; }

  // Names of the batches that wait for their answer.
  std::vector<std::string> Waiting() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const Held& held : held_) names.push_back(held.name);
    return names;
  }

  bool Waits(size_t batches) {
    return WaitUntil([&] { return Waiting().size() == batches; });
  }

  // Answers the one that came last. False when there is none.
  bool AnswerLast() {
    std::function<void()> answer;
    {
      const std::lock_guard lock(mutex_);
      if (held_.empty()) return false;
      answer = std::move(held_.back().answer);
      held_.pop_back();
    }
    answer();
    return true;
  }

  std::atomic<int> streams = 0;  // so far

 private:
  struct Held {
    std::string name;
    std::function<void()> answer;
  };

  void Judge(const ReviewBatch& batch, ReviewBatchAnswer& answer, std::function<void()> done) {
    const std::string name = batch.requests(0).message().id();
    auto finish = [name, &answer, done = std::move(done)] {
      answer.add_answers()->mutable_accepted()->mutable_message()->set_id(name);
      done();
    };
    if (at_once_) return finish();
    const std::lock_guard lock(mutex_);
    held_.push_back({name, std::move(finish)});
  }

  std::atomic<bool> at_once_ = false;
  std::mutex mutex_;
  std::vector<Held> held_;
  BatchAnswers answers_{
      [this](const ReviewBatch& batch, ReviewBatchAnswer& answer, std::function<void()> done) {
        Judge(batch, answer, std::move(done));
      }};
};

class PipelineTest : public testing::Test {
 protected:
  using Answer = absl::StatusOr<ReviewBatchAnswer>;

  ~PipelineTest() override { pending_.reset(); }

  std::future<Answer> Ask(std::shared_ptr<const ReviewBatch> batch,
                          absl::Duration timeout = kLong) {
    auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = promise->get_future();
    pipeline_.Call(std::move(batch), timeout,
                   [promise](Answer result) { promise->set_value(std::move(result)); });
    return answer;
  }
  std::future<Answer> Ask(const std::string& name, absl::Duration timeout = kLong) {
    return Ask(Named(name), timeout);
  }

  static Answer Get(std::future<Answer> answer) {
    if (answer.wait_for(std::chrono::seconds(20)) == std::future_status::ready) return answer.get();
    return absl::UnknownError("neither an answer nor an error");
  }
  static std::string NameIn(std::future<Answer> answer) {
    const Answer result = Get(std::move(answer));
    return result.ok() ? result->answers(0).accepted().message().id() : result.status().ToString();
  }
  static absl::StatusCode CodeOf(std::future<Answer> answer) {
    return Get(std::move(answer)).status().code();
  }

  BatchPipeline::Open Open() {
    return [this](grpc::ClientContext* context, BatchPipeline::Reactor* reactor) {
      stub_->async()->ReviewAll(context, reactor);
    };
  }

  prometheus::Registry registry_;
  CallMetrics metrics_{registry_};
  Judges judges_;
  std::unique_ptr<Server> server_ = Server::InProcess({&judges_});
  std::unique_ptr<Moderation::Stub> stub_ = Moderation::NewStub(server_->InProcessChannel());
  std::unique_ptr<PendingCalls> pending_ = std::make_unique<PendingCalls>();
  BatchPipeline pipeline_{Open(), "moderation.ReviewAll", metrics_, *pending_};
};

TEST_F(PipelineTest, AnswersComeInTheOrderOfTheRequests) {
  std::mutex mutex;
  std::vector<std::string> order;
  std::vector<std::string> names(20);
  for (size_t i = 0; i < names.size(); ++i) {
    names[i] = std::to_string(i);
    pipeline_.Call(Named(names[i]), kLong, [&](Answer answer) {
      const std::lock_guard lock(mutex);
      order.push_back(answer.ok() ? answer->answers(0).accepted().message().id()
                                  : answer.status().ToString());
    });
  }
  ASSERT_TRUE(judges_.Waits(names.size()));
  EXPECT_EQ(judges_.Waiting(), names);
  while (judges_.AnswerLast()) {
  }
  EXPECT_TRUE(WaitUntil([&] {
    const std::lock_guard lock(mutex);
    return order.size() == names.size();
  }));
  pending_.reset();
  EXPECT_EQ(order, names);
  EXPECT_EQ(judges_.streams, 1);
}

TEST_F(PipelineTest, CallsOfSeveralThreadsGetTheirOwnAnswers) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 300;
  std::atomic<int> right = 0;
  std::atomic<int> ended = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kCalls; ++i) {
        const std::string name = std::to_string(thread) + "/" + std::to_string(i);
        pipeline_.Call(Named(name), kLong, [&, name](Answer answer) {
          if (answer.ok() && answer->answers(0).accepted().message().id() == name) ++right;
          ++ended;
        });
      }
    });
  }
  EXPECT_TRUE(WaitUntil(
      [&] {
        while (judges_.AnswerLast()) {
        }
        return ended == kThreads * kCalls;
      },
      absl::Seconds(60)));
  for (std::thread& thread : threads) thread.join();
  pending_.reset();
  EXPECT_EQ(right, kThreads * kCalls);
  EXPECT_EQ(judges_.streams, 1);
}

TEST_F(PipelineTest, CallWithoutAnAnswerInTimeFailsAndTheNextTakesAnotherStream) {
  EXPECT_EQ(CodeOf(Ask("late", absl::Milliseconds(50))), absl::StatusCode::kDeadlineExceeded);
  judges_.AnswerAtOnce();
  EXPECT_EQ(NameIn(Ask("next")), "next");
  EXPECT_EQ(judges_.streams, 2);
}

TEST_F(PipelineTest, CallBehindALateOneFailsWithIt) {
  auto late = Ask("late", absl::Milliseconds(50));
  auto behind = Ask("behind");
  EXPECT_EQ(CodeOf(std::move(behind)), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(std::move(late)), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(PipelineTest, LateAnswerIsNotTakenForThatOfAnotherCall) {
  EXPECT_EQ(CodeOf(Ask("late", absl::Milliseconds(50))), absl::StatusCode::kDeadlineExceeded);
  auto next = Ask("next");
  ASSERT_TRUE(judges_.Waits(2));
  while (judges_.AnswerLast()) {
  }
  EXPECT_EQ(NameIn(std::move(next)), "next");
}

TEST_F(PipelineTest, ServiceThatEndsAnswersWhatItWasAskedAndNothingMore) {
  auto first = Ask("first");
  auto second = Ask("second");
  ASSERT_TRUE(judges_.Waits(2));
  judges_.EndAll();
  auto later = Ask("later");
  judges_.AnswerLast();
  judges_.AnswerLast();
  EXPECT_EQ(NameIn(std::move(first)), "first");
  EXPECT_EQ(NameIn(std::move(second)), "second");
  EXPECT_EQ(CodeOf(std::move(later)), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf(Ask("on another stream")), absl::StatusCode::kUnavailable);
}

TEST_F(PipelineTest, MoreRequestsThanAreWorkedOnAtATimeAreAllAnswered) {
  constexpr size_t kMost = BatchAnswers::kMostUnderWay;
  std::vector<std::future<Answer>> answers;
  for (size_t i = 0; i < 5 * kMost; ++i) answers.push_back(Ask(std::to_string(i)));
  size_t most = 0;
  size_t answered = 0;
  ASSERT_TRUE(judges_.Waits(kMost));
  while (answered < answers.size()) {
    const size_t waiting = judges_.Waiting().size();
    most = std::max(most, waiting);
    if (judges_.AnswerLast()) {
      ++answered;
    } else {
      std::this_thread::yield();
    }
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(NameIn(std::move(answers[i])), std::to_string(i));
  }
  EXPECT_EQ(most, kMost);
}

TEST_F(PipelineTest, EndOfPendingCallsEndsTheCallsUnderWay) {
  const auto batch = Named("held");
  std::vector<std::future<Answer>> answers;
  answers.reserve(200);
  for (int i = 0; i < 200; ++i) answers.push_back(Ask(batch));  // some are not even sent
  ASSERT_TRUE(judges_.Waits(BatchAnswers::kMostUnderWay));
  pending_.reset();
  for (auto& answer : answers) EXPECT_EQ(CodeOf(std::move(answer)), absl::StatusCode::kCancelled);
  EXPECT_EQ(batch.use_count(), 1) << "somebody still holds the request";
}

TEST_F(PipelineTest, EndOfPendingCallsWaitsUntilWhatTheirCallbacksHoldIsGone) {
  // Gives the end time to come too early, when it is let go.
  struct Held {
    Held(std::atomic<bool>& end, std::atomic<bool>& early) : ended(end), too_early(early) {}
    ~Held() {
      too_early = WaitUntil([this] { return ended.load(); }, absl::Milliseconds(100));
    }
    std::atomic<bool>& ended;
    std::atomic<bool>& too_early;
  };
  std::atomic<bool> ended = false;
  std::atomic<bool> too_early = true;
  pipeline_.Call(Named("held"), kLong,
                 [held = std::make_shared<Held>(ended, too_early)](const Answer&) {});
  ASSERT_TRUE(judges_.Waits(1));
  pending_.reset();
  ended = true;
  EXPECT_TRUE(WaitUntil([&] { return !too_early; }, absl::Seconds(1)));
}

TEST_F(PipelineTest, EndOfPendingCallsEndsCallsThatAreMadeAgainMeanwhile) {
  std::promise<absl::StatusCode> again;
  pipeline_.Call(Named("held"), kLong, [&](const Answer& /*answer*/) {
    pipeline_.Call(Named("again"), kLong,
                   [&](const Answer& answer) { again.set_value(answer.status().code()); });
  });
  ASSERT_TRUE(judges_.Waits(1));
  pending_.reset();
  EXPECT_EQ(again.get_future().get(), absl::StatusCode::kCancelled);
}

// Judges that count the streams which their client has ended.
class EndedStreams : public Moderation::CallbackService {
 public:
  grpc::ServerBidiReactor<ReviewBatch, ReviewBatchAnswer>* ReviewAll(
      grpc::CallbackServerContext* /*context*/) override {
    class Stream : public grpc::ServerBidiReactor<ReviewBatch, ReviewBatchAnswer> {
     public:
      explicit Stream(std::atomic<int>& ended) : ended_(ended) { StartRead(&batch_); }
      void OnReadDone(bool ok) override {
        if (ok) return StartWrite(&answer_);
        if (!cancelled_) ++ended_;
        Finish(grpc::Status::OK);
      }
      void OnWriteDone(bool /*ok*/) override { StartRead(&batch_); }
      void OnCancel() override { cancelled_ = true; }
      void OnDone() override { delete this; }

     private:
      std::atomic<int>& ended_;
      std::atomic<bool> cancelled_ = false;
      ReviewBatch batch_;
      ReviewBatchAnswer answer_;
    };
    return new Stream(ended);
  }

  std::atomic<int> ended = 0;
};

TEST_F(PipelineTest, StreamThatIsTooOldIsEndedOnceAnotherIsOpen) {
  EndedStreams streams;
  const auto server = Server::InProcess({&streams});
  stub_ = Moderation::NewStub(server->InProcessChannel());
  auto pending = std::make_unique<PendingCalls>();
  BatchPipeline pipeline(Open(), "moderation.ReviewAll", metrics_, *pending, absl::ZeroDuration());
  for (int i = 0; i < 3; ++i) {
    std::promise<absl::Status> answered;
    pipeline.Call(Named("x"), kLong,
                  [&](const Answer& answer) { answered.set_value(answer.status()); });
    EXPECT_EQ(answered.get_future().get(), absl::OkStatus());
    EXPECT_TRUE(WaitUntil([&] { return streams.ended == i; })) << streams.ended << " of " << i;
  }
  pending.reset();
}

TEST(PipelineServer, CallsUnderWayFailWhenItGoesAway) {
  prometheus::Registry registry;
  CallMetrics metrics(registry);
  Judges judges;
  auto server = *Server::Listen({.port = 0}, {&judges});
  const auto stub = Moderation::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string(server->port()), grpc::InsecureChannelCredentials()));
  auto pending = std::make_unique<PendingCalls>();
  BatchPipeline pipeline(
      [&](grpc::ClientContext* context, BatchPipeline::Reactor* reactor) {
        stub->async()->ReviewAll(context, reactor);
      },
      "moderation.ReviewAll", metrics, *pending);
  const auto ask = [&] {
    auto answered = std::make_shared<std::promise<absl::StatusCode>>();
    pipeline.Call(Named("x"), kLong, [answered](const absl::StatusOr<ReviewBatchAnswer>& answer) {
      answered->set_value(answer.status().code());
    });
    return answered->get_future();
  };
  auto first = ask();
  auto second = ask();
  ASSERT_TRUE(judges.Waits(2));
  server->Shutdown(absl::ZeroDuration());
  EXPECT_EQ(first.get(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.get(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ask().get(), absl::StatusCode::kUnavailable) << "nobody listens any more";
  pending.reset();
}

}  // namespace
}  // namespace gischat::rpc
