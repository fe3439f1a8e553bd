-- Durable asynchronous invocations of a cluster, from the moment their callers have a cid until they are done, expired or
-- discarded. Those with `died_ms` are dead letters. `cid` is its 16 bytes, `seq` the order in which they came.
CREATE TABLE bus_outbox (
  cid BYTEA PRIMARY KEY NOT NULL,
  service TEXT NOT NULL,
  seq BIGINT NOT NULL,
  envelope BYTEA NOT NULL,
  died_ms BIGINT,
  attempts BIGINT NOT NULL,
  failure TEXT NOT NULL,
  version TEXT NOT NULL
);
CREATE INDEX bus_outbox_line_ix ON bus_outbox (service, seq);

-- Counters of the same, moved in the same transaction. One row per writer, so that writers do not wait for each other.
CREATE TABLE bus_count (
  service TEXT NOT NULL,
  writer TEXT NOT NULL,
  accepted BIGINT NOT NULL,
  done BIGINT NOT NULL,
  expired BIGINT NOT NULL,
  discarded BIGINT NOT NULL,
  PRIMARY KEY (service, writer)
);

-- Data sets of Redis, one after another. One that has ended was lost, or taken over by the next; `tick` numbers what was
-- done in it, up to the last checkpoint.
CREATE TABLE bus_life (
  life TEXT PRIMARY KEY NOT NULL,
  run_id TEXT NOT NULL,
  seen_ms BIGINT NOT NULL,
  tick BIGINT NOT NULL,
  noticed_ms BIGINT,
  emptied BOOLEAN NOT NULL
);

-- What such a data set had of invocations that are kept nowhere else, as of its last checkpoint; what came and went after
-- it, as nodes remember; and what the next data set still had.
CREATE TABLE bus_checkpoint (
  life TEXT NOT NULL,
  service TEXT NOT NULL,
  accepted BIGINT NOT NULL,
  pending BIGINT NOT NULL,
  came BIGINT NOT NULL,
  went BIGINT NOT NULL,
  kept BIGINT NOT NULL,
  PRIMARY KEY (life, service)
);
