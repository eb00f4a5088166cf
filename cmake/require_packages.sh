# Sourced by tests/run and examples/distill_llama/run. Finds out what is missing, and installs it by the
# distribution's package manager: only as root or with passwordless sudo, and after printing the line.
#
#   need cmake cmake                    # a command, and the package that has it
#   need xsimd/xsimd.hpp libxsimd-dev   # a header, and the package that has it
#   install_missing

missing_packages=""

has_header() {
  for prefix in /usr /usr/local $(printf '%s' "${CMAKE_PREFIX_PATH:-}" | tr ';:' '  '); do
    [ -e "$prefix/include/$1" ] && return 0
  done
  return 1
}

need() {
  case $1 in
    */*) has_header "$1" && return 0 ;;
    *) command -v "$1" >/dev/null 2>&1 && return 0 ;;
  esac
  missing_packages="$missing_packages $2"
}

install_missing() {
  [ -n "$missing_packages" ] || return 0
  install_line="apt-get install -y --no-install-recommends$missing_packages"
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing (Debian's package names):$missing_packages"
    echo "Install them with your distribution's package manager and run this again."
    exit 1
  fi
  if [ "$(id -u)" = 0 ]; then
    as_root="env DEBIAN_FRONTEND=noninteractive"
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n env DEBIAN_FRONTEND=noninteractive"
  else
    echo "Missing packages:$missing_packages"
    echo "Install them as root and run this again:  apt-get update && $install_line"
    exit 1
  fi
  echo "+ apt-get update && $install_line"
  $as_root apt-get update || echo "apt-get update failed; trying with the package lists at hand"
  # shellcheck disable=SC2086
  $as_root $install_line
  missing_packages=""
}
