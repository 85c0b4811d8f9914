# What scripts/serve and scripts/test share: Debian packages, configuring, building. Sourced by
# bash with -euo pipefail, in the root of the repository.
# shellcheck shell=bash disable=SC2034

readonly BUILD_PACKAGES=(
  ccache cmake g++ lld ninja-build pkg-config
  libabsl-dev libboost1.81-dev libgrpc++-dev libhiredis-dev liblcms2-dev libmagick++-6.q16-dev
  libprotobuf-dev libspdlog-dev libssl-dev nlohmann-json3-dev prometheus-cpp-dev
  protobuf-compiler protobuf-compiler-grpc zlib1g-dev
)
readonly TEST_PACKAGES=(
  libbenchmark-dev libgmock-dev libgtest-dev python3 redis-sentinel redis-server
)
readonly FUZZ_PACKAGES=(clang-14 libclang-rt-14-dev)
readonly DEPLOY_PACKAGES=(
  docker-compose docker.io iproute2 iptables mmdebstrap openssl prometheus python3-yaml
)

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Those of the given packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
      printf '%s\n' "$package"
  done
}

# Installs what is missing of the given packages; touches nothing when nothing is.
install_packages() {
  command -v dpkg-query >/dev/null || die "needs Debian 12 or a derivative of it (no dpkg here)"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "missing packages, and neither root nor sudo to install them:
  apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  say "installing ${missing[*]}"
  keep_services_down "${as_root[@]}"
  local status=0
  "${apt[@]}" update >&2 &&
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2 || status=$?
  let_services_up "${as_root[@]}"
  ((status == 0)) || die "apt-get could not install the packages"
}

# Packages such as redis-server start a service when they are installed. Tests start their own, on
# free ports; nobody asked for one on 6379. A policy that the machine already has is left alone.
readonly SERVICE_POLICY=/usr/sbin/policy-rc.d
service_policy_is_ours=no

keep_services_down() {
  [[ ! -e $SERVICE_POLICY ]] || return 0
  service_policy_is_ours=yes
  trap 'let_services_up '"$*" EXIT
  printf '#!/bin/sh\nexit 101\n' | "$@" tee "$SERVICE_POLICY" >/dev/null
  "$@" chmod 755 "$SERVICE_POLICY"
}

let_services_up() {
  [[ $service_policy_is_ours == yes ]] || return 0
  service_policy_is_ours=no
  "$@" rm -f "$SERVICE_POLICY"
}

# Configures a preset. Ninja does it again by itself when a CMakeLists.txt has changed.
configure() {
  local preset=$1
  if [[ ! -e build/$preset/build.ninja || CMakePresets.json -nt build/$preset/build.ninja ]]; then
    say "configuring $preset"
    cmake --preset "$preset" >&2
  fi
}

# One compiler for each core, as far as the memory goes: the largest files need more than 1 GiB.
jobs_that_fit() {
  local cores available_gib
  cores=$(nproc)
  available_gib=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  ((available_gib >= cores)) && echo "$cores" || echo $((available_gib > 1 ? available_gib : 1))
}

# Builds targets of a preset.
build() {
  local preset=$1
  shift
  say "building $preset: $*"
  ninja -C "build/$preset" -j "$(jobs_that_fit)" "$@" >&2
}
