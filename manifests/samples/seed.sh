#!/bin/sh
# Puts the sample repository, with its honest failing test, on a Gitea forge. Running it again changes nothing.
#
#   FORGE_URL=https://git.example.org FORGE_USER=me FORGE_PASSWORD=token ./seed.sh [name]
#
#   FORGE_CA       PEM file that the forge's certificate is signed by, if it is not a public one
#   FORGE_RESOLVE  host:port:address, if the forge's name does not resolve here
set -eu

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
case "${1:-}" in -h|--help) usage; exit 0 ;; esac
for name in FORGE_URL FORGE_USER FORGE_PASSWORD; do
  eval "value=\${$name:-}"
  if [ -z "$value" ]; then echo "seed.sh: $name is not set" >&2; usage >&2; exit 2; fi
done
for tool in git curl; do
  command -v "$tool" >/dev/null || { echo "seed.sh: $tool is needed; install it" >&2; exit 2; }
done

repo=${1:-turnstile}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Credentials go through files that only we can read, never through an argument list.
umask 077
printf 'user = "%s:%s"\n' "$FORGE_USER" "$FORGE_PASSWORD" > "$work/curl"
[ -z "${FORGE_CA:-}" ] || printf 'cacert = "%s"\n' "$FORGE_CA" >> "$work/curl"
[ -z "${FORGE_RESOLVE:-}" ] || printf 'resolve = "%s"\n' "$FORGE_RESOLVE" >> "$work/curl"
cat > "$work/askpass" <<'ASKPASS'
#!/bin/sh
case "$1" in Username*) echo "$FORGE_USER" ;; *) echo "$FORGE_PASSWORD" ;; esac
ASKPASS
chmod 700 "$work/askpass"
export FORGE_USER FORGE_PASSWORD GIT_ASKPASS="$work/askpass" GIT_TERMINAL_PROMPT=0
forge_git() {
  git ${FORGE_CA:+-c http.sslCAInfo="$FORGE_CA"} ${FORGE_RESOLVE:+-c http.curloptResolve="$FORGE_RESOLVE"} -c user.name=sample -c user.email=sample@example.org "$@"
}

code=$(curl -sS -K "$work/curl" -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/json' \
  -d "{\"name\":\"$repo\",\"default_branch\":\"main\",\"private\":true,\"description\":\"A sample with an honest failing test\"}" \
  "$FORGE_URL/api/v1/user/repos")
case "$code" in
  201) echo "created $FORGE_URL/$FORGE_USER/$repo" ;;
  409) echo "found   $FORGE_URL/$FORGE_USER/$repo" ;;
  *) echo "seed.sh: the forge refused to create the repository (HTTP $code):" >&2; cat "$work/answer" >&2; exit 1 ;;
esac

if forge_git ls-remote --exit-code "$FORGE_URL/$FORGE_USER/$repo.git" refs/heads/main >/dev/null 2>&1; then
  echo "main is there; nothing to push"
  exit 0
fi
cp -R "$here/repo" "$work/repo"
cd "$work/repo"
forge_git init -q -b main
forge_git add -A
forge_git commit -q -m "A rate limiter for one process"
forge_git push -q "$FORGE_URL/$FORGE_USER/$repo.git" main
echo "pushed main"
