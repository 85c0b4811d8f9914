#include "tests/support/child_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace gischat::tests {

void ChildProcess::Start(std::vector<std::string> arguments) {
  Kill();
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], argv.data());
    _exit(127);
  }
}

bool ChildProcess::Runs() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
  return pid_ > 0;
}

void ChildProcess::Stop() {
  Signal(SIGTERM);
  Await();
}

void ChildProcess::Kill() {
  Signal(SIGKILL);
  Await();
}

void ChildProcess::Pause() { Signal(SIGSTOP); }

void ChildProcess::Continue() { Signal(SIGCONT); }

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

void ChildProcess::Await() {
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

}  // namespace gischat::tests
