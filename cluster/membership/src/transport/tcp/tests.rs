use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;
use crate::member::MemberId;

const SOON: Duration = Duration::from_secs(10);

/// An authority, and the folder with what it has issued.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let issuer = Issuer::new(params, key);
        Self { folder, issuer }
    }

    /// Files of a node whose certificate is for `name`; it trusts the authority in `trusts`.
    fn files(&self, name: &str, trusts: &Self) -> TlsPaths {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let at = |file: String| self.folder.path().join(file);
        let paths = TlsPaths {
            certificate: at(format!("{name}.pem")),
            key: at(format!("{name}.key")),
            authority: trusts.folder.path().join("ca.pem"),
        };
        std::fs::write(&paths.certificate, pem).unwrap();
        std::fs::write(&paths.key, key.serialize_pem()).unwrap();
        paths
    }

    fn node(&self, name: &str) -> TcpTransport {
        node(&self.files(name, self))
    }
}

fn node(files: &TlsPaths) -> TcpTransport {
    TcpTransport::new((Ipv4Addr::LOCALHOST, 0).into(), files).unwrap()
}

/// An open door of a node, and where it is.
async fn door(node: &TcpTransport) -> (Door, String) {
    let listener = TcpListener::bind(node.listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(address.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let acceptor = node.acceptor.clone();
    (Door { listener, acceptor }, address.to_string())
}

fn target(name: &str, address: &str) -> Target {
    Target {
        id: MemberId::new(name, "1"),
        address: address.to_owned(),
    }
}

/// What becomes of a call on both sides.
async fn call(
    from: &TcpTransport,
    at: &TcpTransport,
    name: &str,
) -> (Result<BoxBytes, Fault>, Result<Accepted, Fault>) {
    let (mut door, address) = door(at).await;
    let accepted = async { door.accept().await.unwrap().await };
    let both = async { tokio::join!(from.dial(target(name, &address)), accepted) };
    timeout(SOON, both).await.unwrap()
}

#[tokio::test]
async fn both_ends_show_a_certificate_for_their_own_name() {
    let authority = Authority::new();
    let (first, second) = (authority.node("node1"), authority.node("node2"));
    let (dialled, accepted) = call(&first, &second, "node2").await;
    let (mut dialled, mut accepted) = (dialled.unwrap(), accepted.unwrap());
    assert!((accepted.may_be_called)("node1"));
    assert!(!(accepted.may_be_called)("node2") && !(accepted.may_be_called)(""));
    dialled.write_all(b"hello").await.unwrap();
    dialled.flush().await.unwrap();
    let mut heard = [0; 5];
    accepted.bytes.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn a_node_of_another_name_is_not_taken_for_the_one_that_was_meant() {
    let authority = Authority::new();
    let (first, second) = (authority.node("node1"), authority.node("node2"));
    let (dialled, _) = call(&first, &second, "node3").await;
    assert!(dialled.is_err());
}

#[tokio::test]
async fn whoever_has_a_certificate_of_another_authority_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let second = ours.node("node2");
    // It trusts ours, but was issued by theirs; no node of ours would start with such files.
    let stranger = TcpTransport {
        connector: connector(&theirs.files("node1", &ours)),
        ..ours.node("node1")
    };
    let (_, accepted) = call(&stranger, &second, "node2").await;
    assert!(accepted.is_err());
    // It trusts theirs only.
    let (dialled, _) = call(&theirs.node("node1"), &second, "node2").await;
    assert!(dialled.is_err());
}

/// What dials with those files, whatever is in them.
fn connector(files: &TlsPaths) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&files.authority).unwrap())
        .unwrap();
    let own = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![own], key)
        .unwrap();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn a_certificate_that_others_would_refuse_is_found_out_at_once() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let files = theirs.files("node1", &ours);
    let fault = TcpTransport::new((Ipv4Addr::LOCALHOST, 0).into(), &files).unwrap_err();
    let said = fault.to_string();
    assert!(
        said.starts_with("cluster.certificate") && said.contains("join-token"),
        "{said}"
    );
}

#[tokio::test]
async fn a_connection_that_says_nothing_holds_up_no_other() {
    let authority = Authority::new();
    let (first, second) = (authority.node("node1"), authority.node("node2"));
    let (mut door, address) = door(&second).await;
    let silent = TcpStream::connect(&address).await.unwrap();
    let held_up = door.accept().await.unwrap();
    let accepted = async { door.accept().await.unwrap().await };
    let both = async { tokio::join!(first.dial(target("node2", &address)), accepted) };
    let (dialled, accepted) = timeout(SOON, both).await.unwrap();
    assert!(dialled.is_ok() && accepted.is_ok());
    drop(silent);
    assert!(timeout(SOON, held_up).await.unwrap().is_err());
}

#[tokio::test]
async fn a_file_that_is_missing_or_wrong_is_named_with_its_field() {
    let authority = Authority::new();
    let good = authority.files("node1", &authority);
    let table = [
        (
            "cluster.certificate",
            TlsPaths {
                certificate: "/nowhere".into(),
                ..good.clone()
            },
        ),
        (
            "cluster.key",
            TlsPaths {
                key: good.certificate.clone(),
                ..good.clone()
            },
        ),
        (
            "cluster.authority",
            TlsPaths {
                authority: good.key.clone(),
                ..good
            },
        ),
    ];
    for (field, files) in table {
        let fault = TcpTransport::new((Ipv4Addr::LOCALHOST, 0).into(), &files).unwrap_err();
        assert!(fault.to_string().starts_with(field), "{fault}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_field() {
    let authority = Authority::new();
    let files = authority.files("node1", &authority);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let listen = taken.local_addr().unwrap();
    let transport = TcpTransport::new(listen, &files).unwrap();
    let Err(fault) = transport.listen().await else {
        panic!("the address was not free");
    };
    assert!(fault.to_string().starts_with("cluster.listen"), "{fault}");
}
