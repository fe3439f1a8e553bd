-- One text for PostgreSQL and SQLite: BIGINT, TEXT, BOOLEAN and BYTEA only, times in epoch milliseconds, JSON as TEXT,
-- ids made by the application. Applied migrations are never edited; later ones only add.

-- The cluster: one row. Every write takes `revision` from it, and so waits for the write before.
CREATE TABLE cluster (
  slot BIGINT PRIMARY KEY NOT NULL CHECK (slot = 1),
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  colour TEXT NOT NULL,
  guarded BOOLEAN NOT NULL,
  revision BIGINT NOT NULL,
  next_number BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);

-- What is configured now. `unique_key` is what else may exist once in a family, such as the path of a channel.
CREATE TABLE object (
  number BIGINT PRIMARY KEY NOT NULL,
  family TEXT NOT NULL,
  kind_group TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  active BOOLEAN NOT NULL,
  settings TEXT NOT NULL,
  unique_key TEXT,
  revision BIGINT NOT NULL,
  CONSTRAINT object_name_uq UNIQUE (family, name, kind_group),
  CONSTRAINT object_unique_key_uq UNIQUE (family, unique_key)
);
CREATE INDEX object_revision_ix ON object (revision);

-- Keys that were deleted or renamed away, so that a reader of changes sees them go.
CREATE TABLE object_tombstone (
  family TEXT NOT NULL,
  kind_group TEXT NOT NULL,
  name TEXT NOT NULL,
  number BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (family, kind_group, name)
);
CREATE INDEX object_tombstone_revision_ix ON object_tombstone (revision);

-- Who refers to whom, by name; `target_group` is empty when any group will do.
CREATE TABLE object_ref (
  number BIGINT NOT NULL REFERENCES object (number) ON DELETE CASCADE,
  field TEXT NOT NULL,
  target_family TEXT NOT NULL,
  target_group TEXT NOT NULL,
  target_name TEXT NOT NULL,
  required BOOLEAN NOT NULL,
  PRIMARY KEY (number, field, target_family, target_group, target_name)
);
CREATE INDEX object_ref_target_ix ON object_ref (target_family, target_name);

-- What was done to objects. `before` and `after` are JSON without secrets.
CREATE TABLE object_history (
  number BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  who TEXT NOT NULL,
  action TEXT NOT NULL,
  before_json TEXT,
  after_json TEXT,
  PRIMARY KEY (number, revision)
);
CREATE INDEX object_history_revision_ix ON object_history (revision);

-- People of the console and the public API.
CREATE TABLE app_user (
  name TEXT PRIMARY KEY NOT NULL,
  number BIGINT NOT NULL,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  active BOOLEAN NOT NULL,
  created_ms BIGINT NOT NULL
);

-- Bearer tokens and console sessions: only their SHA-256 is kept.
CREATE TABLE api_token (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  principal TEXT NOT NULL,
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT,
  revoked_ms BIGINT
);
CREATE INDEX api_token_principal_ix ON api_token (principal);

-- Hot-deployed code: every upload is a row; the newest of a name is the one that runs.
CREATE TABLE package (
  id BIGINT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  generation BIGINT NOT NULL,
  kind TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  size BIGINT NOT NULL,
  payload BYTEA NOT NULL,
  services TEXT NOT NULL,
  state TEXT NOT NULL,
  replaced_by BIGINT,
  uploaded_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  CONSTRAINT package_generation_uq UNIQUE (name, generation)
);
CREATE INDEX package_revision_ix ON package (revision);

CREATE TABLE package_status (
  package BIGINT NOT NULL REFERENCES package (id) ON DELETE CASCADE,
  node TEXT NOT NULL,
  state TEXT NOT NULL,
  message TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (package, node)
);

CREATE TABLE node (
  name TEXT PRIMARY KEY NOT NULL,
  incarnation TEXT NOT NULL,
  address TEXT NOT NULL,
  admin_address TEXT NOT NULL,
  state TEXT NOT NULL,
  revision BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL,
  info TEXT NOT NULL
);

-- Who asked for what over the API; `id` sorts by time.
CREATE TABLE audit (
  id TEXT PRIMARY KEY NOT NULL,
  at_ms BIGINT NOT NULL,
  who TEXT NOT NULL,
  service TEXT NOT NULL,
  object TEXT NOT NULL,
  result TEXT NOT NULL,
  cid TEXT NOT NULL
);
