#include <gmock/gmock.h>
#include <prometheus/registry.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "common/redis/client.h"
#include "tests/support/loop_thread.h"
#include "tests/support/redis_server.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

class RedisClient : public testing::Test {
 protected:
  RedisClient() {
    client_.Start();
    EXPECT_TRUE(WaitUntil([this] { return client_.ready(); }));
  }
  ~RedisClient() override { client_.Stop(); }

  void Echo(const std::string& words, std::function<void(const std::string&)> heard) {
    client_.Command({"ECHO", words},
                    [heard = std::move(heard)](absl::StatusOr<redis::Reply> reply) {
                      heard(reply.ok() ? reply->text : reply.status().ToString());
                    });
  }

  RedisServer server_;
  LoopThread thread_;
  prometheus::Registry registry_;
  redis::Client client_{thread_.loop(), server_.options(), "test", {}, registry_};
};

// One at a time, which is written by the thread that asks, and many at once, which the loop writes.
TEST_F(RedisClient, EveryThreadGetsItsOwnAnswersInOrder) {
  constexpr int kRounds = 200;
  std::atomic<int> wrong = 0;
  const auto ask = [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      const int count = round % 3 == 0 ? 8 : 1;
      const auto answers = std::make_shared<std::atomic<int>>(0);
      const auto all = std::make_shared<std::promise<void>>();
      for (int i = 0; i < count; ++i) {
        const std::string words = std::to_string(thread * 1'000'000 + round * 10 + i);
        Echo(words, [&, words, i, answers, all](const std::string& heard) {
          if (heard != words || *answers != i) ++wrong;
          if (++*answers == count) all->set_value();
        });
      }
      all->get_future().wait();
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back(ask, thread);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(RedisClient, WhatIsAskedAloneDoesNotWaitForTheLoop) {
  std::shared_ptr<void> blocked = thread_.Block();
  std::promise<std::string> answer;
  client_.Command({"SET", "key", "value"}, [&](absl::StatusOr<redis::Reply> reply) {
    answer.set_value(reply.ok() ? reply->text : reply.status().ToString());
  });
  EXPECT_TRUE(WaitUntil([&] { return server_.Execute({"GET", "key"}).text == "value"; }));
  blocked.reset();
  EXPECT_EQ(answer.get_future().get(), "OK");
}

TEST_F(RedisClient, ThreadsThatAskWhileConnectionsAreCutAreAllAnswered) {
  std::atomic<bool> ending = false;
  std::atomic<int> asked = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      while (!ending) {
        EXPECT_TRUE(WaitUntil([&] { return client_.ready() || ending; }));
        const auto heard = std::make_shared<std::promise<void>>();
        ++asked;
        Echo("words", [&, heard](const std::string&) {
          ++answered;
          heard->set_value();
        });
        heard->get_future().wait();
      }
    });
  }
  for (int cut = 0; cut < 5; ++cut) {
    EXPECT_TRUE(WaitUntil([this] { return client_.ready(); }));
    server_.Execute({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    EXPECT_TRUE(WaitUntil([&, before = answered.load()] { return answered > before + 3; }));
  }
  ending = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(asked, answered);
}

}  // namespace
}  // namespace gischat::tests
