//! The echo written directly on actix-web: the ceiling that `cargo xtask bench sync` measures a node against.
//! Arguments: port, number of workers.

use actix_web::{App, HttpServer, web};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Said {
    text: String,
}

#[derive(Serialize)]
struct Heard {
    length: usize,
    text: String,
}

async fn echo(said: web::Json<Said>) -> web::Json<Heard> {
    let text = said.into_inner().text;
    web::Json(Heard {
        length: text.chars().count(),
        text,
    })
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u16>());
    let mut next = |what: &str| {
        numbers
            .next()
            .ok_or_else(|| anyhow::anyhow!("{what} is missing"))
    };
    let port = next("port")??;
    let workers = next("number of workers")??;
    let server = HttpServer::new(|| App::new().route("/echo", web::post().to(echo)))
        .workers(usize::from(workers).max(1))
        .bind(("127.0.0.1", port))?;
    Ok(server.run().await?)
}
