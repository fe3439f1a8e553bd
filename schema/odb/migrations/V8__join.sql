-- Invitations of nodes that do not exist yet. `sealed` is what such a node needs, under a key that is only in the token that
-- the operator carries over. A row is deleted by whoever uses it.
CREATE TABLE join_invitation (
  id TEXT PRIMARY KEY NOT NULL,
  node TEXT NOT NULL,
  sealed TEXT NOT NULL,
  expires_ms BIGINT NOT NULL
);
