# shellcheck shell=bash
# What every script here needs: the place, the words, and the set-up of what is not on the machine yet.
# Sourced, never run. A set-up function returns at once when its thing is there; what it installs goes into
# the system by apt as root, else into git-ignored folders of this clone, else it prints what to type.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
venv=$root/.venv
# Where a program installed privately (cmake's wheel, cargo-deny) is found.
export PATH="$PATH:$root/.tools/bin:$venv/bin:$HOME/.cargo/bin"

# say TEXT…: a step, on the error stream, so that a script's own output stays clean.
say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

# die TEXT…: the reason, and the end.
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# loud TEXT…: something that was left out and must not be overlooked.
loud() {
    local line
    printf '%s\n' '********************************************************************************' >&2
    for line in "$@"; do printf '*** %s\n' "$line" >&2; done
    printf '%s\n' '********************************************************************************' >&2
}

have() { command -v "$1" >/dev/null 2>&1; }

# install_packages WHAT PACKAGE…: Debian packages, as root; otherwise the command to type, and the end.
install_packages() {
    local what=$1
    shift
    if have apt-get && [ "$(id -u)" = 0 ]; then
        say "installing $what: apt-get install $*"
        local log
        log=$(mktemp)
        # A package list may be absent (a fresh container) or old: fetch it, then install.
        if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } \
            >"$log" 2>&1 </dev/null; then
            tail -n 20 "$log" >&2
            rm -f "$log"
            die "apt-get could not install $what"
        fi
        rm -f "$log"
    elif have apt-get; then
        die "$what is missing. Type:  sudo apt-get install -y $*"
    elif have dnf; then
        die "$what is missing. Type:  sudo dnf install -y ${*//g++/gcc-c++}"
    elif have brew; then
        die "$what is missing. Type:  brew install ${*//g++/gcc}"
    else
        die "$what is missing. Install with your package manager what Debian calls: $*"
    fi
}

# Rust itself is the one thing that a user brings.
need_rust() {
    have cargo && have rustc && return
    die "Rust is missing (cargo, rustc). Type:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
}

# CharLS is C++ and is built by cmake.
need_build_tools() {
    need_rust
    if ! have c++ || ! have make; then install_packages "a C++ compiler with make" g++ make; fi
    have cmake && return
    if have apt-get && [ "$(id -u)" = 0 ]; then
        install_packages cmake cmake
    elif python_with_venv; then
        say "installing cmake into $venv (from PyPI)"
        make_venv
        "$venv/bin/pip" install --quiet 'cmake==4.4.4'
    else
        install_packages "cmake" cmake
    fi
}

# DCMTK: storescu, dcmsend, echoscu, storescp, dcmdump, dcmdjpls, dcmdrle.
need_dcmtk() {
    have storescu && have dcmsend && have dcmdjpls && have dcmdrle && return
    install_packages DCMTK dcmtk
}

# A Storage Commitment SCU that is built on DCMTK's library; its path in CONDENSER_COMMIT_SCU.
need_dcmtk_client() {
    [ -f /usr/include/dcmtk/dcmnet/scu.h ] || install_packages "DCMTK's library" libdcmtk-dev
    export CONDENSER_COMMIT_SCU=$root/.tools/bin/commit_scu
    mkdir -p "$root/.tools/bin"
    [ "$CONDENSER_COMMIT_SCU" -nt "$root/tests/dcmtk/commit_scu.cc" ] ||
        g++ -std=c++17 "$root/tests/dcmtk/commit_scu.cc" -o "$CONDENSER_COMMIT_SCU" -ldcmnet -ldcmdata -loflog -lofstd
}

# The first Python 3.10 or newer that can make a virtual environment; its path in $python.
python_with_venv() {
    local name
    for name in python3 /usr/bin/python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            python=$name
            return 0
        fi
    done
    return 1
}

make_venv() {
    [ -x "$venv/bin/pip" ] && "$venv/bin/python" -c '' >/dev/null 2>&1 && return
    rm -rf "$venv"
    "$python" -m venv "$venv"
}

# The private Python environment with the foreign decoders; made again when its list changes.
need_python() {
    local wanted=tests/python/requirements.txt
    if cmp -s "$wanted" "$venv/installed.txt" && "$venv/bin/python" -c '' >/dev/null 2>&1; then return; fi
    python_with_venv || install_packages "Python 3 with venv" python3 python3-venv
    python_with_venv || die "Python 3.10 or newer with the venv module is missing"
    make_venv
    say "installing the foreign decoders into $venv (from PyPI)"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
}

# Linux perf, for `scripts/bench profile` alone.
need_perf() { have perf || install_packages "Linux perf" linux-perf; }

# strace, which lets system calls fail and kills at them, for `scripts/faults` and some tests.
need_strace() { have strace || install_packages strace strace; }

# Orthanc, a real archive: at the end of a chain in `scripts/interop`, and a sender in `scripts/bench forward`.
need_orthanc() { have Orthanc || [ -x /usr/sbin/Orthanc ] || install_packages Orthanc orthanc; }

# cargo-deny judges the dependency graph; built once into .tools when the machine has none.
need_cargo_deny() {
    have cargo-deny && return
    say "building cargo-deny into .tools (once; a few minutes)"
    cargo install cargo-deny --locked --quiet --root "$root/.tools"
}

# cargo-fuzz builds the fuzz targets; built once into .tools when the machine has none.
need_cargo_fuzz() {
    have cargo-fuzz && return
    say "building cargo-fuzz into .tools (once)"
    cargo install cargo-fuzz --locked --quiet --root "$root/.tools"
}

# The corpus of real files is not part of this repository; the path is in $CONDENSER_CORPUS, or empty.
find_corpus() {
    CONDENSER_CORPUS=${CONDENSER_CORPUS:-$root/../shared/corpus}
    if [ -f "$CONDENSER_CORPUS/MANIFEST.tsv" ]; then
        CONDENSER_CORPUS=$(cd "$CONDENSER_CORPUS" && pwd)
        return
    fi
    CONDENSER_CORPUS=
    loud "THE CORPUS IS ABSENT: what needs its files is NOT TESTED here." \
        "Set CONDENSER_CORPUS to a folder with its MANIFEST.tsv to test with it."
}
