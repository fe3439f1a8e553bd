-- Key/value data dictionaries: the values that a key has in a system. Numbers are counted in `dictionary_last`, so that one
-- is never used again.
CREATE TABLE dictionary_entry (
  number BIGINT PRIMARY KEY NOT NULL,
  system TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT dictionary_entry_uq UNIQUE (system, key, value)
);

-- What one entry is called elsewhere. `system2` and `key2` are those of `entry2`, kept here so that an entry has one
-- translation into each key of a system.
CREATE TABLE dictionary_translation (
  number BIGINT PRIMARY KEY NOT NULL,
  entry1 BIGINT NOT NULL REFERENCES dictionary_entry (number),
  system2 TEXT NOT NULL,
  key2 TEXT NOT NULL,
  entry2 BIGINT NOT NULL REFERENCES dictionary_entry (number),
  CONSTRAINT dictionary_translation_uq UNIQUE (entry1, system2, key2)
);
CREATE INDEX dictionary_translation_entry2_ix ON dictionary_translation (entry2);

CREATE TABLE dictionary_last (
  slot BIGINT PRIMARY KEY NOT NULL CHECK (slot = 1),
  entry BIGINT NOT NULL,
  translation BIGINT NOT NULL
);
INSERT INTO dictionary_last (slot, entry, translation) VALUES (1, 0, 0);
