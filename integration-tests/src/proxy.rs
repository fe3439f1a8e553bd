//! A network that fails: TCP through a proxy that delays, swallows, half-opens and cuts, as the test says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Most that is passed on at once, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// They arrive.
    Whole,
    /// They arrive this much later.
    Slow(Duration),
    /// Nothing arrives in either direction, and nobody is told: a cable that is pulled out.
    Silent,
    /// What clients send arrives; what is answered does not.
    HalfOpen,
    /// Connections are reset and new ones are closed at once.
    Cut,
}

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    /// Where clients connect.
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts one in front of `target`, such as `127.0.0.1:6379`. The target need not be there yet.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, target)
    }

    /// The same, on a listener of the caller's.
    pub fn on(listener: TcpListener, target: String) -> Self {
        let address = listener.local_addr().unwrap();
        let network = watch::Sender::new(Network::Whole);
        let accepting = tokio::spawn(accept(listener, Arc::from(target), network.clone()));
        Self {
            address,
            network,
            accepting,
        }
    }

    /// From now on.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: Arc<str>, network: watch::Sender<Network>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                connections.spawn(carry(client, Arc::clone(&target), network.subscribe()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either end closes it or the network is cut.
async fn carry(client: TcpStream, target: Arc<str>, network: watch::Receiver<Network>) {
    let mut until_cut = network.clone();
    let both_ways = async {
        let Ok(server) = TcpStream::connect(&*target).await else {
            return;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let there = pass(from_client, to_server, network.clone(), |now| {
            now == Network::Silent
        });
        let back = pass(from_server, to_client, network.clone(), |now| {
            matches!(now, Network::Silent | Network::HalfOpen)
        });
        tokio::join!(there, back);
    };
    tokio::select! {
        () = both_ways => {}
        _ = until_cut.wait_for(|now| *now == Network::Cut) => {}
    }
}

/// One direction. Bytes that came while they were held back arrive afterwards, as TCP would send them again.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut network: watch::Receiver<Network>,
    is_held: fn(Network) -> bool,
) {
    let mut bytes = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let now = *network.borrow();
        if let Network::Slow(by) = now {
            tokio::time::sleep(by).await;
        }
        if network.wait_for(|now| !is_held(*now)).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    // The other end hears of it only over a network that works.
    if network.wait_for(|now| !is_held(*now)).await.is_ok() {
        drop(to.shutdown().await);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    drop(tokio::io::copy(&mut read, &mut write).await);
                });
            }
        });
        address
    }

    async fn answer(stream: &mut TcpStream, byte: u8) -> Option<u8> {
        stream.write_all(&[byte]).await.ok()?;
        let read = timeout(SOON, stream.read_u8()).await;
        read.ok()?.ok()
    }

    #[tokio::test]
    async fn each_network_does_what_it_is_called() {
        let proxy = FaultProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(answer(&mut stream, 1).await, Some(1));

        let late = SOON / 3;
        proxy.set(Network::Slow(late));
        let began = std::time::Instant::now();
        assert_eq!(answer(&mut stream, 2).await, Some(2));
        assert!(began.elapsed() >= late * 2, "{:?}", began.elapsed());

        for held in [Network::Silent, Network::HalfOpen] {
            proxy.set(held);
            assert_eq!(answer(&mut stream, 3).await, None, "{held:?}");
            proxy.set(Network::Whole);
            let came = timeout(SOON, stream.read_u8()).await.unwrap();
            assert_eq!(came.unwrap(), 3, "{held:?}");
        }

        proxy.set(Network::Cut);
        let ended = timeout(SOON, stream.read_u8()).await.unwrap();
        assert!(ended.is_err(), "{ended:?}");
        let mut refused = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(answer(&mut refused, 4).await, None);
        proxy.set(Network::Whole);
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(answer(&mut stream, 5).await, Some(5));
    }
}
