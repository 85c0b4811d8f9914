#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace gischat::tests {

// A program that a test runs. It does not outlive the test, not even one that crashes. Not
// thread-safe.
class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess() { Kill(); }

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Runs `arguments[0]`, found by PATH, and puts an end to what it ran before.
  void Start(std::vector<std::string> arguments);
  bool Runs();      // false before Start and when it has ended
  void Stop();      // SIGTERM, and waits for the end
  void Kill();      // SIGKILL, and waits for the end
  void Pause();     // SIGSTOP
  void Continue();  // SIGCONT

 private:
  void Signal(int signal) const;
  void Await();

  pid_t pid_ = 0;
};

}  // namespace gischat::tests
