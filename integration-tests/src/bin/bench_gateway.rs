//! What `cargo xtask bench gateway` measures: a question from node to node, beside a bare echo over TCP with the same TLS
//! between two processes, in turns. Without arguments it measures; `echo DIR` is the other end of the bare echo, with the
//! certificate of the node in that folder.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "what it prints is what it measured"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use busker_integration_tests::ClusterEnvironment;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Rounds; in each, so many of both.
const ROUNDS: usize = 10;
const PER_ROUND: usize = 500;
/// Bytes there and back: about those of a ping with the library's envelope.
const ECHO_BYTES: usize = 128;

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => measure().await,
        ["echo", dir] => echo(Path::new(dir)).await,
        _ => bail!("use no argument, or: echo DIR"),
    }
}

struct Files {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Files {
    fn read(dir: &Path) -> Result<Self> {
        let read = |file: &str| -> Result<Vec<CertificateDer<'static>>> {
            let certificates = CertificateDer::pem_file_iter(dir.join("certs").join(file))?;
            Ok(certificates.collect::<Result<_, _>>()?)
        };
        let mut roots = RootCertStore::empty();
        for root in read("ca.pem")? {
            roots.add(root)?;
        }
        Ok(Self {
            chain: read("node.pem")?,
            key: PrivateKeyDer::from_pem_file(dir.join("certs/node.key"))?,
            roots: Arc::new(roots),
        })
    }
}

/// Echoes until its standard input ends.
async fn echo(dir: &Path) -> Result<()> {
    let files = Files::read(dir)?;
    let provider = Arc::new(ring::default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(files.roots, Arc::clone(&provider)).build()?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(files.chain, files.key)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
    let mut bytes = [0; ECHO_BYTES];
    while stream.read_exact(&mut bytes).await.is_ok() {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
    }
    Ok(())
}

struct Echo {
    stream: TlsStream<TcpStream>,
    process: Child,
}

impl Echo {
    async fn start(cluster: &ClusterEnvironment) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("echo")
            .arg(cluster.folder(2))
            .stdout(Stdio::piped())
            .spawn()?;
        let printed = process.stdout.take().context("its output")?;
        let printed = tokio::process::ChildStdout::from_std(printed)?;
        let mut address = String::new();
        BufReader::new(printed).read_line(&mut address).await?;
        let files = Files::read(&cluster.folder(1))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13])?
            .with_root_certificates(files.roots)
            .with_client_auth_cert(files.chain, files.key)?;
        let stream = TcpStream::connect(address.trim()).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector
            .connect(ServerName::try_from("node2")?, stream)
            .await?;
        Ok(Self { stream, process })
    }

    async fn round(&mut self, micros: &mut Vec<u64>) -> Result<()> {
        let mut bytes = [7; ECHO_BYTES];
        for _ in 0..PER_ROUND {
            let began = Instant::now();
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await?;
            self.stream.read_exact(&mut bytes).await?;
            micros.push(u64::try_from(began.elapsed().as_micros())?);
        }
        Ok(())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn measure() -> Result<()> {
    let cluster = ClusterEnvironment::start(2, "").await;
    let mut echo = Echo::start(&cluster).await?;
    let (mut questions, mut echoes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..PER_ROUND {
            let ping = cluster.ok(1, "busker.node.ping", json!({"node": "node2"}));
            let micros = ping.await["micros"].as_u64();
            questions.push(micros.context("a ping without its time")?);
        }
        echo.round(&mut echoes).await?;
    }
    let mut p50 = Vec::new();
    for (name, micros) in [
        ("question to a node", &mut questions),
        ("bare echo", &mut echoes),
    ] {
        micros.sort_unstable();
        let at = |part: usize| {
            micros
                .get(micros.len() * part / 100)
                .copied()
                .unwrap_or_default()
        };
        println!("| {name} | {} | {} |", at(50), at(99));
        p50.push(at(50));
    }
    if let [question, echo] = p50.as_slice() {
        #[expect(clippy::cast_precision_loss, reason = "a figure that is printed")]
        let ratio = *question as f64 / (*echo).max(1) as f64;
        println!("| ratio of the medians | {ratio:.1} | |");
    }
    Ok(())
}
