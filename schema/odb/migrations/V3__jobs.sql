-- Who holds a role that only one node may have. Its epoch fences: a write that carries an older one is refused.
CREATE TABLE singleton (
  role TEXT PRIMARY KEY NOT NULL,
  holder TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  since_ms BIGINT NOT NULL
);

-- Where a job stands: every fire due up to `planned_ms` has its row in `job_fire` or in the totals.
CREATE TABLE job_standing (
  job BIGINT PRIMARY KEY NOT NULL,
  planned_ms BIGINT NOT NULL,
  anchor_ms BIGINT NOT NULL,
  runs BIGINT NOT NULL,
  paused BOOLEAN NOT NULL,
  schedule TEXT NOT NULL
);

-- Fires of jobs and what became of them: one row is one fire, or a stretch from `due_ms` to `until_ms`. A run that is
-- followed to its end is open until it ended, or until `open_until_ms` when nobody said so. There is no reference to the
-- object: a job that is deleted while it fires must not take the batch of others with it.
CREATE TABLE job_fire (
  job BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  origin TEXT NOT NULL,
  until_ms BIGINT NOT NULL,
  fires BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  late_ms BIGINT NOT NULL,
  cid TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  recorded_ms BIGINT NOT NULL,
  open_until_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  outcome TEXT,
  PRIMARY KEY (job, due_ms, origin)
);
CREATE INDEX job_fire_due_ix ON job_fire (due_ms);

-- Fires that are too old to be kept one by one, by hour.
CREATE TABLE job_total (
  job BIGINT NOT NULL,
  hour_ms BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  fires BIGINT NOT NULL,
  late_max_ms BIGINT NOT NULL,
  PRIMARY KEY (job, hour_ms, verdict)
);
