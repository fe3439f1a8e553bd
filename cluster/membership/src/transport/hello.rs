//! The first words on a connection: who calls whom, in which version. `length u16 | JSON`, answered by `length u16 | refusal`,
//! where an empty refusal is a welcome.
//!
//! `ractor_cluster` proves the cookie but takes any name for granted; here the name is held against the certificate, and a
//! call that was meant for a former boot of this node ends.

use busker_model::{ErrorClass, Fault};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Accepted, failed};
use crate::limits::{HELLO_BYTES, PROTOCOL};
use crate::member::MemberId;
use crate::stream::{BoxBytes, Bytes, Wire};

#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    protocol: u32,
    cluster: String,
    from: MemberId,
    to: MemberId,
}

/// Who this node is, to those it meets.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) cluster: String,
    pub(crate) me: MemberId,
}

impl Introduction {
    /// Introduces this node to a peer it has reached.
    pub(crate) async fn dialled(&self, mut bytes: BoxBytes, peer: MemberId) -> Result<Wire, Fault> {
        let hello = Hello {
            protocol: PROTOCOL,
            cluster: self.cluster.clone(),
            from: self.me.clone(),
            to: peer.clone(),
        };
        let text = serde_json::to_vec(&hello)
            .map_err(|error| Fault::internal(format!("an introduction: {error}")))?;
        say(&mut bytes, &text).await?;
        let refusal = hear(&mut bytes).await?;
        if refusal.is_empty() {
            return Ok(Wire::new(bytes, peer));
        }
        let refusal = String::from_utf8_lossy(&refusal);
        let message = format!("node {} refuses a session: {refusal}", peer.name);
        Err(Fault::remote(ErrorClass::Forbidden, message))
    }

    /// Hears who has called, and says whether he is welcome.
    pub(crate) async fn accepted(&self, accepted: Accepted) -> Result<Wire, Fault> {
        let mut bytes = accepted.bytes;
        let text = hear(&mut bytes).await?;
        let hello: Hello =
            serde_json::from_slice(&text).map_err(|error| failed("an introduction", error))?;
        let refusal = if hello.protocol != PROTOCOL {
            format!("it speaks version {PROTOCOL}")
        } else if hello.cluster != self.cluster {
            "it is of another cluster".to_owned()
        } else if hello.to != self.me {
            format!("it is {}", self.me)
        } else if hello.from.name == self.me.name {
            "it has that name itself".to_owned()
        } else if !(accepted.may_be_called)(&hello.from.name) {
            "the certificate is of another node".to_owned()
        } else {
            say(&mut bytes, &[]).await?;
            return Ok(Wire::new(bytes, hello.from));
        };
        say(&mut bytes, refusal.as_bytes()).await?;
        let message = format!(
            "node {} asked for a session and was told: {refusal}",
            hello.from
        );
        Err(Fault::remote(ErrorClass::Forbidden, message))
    }
}

async fn say(bytes: &mut (impl Bytes + ?Sized), text: &[u8]) -> Result<(), Fault> {
    let written = async {
        let length = u16::try_from(text.len()).map_err(std::io::Error::other)?;
        bytes.write_u16(length).await?;
        bytes.write_all(text).await?;
        bytes.flush().await
    };
    written
        .await
        .map_err(|error| failed("an introduction", error))
}

async fn hear(
    bytes: &mut (impl AsyncRead + AsyncWrite + Unpin + ?Sized),
) -> Result<Vec<u8>, Fault> {
    let read = async {
        let length = usize::from(bytes.read_u16().await?);
        if length > HELLO_BYTES {
            return Err(std::io::Error::other("it is too long"));
        }
        let mut text = vec![0; length];
        bytes.read_exact(&mut text).await?;
        Ok(text)
    };
    read.await.map_err(|error| failed("an introduction", error))
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn node(name: &str) -> Introduction {
        Introduction {
            cluster: "c".to_owned(),
            me: MemberId::new(name, "1"),
        }
    }

    /// What both sides make of a call; the caller's certificate is of `certificate`.
    async fn call(
        from: Introduction,
        to: MemberId,
        at: Introduction,
        certificate: &'static str,
    ) -> (Result<Wire, Fault>, Result<Wire, Fault>) {
        let (near, far) = duplex(4_096);
        let accepted = Accepted {
            bytes: Box::new(far),
            may_be_called: Box::new(move |name| name == certificate),
        };
        tokio::join!(from.dialled(Box::new(near), to), at.accepted(accepted))
    }

    #[tokio::test]
    async fn two_nodes_of_one_cluster_know_each_other_by_name_and_boot() {
        let to = MemberId::new("node2", "1");
        let (dialled, accepted) = call(node("node1"), to, node("node2"), "node1").await;
        use ractor_cluster::ClusterBidiStream;
        assert_eq!(dialled.unwrap().peer_label().unwrap(), "node2@1");
        assert_eq!(accepted.unwrap().peer_label().unwrap(), "node1@1");
    }

    #[tokio::test]
    async fn whoever_is_not_who_he_says_or_does_not_mean_us_is_refused_with_the_reason() {
        let to = || MemberId::new("node2", "1");
        let mut other_cluster = node("node1");
        other_cluster.cluster = "d".to_owned();
        let table = [
            (node("node3"), to(), "node1", "certificate"),
            (
                node("node1"),
                MemberId::new("node2", "0"),
                "node1",
                "it is node2@1",
            ),
            (other_cluster, to(), "node1", "another cluster"),
            (node("node2"), to(), "node2", "that name itself"),
        ];
        for (from, to, certificate, reason) in table {
            let (dialled, accepted) = call(from, to, node("node2"), certificate).await;
            let told = dialled.unwrap_err().to_string();
            assert!(told.contains(reason), "{told}");
            assert!(accepted.unwrap_err().to_string().contains(reason));
        }
    }

    #[tokio::test]
    async fn what_is_no_introduction_is_refused_within_its_bound() {
        for said in [&b"\xff\xff"[..], b"\x00\x04null", b"\x00"] {
            let (mut near, far) = duplex(4_096);
            near.write_all(said).await.unwrap();
            near.shutdown().await.unwrap();
            let accepted = Accepted {
                bytes: Box::new(far),
                may_be_called: Box::new(|_| true),
            };
            assert!(node("node2").accepted(accepted).await.is_err());
        }
    }
}
