# Does its work once per key, however often it is called with it.
sleep 0.02
mkdir -p marks
if [ "$2" = flaky ] && mkdir "marks/$FLOW_IDEMPOTENCY_KEY.tried" 2>/dev/null; then
  echo "not yet" >&2
  exit 3
fi
mkdir "marks/$FLOW_IDEMPOTENCY_KEY" 2>/dev/null
printf '{"key": "%s", "value": %s}\n' "$FLOW_IDEMPOTENCY_KEY" "$1"
