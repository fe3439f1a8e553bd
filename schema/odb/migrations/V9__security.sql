-- Nonces that were used: `id` is a digest of the definition and the nonce. A row may be taken anew once it has expired.
CREATE TABLE used_nonce (
  id TEXT PRIMARY KEY NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX used_nonce_expires_ix ON used_nonce (expires_ms);

-- A security definition is named without its kind, so a name stands for one.
UPDATE object SET unique_key = name WHERE family = 'security';
