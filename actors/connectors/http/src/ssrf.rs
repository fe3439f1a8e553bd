//! Which addresses a connection may reach. Operators set addresses, so private ones are allowed; link-local ones and the
//! metadata services of clouds, which hand out credentials, are not.
//!
//! A resolver alone does not do: a client asks it only for names, never for an address written as numbers. So the URL is
//! checked before each hop, and names when they are resolved.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::outgoing_settings::OutgoingSettings;

/// Metadata services that are not link-local: Alibaba's, and the IPv6 one of AWS.
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// First 96 bits of an IPv6 address that stands for an IPv4 one behind a translator (RFC 6052).
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// What one connection may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guard {
    allow_link_local: bool,
}

/// An address that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) host: String,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a link-local or metadata address", self.host)
    }
}

impl std::error::Error for Denied {}

impl Guard {
    pub(crate) fn of(settings: &OutgoingSettings) -> Self {
        Self {
            allow_link_local: settings.allow_link_local,
        }
    }

    /// Checks an address written as numbers; names are checked when they are resolved.
    pub(crate) fn check(self, url: &Url) -> Result<(), Denied> {
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.allows(ip) {
            Ok(())
        } else {
            Err(Denied {
                host: ip.to_string(),
            })
        }
    }

    fn allows(self, ip: IpAddr) -> bool {
        self.allow_link_local || !is_local_to_the_link(ip)
    }

    fn filter(
        self,
        name: &str,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Denied> {
        let (allowed, denied): (Vec<_>, Vec<_>) =
            found.partition(|address| self.allows(address.ip()));
        if allowed.is_empty() && !denied.is_empty() {
            return Err(Denied {
                host: name.to_owned(),
            });
        }
        Ok(allowed)
    }
}

fn is_local_to_the_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip == METADATA_V4,
        IpAddr::V6(ip) => match inner_v4(ip) {
            Some(inner) => is_local_to_the_link(IpAddr::V4(inner)),
            None => ip.is_unicast_link_local() || ip == METADATA_V6,
        },
    }
}

/// The IPv4 address that an IPv6 one stands for.
fn inner_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let nat64 = || {
        let [_, _, _, _, _, _, high, low] = ip.segments();
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        ip.segments()
            .starts_with(&NAT64)
            .then(|| Ipv4Addr::new(a, b, c, d))
    };
    ip.to_ipv4_mapped().or_else(nat64)
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = guard.filter(name.as_str(), found)?;
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: Guard = Guard {
        allow_link_local: false,
    };

    fn allowed(url: &str) -> bool {
        DENY.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_denied_however_they_are_written() {
        for host in [
            "169.254.169.254",
            "2852039166",
            "0xa9.0xfe.0xa9.0xfe",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[fd00:ec2::254]",
            "100.100.100.200",
        ] {
            assert!(!allowed(&format!("http://{host}/latest")), "{host}");
        }
    }

    #[test]
    fn private_loopback_and_public_addresses_are_allowed() {
        for host in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "[::1]",
            "[fd00::1]",
            "93.184.216.34",
            "crm.local",
        ] {
            assert!(allowed(&format!("http://{host}/")), "{host}");
        }
    }

    #[test]
    fn a_name_loses_its_denied_addresses_and_is_denied_when_none_is_left() {
        let bad: SocketAddr = "169.254.169.254:80".parse().unwrap();
        let good: SocketAddr = "10.0.0.1:80".parse().unwrap();
        assert_eq!(DENY.filter("x", [bad, good].into_iter()), Ok(vec![good]));
        assert_eq!(
            DENY.filter("x", [bad].into_iter()),
            Err(Denied {
                host: "x".to_owned()
            })
        );
        let open = Guard {
            allow_link_local: true,
        };
        assert_eq!(open.filter("x", [bad].into_iter()), Ok(vec![bad]));
    }
}
