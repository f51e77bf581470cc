INSERT INTO programs SELECT hash, image, stored_at FROM old_programs;
INSERT INTO runs (id, flow, program, status, started_at, updated_at, seq, steps, due, result, error, settings, epoch,
                  owner, lease_until)
SELECT id, flow, program, status, started_at, updated_at, seq, steps, due, result, error, settings, epoch, owner,
       lease_until
FROM old_runs ORDER BY started_at, id;
INSERT INTO log (id, step, node, at, kind, body)
SELECT (r.n << 32) | e.seq, e.step, e.node, e.at, e.body ->> 'kind', json_remove(e.body, '$.kind')
FROM old_events e JOIN runs r ON r.id = e.run ORDER BY r.n, e.seq;
INSERT INTO points (id, parent, step, path, changed, frontier)
SELECT (r.n << 32) | c.id, c.parent, c.step, c.path, c.changed, c.frontier
FROM old_checkpoints c JOIN runs r ON r.id = c.run ORDER BY r.n, c.id;
INSERT INTO interrupts SELECT run, name, ask, show, schema, due, rowid FROM old_interrupts ORDER BY rowid;
INSERT INTO inbox (id, run, at, input, state, message) SELECT id, run, at, input, state, message FROM old_inbox;
INSERT INTO memory SELECT namespace, key, value, updated_at FROM old_memory;
DROP TABLE old_events;
DROP TABLE old_checkpoints;
DROP TABLE old_interrupts;
DROP TABLE old_inbox;
DROP TABLE old_memory;
DROP TABLE old_runs;
DROP TABLE old_programs;
