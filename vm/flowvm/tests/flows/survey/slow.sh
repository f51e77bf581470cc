# slow.sh NAME [moody] — writes its call down, takes a while, and answers. Run in a folder of its own.
PATH=/usr/local/bin:/usr/bin:/bin
printf '%s %s\n' "$FLOW_IDEMPOTENCY_KEY" "$1" >>calls
if [ "${2:-}" = moody ] && [ "$(grep -c -F "$FLOW_IDEMPOTENCY_KEY" calls)" -lt 2 ]; then
  echo "in no mood" >&2
  exit 1
fi
# How long differs from call to call, and from one order of events to the next.
seed=$(cat seed 2>/dev/null)
number=$(printf '%s %s' "$1" "$seed" | cksum)
sleep "0.0$((${number%% *} % 7))"
printf '{"name": "%s", "size": %d}\n' "$1" "$((${#1} * 10))"
