#!/usr/bin/env bash
# Build a free-threaded CPython 3.13 (no global interpreter lock), for tests: no package of Debian has one.
#
#     scripts/build_free_threaded.sh DEST        # gives DEST/bin/python3.13t, with pip and the package `test`
#
# The source comes from Debian's source package, through a private apt state: what apt knows on this machine does not
# change, except that headers which the build needs and which are missing are installed if this runs as root. The build
# is plain, without profile-guided or link-time optimisation: it has to be ready soon, not to be fast. When DEST holds an
# interpreter that works, nothing is done. DEST must not move afterwards.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: ${0##*/} DEST" >&2; exit 2; }
SUITES=(testing trixie sid)
# Header, and the Debian package that has it. pip cannot work without these modules.
HEADERS=(zlib.h:zlib1g-dev ffi.h:libffi-dev openssl/ssl.h:libssl-dev sqlite3.h:libsqlite3-dev)
mkdir -p "$1"
DEST=$(cd "$1" && pwd)
PYTHON=$DEST/bin/python3.13t

works() {
  [ -x "$PYTHON" ] && "$PYTHON" -c '
import sys
assert not sys._is_gil_enabled()
import ctypes, hashlib, pip, sqlite3, ssl, test.pickletester, venv, zlib
'
}

if works 2>/dev/null; then
  echo "$PYTHON is there: $("$PYTHON" --version)"
  exit
fi

began=$SECONDS
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
LOG=$WORK/log

# Run a step quietly; when it fails, show the end of what it said.
step() {
  local name=$1 start=$SECONDS
  shift
  if ! "$@" >"$LOG" 2>&1; then
    tail -n 40 "$LOG" >&2
    echo "$name failed" >&2
    exit 1
  fi
  echo "$name: $((SECONDS - start)) s"
}

missing=()
for entry in "${HEADERS[@]}"; do
  echo "#include <${entry%%:*}>" | cc -E - >/dev/null 2>&1 || missing+=("${entry#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "these packages are needed to build Python and are not installed: ${missing[*]}" >&2
    exit 1
  fi
  step "package lists" apt-get update
  step "${missing[*]}" apt-get install -y --no-install-recommends "${missing[@]}"
fi

# The mirror that this machine is set up for, in either of the two forms of apt's configuration.
mirrors() {
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *\([^ ]*\).*/\1/p'
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([a-z+]*:[^ ]*\).*/\2/p'
}
MIRROR=$(mirrors | grep 'debian/*$' | head -n 1 || true)
[ -n "$MIRROR" ] || { echo "apt on this machine names no mirror of Debian" >&2; exit 1; }

APT=$WORK/apt
mkdir -p "$APT"/etc/{sources.list.d,preferences.d,apt.conf.d,trusted.gpg.d} "$APT"/{state/lists,cache/archives}/partial
: >"$APT/status"
private_apt() {
  apt-get -qq -o Dir::Etc="$APT/etc" -o Dir::State="$APT/state" -o Dir::State::status="$APT/status" \
    -o Dir::Cache="$APT/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
download() {
  cd "$WORK"
  local suite
  for suite in "${SUITES[@]}"; do
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
      "$MIRROR" "$suite" /usr/share/keyrings/debian-archive-keyring.gpg >"$APT/etc/sources.list.d/source.sources"
    private_apt update && private_apt source --download-only --only-source python3.13 &&
      compgen -G 'python3.13_*.orig.tar.xz' && return
    echo "no python3.13 in the suite $suite" >&2
  done
  return 1
}
# The flags say what is left out: the modules that only test CPython's own C interface, and tkinter. Without -g and with
# -O1 the compiler needs half the time.
configure() {
  cd "$WORK/source"
  env OPT="-DNDEBUG -fwrapv -O1" \
    py_cv_module__testcapi=n/a py_cv_module__testlimitedcapi=n/a py_cv_module__testinternalcapi=n/a \
    py_cv_module__testclinic=n/a py_cv_module__testclinic_limited=n/a py_cv_module__tkinter=n/a \
    ./configure -q --prefix="$DEST" --disable-gil --with-ensurepip=install
}
compile() { make -C "$WORK/source" -s -j"$(nproc)"; }
# `-l` keeps the installation from compiling every test to bytecode, three times each.
install_python() { make -C "$WORK/source" -s altinstall COMPILEALL_OPTS="-j0 -l"; }

step "source package" download
mkdir "$WORK/source"
step "unpacking" tar -C "$WORK/source" --strip-components=1 -xf "$(compgen -G "$WORK/python3.13_*.orig.tar.xz" | head -n 1)"
step "configure" configure
step "make" compile
step "make install" install_python
works || { echo "$PYTHON does not work" >&2; exit 1; }
echo "$PYTHON: $("$PYTHON" --version), built in $((SECONDS - began)) s"
