//! The OpenAPI document is the contract: programs that know nothing else keep to it, and so does the node.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod generated;
mod schemathesis;

use std::path::{Path, PathBuf};

use busker_integration_tests::Environment;

/// A node with a service, and its document in a file; with lines of its own in `busker.toml`.
async fn documented(folder: &Path, lines: &str) -> (Environment, PathBuf) {
    let environment = Environment::start_with(lines).await;
    let service = "from zato.server.service import Service\n\nclass Echo(Service):\n    def handle(self):\n        self.response.payload = self.request.raw_request\n";
    environment.deploy("shop.py", service).await;
    let url = environment.api("/api/v1/openapi.json");
    let request = environment.http.get(url).bearer_auth(environment.token());
    let text = request.send().await.unwrap().text().await.unwrap();
    let file = folder.join("openapi.json");
    std::fs::write(&file, text).unwrap();
    (environment, file)
}
