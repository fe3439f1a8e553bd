-- WSDL that people uploaded for services, byte for byte; it is served in place of the generated one. The service may be
-- deployed later, so there is no reference to it.
CREATE TABLE service_wsdl (
  service TEXT PRIMARY KEY NOT NULL,
  file TEXT NOT NULL,
  content BYTEA NOT NULL,
  sha256 TEXT NOT NULL,
  uploaded_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL
);
