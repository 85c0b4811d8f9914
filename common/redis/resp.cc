#include "common/redis/resp.h"

#include <hiredis/read.h>

#include <array>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gischat::redis {
namespace {

constexpr size_t kLargeArgument = 16 << 10;
constexpr size_t kFullPiece = 64 << 10;

// Gives the object of a task its place: in the array that it is an element of, or on its own.
// Arrays grow with what has come, not by what was promised. An element may move when the next one
// comes: nothing points to it any more then.
Reply* Place(const redisReadTask* task, Reply::Type type) {
  Reply* reply = nullptr;
  if (task->parent != nullptr) {
    auto* array = static_cast<Reply*>(task->parent->obj);
    array->elements.resize(static_cast<size_t>(task->idx) + 1);
    reply = &array->elements.back();
  } else {
    reply = new Reply();
  }
  reply->type = type;
  return reply;
}

void* MakeString(const redisReadTask* task, char* text, size_t length) {
  const Reply::Type type = task->type == REDIS_REPLY_ERROR    ? Reply::Type::kError
                           : task->type == REDIS_REPLY_STATUS ? Reply::Type::kStatus
                                                              : Reply::Type::kString;
  Reply* reply = Place(task, type);
  reply->text.assign(text, length);
  return reply;
}

void* MakeArray(const redisReadTask* task, int) { return Place(task, Reply::Type::kArray); }

void* MakeInteger(const redisReadTask* task,
                  long long value) {  // NOLINT(google-runtime-int): hiredis
  Reply* reply = Place(task, Reply::Type::kInteger);
  reply->integer = value;
  return reply;
}

void* MakeNil(const redisReadTask* task) { return Place(task, Reply::Type::kNil); }

// Only ever called for what has no parent.
void Free(void* reply) { delete static_cast<Reply*>(reply); }

redisReplyObjectFunctions functions = {MakeString, MakeArray, MakeInteger, MakeNil, Free};

}  // namespace

void Outbox::Add(std::vector<std::string> command) {
  Append(absl::StrCat("*", command.size(), "\r\n"));
  for (std::string& argument : command) {
    Append(absl::StrCat("$", argument.size(), "\r\n"));
    if (argument.size() >= kLargeArgument) {
      pieces_.push_back(std::move(argument));
      last_is_sealed_ = true;
    } else {
      Append(argument);
    }
    Append("\r\n");
  }
}

void Outbox::Append(std::string_view bytes) {
  if (last_is_sealed_ || pieces_.back().size() >= kFullPiece) pieces_.emplace_back();
  last_is_sealed_ = false;
  pieces_.back().append(bytes);
}

std::vector<std::string> Outbox::Take() {
  last_is_sealed_ = true;
  return std::exchange(pieces_, {});
}

ReplyReader::ReplyReader() : reader_(redisReaderCreateWithFunctions(&functions)) {
  if (reader_ == nullptr) throw std::bad_alloc();
}

ReplyReader::~ReplyReader() { redisReaderFree(reader_); }

void ReplyReader::Feed(std::string_view bytes) {
  redisReaderFeed(reader_, bytes.data(), bytes.size());
}

absl::StatusOr<std::optional<Reply>> ReplyReader::Next() {
  void* object = nullptr;
  if (redisReaderGetReply(reader_, &object) != 0) {
    return absl::InternalError(absl::StrCat("not a reply of Redis: ", reader_->errstr));
  }
  if (object == nullptr) return std::nullopt;
  const std::unique_ptr<Reply> reply(static_cast<Reply*>(object));
  return std::optional<Reply>(std::move(*reply));
}

absl::Status StatusOfError(std::string_view text) {
  struct Meaning {
    std::string_view code;
    absl::StatusCode status;
  };
  constexpr std::array kMeanings = {
      Meaning{"OOM", absl::StatusCode::kResourceExhausted},
      Meaning{"READONLY", absl::StatusCode::kFailedPrecondition},
      Meaning{"LOADING", absl::StatusCode::kFailedPrecondition},
      Meaning{"MASTERDOWN", absl::StatusCode::kFailedPrecondition},
      Meaning{"NOREPLICAS", absl::StatusCode::kFailedPrecondition},
      Meaning{"MISCONF", absl::StatusCode::kFailedPrecondition},
      Meaning{"NOSCRIPT", absl::StatusCode::kUnavailable},
  };
  const std::string_view code = text.substr(0, text.find(' '));
  absl::StatusCode status = absl::StatusCode::kInternal;
  for (const Meaning& meaning : kMeanings) {
    if (meaning.code == code) status = meaning.status;
  }
  return absl::Status(status, absl::StrCat("redis answered: ", std::string(text)));
}

}  // namespace gischat::redis
