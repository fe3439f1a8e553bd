-- Who held a role when: one row for each epoch, the newest kept. `ended_ms` and `how` are empty while it lasts, and when its
-- holder died without a word until the next one takes the role.
CREATE TABLE role_term (
  role TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  holder TEXT NOT NULL,
  since_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  how TEXT,
  PRIMARY KEY (role, epoch)
);
