-- Invocations kept to be looked at: every n-th one (`sample`) and those that took too long (`slow`), masked and cut. `id`
-- sorts by time.
CREATE TABLE service_sample (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  service TEXT NOT NULL,
  cid TEXT NOT NULL,
  node TEXT NOT NULL,
  version TEXT NOT NULL,
  generation BIGINT NOT NULL,
  head TEXT NOT NULL,
  started_ms BIGINT NOT NULL,
  took_micros BIGINT NOT NULL,
  threshold_micros BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  request TEXT NOT NULL,
  request_bytes BIGINT NOT NULL,
  request_state TEXT NOT NULL,
  request_masked BIGINT NOT NULL,
  response TEXT NOT NULL,
  response_bytes BIGINT NOT NULL,
  response_state TEXT NOT NULL,
  response_masked BIGINT NOT NULL
);
CREATE INDEX service_sample_line_ix ON service_sample (kind, service, id);
CREATE INDEX service_sample_cid_ix ON service_sample (cid);
